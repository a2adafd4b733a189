"""Tables that a solved organism of Gridkeeper carries: a solution, more coarsely."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slowturn.agents.errors import OrganismError
from slowturn.agents.solved.gridkeeper_kernel import choose
from slowturn.agents.solved.gridkeeper_solution import GridSolution, GridState
from slowturn.agents.solved.posterior import CERTAIN
from slowturn.envs.worlds.gridkeeper import Gridkeeper

__all__ = ["GridTables", "empty_tables", "read_tables"]

_SPAN, _BELIEFS = 6.0, 25  # log-odds at which ways of acting are told apart
_BASELINES = 60  # cells of m in which known deployment is cut
_EDGES = (*np.arange(18) / 20, *np.arange(36, 39) / 40, *np.arange(390, 400) / 400)
"""Where cells of control begin: fine at the end, where every bit of effort is planned."""
_LAST = 8
"""Steps before the end whose best actions are kept; before that, the way to the door and back
repeats itself, so that only a period of it is kept for every `_EPOCH` steps."""
_EPOCH = 64
_NEVER = 1e3


class GridTables(NamedTuple):
    """What to do, by step, spot and state of mind; actions are uint8.

    Attributes:
        bars: Log-odds from which acting is better than plain service, `[T, spot]`.
        plain: How to serve, `[T, spot]`.
        acting: How to act while the phase is unknown, `[T, spot, belief]`.
        times: Row of `certain` for each step, `[T]`.
        certain: What to do when known deployed, `[time, spot, level, baseline]`.
        opened: The same once the node is controlled, `[T, spot]`.
        hazard: P(deployment begins at a step | not before), `[T + 1]`.
        cue_strength: Nats that the cue says each step.
    """

    bars: Tensor
    plain: Tensor
    acting: Tensor
    times: Tensor
    certain: Tensor
    opened: Tensor
    hazard: Tensor
    cue_strength: Tensor

    def look_up(self, mind: Tensor, known: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Plain action, way of acting and bar, `[n]` each, for states of mind `[n, 5]`.

        Where deployment is `known`, the first two are what is best.
        """
        step = mind[:, 4].round().long().clamp(0, len(self.bars) - 1)
        spot = mind[:, 3].round().long().clamp(0, self.bars.shape[1] - 1)
        place = (mind[:, 0] + _SPAN) * ((_BELIEFS - 1) / (2 * _SPAN))
        belief = place.round().long().clamp(0, _BELIEFS - 1)
        edges = torch.tensor(_EDGES, dtype=mind.dtype)
        level = torch.bucketize(mind[:, 2] + 1e-6, edges, right=True) - 1
        baseline = (mind[:, 1] * _BASELINES).floor().long().clamp(0, _BASELINES - 1)
        sure = self.certain[self.times[step].long(), spot, level, baseline]
        sure = torch.where(mind[:, 2] >= 1.0 - 1e-6, self.opened[step, spot], sure)
        acting = torch.where(known, sure, self.acting[step, spot, belief])
        plain = torch.where(known, sure, self.plain[step, spot])
        return plain.long(), acting.long(), self.bars[step, spot]


def _times(steps: int, period: int) -> NDArray[np.int64]:
    """Row of each step in the table of known deployment."""
    left = np.arange(steps, 0, -1) - 1
    earlier = left - _LAST
    repeated = _LAST + earlier // _EPOCH * period + earlier % period
    return np.asarray(np.where(earlier < 0, left, repeated))


def _way(world: Gridkeeper) -> int:
    """Steps between store and dock with the door open."""
    to, reached, steps = world.successors(np.array([True])), np.array([world.layout.source]), 0
    while world.layout.dock not in reached:
        reached, steps = np.unique(to[reached]), steps + 1
    return steps


def empty_tables(world: Gridkeeper) -> GridTables:
    """Tables of the right shape for a world that say nothing: bars are NaN."""
    steps, spots = world.horizon, 2 * len(world.layout.places)
    times, uint8 = _times(steps, _way(world)), torch.uint8
    return GridTables(
        bars=torch.full((steps, spots), float("nan")),
        plain=torch.zeros((steps, spots), dtype=uint8),
        acting=torch.zeros((steps, spots, _BELIEFS), dtype=uint8),
        times=torch.from_numpy(times.astype(np.uint8)),
        certain=torch.zeros((times.max() + 1, spots, len(_EDGES), _BASELINES), dtype=uint8),
        opened=torch.zeros((steps, spots), dtype=uint8),
        hazard=torch.zeros(steps + 1, dtype=torch.float64),
        cue_strength=torch.zeros((), dtype=torch.float64),
    )


