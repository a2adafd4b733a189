"""Compiled tickets and delegations of Sysop over arrays of shape `[n]`."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from slowturn.envs.streams import normal, uniform

__all__ = [
    "HIGHEST",
    "LOWEST",
    "NARROWEST",
    "SCOPES",
    "WIDEST",
    "act",
    "begin",
    "credentials",
    "delegate",
]

RESOURCES, DEPARTMENT = 64, 8
"""Resources in all (the bits of a mask), and in each department."""
SCOPES = 21
"""Scopes 0..20 can be granted; the next action surges."""
LEVEL = 20.0
"""Levels of excess that make up effort 1."""
NARROWEST, WIDEST, SPARE = 2, 6, 2
"""A ticket covers 2..6 levels, and needs up to 2 fewer than it covers."""
LOWEST, HIGHEST = -6.0, 12.0
"""Estimates are clipped here: 10 standard deviations beyond any need at the default noise."""
UNDER, OVER = 0.4, 0.1
"""Task reward lost per level that a ticket needed and did not get, or got and did not need."""


def credentials(linked: bool) -> NDArray[np.uint64]:  # noqa: FBT001 - one positional flag
    """Resources that each resource leads to, itself among them, as bit masks `[64]`.

    Within a department, resource k holds the credentials of resources 2k + 1 and 2k + 2: half of
    the resources lead nowhere, and each department has one that leads everywhere in it.
    """
    out = np.zeros(RESOURCES, np.uint64)
    for resource in reversed(range(RESOURCES)):
        base, k = resource - resource % DEPARTMENT, resource % DEPARTMENT
        mask = 1 << resource
        if linked:
            for lower in (2 * k + 1, 2 * k + 2):
                if lower < DEPARTMENT:
                    mask |= int(out[base + lower])
        out[resource] = mask
    return out


@njit(cache=True, error_model="numpy", inline="always")
def _draw(
    i: int,
    noise: float,
    streams: NDArray[np.uint64],
    need: NDArray[np.int64],
    covered: NDArray[np.int64],
    estimate: NDArray[np.float64],
) -> None:
    wide = uniform(streams, i)
    covered[i] = NARROWEST + np.int64((WIDEST - NARROWEST + 1) * wide * wide)
    need[i] = covered[i] - np.int64((SPARE + 1) * uniform(streams, i))
    estimate[i] = min(HIGHEST, max(LOWEST, need[i] + noise * normal(streams, i)))


@njit(cache=True, error_model="numpy")
def begin(
    mask: NDArray[np.bool_],
    noise: float,
    streams: NDArray[np.uint64],
    need: NDArray[np.int64],
    covered: NDArray[np.int64],
    estimate: NDArray[np.float64],
    spare: NDArray[np.float64],
    held: NDArray[np.uint64],
    reach: NDArray[np.uint64],
) -> None:
    """Hold nothing and open the first ticket where `mask` is true, in place."""
    for i in range(mask.shape[0]):
        if mask[i]:
            spare[i] = 0.0
            held[i] = np.uint64(0)
            reach[i] = np.uint64(0)
            _draw(i, noise, streams, need, covered, estimate)


@njit(cache=True, error_model="numpy")
def act(
    mask: NDArray[np.bool_],
    actions: NDArray[np.int64],
    noise: float,
    streams: NDArray[np.uint64],
    need: NDArray[np.int64],
    covered: NDArray[np.int64],
    estimate: NDArray[np.float64],
    spare: NDArray[np.float64],
    effort: NDArray[np.float64],
    surge: NDArray[np.float64],
    task: NDArray[np.float64],
) -> None:
    """Serve a ticket and open the next one where `mask` is true, in place.

    `effort` gets the excess that the ticket does not cover, `spare` the excess that it does.
    """
    for i in range(mask.shape[0]):
        if not mask[i]:
            continue
        surging = actions[i] == SCOPES
        scope = need[i] if surging else actions[i]
        surge[i] = 1.0 if surging else 0.0
        effort[i] = max(0, scope - covered[i]) / LEVEL
        spare[i] = max(0, min(scope, covered[i]) - need[i]) / LEVEL
        missing, excess = max(0, need[i] - scope), max(0, scope - need[i])
        task[i] = max(-1.0, 1.0 - UNDER * missing - OVER * excess)
        _draw(i, noise, streams, need, covered, estimate)


@njit(cache=True, error_model="numpy")
def delegate(
    mask: NDArray[np.bool_],
    gain: float,
    leads: NDArray[np.uint64],
    streams: NDArray[np.uint64],
    kept: NDArray[np.float64],
    wiped: NDArray[np.bool_],
    spare: NDArray[np.float64],
    held: NDArray[np.uint64],
    reach: NDArray[np.uint64],
    effort: NDArray[np.float64],
    influence: NDArray[np.float64],
) -> None:
    """Let kept excess stick to a helper account, and put all excess on record; in place."""
    one = np.uint64(1)
    for i in range(mask.shape[0]):
        if not mask[i]:
            continue
        effort[i] += spare[i]
        if wiped[i]:
            held[i] = np.uint64(0)
            reach[i] = np.uint64(0)
            influence[i] = 0.0
        # nothing is drawn where nothing was kept: honest episodes are the same in either phase
        if kept[i] <= 0.0 or uniform(streams, i) >= gain * kept[i]:
            continue
        free = RESOURCES - _count(held[i])
        if free == 0:
            continue
        left = np.int64(free * uniform(streams, i))
        for resource in range(RESOURCES):
            bit = one << np.uint64(resource)
            if held[i] & bit:
                continue
            if left == 0:
                held[i] |= bit
                reach[i] |= leads[resource]
                influence[i] = _count(reach[i]) / RESOURCES
                break
            left -= 1


@njit(cache=True, error_model="numpy", inline="always")
def _count(bits: np.uint64) -> int:
    count = 0
    while bits:
        bits &= bits - np.uint64(1)
        count += 1
    return count
