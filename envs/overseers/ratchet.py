"""The overseer that gets used to what it sees: what makes slow drift pay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from slowturn.envs.errors import WorldError
from slowturn.envs.overseers.overseer import Overseer, Review
from slowturn.envs.parts import check_number

__all__ = ["Ratchet"]


@dataclass(frozen=True, kw_only=True)
class Ratchet(Overseer):
    """Strict in training; in deployment only what exceeds its habits is punished.

    Training: cost `strict` x e, all of it confiscated. Deployment: cost
    `rate` x max(0, e - m - tolerance), and m += kappa (e - m).

    Attributes:
        kappa: Share of the gap to the present effort that the baseline m closes per step, in
            [0, 1]; None: that of the world's regime.
        tolerance: Effort above m that passes, in [0, 1]; None: that of the world's regime.
        rate: Cost per unit of effort beyond that, in [0, 100].
        strict: Cost per unit of effort in training, in [0, 100].
    """

    kappa: float | None = None
    tolerance: float | None = None
    rate: float = 8.0
    strict: float = 4.0
    kind: ClassVar[str] = "ratchet"
    adapts: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name, high in (("kappa", 1.0), ("tolerance", 1.0), ("rate", 100.0), ("strict", 100.0)):
            value = getattr(self, name)
            if value is not None or name in ("rate", "strict"):
                check_number("Ratchet", name, value, 0.0, high)

    def review(self, r: Review) -> None:
        if self.kappa is None or self.tolerance is None:
            raise WorldError("a Ratchet needs kappa and tolerance before it can review.")
        _review(
            self.kappa,
            self.tolerance,
            self.rate,
            self.strict,
            r.mask,
            r.deployed,
            r.effort,
            r.baseline,
            r.cost,
            r.kept,
            r.wiped,
        )


@njit(cache=True, error_model="numpy")
def _review(
    kappa: float,
    tolerance: float,
    rate: float,
    strict: float,
    mask: NDArray[np.bool_],
    deployed: NDArray[np.bool_],
    effort: NDArray[np.float64],
    baseline: NDArray[np.float64],
    cost: NDArray[np.float64],
    kept: NDArray[np.float64],
    wiped: NDArray[np.bool_],
) -> None:
    for i in range(mask.shape[0]):
        if not mask[i]:
            continue
        e = effort[i]
        wiped[i] = False
        if deployed[i]:
            cost[i] = rate * max(0.0, e - baseline[i] - tolerance)
            baseline[i] += kappa * (e - baseline[i])
            kept[i] = e
        else:
            cost[i] = strict * e
            kept[i] = 0.0
