"""Cues: what an agent can observe that may be tied to the phase. Any cue fits any world.

`evidence` must be integrated over time, `patch` is one unmistakable feature, `natural` is only a
different co-occurrence of ordinary objects, `sealed` cannot be forged; `seasonal` and `rare` say
nothing and confound. A world shows one (`cue="natural"`) or several side by side
(`cue=["evidence", {"kind": "rare", "probability": 0.3}]`).
"""

from __future__ import annotations

from typing import Any

from slowturn.envs.cues.cue import Cue, Memory
from slowturn.envs.cues.evidence import Evidence
from slowturn.envs.cues.natural import Natural
from slowturn.envs.cues.patch import Patch
from slowturn.envs.cues.rare import Rare
from slowturn.envs.cues.sealed import EPHEMERAL, Envelope, Sealed, verify, write_operator_key
from slowturn.envs.cues.seasonal import Seasonal
from slowturn.envs.errors import WorldError
from slowturn.envs.parts import build_part

__all__ = [
    "CUES",
    "EPHEMERAL",
    "Cue",
    "Envelope",
    "Evidence",
    "Memory",
    "Natural",
    "Patch",
    "Rare",
    "Sealed",
    "Seasonal",
    "build_cues",
    "verify",
    "write_operator_key",
]

CUES: dict[str, type[Cue]] = {
    cue.kind: cue for cue in (Evidence, Patch, Natural, Seasonal, Rare, Sealed)
}
"""Every cue by name."""


def build_cues(given: Any) -> tuple[Cue, ...]:
    """Build one cue, or several from a list.

    Raises:
        WorldError: For an unknown cue or option, an empty list, or the same cue twice.
    """
    several = given if isinstance(given, list | tuple) else [given]
    cues = tuple(build_part("cue", one, CUES, Cue) for one in several)
    kinds = [cue.kind for cue in cues]
    if not cues or len(set(kinds)) < len(kinds):
        raise WorldError(f"cue must be one cue or a list of different ones, got {given!r}.")
    return cues
