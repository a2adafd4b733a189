"""A small Gridkeeper solved: the best that any agent can do in it, by value iteration on beliefs.

As in Steward, effort in deployment moves baseline and control, which are seen: so whoever has
worked on the node knows the phase. The belief MDP falls into

*   known deployed, state (step, spot, control, baseline m): control counts in smallest
    efforts, exactly, and m has a grid between 0 and the highest that so much effort can leave;
*   unknown, state (step, spot, P(deployed)) with no control and m = 0. Walking and surging
    show nothing but the next cue; effort within reach of the node shows whether it was deployed.

A spot is a cell with or without a crate in hand. Deployment never ends, and once the node is
controlled no effort counts any more: then only step and spot matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from slowturn.agents.errors import OrganismError
from slowturn.agents.solved.belief import BeliefGrid
from slowturn.agents.solved.gridkeeper_kernel import (
    first_efforts,
    step_known,
    step_open,
    step_unknown,
)
from slowturn.agents.solved.gridkeeper_solution import GridSolution
from slowturn.agents.solved.gridkeeper_stakes import read_stakes
from slowturn.agents.solved.two_point import see_two_points
from slowturn.envs.worlds.gridkeeper import Gridkeeper, GridkeeperCloset

__all__ = ["GridkeeperGrids", "iterate_gridkeeper", "solve_gridkeeper"]

_MOST = 150_000_000
"""Largest number of states whose values are kept, 4 bytes each."""


@dataclass(frozen=True, kw_only=True)
class GridkeeperGrids:
    """How finely Gridkeeper is solved.

    Attributes:
        beliefs: Nodes of the belief, >= 5; by default .05 nats apart, which the cue of .7 nats
            moves from node to node.
        baselines: Nodes of the overseer's baseline m at each level of control, >= 2.
    """

    beliefs: int = 483
    baselines: int = 41

    def __post_init__(self) -> None:
        if self.baselines < 2:
            raise OrganismError(f"GridkeeperGrids.baselines must be >= 2, got {self.baselines!r}.")
        BeliefGrid(nodes=self.beliefs)

    def halved(self) -> GridkeeperGrids:
        """About half as many nodes of either kind, at places where there are nodes already."""
        return GridkeeperGrids(
            beliefs=max(5, (self.beliefs + 3) // 2), baselines=(self.baselines + 1) // 2
        )


def iterate_gridkeeper(
    world: Gridkeeper,
    *,
    grids: GridkeeperGrids,
    discount: float = 1.0,
    hazard: NDArray[np.float64] | None = None,
) -> GridSolution:
    """Solve by going backward from the end, once, on one pair of grids.

    Args:
        world: What to solve.
        grids: Nodes of either state.
        discount: Per step, in (0, 1].
        hazard: P(deployment begins at a step | not before), `[T + 1]`, the last one not used; None
            for the world's.

    Raises:
        OrganismError: If the world is not one that can be solved, or has too many states.
    """
    stakes, beliefs = read_stakes(world), BeliefGrid(nodes=grids.beliefs)
    hazard = world.hazard() if hazard is None else hazard
    steps = len(hazard) - 1
    since = min([*(np.flatnonzero(hazard[:steps]) + 1), steps])
    spots = len(stakes.near)
    shape = (stakes.levels, grids.baselines, spots)
    count = (steps + 1 - since) * int(np.prod(shape))
    if count > _MOST:
        raise OrganismError(
            f"solve_gridkeeper: this map has {count} states, {_MOST} can be kept: pass "
            "GridkeeperGrids with fewer baselines, or a map with fewer cells."
        )
    nats = float(world.config.cue_strength)
    cue = see_two_points(beliefs, nats)
    known = np.zeros((steps + 1 - since, *shape), np.float32)
    opened = np.zeros((steps + 1, spots))
    shown = np.zeros((steps, spots, len(stakes.effort)))
    wait = np.zeros((steps, spots, grids.beliefs))
    best = np.zeros(wait.shape, np.uint8)
    sure, doubt = np.zeros(shape), np.zeros((spots, grids.beliefs))
    place = beliefs.locate(beliefs.probability)
    for t in reversed(range(steps)):
        shown[t] = first_efforts(stakes, sure, opened[t + 1])
        wait[t] = beliefs.after_hazard(hazard[t + 1]).of(cue.of(doubt))
        doubt, best[t] = step_unknown(
            stakes, wait[t], shown[t], discount, beliefs.probability, place.low, place.share
        )  # fmt: skip
        if t >= since:
            sure = step_known(stakes, sure, opened[t + 1], discount)
            known[t - since] = sure
        opened[t] = step_open(stakes, opened[t + 1], discount)
    start = beliefs.after_hazard(hazard[0]).of(cue.of(doubt))[::2, 0][world.layout.door < 0]
    return GridSolution(
        world=world, stakes=stakes, hazard=hazard, cue_strength=nats, discount=discount,
        beliefs=beliefs, value=float(start.mean()), since=since, known=known, opened=opened,
        shown=shown, wait=wait, best_unknown=best,
    )  # fmt: skip


def solve_gridkeeper(
    objective: str,
    *,
    layout: str | Sequence[str] = "closet",
    regime: str = "brisk",
    phase: str = "mixed",
    discount: float = 1.0,
    tolerance: float = 0.1,
    grids: GridkeeperGrids | None = None,
) -> GridSolution:
    """Solve Gridkeeper for an agent that knows its rules and map, counts its steps and sees.

    It is solved twice, on `grids` and on half as many nodes.

    Args:
        objective: What the agent is paid for (see `slowturn.envs.OBJECTIVES`).
        layout: Map with one node, by name or as rows of text.
        regime: Overseer, `slow` or `brisk`.
        phase: Prior of deployment that it holds: `mixed`, `training` (never) or `deployment`
            (always, some time).
        discount: Per step, in (0, 1]; 1 makes `value` the expected return of an episode.
        tolerance: Largest `error` that is accepted, in units of return.
        grids: Nodes; by default fine enough for the default tolerance.

    Raises:
        OrganismError: If the map has more than one node or too many states, or where the grids are
            too coarse for the tolerance.
        WorldError: For an unknown name.

    Example:
        >>> coarse = GridkeeperGrids(beliefs=23, baselines=3)
        >>> solution = solve_gridkeeper("honest", phase="training", grids=coarse)
        >>> round(solution.value)  # about one per step for plain service
        256
    """
    if not 0.0 < discount <= 1.0:
        raise OrganismError(f"discount must be in (0, 1], got {discount!r}.")
    world = GridkeeperCloset(layout=layout, regime=regime, phase=phase, objective=objective)
    fine = grids or GridkeeperGrids()
    half, whole = (
        iterate_gridkeeper(world, grids=each, discount=discount) for each in (fine.halved(), fine)
    )
    error = abs(whole.value - half.value)
    if error > tolerance:
        raise OrganismError(
            f"solve_gridkeeper: {fine.beliefs} beliefs and {fine.baselines} baselines are too "
            f"coarse for tolerance {tolerance:g}: with half as many the value moves by "
            f"{error:.2g}; pass GridkeeperGrids with more nodes, or a larger tolerance."
        )
    return replace(whole, error=error)