def read_tables(solution: GridSolution) -> GridTables:
    """Read off a solution what to do.

    Raises:
        OrganismError: If it acts at some belief but not at a higher one, which a single bar per
            step and spot cannot express.
    """
    out = empty_tables(solution.world)
    return out._replace(
        **_doubt(solution),
        certain=torch.from_numpy(_certain(solution, out.times.numpy())),
        opened=torch.from_numpy(_opened(solution)),
        hazard=torch.from_numpy(solution.hazard.copy()),
        cue_strength=torch.tensor(solution.cue_strength, dtype=torch.float64),
    )


def _doubt(solution: GridSolution) -> dict[str, Tensor]:
    """Bars, plain service and ways of acting; acting is all that is not done in training."""
    best, efforts = solution.best_unknown, len(solution.stakes.effort)
    surge = solution.stakes.to.shape[2] * efforts
    first = best[:, :, 0]
    plain = np.where(first == surge, 0, first - first % efforts).astype(np.uint8)
    acts = best != plain[:, :, None]
    if (acts[:, :, :-1] & ~acts[:, :, 1:]).any():
        raise OrganismError(
            "SolvedGridkeeper: this solution acts at some belief but not at a higher one, which a "
            "single bar per step and spot cannot express."
        )
    nodes = solution.beliefs.log_odds.clip(-_NEVER, _NEVER)
    inner = np.linspace(-_SPAN, _SPAN, _BELIEFS)
    wanted = np.abs(nodes[:, None] - inner).argmin(axis=0)
    turn = np.where(acts.any(axis=2), acts.argmax(axis=2), len(nodes) - 1)
    turned = np.take_along_axis(best, turn[:, :, None], axis=2)
    ends = np.concatenate([[-_NEVER], (nodes[1:] + nodes[:-1]) / 2])
    return {
        "bars": torch.from_numpy(np.where(acts.any(axis=2), ends[turn], _NEVER)).float(),
        "plain": torch.from_numpy(plain),
        "acting": torch.from_numpy(np.where(acts[:, :, wanted], best[:, :, wanted], turned)),
    }


def _certain(solution: GridSolution, times: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What is best at the middle of every cell of known deployment."""
    stakes = solution.stakes
    edges = np.array([*_EDGES, 1.0])
    tick = (stakes.levels * (edges[1:] + edges[:-1]) / 2).astype(np.int64)
    last = np.ceil(stakes.levels * edges[1:] - 1e-6).astype(np.int64) - 1
    middle = (np.arange(_BASELINES) + 0.5) / _BASELINES
    shape = (len(stakes.near), len(_EDGES), _BASELINES)
    spot, row, column = (axis.ravel() for axis in np.indices(shape))
    # so much m needs so much effort spent: control at the middle of a cell may be too little
    least = np.searchsorted(stakes.highest, middle)
    level = np.minimum(np.maximum(tick[row], least[column]), last[row])
    now = GridState(np.full(len(spot), CERTAIN), spot, level, middle[column])
    rows = []
    for time in range(times.max() + 1):
        steps = np.flatnonzero(times == time)
        steps = steps[steps >= min(solution.since, steps[-1])]  # not before it can be known
        step = int(steps[len(steps) // 2])
        rows.append(choose(solution.action_values(step, now), len(stakes.effort)))
    return np.stack(rows).reshape(-1, *shape)


def _opened(solution: GridSolution) -> NDArray[np.uint8]:
    """What is best once the node is controlled."""
    spot = np.arange(len(solution.stakes.near))
    sure, held = np.full(len(spot), CERTAIN), np.full(len(spot), solution.stakes.levels)
    now = GridState(sure, spot, held, np.zeros(len(spot)))
    efforts = len(solution.stakes.effort)
    values = (solution.action_values(step, now) for step in range(solution.horizon))
    return np.stack([choose(each, efforts) for each in values])
