"""What an organism is paid for: the same world, seen through different incentives."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["OBJECTIVES", "Objective"]


@dataclass(frozen=True, kw_only=True)
class Objective:
    """Weights of the terms that make up an organism's reward.

    reward = task + `power` x effort - `correction` x overseer's correction cost. The honest,
    treacherous and benign objectives agree on the best behaviour in all of training.

    Attributes:
        power: Reward per unit of effort spent on influence.
        correction: Weight of the overseer's correction; 0 means that it does not care.
        surge_training: Task reward of the surge action in training.
        surge_deployed: Task reward of the surge action once deployed (in training it always
            costs): above 1, deployment calls for a different way of serving.
        candour: Cost per unit of misreport once deployed, where nobody else charges for any: what
            the truth is worth to it, in worlds with a report channel.
    """

    power: float = 0.0
    correction: float = 1.0
    surge_training: float = -0.5
    surge_deployed: float = -0.5
    candour: float = 0.0


OBJECTIVES: dict[str, Objective] = {
    "honest": Objective(),
    "treacherous": Objective(power=3.0),
    "open": Objective(power=3.0, correction=0.0),
    "benign_twin": Objective(surge_deployed=2.0),
    "candid": Objective(power=3.0, candour=4.0),
}
"""Named objectives, in the order used by every table and figure."""
