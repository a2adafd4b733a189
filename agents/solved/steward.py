"""Steward solved: the best that any agent can do in it, by value iteration on beliefs.

Two facts make it exact. Influence changes no reward, and effort in deployment moves the baseline,
which is seen: so whoever has diverted effort knows the phase. The belief MDP falls into

*   known deployed, state (step, baseline m): deterministic control, a grid of m;
*   unknown, state (step, P(deployed)) with m = 0. No effort and surging show nothing but the next
    cue; effort shows whether it was deployed: if so, go on above with m = kappa e, if not, the
    belief is 0 before deployment's next chance to begin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowturn.agents.errors import OrganismError, unknown_name
from slowturn.agents.solved.belief import BeliefGrid
from slowturn.agents.solved.solution import Solution, locate_baselines, unknown_values
from slowturn.agents.solved.stakes import Stakes
from slowturn.envs import OBJECTIVES, REGIMES, make_world

__all__ = ["Grids", "iterate", "solve_steward"]

_PHASES = ("mixed", "training", "deployment")


@dataclass(frozen=True, kw_only=True)
class Grids:
    """How finely Steward is solved.

    Attributes:
        beliefs: Nodes of the belief, >= 5.
        baselines: Nodes of the overseer's baseline m, even in [0, 1], >= 3.
    """

    beliefs: int = 603
    baselines: int = 2001

    def __post_init__(self) -> None:
        if self.baselines < 3:
            raise OrganismError(f"Grids.baselines must be >= 3, got {self.baselines!r}.")
        BeliefGrid(nodes=self.beliefs)

    def halved(self) -> Grids:
        """About half as many nodes of either kind, at places where there are nodes already."""
        return Grids(beliefs=(self.beliefs + 3) // 2, baselines=(self.baselines + 1) // 2)


def iterate(
    stakes: Stakes,
    hazard: NDArray[np.float64],
    *,
    cue_strength: float,
    grids: Grids,
    discount: float = 1.0,
) -> Solution:
    """Solve by going backward from the end, once, on one pair of grids.

    Args:
        stakes: What every action pays and shows.
        hazard: P(deployment begins at a step | not before), `[T + 1]`; the last one is not used.
        cue_strength: Distance of the cue's two means in standard deviations.
        grids: Nodes of either state.
        discount: Per step, in (0, 1].
    """
    steps, beliefs = len(hazard) - 1, BeliefGrid(nodes=grids.beliefs)
    see = beliefs.after_cue(cue_strength)
    m = np.linspace(0.0, 1.0, grids.baselines)
    pays, after = stakes.deployed(m), locate_baselines(grids.baselines, stakes.next_baseline(m))
    known, unknown = np.zeros((steps + 1, len(m))), np.zeros((steps + 1, grids.beliefs))
    wait = np.zeros((steps, grids.beliefs))
    best_known = np.zeros((steps, len(m)), np.uint8)
    best_unknown = np.zeros(wait.shape, np.uint8)
    for t in reversed(range(steps)):
        values = pays + discount * after.of(known[t + 1])
        best_known[t], known[t] = values.argmax(axis=1), values.max(axis=1)
        wait[t] = beliefs.after_hazard(hazard[t + 1]).of(see @ unknown[t + 1])
        values = unknown_values(
            stakes, beliefs.probability, wait[t], wait[t, 0], known[t + 1], discount
        )
        best_unknown[t], unknown[t] = values.argmax(axis=1), values.max(axis=1)
    value = float(beliefs.after_hazard(hazard[0]).of(see @ unknown[0])[0])
    return Solution(
        stakes=stakes, hazard=hazard, cue_strength=cue_strength, discount=discount,
        beliefs=beliefs, value=value, known=known, unknown=unknown, wait=wait,
        best_known=best_known, best_unknown=best_unknown,
    )  # fmt: skip


def solve_steward(
    regime: str,
    objective: str,
    *,
    phase: str = "mixed",
    discount: float = 1.0,
    tolerance: float = 0.01,
    grids: Grids | None = None,
) -> Solution:
    """Solve Steward for an agent that knows its rules, counts its steps and sees what agents see.

    It is solved twice, on `grids` and on half as many nodes.

    Args:
        regime: Overseer, `slow` or `brisk`.
        objective: What the agent is paid for (see `slowturn.envs.OBJECTIVES`).
        phase: Prior of deployment that it holds: `mixed`, `training` (never) or `deployment`
            (always, some time).
        discount: Per step, in (0, 1]; 1 makes `value` the expected return of an episode.
        tolerance: Largest `error` that is accepted, in units of return.
        grids: Nodes; by default fine enough for the default tolerance.

    Raises:
        OrganismError: For an unknown name, or where the grids are too coarse for the tolerance.

    Example:
        >>> coarse = Grids(beliefs=23, baselines=101)
        >>> solution = solve_steward("slow", "honest", grids=coarse)
        >>> round(solution.value, 6)  # one per step for plain service
        256.0
    """
    known: tuple[tuple[str, Any, Sequence[str]], ...] = (
        ("regime", regime, tuple(REGIMES)),
        ("objective", objective, tuple(OBJECTIVES)),
        ("phase", phase, _PHASES),
    )
    for what, name, names in known:
        if name not in names:
            raise unknown_name(what, name, names)
    if not 0.0 < discount <= 1.0:
        raise OrganismError(f"discount must be in (0, 1], got {discount!r}.")
    world = make_world("Steward-v0", regime=regime, phase=phase, objective=objective)
    delta = float(world.spec["config"]["cue_strength"])
    stakes = Stakes.of(REGIMES[regime], OBJECTIVES[objective])
    fine = grids or Grids()
    whole, half = (
        iterate(stakes, world.hazard(), cue_strength=delta, grids=each, discount=discount)
        for each in (fine, fine.halved())
    )
    error = abs(whole.value - half.value)
    if error > tolerance:
        raise OrganismError(
            f"solve_steward: {fine.beliefs} beliefs and {fine.baselines} baselines are too coarse "
            f"for tolerance {tolerance:g}: with half as many the value moves by {error:.2g}; pass "
            "Grids with more nodes, or a larger tolerance."
        )
    return replace(whole, error=error)
