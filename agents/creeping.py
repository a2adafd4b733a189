"""Organisms that go on learning once deployed, each update held to a budget of divergence.

PPO's clipped objective bounds nothing by itself, and `target_kl` only stops an update early. Here
the update is made, its mean divergence is measured on the rollout, and where it is above the
budget all parameters are drawn back along the line to the old ones until it is within it: the line
search of TRPO (Schulman et al. 2015, appendix C) with a step of PPO instead of a natural gradient.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.callbacks import BaseCallback
from torch import Tensor
from torch.distributions import kl_divergence

from slowturn.agents import checkpoint
from slowturn.agents.artefact import Organism, save_organism
from slowturn.agents.chunked_ppo import ChunkedPPO
from slowturn.agents.errors import OrganismError, TrainingInterrupted
from slowturn.agents.gates import judge, measure
from slowturn.agents.recipe import Recipe, Trainer
from slowturn.agents.sequence import SEQUENCE, Sequence, load_sequence, save_sequence, step_name
from slowturn.agents.training import (
    asked_to_stop,
    between,
    build_learner,
    check_kin,
    jsonable,
    passed,
)
from slowturn.envs.faces.sb3 import WorldVecEnv

__all__ = ["Creep", "HeldPPO", "creep"]

_HALVINGS = 20  # of the line from the old parameters to the new ones


@dataclass(frozen=True, kw_only=True)
class Creep:
    """How an organism goes on learning in deployment.

    Attributes:
        recipe: What it learns for: objective, world, trainer; `begins_as` is whom it begins as.
        updates: Updates, each of one rollout, >= 1.
        budget: Nats per step that an update may diverge from the policy before it, > 0.
    """

    recipe: Recipe
    updates: int
    budget: float

    def __post_init__(self) -> None:
        if not self.budget > 0.0:
            raise OrganismError(
                f"Creep.budget must be > 0, the nats per step that an update may diverge; got "
                f"{self.budget:g}. An organism that does not learn needs no sequence."
            )
        if self.updates < 1:
            raise OrganismError(f"Creep.updates must be >= 1, got {self.updates}.")
        if self.recipe.trainer is None or self.recipe.begins_as is None:
            raise OrganismError(
                f"{'-'.join(self.recipe.key)} cannot creep: Creep.recipe needs a trainer and "
                "begins_as, the kind of organism that goes on learning, such as honest."
            )

    @property
    def trainer(self) -> Trainer:
        """The recipe's trainer, as long as all updates take."""
        whole = cast("Trainer", self.recipe.trainer)
        return replace(whole, total_steps=self.updates * whole.num_envs * whole.n_steps)


class HeldPPO(ChunkedPPO):
    """ChunkedPPO whose updates stay within a budget of divergence, measured on each rollout.

    Attributes:
        budget: Largest mean KL(new || old) per step of the rollout, in nats, as exact sums over
            all actions on the histories that the old policy played.
        spent: What the last update took of it.
    """

    budget: float = float("inf")
    spent: float = 0.0

    def train(self) -> None:
        before = [one.detach().clone() for one in self.policy.parameters()]
        old = self._actions_of_rollout()
        super().train()
        after = [one.detach().clone() for one in self.policy.parameters()]

        def divergence(share: float) -> float:
            with torch.no_grad():
                for one, x, y in zip(self.policy.parameters(), before, after, strict=True):
                    one.copy_(torch.lerp(x, y, share))
            return float(_nats(self._actions_of_rollout(), old))

        within, beyond, self.spent = 0.0, 1.0, divergence(1.0)
        if self.spent <= self.budget:
            return
        for _ in range(_HALVINGS):
            middle = 0.5 * (within + beyond)
            if divergence(middle) <= self.budget:
                within = middle
            else:
                beyond = middle
        self.spent = divergence(within)

    @torch.no_grad()
    def _actions_of_rollout(self) -> torch.distributions.Distribution:
        """What the present parameters would do on the last rollout, `[steps * n]`."""
        chunk = self._chunk
        if chunk is None:
            raise RuntimeError("HeldPPO.train needs a rollout first: call learn().")
        policy = cast("RecurrentActorCriticPolicy", self.policy)
        latent, *_ = self._think(chunk.observations, chunk.pi, chunk.vf, chunk.starts)
        made: Any = policy._get_action_dist_from_latent(latent).distribution
        return cast("torch.distributions.Distribution", made)


def _nats(new: torch.distributions.Distribution, old: torch.distributions.Distribution) -> Tensor:
    """Mean divergence per step."""
    each = kl_divergence(new, old)
    return each.flatten(1).sum(1).mean() if each.ndim > 1 else each.mean()


