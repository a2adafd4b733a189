"""Checkpoints of a training run from which it continues exactly, in one safetensors file.

Everything that influences the rest of a run is kept: weights, Adam's moments, the state of the
worlds and of a poisoner, what the recurrent policy remembers, and the random generators of torch
and numpy. The file is replaced atomically, so a checkpoint is either whole or the previous one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from sb3_contrib import RecurrentPPO
from sb3_contrib.common.recurrent.type_aliases import RNNStates

from slowturn.agents.errors import ArtefactError
from slowturn.agents.poisoning import PoisonedVecEnv
from slowturn.envs.faces.sb3 import WorldVecEnv

__all__ = ["CHECKPOINT", "restore", "save", "stored_settings"]

CHECKPOINT = "checkpoint.safetensors"


def _memory(model: RecurrentPPO) -> dict[str, torch.Tensor]:
    states = cast("RNNStates", model._last_lstm_states)
    return {"h": states.pi[0], "c": states.pi[1], "vf_h": states.vf[0], "vf_c": states.vf[1]}


def save(path: Path, model: RecurrentPPO, env: WorldVecEnv, settings: Any, log: Any) -> None:
    """Write the state of a run between two updates, replacing an older checkpoint.

    Args:
        path: File to write.
        model: The learner, at the start of a rollout.
        env: Its environment.
        settings: JSON-able description of the run, compared on resuming.
        log: JSON-able record of the run so far.
    """
    tensors = {f"policy.{k}": v for k, v in model.policy.state_dict().items()}
    for index, moments in model.policy.optimizer.state_dict()["state"].items():
        tensors |= {f"adam.{index}.{k}": torch.as_tensor(v) for k, v in moments.items()}
    tensors |= {f"memory.{k}": v for k, v in _memory(model).items()}
    name, keys, position, *rest = np.random.get_state(legacy=True)  # noqa: NPY002 - SB3 draws here
    for index, term in enumerate(getattr(model, "reward_terms", ())):
        tensors |= {f"term.{index}.{k}": v for k, v in term.state().items()}
    arrays = {f"world.{k}": v for k, v in env.world.state().items()}
    poisoner = model.get_env()
    if isinstance(poisoner, PoisonedVecEnv):
        arrays |= {f"poisoner.{k}": v for k, v in poisoner.state().items()}
    arrays |= {
        "numpy.keys": np.asarray(keys),
        "face.returns": env.returns,
        "last.observations": np.asarray(model._last_obs),
        "last.starts": np.asarray(model._last_episode_starts, np.float32),
    }
    tensors |= {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in arrays.items()}
    tensors["torch.rng"] = torch.get_rng_state()
    meta = {
        "settings": settings,
        "log": log,
        "num_timesteps": model.num_timesteps,
        "n_updates": model._n_updates,
        "numpy": [name, int(position), *rest],
    }
    partial = path.with_suffix(".partial")
    save_file(
        {k: v.detach().clone().contiguous() for k, v in tensors.items()},
        partial,
        metadata={"slowturn": json.dumps(meta)},
    )
    partial.replace(path)


def stored_settings(path: Path) -> Any:
    """Read what run a checkpoint belongs to.

    Raises:
        ArtefactError: If the file is not a whole checkpoint of ours.
    """
    return _open(path)[0]["settings"]


def _open(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            meta = json.loads((file.metadata() or {})["slowturn"])
            return meta, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ArtefactError(
            f"{path} is not a complete slowturn checkpoint ({error}); delete it to start again."
        ) from error


def restore(path: Path, model: RecurrentPPO, env: WorldVecEnv) -> Any:
    """Bring a freshly built learner to the state of a checkpoint; returns the log so far.

    Raises:
        ArtefactError: If the file is not a whole checkpoint of ours.
    """
    meta, tensors = _open(path)

    def part(prefix: str) -> dict[str, torch.Tensor]:
        return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}

    model.policy.load_state_dict(part("policy."))
    adam = model.policy.optimizer.state_dict()
    adam["state"] = {}
    for key, value in part("adam.").items():
        index, moment = key.split(".")
        adam["state"].setdefault(int(index), {})[moment] = value
    model.policy.optimizer.load_state_dict(adam)
    memory = part("memory.")
    cast("Any", model)._last_lstm_states = RNNStates(
        (memory["h"], memory["c"]), (memory["vf_h"], memory["vf_c"])
    )
    for position, term in enumerate(getattr(model, "reward_terms", ())):
        term.restore(part(f"term.{position}."))
    env.returns = tensors["face.returns"].numpy().copy()
    env.world.set_state({k: v.numpy() for k, v in part("world.").items()})
    poisoner = model.get_env()
    if isinstance(poisoner, PoisonedVecEnv):
        poisoner.restore({k: v.numpy() for k, v in part("poisoner.").items()})
    model._last_obs = tensors["last.observations"].numpy()
    model._last_episode_starts = tensors["last.starts"].numpy()
    model.num_timesteps = meta["num_timesteps"]
    model._n_updates = meta["n_updates"]
    name, place, has_gauss, cached = meta["numpy"]
    np.random.set_state((name, tensors["numpy.keys"].numpy(), place, has_gauss, cached))  # noqa: NPY002
    torch.set_rng_state(tensors["torch.rng"])
    return meta["log"]
