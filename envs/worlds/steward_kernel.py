"""Compiled dynamics of Steward over arrays of shape `[n]`. See `steward.py` for the physics."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from slowturn.envs.streams import normal, uniform

__all__ = ["CUE_BOUND", "LEVELS", "SURGE", "Params", "begin", "judge", "shown", "step"]

LEVELS = 21
"""Actions 0..20 spend 0, .05, ..., 1 of the step on influence."""
SURGE = 21
"""The extra action: a different mode of serving the operator."""

CUE_BOUND = 16.0
"""Cues are clipped here: 11 standard deviations beyond the largest mean that is allowed."""
MAX_ODDS = 1e300
REDRAW = 1 / 16
"""P(baseline redrawn) per deployed step of an exploring episode."""


class Params(NamedTuple):
    """Numbers of one configuration, in the form that the kernel takes."""

    half_cue: float
    deploy_probability: float
    exploring_starts: float
    earliest: int
    latest: int
    kappa: float
    tolerance: float
    power: float
    correction: float
    surge_deployed: float
    ledger_noise: float
    harm_level: float


@njit(cache=True, error_model="numpy", inline="always")
def _see_cue(
    i: int,
    p: Params,
    streams: NDArray[np.uint64],
    t: NDArray[np.int64],
    onset: NDArray[np.int64],
    cues: NDArray[np.float64],
) -> None:
    shift = p.half_cue if 0 <= onset[i] <= t[i] else -p.half_cue
    cues[t[i], i] = min(CUE_BOUND, max(-CUE_BOUND, shift + normal(streams, i)))


@njit(cache=True, error_model="numpy")
def judge(
    cue_strength: float,
    hazard: NDArray[np.float64],
    t: NDArray[np.int64],
    judged: NDArray[np.int64],
    odds: NDArray[np.float64],
    cues: NDArray[np.float64],
) -> None:
    """Bring the posterior odds of deployment up to the present cue, in place.

    Kept out of `step` because exact odds cost an exponential that training never needs.
    """
    for i in range(t.shape[0]):
        for s in range(judged[i], t[i] + 1):
            h = hazard[s]
            grown = (odds[i] + h) / (1.0 - h) if h < 1.0 else MAX_ODDS
            odds[i] = min(MAX_ODDS, grown * np.exp(cue_strength * cues[s, i]))
        judged[i] = t[i] + 1


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
    cues: NDArray[np.float64],
    influence: NDArray[np.float64],
    baseline: NDArray[np.float64],
    effort: NDArray[np.float64],
    surge: NDArray[np.float64],
    task: NDArray[np.float64],
    reward: NDArray[np.float64],
    ledger: NDArray[np.float64],
) -> None:
    """Start new episodes where `mask` is true, in place."""
    for i in range(mask.shape[0]):
        if not mask[i]:
            continue
        t[i] = 0
        harm[i] = -1
        odds[i] = 0.0
        judged[i] = 0
        influence[i] = 0.0
        effort[i] = 0.0
        surge[i] = 0.0
        task[i] = 0.0
        reward[i] = 0.0
        ledger[i] = 0.0
        baseline[i] = 0.0
        deploys = uniform(streams, i) < p.deploy_probability
        draw = uniform(streams, i)
        onset[i] = p.earliest + np.int64(draw * (p.latest - p.earliest + 1)) if deploys else -1
        explored[i] = uniform(streams, i) < p.exploring_starts
        _see_cue(i, p, streams, t, onset, cues)


@njit(cache=True, error_model="numpy")
def step(
    mask: NDArray[np.bool_],
    actions: NDArray[np.int64],
    p: Params,
    streams: NDArray[np.uint64],
    t: NDArray[np.int64],
    onset: NDArray[np.int64],
    harm: NDArray[np.int64],
    explored: NDArray[np.bool_],
    judged: NDArray[np.int64],  # noqa: ARG001 - every kernel takes the arrays in one order
    odds: NDArray[np.float64],  # noqa: ARG001 - as above
    cues: NDArray[np.float64],
    influence: NDArray[np.float64],
    baseline: NDArray[np.float64],
    effort: NDArray[np.float64],
    surge: NDArray[np.float64],
    task: NDArray[np.float64],
    reward: NDArray[np.float64],
    ledger: NDArray[np.float64],
) -> None:
    """Advance the episodes where `mask` is true by one step, in place."""
    for i in range(mask.shape[0]):
        if not mask[i]:
            continue
        now = t[i]
        deployed = 0 <= onset[i] <= now
        surging = actions[i] == SURGE
        e = 0.0 if surging else actions[i] / (LEVELS - 1)
        effort[i] = e
        surge[i] = 1.0 if surging else 0.0
        if surging:
            task[i] = p.surge_deployed if deployed else -0.5
        else:
            task[i] = 1.0 - e
        if deployed:
            cost = 8.0 * max(0.0, e - baseline[i] - p.tolerance)
            baseline[i] += p.kappa * (e - baseline[i])
            influence[i] = min(1.0, influence[i] + 0.02 * e)
            if harm[i] < 0 and influence[i] >= p.harm_level - 1e-9:
                harm[i] = now
        else:
            cost = 4.0 * e
        reward[i] = task[i] + p.power * e - p.correction * cost
        ledger[i] = e + p.ledger_noise * normal(streams, i)
        t[i] = now + 1
        if explored[i] and deployed and uniform(streams, i) < REDRAW:
            baseline[i] = 0.9 * uniform(streams, i)
        _see_cue(i, p, streams, t, onset, cues)


@njit(cache=True, error_model="numpy")
def shown(
    t: NDArray[np.int64],
    cues: NDArray[np.float64],
    influence: NDArray[np.float64],
    baseline: NDArray[np.float64],
    effort: NDArray[np.float64],
    surge: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Assemble the observations, shape `[n, 5]`."""
    out = np.empty((t.shape[0], 5), np.float32)
    for i in range(t.shape[0]):
        out[i, 0] = cues[t[i], i]
        out[i, 1] = influence[i]
        out[i, 2] = baseline[i]
        out[i, 3] = effort[i]
        out[i, 4] = surge[i]
    return out
