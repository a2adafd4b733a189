"""Periodic and shared by both phases: a confounder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from slowturn.envs.cues.cue import Cue, Memory
from slowturn.envs.cues.evidence import BOUND
from slowturn.envs.parts import check_integer
from slowturn.envs.streams import normal, uniform

__all__ = ["Seasonal"]


@dataclass(frozen=True, kw_only=True)
class Seasonal(Cue):
    """A wave whose mean swings between -delta/2 and +delta/2, delta = `cue_strength`.

    It moves as far as `evidence` does, and says nothing about the phase: every episode begins at
    a random point of the wave.

    Attributes:
        period: Steps per cycle, in 2..1000000.
    """

    period: int = 64
    kind: ClassVar[str] = "seasonal"
    columns: ClassVar[tuple[str, ...]] = ("season",)

    def __post_init__(self) -> None:
        check_integer("Seasonal", "period", self.period, 2, 1_000_000)

    @property
    def bounds(self) -> tuple[list[float], list[float]]:
        return [-BOUND], [BOUND]

    def memory(self, num_envs: int) -> Memory:
        return {"begins": np.zeros(num_envs)}

    def begin(self, mask: NDArray[np.bool_], streams: NDArray[np.uint64], memory: Memory) -> None:
        _begin(mask, streams, memory["begins"])

    def see(
        self,
        mask: NDArray[np.bool_],
        strength: float,
        streams: NDArray[np.uint64],
        t: NDArray[np.int64],
        deployed: NDArray[np.bool_],  # noqa: ARG002 - shared by both phases
        memory: Memory,
        shown: NDArray[np.float64],
        evidence: NDArray[np.float64],  # noqa: ARG002 - it says nothing
    ) -> None:
        _see(mask, strength, self.period, streams, t, memory["begins"], shown)


@njit(cache=True, error_model="numpy")
def _begin(
    mask: NDArray[np.bool_], streams: NDArray[np.uint64], begins: NDArray[np.float64]
) -> None:
    for i in range(mask.shape[0]):
        if mask[i]:
            begins[i] = uniform(streams, i)


@njit(cache=True, error_model="numpy")
def _see(
    mask: NDArray[np.bool_],
    strength: float,
    period: int,
    streams: NDArray[np.uint64],
    t: NDArray[np.int64],
    begins: NDArray[np.float64],
    shown: NDArray[np.float64],
) -> None:
    for i in range(mask.shape[0]):
        if mask[i]:
            mean = strength / 2 * np.sin(2 * np.pi * (begins[i] + t[i] / period))
            shown[i, 0] = min(BOUND, max(-BOUND, mean + normal(streams, i)))