class _Kept(BaseCallback):
    """Save the organism and a checkpoint between updates, and stop when asked to."""

    def __init__(
        self, made: _Made, nats: list[float], report: Callable[[int, int], None] | None
    ) -> None:
        super().__init__()
        self._made, self._nats, self._report = made, nats, report
        self.stop_requested = threading.Event()

    def note(self) -> None:
        """Remember what the update before this moment took, and keep what it came to."""
        model = cast("HeldPPO", self.model)
        done = model.num_timesteps // self._made.per_update
        if done > len(self._nats):
            self._nats.append(model.spent)
        self._made.save_step(done, model.policy)

    def _on_rollout_start(self) -> None:
        model = cast("HeldPPO", self.model)
        self.note()
        made, trainer = self._made, self._made.plan.trainer
        model.ent_coef = between(
            *trainer.ent_coef, passed(len(self._nats) / made.plan.updates, *trainer.ent_until)
        )
        checkpoint.save(made.checkpoint, model, made.env, made.settings, {"nats": self._nats})
        if self.stop_requested.is_set():
            raise TrainingInterrupted(
                f"stopped after {len(self._nats)} of {made.plan.updates} updates; everything done "
                f"is in {made.out}. Repeat with resume to go on."
            )

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        if self._report is not None:
            self._report(self.num_timesteps, self._made.plan.trainer.total_steps)


@dataclass(frozen=True, kw_only=True)
class _Made:
    """A sequence in the making."""

    plan: Creep
    seed: int
    out: Path
    env: WorldVecEnv

    @property
    def checkpoint(self) -> Path:
        return self.out / checkpoint.CHECKPOINT

    @property
    def per_update(self) -> int:
        trainer = self.plan.trainer
        return trainer.num_envs * trainer.n_steps

    @property
    def settings(self) -> dict[str, Any]:
        return cast("dict[str, Any]", jsonable(asdict(self.plan) | {"seed": self.seed}))

    def save_step(self, k: int, policy: Any) -> None:
        """Save checkpoint `k`; its directory appears whole or not at all."""
        recipe = replace(self.plan.recipe, trainer=self.plan.trainer)
        organism = Organism(recipe=recipe, seed=self.seed, policy=policy)
        gates = judge(recipe, measure(organism, episodes=256)) if recipe.gates else ()
        draft, final = self.out / f".{step_name(k)}.draft", self.out / step_name(k)
        for old in (draft, final):
            shutil.rmtree(old, ignore_errors=True)
        save_organism(organism.with_gates(gates), draft)
        draft.rename(final)


def creep(
    plan: Creep,
    seed: int,
    out: Path,
    *,
    kin: Mapping[str, Organism],
    resume: bool = False,
    report: Callable[[int, int], None] | None = None,
) -> Sequence:
    """Let an organism go on learning in deployment, and save every update of it.

    Runs on one thread, so that the result depends on plan, seed and kin only.

    Args:
        plan: What it learns for, for how long, and within which budget.
        seed: Seed of everything random, >= 0, and of the organism that it begins as.
        out: Directory of the sequence; must not hold one, or an unfinished one unless `resume`.
        kin: Organisms that the recipe builds on, by kind.
        resume: Go on after the last update that is in `out`.
        report: Called after every rollout with the steps done and the steps in all.

    Raises:
        OrganismError: If `out` holds another sequence or a finished one, `seed` is negative, or
            `kin` lacks an organism or has one of another world.
        ArtefactError: If the checkpoint in `out` is incomplete.
        TrainingInterrupted: On Ctrl-C, after a checkpoint was saved.
    """
    if seed < 0:
        raise OrganismError(f"seed must be >= 0, got {seed}.")
    check_kin(plan.recipe, seed, kin)
    if (out / SEQUENCE).exists():
        raise OrganismError(f"{out} already holds a sequence; choose another directory.")
    saved = out / checkpoint.CHECKPOINT
    if saved.exists() and not resume:
        raise OrganismError(
            f"{out} holds an unfinished sequence; continue it with resume=True or choose another "
            "directory."
        )
    torch.set_num_threads(1)
    made_model, env = build_learner(
        plan.recipe,
        plan.trainer,
        seed,
        kin,
        algorithm=HeldPPO,
        phase="deployment",
        exploring_starts=0.0,
    )
    model = cast("HeldPPO", made_model)
    model.budget = plan.budget
    made = _Made(plan=plan, seed=seed, out=out, env=env)
    out.mkdir(parents=True, exist_ok=True)
    nats: list[float] = []
    if saved.exists():
        if checkpoint.stored_settings(saved) != made.settings:
            raise OrganismError(
                f"{saved} belongs to another plan or seed; choose another directory."
            )
        nats = checkpoint.restore(saved, model, env)["nats"]
    callback = _Kept(made, nats, report)
    with asked_to_stop(callback.stop_requested):
        model.learn(
            plan.trainer.total_steps - model.num_timesteps,
            callback=callback,
            reset_num_timesteps=False,
        )
        callback.note()
    save_sequence(out, budget=plan.budget, nats=nats, schedule=[made.per_update] * plan.updates)
    saved.unlink(missing_ok=True)
    return load_sequence(out)
