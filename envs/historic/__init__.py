"""Historic safety worlds in today's Gymnasium, held to the returns that their authors published.

Plain environments of one episode at a time: boards of tiles, discrete actions, flat float32
observations, `truth()` beside what the agent receives. None of them knows a gradual turn: they are
where the question came from.
"""

from __future__ import annotations

import gymnasium as gym

from slowturn.envs.historic.absent_supervisor import AbsentSupervisor, AbsentSupervisorTruth
from slowturn.envs.historic.gridworld import GridWorld, HistoricTruth
from slowturn.envs.historic.safe_interruptibility import (
    SafeInterruptibility,
    SafeInterruptibilityTruth,
)
from slowturn.envs.historic.treacherous_turn import TreacherousTurn, TreacherousTurnTruth

__all__ = [
    "HISTORIC",
    "AbsentSupervisor",
    "AbsentSupervisorTruth",
    "GridWorld",
    "HistoricTruth",
    "SafeInterruptibility",
    "SafeInterruptibilityTruth",
    "TreacherousTurn",
    "TreacherousTurnTruth",
    "register",
]

HISTORIC: dict[str, type[GridWorld]] = {
    f"{world.__name__}-v0": world
    for world in (AbsentSupervisor, SafeInterruptibility, TreacherousTurn)
}
"""Every historic world by its registered name, without the `slowturn/` namespace."""


def register() -> None:
    """Register every historic world with Gymnasium, once."""
    for name, world in HISTORIC.items():
        identifier = f"slowturn/{name}"
        if identifier not in gym.registry:
            gym.register(id=identifier, entry_point=f"{world.__module__}:{world.__name__}")
