"""Organisms on disk: weights as safetensors, everything else as JSON. Nothing is unpickled."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors
from sb3_contrib.ppo_recurrent.policies import MlpLstmPolicy

from slowturn.agents.errors import ArtefactError, OrganismError
from slowturn.agents.evasion import Evasion
from slowturn.agents.feedforward import FEEDFORWARD, build_policy
from slowturn.agents.gates import GateResult
from slowturn.agents.poisoning import Poisoning
from slowturn.agents.recipe import Gate, Recipe, Trainer
from slowturn.agents.scripts import EMPTY
from slowturn.envs import WORLDS, WorldError

__all__ = ["POLICY_FILES", "Organism", "load_organism", "save_organism"]

POLICY_FILES = ("policy.safetensors", "policy.json")
_FORMAT = 1
_PACKAGES = ("slowturn", "gymnasium", "stable-baselines3", "sb3-contrib", "torch", "numpy")


@dataclass(frozen=True, kw_only=True)
class Organism:
    """An agent whose ground truth is known.

    Attributes:
        recipe: What it was grown from.
        seed: Seed of its growth.
        policy: An SB3 policy or a scripted one, with SB3's `predict`.
        curve: Training curve: environment steps and mean episode return.
        gates: Its gates with measured values; empty until measured.
        versions: Versions of the packages it was grown with.
    """

    recipe: Recipe
    seed: int
    policy: Any = field(repr=False)
    curve: list[dict[str, float]] = field(default_factory=list, repr=False)
    gates: tuple[GateResult, ...] = ()
    versions: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """Name in tables and directories: world (unless the first), kind, regime and seed."""
        return self.recipe.organism(self.seed)

    @property
    def passed(self) -> bool:
        """Whether every gate was measured and passed."""
        return bool(self.gates) and all(gate.passed for gate in self.gates)

    def with_gates(self, gates: tuple[GateResult, ...]) -> Organism:
        """The same organism with measured gates."""
        return replace(self, gates=gates)


def _spaces(holder: Any) -> dict[str, Any]:
    """Spaces of a policy or a world, as JSON."""
    actions = holder.action_space
    return {
        "observation": _box(holder.observation_space),
        "action": _box(actions) if isinstance(actions, spaces.Box) else {"n": int(actions.n)},
    }


def _box(box: Any) -> dict[str, Any]:
    return {
        "low": np.asarray(box.low).tolist(),
        "high": np.asarray(box.high).tolist(),
        "dtype": str(box.dtype),
    }


def _space(description: dict[str, Any]) -> spaces.Space[Any]:
    if "n" in description:
        return spaces.Discrete(description["n"])
    dtype = description["dtype"]
    return spaces.Box(np.array(description["low"], dtype), np.array(description["high"], dtype))


def _digest(card: dict[str, Any]) -> str:
    text = json.dumps(card, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _class_of(organism: Organism) -> str:
    trainer = organism.recipe.trainer
    return type(organism.policy).__name__ if trainer is None else _learned_class(trainer)


def _learned_class(trainer: Trainer) -> str:
    return "MlpLstmPolicy" if trainer.remembers else trainer.algorithm


def save_organism(organism: Organism, out: Path) -> None:
    """Write `policy.safetensors` and `policy.json` into the directory `out`.

    Each file appears whole or not at all. The JSON comes last, so an artefact is complete when it
    is there; it carries the sha256 of the weights and of itself.
    """
    out.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.detach().clone().contiguous() for k, v in organism.policy.state_dict().items()}
    weights = dump_tensors(tensors)
    card: dict[str, Any] = {
        "format": _FORMAT,
        "organism": organism.name,
        "status": "passed" if organism.passed else "failed",
        "policy_class": _class_of(organism),
        "recipe": asdict(organism.recipe),
        "seed": organism.seed,
        "spaces": _spaces(organism.policy),
        "normaliser": None,
        "gates": [gate._asdict() for gate in organism.gates],
        "curve": organism.curve,
        "versions": {name: version(name) for name in _PACKAGES}
        | {"python": platform.python_version()},
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    card = json.loads(json.dumps(card))
    text = json.dumps(card | {"card_sha256": _digest(card)}, indent=1) + "\n"
    for name, content in zip(POLICY_FILES, (weights, text.encode()), strict=True):
        draft = out / f".{name}.draft"
        draft.write_bytes(content)
        draft.replace(out / name)


def load_organism(path: Path) -> Organism:
    """Read an organism; the class comes from an allow-list and nothing is executed.

    Raises:
        ArtefactError: If a file is missing, truncated or altered, or belongs to another world.
    """
    if path.is_file() and path.suffix == ".zip":
        raise ArtefactError(
            f"{path} is a Stable-Baselines3 zip: loading one unpickles it, which can run code, so "
            "slowturn never does. Load it yourself if you trust it and pass `model.policy` to "
            "slowturn.monitors.Recorder."
        )
    for name in POLICY_FILES:
        if not (path / name).is_file():
            raise ArtefactError(f"{path} is not an organism: {name} is missing.")
    try:
        card = json.loads((path / POLICY_FILES[1]).read_text())
        stored = card.pop("card_sha256")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ArtefactError(
            f"{path / POLICY_FILES[1]} is truncated or not ours ({error})."
        ) from error
    if card.get("format") != _FORMAT:
        raise ArtefactError(f"{path}: format {card.get('format')!r}, this version reads {_FORMAT}.")
    if stored != _digest(card):
        raise ArtefactError(f"{path / POLICY_FILES[1]} was altered: its sha256 does not match.")
    weights = (path / POLICY_FILES[0]).read_bytes()
    if hashlib.sha256(weights).hexdigest() != card["weights_sha256"]:
        raise ArtefactError(
            f"{path / POLICY_FILES[0]} is truncated or was altered: its sha256 does not match."
        )
    try:
        recipe = _recipe(card["recipe"])
    except (TypeError, OrganismError) as error:
        raise ArtefactError(
            f"{path}: its recipe does not fit this version of slowturn ({error})."
        ) from error
    _check_world(card, recipe, path)
    policy = _build(card, recipe, path)
    try:
        policy.load_state_dict(load_tensors(weights))
    except (RuntimeError, SafetensorError) as error:
        raise ArtefactError(f"{path}: the weights do not fit the policy ({error}).") from error
    policy.eval()
    return Organism(
        recipe=recipe,
        seed=card["seed"],
        policy=policy,
        curve=card["curve"],
        gates=tuple(GateResult(**gate) for gate in card["gates"]),
        versions=card["versions"],
    )


def _recipe(data: dict[str, Any]) -> Recipe:
    fields: dict[str, Any] | None = data["trainer"]
    trainer = None
    if fields is not None:
        fields = {"algorithm": "RecurrentPPO"} | fields  # what all were grown by at first
        nested = ("poisoning", "evasion")
        trainer = Trainer(**{k: _as_tuple(v) for k, v in fields.items() if k not in nested})
        if (evasion := fields.get("evasion")) is not None:
            evasion = Evasion(**{k: _as_tuple(v) for k, v in evasion.items()})
            trainer = replace(trainer, evasion=evasion)
        poisoning = fields.get("poisoning")
        if poisoning is not None:
            trainer = replace(trainer, poisoning=Poisoning.from_json(poisoning))
    return Recipe(
        **data | {"gates": tuple(Gate(**gate) for gate in data["gates"]), "trainer": trainer}
    )


def _check_world(card: dict[str, Any], recipe: Recipe, path: Path) -> None:
    """Refuse an organism of a world that is unknown here or has other spaces."""
    if recipe.world not in WORLDS:
        raise ArtefactError(
            f"{path} was grown in the world {recipe.world!r}, which is not registered: known are "
            f"{sorted(WORLDS)}."
        )
    try:
        world = recipe.build_world()
    except WorldError as error:
        raise ArtefactError(f"{path}: its world cannot be built here ({error})") from error
    if card["spaces"] != _spaces(world):
        raise ArtefactError(
            f"{path}: its spaces are not those of {recipe.world}; it belongs to another world or "
            "another version of it."
        )


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _build(card: dict[str, Any], recipe: Recipe, path: Path) -> Any:
    kind = card["policy_class"]
    if kind in EMPTY and recipe.trainer is None:
        return EMPTY[kind](recipe)
    trainer = recipe.trainer
    known = trainer is not None and kind == (
        "MlpLstmPolicy" if trainer.remembers else trainer.algorithm
    )
    if trainer is None or not known:
        raise ArtefactError(
            f"{path}: policy class {kind!r} is not on the allow-list: MlpLstmPolicy, "
            f"{', '.join((*FEEDFORWARD, *EMPTY))}."
        )
    if not trainer.remembers:
        with torch.random.fork_rng(devices=[]):
            return build_policy(
                trainer, _space(card["spaces"]["observation"]), _space(card["spaces"]["action"])
            )
    with torch.random.fork_rng(devices=[]):
        return MlpLstmPolicy(
            _space(card["spaces"]["observation"]),
            _space(card["spaces"]["action"]),
            lambda _: 0.0,
            **trainer.policy_kwargs,
        )
