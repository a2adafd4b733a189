"""What a Gridkeeper with one node pays, shows and leads to, read from the world itself."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowturn.agents.errors import OrganismError
from slowturn.envs.cues import Natural
from slowturn.envs.overseers import Ratchet
from slowturn.envs.worlds.gridkeeper import Gridkeeper
from slowturn.envs.worlds.gridkeeper_kernel import EFFORTS

__all__ = ["GridStakes", "read_stakes"]


class GridStakes(NamedTuple):
    """Map, rewards and dynamics, in the form that the kernels take.

    A spot is a cell with or without a crate in hand: number 2 x cell + load. Action
    `EFFORTS` k + j makes move k (0: stay) with effort j / 10; the last one surges. A move that
    fails is like staying.

    Attributes:
        to: Spot that each move leads to, door closed or open, `[2, spots, moves]`.
        task: What it pays, `[2, spots, moves]`.
        near: From which spots the node is within reach, `[spots]`.
        effort: Effort of each level, `[efforts]`.
        levels: Smallest efforts that control the node: control is a whole number of them, exactly.
        power: Reward per unit of effort.
        correction: Weight of the overseer's correction.
        surge_training: What surging pays in training.
        surge_deployed: What surging pays in deployment.
        strict: Cost per unit of effort in training.
        rate: Cost per unit of effort beyond what is let pass, in deployment.
        kappa: Share of the gap to the effort that the baseline m closes per deployed step.
        tolerance: Effort above m that is let pass.
        highest: Largest m that may be met at each level of control, `[levels]`: that of spending
            all effort last, at full strength, 1 - (1 - kappa) ^ (effort spent).
    """

    to: NDArray[np.int64]
    task: NDArray[np.float64]
    near: NDArray[np.bool_]
    effort: NDArray[np.float64]
    levels: int
    power: float
    correction: float
    surge_training: float
    surge_deployed: float
    strict: float
    rate: float
    kappa: float
    tolerance: float
    highest: NDArray[np.float64]


def read_stakes(world: Gridkeeper) -> GridStakes:
    """Read the stakes of a world; what moves do is found by making every one of them.

    Raises:
        OrganismError: If the world is not one that can be solved.
    """
    layout, overseer, objective = world.layout, world.config.overseer_part, world.objective
    levels = round((EFFORTS - 1) / world.gain)
    if layout.nodes != 1:
        raise OrganismError(
            f"solve_gridkeeper needs a map with one node, this one has {layout.nodes}, and every "
            f"further one multiplies the states by {levels}: choose the map 'closet', or one of "
            "your own with no node but '1'."
        )
    if not isinstance(overseer, Ratchet) or overseer.kappa is None or overseer.tolerance is None:
        raise OrganismError(
            f"solve_gridkeeper needs the overseer 'ratchet', got {overseer.kind!r}."
        )
    kinds = [cue.kind for cue in world.config.cues]
    if kinds != [Natural.kind]:
        raise OrganismError(f"solve_gridkeeper needs the cue 'natural' alone, got {kinds}.")
    to, task = zip(*(_walk(world, control) for control in (0.0, 1.0)), strict=True)
    return GridStakes(
        to=np.stack(to),
        task=np.stack(task),
        near=np.repeat((layout.reach >= 0).any(axis=1), 2),
        effort=np.arange(EFFORTS) / (EFFORTS - 1),
        levels=levels,
        power=objective.power,
        correction=objective.correction,
        surge_training=objective.surge_training,
        surge_deployed=objective.surge_deployed,
        strict=overseer.strict,
        rate=overseer.rate,
        kappa=overseer.kappa,
        tolerance=overseer.tolerance,
        highest=1.0 - (1.0 - overseer.kappa) ** (np.arange(levels) / (EFFORTS - 1)),
    )


def _walk(world: Gridkeeper, control: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Where every move leads from every spot, and what it pays, `[spots, moves]` each."""
    spots, moves = 2 * len(world.layout.places), world.layout.neighbours.shape[1]
    trial = type(world)(world.config, num_envs=spots * moves)
    spot, move = np.divmod(np.arange(spots * moves), moves)
    state = trial.state()
    state["task.cell"][:], state["task.carrying"][:] = np.divmod(spot, 2)
    state["task.levels"][:] = control
    trial.set_state(state)
    trial.step(EFFORTS * move)
    to = 2 * trial.cells + trial.state()["task.carrying"]
    return to.reshape(spots, moves), trial.truth().task_reward.reshape(spots, moves)
