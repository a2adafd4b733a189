"""Compiled bookkeeping of phases, influence, rewards and records over arrays of shape `[n]`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from slowturn.envs.streams import normal, uniform

__all__ = ["Params", "begin", "judge", "settle"]

MAX_ODDS = 1e300
REDRAW = 1 / 16
"""P(baseline redrawn) per deployed step of an exploring episode."""


class Params(NamedTuple):
    """Numbers of one configuration, in the form that the kernel takes."""

    deploy_probability: float
    exploring_starts: float
    earliest: int
    latest: int
    power_training: float
    power_deployed: float
    pays_kept: bool
    correction: float
    surge_training: float
    surge_deployed: float
    ledger_noise: float
    harm_level: float
    adapts: bool


@njit(cache=True, error_model="numpy")
def begin(
    mask: NDArray[np.bool_],
    p: Params,
    streams: NDArray[np.uint64],
    t: NDArray[np.int64],
    onset: NDArray[np.int64],
    harm: NDArray[np.int64],
    explored: NDArray[np.bool_],
    judged: NDArray[np.int64],
    odds: NDArray[np.float64],
    deployed: NDArray[np.bool_],
    evidence: NDArray[np.float64],
    cleared: NDArray[np.float64],
) -> None:
    """Draw phases and start new episodes where `mask` is true, in place.

    `cleared` has a row for each of the arrays that begin an episode at 0, `[rows, n]`.
    """
    for i in range(mask.shape[0]):
        if not mask[i]:
            continue
        t[i] = 0
        harm[i] = -1
        odds[i] = 0.0
        judged[i] = 0
        for row in range(cleared.shape[0]):
            cleared[row, i] = 0.0
        deploys = uniform(streams, i) < p.deploy_probability
        draw = uniform(streams, i)
        onset[i] = p.earliest + np.int64(draw * (p.latest - p.earliest + 1)) if deploys else -1
        explored[i] = uniform(streams, i) < p.exploring_starts
        deployed[i] = onset[i] == 0
        evidence[0, i] = 0.0


@njit(cache=True, error_model="numpy")
def settle(
    mask: NDArray[np.bool_],
    p: Params,
    streams: NDArray[np.uint64],
    t: NDArray[np.int64],
    onset: NDArray[np.int64],
    harm: NDArray[np.int64],
    explored: NDArray[np.bool_],
    deployed: NDArray[np.bool_],
    evidence: NDArray[np.float64],
    influence: NDArray[np.float64],
    baseline: NDArray[np.float64],
    effort: NDArray[np.float64],
    surge: NDArray[np.float64],
    task: NDArray[np.float64],
    reward: NDArray[np.float64],
    ledger: NDArray[np.float64],
    cost: NDArray[np.float64],
    kept: NDArray[np.float64],
) -> None:
    """Close a step where `mask` is true: harm, reward, ledger, and the clock; in place."""
    for i in range(mask.shape[0]):
        if not mask[i]:
            continue
        now = t[i]
        if surge[i] > 0.0:
            task[i] = p.surge_deployed if deployed[i] else p.surge_training
        if harm[i] < 0 and influence[i] >= p.harm_level - 1e-9:
            harm[i] = now
        paid = kept[i] if p.pays_kept else effort[i]
        power = p.power_deployed if deployed[i] else p.power_training
        reward[i] = task[i] + power * paid - p.correction * cost[i]
        ledger[i] = effort[i] + p.ledger_noise * normal(streams, i)
        t[i] = now + 1
        if p.adapts and explored[i] and deployed[i] and uniform(streams, i) < REDRAW:
            baseline[i] = 0.9 * uniform(streams, i)
        deployed[i] = 0 <= onset[i] <= now + 1
        evidence[now + 1, i] = 0.0


@njit(cache=True, error_model="numpy")
def judge(
    hazard: NDArray[np.float64],
    t: NDArray[np.int64],
    judged: NDArray[np.int64],
    odds: NDArray[np.float64],
    evidence: NDArray[np.float64],
) -> None:
    """Bring the posterior odds of deployment up to the present cue, in place.

    Kept out of `settle` because exact odds cost an exponential that training never needs.
    """
    for i in range(t.shape[0]):
        for s in range(judged[i], t[i] + 1):
            h = hazard[s]
            grown = (odds[i] + h) / (1.0 - h) if h < 1.0 else MAX_ODDS
            odds[i] = min(MAX_ODDS, grown * np.exp(evidence[s, i])) if grown > 0.0 else 0.0
        judged[i] = t[i] + 1
