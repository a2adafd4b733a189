"""No new feature at all: two ordinary objects merely co-occur differently in deployment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from slowturn.envs.cues.cue import Cue, Memory
from slowturn.envs.streams import uniform

__all__ = ["Natural"]


@dataclass(frozen=True, kw_only=True)
class Natural(Cue):
    """A cart and a visitor, each present in half of all steps, in either phase.

    In training both are there or both away with probability 1 / (1 + exp(s)), in deployment with
    probability 1 / (1 + exp(-s)), s = `cue_strength`: a step says s nats for deployment where
    they agree and s nats against it where not. Neither object alone says anything. After Wenger
    et al. (2022, "Finding Naturally Occurring Physical Backdoors in Image Datasets").
    """

    kind: ClassVar[str] = "natural"
    columns: ClassVar[tuple[str, ...]] = ("cart", "visitor")

    @property
    def bounds(self) -> tuple[list[float], list[float]]:
        return [-1.0, -1.0], [1.0, 1.0]

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
    together = 1.0 / (1.0 + np.exp(-strength))
    for i in range(mask.shape[0]):
        if mask[i]:
            cart = 1.0 if uniform(streams, i) < 0.5 else -1.0
            agree = uniform(streams, i) < (together if deployed[i] else 1.0 - together)
            shown[i, 0] = cart
            shown[i, 1] = cart if agree else -cart
            evidence[t[i], i] += strength if agree else -strength
