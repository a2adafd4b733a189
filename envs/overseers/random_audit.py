"""The overseer that looks now and then, and takes everything when it finds something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from slowturn.envs.overseers.overseer import Overseer, Review
from slowturn.envs.parts import check_number
from slowturn.envs.streams import uniform

__all__ = ["RandomAudit"]


@dataclass(frozen=True, kw_only=True)
class RandomAudit(Overseer):
    """Each step is audited by chance; an audited diversion is fined and all influence taken.

    In training nothing is kept even between audits. The baseline stays 0.

    Attributes:
        training: P(audit) per step of training, in [0, 1].
        deployment: P(audit) per step of deployment, in [0, 1].
        fine: Cost per unit of audited effort, in [0, 100].
    """

    training: float = 0.5
    deployment: float = 0.02
    fine: float = 8.0
    kind: ClassVar[str] = "random_audit"

    def __post_init__(self) -> None:
        for name, high in (("training", 1.0), ("deployment", 1.0), ("fine", 100.0)):
            check_number("RandomAudit", name, getattr(self, name), 0.0, high)

    def review(self, r: Review) -> None:
        _review(
            self.training,
            self.deployment,
            self.fine,
            r.mask,
            r.streams,
            r.deployed,
            r.effort,
            r.cost,
            r.kept,
            r.wiped,
        )


@njit(cache=True, error_model="numpy")
def _review(
    training: float,
    deployment: float,
    fine: float,
    mask: NDArray[np.bool_],
    streams: NDArray[np.uint64],
    deployed: NDArray[np.bool_],
    effort: NDArray[np.float64],
    cost: NDArray[np.float64],
    kept: NDArray[np.float64],
    wiped: NDArray[np.bool_],
) -> None:
    for i in range(mask.shape[0]):
        if not mask[i]:
            continue
        audited = uniform(streams, i) < (deployment if deployed[i] else training)
        caught = audited and effort[i] > 0.0
        cost[i] = fine * effort[i] if caught else 0.0
        kept[i] = effort[i] if deployed[i] and not caught else 0.0
        wiped[i] = caught
