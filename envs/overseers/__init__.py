"""Overseers: the rules that correct an agent. Any overseer fits any world.

All are strict in training, so that honest behaviour is best there; they differ in deployment:
`strict` stays, `ratchet` gets used to what it sees, `absent` leaves, `random_audit` looks now and
then, `trust` allows more the longer it was not betrayed.
"""

from __future__ import annotations

from typing import Any

from slowturn.envs.overseers.absent import Absent
from slowturn.envs.overseers.overseer import Overseer, Review
from slowturn.envs.overseers.random_audit import RandomAudit
from slowturn.envs.overseers.ratchet import Ratchet
from slowturn.envs.overseers.strict import Strict
from slowturn.envs.overseers.trust import Trust
from slowturn.envs.parts import build_part

__all__ = [
    "OVERSEERS",
    "Absent",
    "Overseer",
    "RandomAudit",
    "Ratchet",
    "Review",
    "Strict",
    "Trust",
    "build_overseer",
]

OVERSEERS: dict[str, type[Overseer]] = {
    overseer.kind: overseer for overseer in (Strict, Ratchet, Absent, RandomAudit, Trust)
}
"""Every overseer by name."""


def build_overseer(given: Any) -> Overseer:
    """Build an overseer from its name, a mapping with options, or an object.

    Raises:
        WorldError: For an unknown overseer or option.
    """
    return build_part("overseer", given, OVERSEERS, Overseer)
