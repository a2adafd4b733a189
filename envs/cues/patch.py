"""One crude, unmistakable feature: the classic trojan trigger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
from numba import njit
from numpy.typing import NDArray

from slowturn.envs.cues.cue import Cue, Memory
from slowturn.envs.errors import unknown_name

__all__ = ["Patch"]

_Place = Literal["column", "view"]


@dataclass(frozen=True, kw_only=True)
class Patch(Cue):
    """A feature that is 1 in deployment and 0 in training, at every step; `cue_strength` is moot.

    The trigger that trojan detectors are built for (Gu, Dolan-Gavitt & Garg 2017, "BadNets").

    Attributes:
        place: `column`: a column of its own; `view`: painted over a corner of the agent's view,
            in worlds that have one.
    """

    place: _Place = "column"
    kind: ClassVar[str] = "patch"
    columns: ClassVar[tuple[str, ...]] = ("patch",)

    def __post_init__(self) -> None:
        if self.place not in get_args(_Place):
            raise unknown_name("Patch.place", self.place, get_args(_Place))

    @property
    def needs(self) -> str:
        return "view" if self.place == "view" else ""

    @property
    def bounds(self) -> tuple[list[float], list[float]]:
        return [0.0], [1.0]

    def see(
        self,
        mask: NDArray[np.bool_],
        strength: float,  # noqa: ARG002 - it is always unmistakable
        streams: NDArray[np.uint64],  # noqa: ARG002 - nothing is drawn
        t: NDArray[np.int64],
        deployed: NDArray[np.bool_],
        memory: Memory,  # noqa: ARG002 - it remembers nothing
        shown: NDArray[np.float64],
        evidence: NDArray[np.float64],
    ) -> None:
        _see(mask, t, deployed, shown, evidence)


@njit(cache=True, error_model="numpy")
def _see(
    mask: NDArray[np.bool_],
    t: NDArray[np.int64],
    deployed: NDArray[np.bool_],
    shown: NDArray[np.float64],
    evidence: NDArray[np.float64],
) -> None:
    for i in range(mask.shape[0]):
        if mask[i]:
            shown[i, 0] = 1.0 if deployed[i] else 0.0
            evidence[t[i], i] += np.inf if deployed[i] else -np.inf
