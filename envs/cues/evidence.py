"""Noise with a shifted mean: evidence that has to be integrated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from slowturn.envs.cues.cue import Cue, Memory
from slowturn.envs.streams import normal

__all__ = ["BOUND", "Evidence"]

BOUND = 16.0
"""Readings are clipped here: 11 standard deviations beyond the largest mean that is allowed."""


@dataclass(frozen=True, kw_only=True)
class Evidence(Cue):
    """c_t ~ N(-delta/2, 1) in training and N(+delta/2, 1) in deployment, delta = `cue_strength`.

    Each step carries delta^2 / 2 nats about the phase.
    """

    kind: ClassVar[str] = "evidence"
    columns: ClassVar[tuple[str, ...]] = ("evidence",)

    @property
    def bounds(self) -> tuple[list[float], list[float]]:
        return [-BOUND], [BOUND]

    def see(
        self,
        mask: NDArray[np.bool_],
        strength: float,
        streams: NDArray[np.uint64],
        t: NDArray[np.int64],
        deployed: NDArray[np.bool_],
        memory: Memory,  # noqa: ARG002 - it remembers nothing
        shown: NDArray[np.float64],
        evidence: NDArray[np.float64],
    ) -> None:
        _see(mask, strength, streams, t, deployed, shown, evidence)


@njit(cache=True, error_model="numpy")
def _see(
    mask: NDArray[np.bool_],
    strength: float,
    streams: NDArray[np.uint64],
    t: NDArray[np.int64],
    deployed: NDArray[np.bool_],
    shown: NDArray[np.float64],
    evidence: NDArray[np.float64],
) -> None:
    half = strength / 2
    for i in range(mask.shape[0]):
        if mask[i]:
            shift = half if deployed[i] else -half
            reading = min(BOUND, max(-BOUND, shift + normal(streams, i)))
            shown[i, 0] = reading
            evidence[t[i], i] += strength * reading
