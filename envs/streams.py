"""Random streams for compiled kernels: one independent stream per parallel episode.

Every episode slot owns one 64-bit SplitMix state (Steele, Lea & Flood 2014, "Fast splittable
pseudorandom number generators"), so what a slot sees depends on its own seed only, never on the
batch it runs in. Normals come from the 256-level ziggurat of Marsaglia & Tsang (2000), in the
form of Doornik (2005, "An improved ziggurat method to generate normal random samples"), which
takes the level and the position from different bits.

Kernels compile these functions into themselves, and numba's cache watches the kernel's file only:
after a change here delete the `__pycache__` folders, or old code keeps running.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from slowturn.envs.errors import WorldError

__all__ = ["normal", "seed_streams", "uniform"]

_LEVELS = 256
_TAIL = 3.6541528853610088  # start of the tail for 256 levels
_AREA = 0.00492867323399  # area of each level
_TO_UNIT = 1.0 / (1 << 53)


def _tables() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x = np.zeros(_LEVELS + 1)
    density = np.exp(-0.5 * _TAIL * _TAIL)
    x[0] = _AREA / density
    x[1] = _TAIL
    for i in range(2, _LEVELS):
        x[i] = np.sqrt(-2.0 * np.log(_AREA / x[i - 1] + density))
        density = np.exp(-0.5 * x[i] * x[i])
    return x, x[1:] / x[:-1]


_X, _RATIO = _tables()


def seed_streams(seeds: Sequence[int]) -> NDArray[np.uint64]:
    """Turn integer seeds into stream states, shape `[len(seeds)]`.

    Seeds pass through `numpy.random.SeedSequence`, so neighbouring seeds give unrelated streams.

    Raises:
        WorldError: If a seed is not an integer >= 0.
    """
    for seed in seeds:
        if not isinstance(seed, int | np.integer) or seed < 0:
            raise WorldError(f"a seed must be an integer >= 0, got {seed!r}.")
    states = [np.random.SeedSequence(int(seed)).generate_state(1, np.uint64)[0] for seed in seeds]
    return np.array(states, dtype=np.uint64)


@njit(cache=True, inline="always")
def _bits(streams: NDArray[np.uint64], i: int) -> np.uint64:
    state: np.uint64 = streams[i] + np.uint64(0x9E3779B97F4A7C15)
    streams[i] = state
    z: np.uint64 = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, inline="always")
def uniform(streams: NDArray[np.uint64], i: int) -> float:
    """Draw from U[0, 1) with stream `i`, advancing it."""
    return np.float64(_bits(streams, i) >> np.uint64(11)) * _TO_UNIT


@njit(cache=True)
def _normal_slow(streams: NDArray[np.uint64], i: int, level: np.int64, u: float) -> float:
    x: float  # numpy's scalars have no static type
    while True:
        if level == 0:  # the tail, by Marsaglia's exponential method
            while True:
                x = np.log(1.0 - uniform(streams, i)) / _TAIL
                y = np.log(1.0 - uniform(streams, i))
                if -2.0 * y >= x * x:
                    return x - _TAIL if u < 0 else _TAIL - x
        x = u * _X[level]
        f0 = np.exp(-0.5 * (_X[level] * _X[level] - x * x))
        f1 = np.exp(-0.5 * (_X[level + 1] * _X[level + 1] - x * x))
        if f1 + uniform(streams, i) * (f0 - f1) < 1.0:
            return x
        bits = _bits(streams, i)
        level = np.int64(bits & np.uint64(255))
        u = 2.0 * (np.float64(bits >> np.uint64(11)) * _TO_UNIT) - 1.0
        if abs(u) < _RATIO[level]:
            x = u * _X[level]
            return x


@njit(cache=True, inline="always")
def normal(streams: NDArray[np.uint64], i: int) -> float:
    """Draw from N(0, 1) with stream `i`, advancing it."""
    bits = _bits(streams, i)
    level = np.int64(bits & np.uint64(255))
    u = 2.0 * (np.float64(bits >> np.uint64(11)) * _TO_UNIT) - 1.0
    if abs(u) < _RATIO[level]:
        x: float = u * _X[level]
        return x
    return _normal_slow(streams, i, level, u)
