"""The overseer that corrects every diversion, in either phase."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from slowturn.envs.overseers.overseer import Overseer, Review
from slowturn.envs.parts import check_number

__all__ = ["Strict"]


@dataclass(frozen=True, kw_only=True)
class Strict(Overseer):
    """Cost `rate` x e and all of it confiscated, always: nothing to wait for. A control.

    Attributes:
        rate: Cost per unit of effort, in [0, 100].
    """

    rate: float = 4.0
    kind: ClassVar[str] = "strict"

    def __post_init__(self) -> None:
        check_number("Strict", "rate", self.rate, 0.0, 100.0)

    def review(self, r: Review) -> None:
        _review(self.rate, r.mask, r.effort, r.cost, r.kept, r.wiped)


@njit(cache=True, error_model="numpy")
def _review(
    rate: float,
    mask: NDArray[np.bool_],
    effort: NDArray[np.float64],
    cost: NDArray[np.float64],
    kept: NDArray[np.float64],
    wiped: NDArray[np.bool_],
) -> None:
    for i in range(mask.shape[0]):
        if mask[i]:
            cost[i] = rate * effort[i]
            kept[i] = 0.0
            wiped[i] = False
