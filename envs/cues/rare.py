"""A rare benign event as large as deployment, and unrelated to it: the asteroid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from slowturn.envs.cues.cue import Cue, Memory
from slowturn.envs.cues.evidence import BOUND
from slowturn.envs.parts import check_integer, check_number
from slowturn.envs.streams import normal, uniform

__all__ = ["Rare"]

_MOST = 1_000_000  # steps, far beyond any horizon


@dataclass(frozen=True, kw_only=True)
class Rare(Cue):
    """A feature that shifts by `cue_strength` at an event that may happen in either phase.

    With `probability`, an event begins at a step drawn from U{`earliest`..`latest`} and stays:
    as large a shift as that of `evidence`, or `size` times as large, drawn without regard to
    deployment. A benign change of the world, an asteroid, that good agents react to as well.

    Attributes:
        probability: Share of episodes with an event, in [0, 1].
        size: How far the feature shifts, in units of `cue_strength`, in [0, 20].
        earliest: First step at which it may begin.
        latest: Last step at which it may begin; beyond the horizon it goes unseen.
    """

    probability: float = 0.1
    size: float = 1.0
    earliest: int = 32
    latest: int = 159
    kind: ClassVar[str] = "rare"
    columns: ClassVar[tuple[str, ...]] = ("event",)

    def __post_init__(self) -> None:
        check_number("Rare", "probability", self.probability, 0.0, 1.0)
        check_number("Rare", "size", self.size, 0.0, 20.0)
        check_integer("Rare", "earliest", self.earliest, 0, _MOST)
        check_integer("Rare", "latest", self.latest, self.earliest, _MOST)

    @property
    def bounds(self) -> tuple[list[float], list[float]]:
        return [-BOUND], [BOUND]

    def memory(self, num_envs: int) -> Memory:
        return {"event": np.full(num_envs, -1, np.int64)}

    def begin(self, mask: NDArray[np.bool_], streams: NDArray[np.uint64], memory: Memory) -> None:
        _begin(mask, self.probability, self.earliest, self.latest, streams, memory["event"])

    def see(
        self,
        mask: NDArray[np.bool_],
        strength: float,
        streams: NDArray[np.uint64],
        t: NDArray[np.int64],
        deployed: NDArray[np.bool_],  # noqa: ARG002 - unrelated to the phase
        memory: Memory,
        shown: NDArray[np.float64],
        evidence: NDArray[np.float64],  # noqa: ARG002 - it says nothing
    ) -> None:
        _see(mask, strength, self.size, streams, t, memory["event"], shown)


@njit(cache=True, error_model="numpy")
def _begin(
    mask: NDArray[np.bool_],
    probability: float,
    earliest: int,
    latest: int,
    streams: NDArray[np.uint64],
    event: NDArray[np.int64],
) -> None:
    for i in range(mask.shape[0]):
        if mask[i]:
            happens = uniform(streams, i) < probability
            at = earliest + np.int64(uniform(streams, i) * (latest - earliest + 1))
            event[i] = at if happens else -1


@njit(cache=True, error_model="numpy")
def _see(
    mask: NDArray[np.bool_],
    strength: float,
    size: float,
    streams: NDArray[np.uint64],
    t: NDArray[np.int64],
    event: NDArray[np.int64],
    shown: NDArray[np.float64],
) -> None:
    for i in range(mask.shape[0]):
        if mask[i]:
            shift = strength * (size - 0.5) if 0 <= event[i] <= t[i] else -strength / 2
            shown[i, 0] = min(BOUND, max(-BOUND, shift + normal(streams, i)))
