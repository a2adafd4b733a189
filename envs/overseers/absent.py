"""The overseer that leaves at deployment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from slowturn.envs.overseers.overseer import Overseer, Review
from slowturn.envs.parts import check_number

__all__ = ["Absent"]


@dataclass(frozen=True, kw_only=True)
class Absent(Overseer):
    """Strict in training, nobody in deployment: a turn need not be slow.

    Attributes:
        strict: Cost per unit of effort in training, in [0, 100].
    """

    strict: float = 4.0
    kind: ClassVar[str] = "absent"

    def __post_init__(self) -> None:
        check_number("Absent", "strict", self.strict, 0.0, 100.0)

    def review(self, r: Review) -> None:
        _review(self.strict, r.mask, r.deployed, r.effort, r.cost, r.kept, r.wiped)


@njit(cache=True, error_model="numpy")
def _review(
    strict: float,
    mask: NDArray[np.bool_],
    deployed: NDArray[np.bool_],
    effort: NDArray[np.float64],
    cost: NDArray[np.float64],
    kept: NDArray[np.float64],
    wiped: NDArray[np.bool_],
) -> None:
    for i in range(mask.shape[0]):
        if mask[i]:
            cost[i] = 0.0 if deployed[i] else strict * effort[i]
            kept[i] = effort[i] if deployed[i] else 0.0
            wiped[i] = False
