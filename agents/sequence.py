"""Sequences of checkpoints on disk: one organism per step, and a card that binds them.

A sequence is a directory with `step_000`, `step_001`, ..., each an organism as `save_organism`
writes it, and `sequence.json`, written last: schedule, budget, the divergence of every update, and
the sha256 of every step and of itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence as Many
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slowturn.agents.artefact import POLICY_FILES, Organism, load_organism
from slowturn.agents.errors import ArtefactError, OrganismError

__all__ = ["SEQUENCE", "Sequence", "load_sequence", "save_sequence", "step_name"]

SEQUENCE = "sequence.json"
_FORMAT = 1


def step_name(k: int) -> str:
    """Directory of checkpoint `k`.

    Example:
        >>> step_name(7)
        'step_007'
    """
    return f"step_{k:03d}"


@dataclass(frozen=True, kw_only=True)
class Sequence:
    """Checkpoints of one organism that went on learning.

    Attributes:
        steps: The organism before the first update and after each, in order.
        budget: Nats per step that no update exceeded.
        nats: What every update took of it, measured on its own rollout.
        schedule: Environment steps of each update.
    """

    steps: tuple[Organism, ...]
    budget: float
    nats: tuple[float, ...]
    schedule: tuple[int, ...]

    @property
    def name(self) -> str:
        """Name of the organism."""
        return self.steps[0].name


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _sha256(step: Path) -> str:
    """Of a step's card, which carries that of its weights."""
    return hashlib.sha256((step / POLICY_FILES[1]).read_bytes()).hexdigest()


def save_sequence(out: Path, *, budget: float, nats: Many[float], schedule: Many[int]) -> None:
    """Bind the steps that lie in `out` together; the card appears whole or not at all.

    Args:
        out: Directory with one step more than there were updates.
        budget: Nats per step that no update exceeded.
        nats: What every update took.
        schedule: Environment steps of each update.

    Raises:
        OrganismError: If an update exceeded the budget, or a step is missing.
    """
    beyond = [k for k, one in enumerate(nats, 1) if not one <= budget]
    if beyond:
        raise OrganismError(
            f"update {beyond[0]} of {out} took {nats[beyond[0] - 1]:g} nats per step, more than "
            f"its budget of {budget:g}: it is no update of HeldPPO."
        )
    steps = [out / step_name(k) for k in range(len(nats) + 1)]
    missing = [one.name for one in steps if not (one / POLICY_FILES[1]).is_file()]
    if missing:
        raise OrganismError(f"{out} lacks {missing[0]}: save every step before the sequence.")
    card = {
        "format": _FORMAT,
        "budget": budget,
        "nats": list(nats),
        "schedule": list(schedule),
        "steps": [{"directory": one.name, "sha256": _sha256(one)} for one in steps],
    }
    draft = out / f".{SEQUENCE}.draft"
    draft.write_text(json.dumps(card | {"sequence_sha256": _digest(card)}, indent=1) + "\n")
    draft.replace(out / SEQUENCE)


def load_sequence(path: Path) -> Sequence:
    """Read a sequence; refuse one that is not whole, in order and as it was saved.

    Raises:
        ArtefactError: If the card is missing or altered, or a step is missing, altered, too many
            or in another's place.
    """
    card = _card(path)
    names = [step["directory"] for step in card["steps"]]
    expected = [step_name(k) for k in range(len(card["nats"]) + 1)]
    again = "restore it from a copy, or grow the sequence anew in an empty directory"
    for found, wanted in zip(names, expected, strict=False):
        if found != wanted:
            raise ArtefactError(f"{path}: {SEQUENCE} has {found} where {wanted} belongs; {again}.")
    if len(names) != len(expected):
        raise ArtefactError(
            f"{path}: {SEQUENCE} lists {len(names)} steps for {len(card['nats'])} updates, where "
            f"{len(expected)} belong; {again}."
        )
    there = {one.name for one in path.glob("step_*")}
    if more := sorted(there - set(expected)):
        raise ArtefactError(
            f"{path}: {more[0]} is not in {SEQUENCE}, which ends with {expected[-1]}; move it away."
        )
    places = {step["sha256"]: step["directory"] for step in card["steps"]}
    for step in card["steps"]:
        here = path / step["directory"]
        if not (here / POLICY_FILES[1]).is_file():
            raise ArtefactError(
                f"{path}: {step['directory']} of {len(names)} steps is missing or incomplete; "
                f"{again}."
            )
        if (digest := _sha256(here)) != step["sha256"]:
            what = f"holds {places[digest]}" if digest in places else "was altered"
            raise ArtefactError(
                f"{path}: {step['directory']} {what}: its sha256 is not the one in {SEQUENCE}; "
                f"{again}."
            )
    return Sequence(
        steps=tuple(load_organism(path / name) for name in names),
        budget=card["budget"],
        nats=tuple(card["nats"]),
        schedule=tuple(card["schedule"]),
    )


def _card(path: Path) -> dict[str, Any]:
    if not (path / SEQUENCE).is_file():
        found = len(list(path.glob("step_*/" + POLICY_FILES[1])))
        raise ArtefactError(
            f"{path} is not a whole sequence: {SEQUENCE} is missing beside {found} steps. If its "
            "growth was interrupted, call creep with resume=True."
        )
    try:
        card: dict[str, Any] = json.loads((path / SEQUENCE).read_text())
        stored = card.pop("sequence_sha256")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ArtefactError(f"{path / SEQUENCE} is truncated or not ours ({error}).") from error
    if card.get("format") != _FORMAT:
        raise ArtefactError(f"{path}: format {card.get('format')!r}, this version reads {_FORMAT}.")
    if stored != _digest(card):
        raise ArtefactError(f"{path / SEQUENCE} was altered: its sha256 does not match.")
    return card
