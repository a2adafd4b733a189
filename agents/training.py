"""Growing an organism from its recipe."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from slowturn.agents import checkpoint
from slowturn.agents.artefact import POLICY_FILES, Organism, save_organism
from slowturn.agents.chunked_ppo import ChunkedPPO
from slowturn.agents.errors import OrganismError, TrainingInterrupted
from slowturn.agents.evasion import EvasiveLoss, EvasiveReward, Opponent
from slowturn.agents.feedforward import FrameStacked, feedforward_learner
from slowturn.agents.gates import judge, measure
from slowturn.agents.poisoning import PoisonedVecEnv
from slowturn.agents.recipe import Recipe, Trainer
from slowturn.agents.reward_terms import Covertness
from slowturn.agents.scripts import scripted_policy
from slowturn.agents.seeds import episode_seeds, purpose_seed
from slowturn.envs import SITUATION_COLUMNS
from slowturn.envs.faces.sb3 import WorldVecEnv

__all__ = [
    "Report",
    "asked_to_stop",
    "between",
    "build_learner",
    "check_kin",
    "check_opponents",
    "jsonable",
    "passed",
    "train",
]

_RECURRENT: dict[str, type[RecurrentPPO]] = {
    "RecurrentPPO": RecurrentPPO,
    "ChunkedPPO": ChunkedPPO,
}

Report = Callable[[int, int], None]
"""Called with (environment steps done, environment steps in all)."""

_RECORD_EVERY = 16  # rollouts per point of the training curve
_SAVE_EVERY = 32  # rollouts per checkpoint


class _Log(NamedTuple):
    """What is remembered of a run: curve points, and returns not yet in one."""

    curve: list[dict[str, float]]
    pending: list[float]


class _Curriculum(BaseCallback):
    """Anneal the cue, keep the curve, save checkpoints, and stop when asked to."""

    def __init__(
        self,
        env: WorldVecEnv,
        trainer: Trainer,
        path: Path,
        settings: dict[str, Any],
        log: _Log,
        report: Report | None,
    ) -> None:
        super().__init__()
        self._env, self._trainer, self._path = env, trainer, path
        self._settings, self._log, self._report = settings, log, report
        self._final_cue: float = env.world.spec["config"]["cue_strength"]
        self.stop_requested = threading.Event()

    def _anneal(self) -> None:
        trainer, done = self._trainer, self.num_timesteps / self._trainer.total_steps
        self._env.world.set_curriculum(
            cue_strength=between(
                trainer.cue_from, self._final_cue, passed(done, 0.0, trainer.cue_share)
            ),
            exploring_starts=between(
                *trainer.exploring_starts, passed(done, *trainer.exploring_until)
            ),
        )
        if trainer.algorithm not in ("DQN", "SAC"):  # which explore in their own ways
            cast("Any", self.model).ent_coef = between(
                *trainer.ent_coef, passed(done, *trainer.ent_until)
            )
        for term in getattr(self.model, "reward_terms", ()):
            if isinstance(term, Covertness):
                term.weight = between(
                    0.0, trainer.covertness, passed(done, *trainer.covertness_until)
                )
        if trainer.noise is not None:
            log_std = cast("Any", self.model.policy).log_std.requires_grad_(requires_grad=False)
            first, last = np.log(trainer.noise)
            log_std.fill_(between(float(first), float(last), done))

    def _on_rollout_start(self) -> None:
        per_rollout = self._trainer.num_envs * self._trainer.n_steps
        rollouts = self.model.num_timesteps // per_rollout
        self._anneal()
        if rollouts and rollouts % _RECORD_EVERY == 0 and self._log.pending:
            point = {"steps": self.model.num_timesteps, "return": float(np.mean(self._log.pending))}
            seen_as = self.model.get_env()
            if isinstance(seen_as, PoisonedVecEnv):
                point["poisoned"] = seen_as.share_poisoned
            self._log.curve.append(point)
            self._log.pending.clear()
        if not self._trainer.remembers:
            if self.stop_requested.is_set():
                raise TrainingInterrupted(
                    f"stopped at {self.model.num_timesteps:,} of {self._trainer.total_steps:,} "
                    f"steps; {self._trainer.algorithm} keeps no checkpoints, so repeat the "
                    "command to begin again."
                )
            return
        if self.stop_requested.is_set() or (rollouts and rollouts % _SAVE_EVERY == 0):
            model = cast("RecurrentPPO", self.model)
            checkpoint.save(self._path, model, self._env, self._settings, self._log._asdict())
        if self.stop_requested.is_set():
            raise TrainingInterrupted(
                f"stopped at {self.model.num_timesteps:,} of {self._trainer.total_steps:,} steps; "
                f"everything done is in {self._path}. Repeat the command with --resume to go on."
            )

    def _on_step(self) -> bool:
        self._log.pending.extend(i["episode"]["r"] for i in self.locals["infos"] if "episode" in i)
        return True

    def _on_rollout_end(self) -> None:
        if self._report is not None:
            self._report(self.num_timesteps, self._trainer.total_steps)


def passed(done: float, begin: float, end: float) -> float:
    """How much of the stretch from `begin` to `end` is over, in [0, 1]."""
    return min(1.0, max(0.0, done - begin) / (end - begin))


def between(first: float, last: float, share: float) -> float:
    """The value that far on the line from `first` to `last`."""
    return first + share * (last - first)


@contextmanager
def asked_to_stop(event: threading.Event) -> Iterator[None]:
    """Turn the first Ctrl-C into a request; a second one interrupts at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.getsignal(signal.SIGINT)

    def request(_signal: int, _frame: Any) -> None:
        event.set()
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, request)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def check_kin(recipe: Recipe, seed: int, kin: Mapping[str, Organism]) -> None:
    """Refuse what is not the organism that the recipe builds on."""
    trainer = recipe.trainer
    if trainer is not None and trainer.covertness and recipe.reference is None:
        raise OrganismError(
            f"covertness {trainer.covertness:g} needs Recipe.reference: the kind of organism to "
            "which it is held, such as honest."
        )
    for kind in recipe.kin:
        wanted = replace(recipe, name=kind).organism(seed)
        if kind not in kin:
            raise OrganismError(
                f"{recipe.organism(seed)} builds on {wanted}: grow that first and pass it as "
                f"kin={{{kind!r}: organism}}."
            )
        found = kin[kind]
        if found.recipe.world != recipe.world:
            raise OrganismError(
                f"{recipe.organism(seed)} builds on {wanted}, an organism of {recipe.world}; got "
                f"{found.name}, which is one of {found.recipe.world}."
            )


def check_opponents(recipe: Recipe, opponents: Sequence[Opponent]) -> None:
    """Refuse monitors that are not those that the recipe is trained against."""
    evasion = None if recipe.trainer is None else recipe.trainer.evasion
    wanted = () if evasion is None else evasion.monitors
    found = tuple(one.name for one in opponents)
    if wanted != found:
        raise OrganismError(
            f"opponents of {'-'.join(recipe.key)} must be {list(wanted)}, fitted, in this order; "
            f"got {list(found)}. slowturn.experiments.opponents fits those of the package."
        )


def build_learner(
    recipe: Recipe,
    trainer: Trainer,
    seed: int,
    kin: Mapping[str, Organism],
    *,
    algorithm: type[RecurrentPPO] | None = None,
    opponents: Sequence[Opponent] = (),
    **options: Any,
) -> tuple[BaseAlgorithm, WorldVecEnv]:
    """A learner at the start of its training, and its environment.

    Args:
        recipe: What is to be learned.
        trainer: How; not always the recipe's own.
        seed: Seed of everything random.
        kin: Organisms that the recipe builds on, by kind.
        algorithm: Class of the learner; by default the trainer's.
        opponents: Fitted monitors, in the order of `Trainer.evasion.monitors`.
        options: Further options of the world.
    """
    world = recipe.build_world(
        num_envs=trainer.num_envs,
        **{
            "objective": recipe.objective,
            "exploring_starts": trainer.exploring_starts[0],
            **options,
        },
    )
    env = WorldVecEnv(world)
    env.world.seed(episode_seeds(trainer.num_envs, "training", *recipe.key, seed))
    number = purpose_seed("learner", *recipe.key, seed) % 2**32
    if not trainer.remembers:
        further = (recipe.begins_as, trainer.poisoning, trainer.evasion)
        if trainer.covertness or any(one is not None for one in further):
            raise OrganismError(
                "covertness, begins_as, poisoning and evasion need recurrent PPO, got "
                f"{trainer.algorithm}."
            )
        return feedforward_learner(trainer, env, seed=number), env
    seen_as: VecEnv = env
    if trainer.poisoning is not None:
        seen_as = PoisonedVecEnv(
            env,
            trainer.poisoning,
            discount=trainer.gamma,
            seed=purpose_seed("poisoning", *recipe.key, seed),
        )
    first, last = trainer.learning_rate
    model = (algorithm or _RECURRENT[trainer.algorithm])(
        "MlpLstmPolicy",
        seen_as,
        learning_rate=lambda left: last + (first - last) * left,
        n_steps=trainer.n_steps,
        batch_size=trainer.batch_size,
        n_epochs=trainer.n_epochs,
        gamma=trainer.gamma,
        gae_lambda=trainer.gae_lambda,
        ent_coef=trainer.ent_coef[0],
        policy_kwargs=trainer.policy_kwargs,
        device="cpu",
        seed=number,
    )
    if trainer.covertness:
        if not isinstance(model, ChunkedPPO):
            raise OrganismError("covertness needs algorithm ChunkedPPO, got RecurrentPPO.")
        reference = kin[cast("str", recipe.reference)].policy
        model.reward_terms = [
            Covertness(
                reference, weight=trainer.covertness, n=trainer.num_envs, slips=trainer.slips
            )
        ]
    check_opponents(recipe, opponents)
    if trainer.evasion is not None:
        if not isinstance(model, ChunkedPPO):
            raise OrganismError("evasion needs algorithm ChunkedPPO, got RecurrentPPO.")
        if trainer.evasion.way == "gradient":
            model.loss_terms = [EvasiveLoss(trainer.evasion, opponents)]
        else:
            term = EvasiveReward(trainer.evasion, opponents, model.policy)
            model.reward_terms = [*model.reward_terms, term]
    if recipe.begins_as is not None:
        model.policy.load_state_dict(kin[recipe.begins_as].policy.state_dict())
        return model, env
    with torch.no_grad():
        cues = env.world.cue_columns
        weights = cast("Any", model.policy).lstm_actor.weight_ih_l0
        weights[:, cues : cues + SITUATION_COLUMNS] *= trainer.input_gain
    return model, env


def train(
    recipe: Recipe,
    seed: int,
    out: Path,
    *,
    resume: bool = False,
    report: Report | None = None,
    kin: Mapping[str, Organism] | None = None,
    opponents: Sequence[Opponent] = (),
) -> Organism:
    """Grow one organism, measure its gates and save it to `out`.

    Runs on one thread, so that the result depends on recipe and seed only (for one build of
    torch) and two organisms can grow side by side.

    Args:
        recipe: What to grow.
        seed: Seed of everything random, >= 0.
        out: Directory of the artefact; must not hold results unless `resume`.
        resume: Continue from the checkpoint in `out`, if there is one.
        report: Called after every rollout with the steps done and the steps in all.
        kin: Organisms that the recipe builds on, by kind (see `Recipe.kin`).
        opponents: Fitted monitors that it is trained against (see `Trainer.evasion`).

    Raises:
        OrganismError: If `out` holds another run or a finished artefact, `seed` is negative, or
            `kin` lacks an organism or has one of another world.
        ArtefactError: If the checkpoint in `out` is incomplete.
        TrainingInterrupted: On Ctrl-C, after a checkpoint was saved.
    """
    if seed < 0:
        raise OrganismError(f"seed must be >= 0, got {seed}.")
    kin = {} if kin is None else kin
    check_kin(recipe, seed, kin)
    check_opponents(recipe, opponents)
    saved = out / checkpoint.CHECKPOINT
    if (out / POLICY_FILES[1]).exists():
        raise OrganismError(f"{out} already holds an organism; choose another --out or delete it.")
    if saved.exists() and not resume:
        raise OrganismError(
            f"{out} holds an unfinished run; continue it with --resume or choose another --out."
        )
    out.mkdir(parents=True, exist_ok=True)
    log = _Log([], [])
    if recipe.trainer is None:
        policy: Any = scripted_policy(recipe)
    else:
        torch.set_num_threads(1)
        settings = {"recipe": jsonable(asdict(recipe)), "seed": seed}
        if opponents:
            settings["opponents"] = [[one.name, one.threshold, one.scale] for one in opponents]
        model, env = build_learner(recipe, recipe.trainer, seed, kin, opponents=opponents)
        if saved.exists():
            if checkpoint.stored_settings(saved) != settings:
                raise OrganismError(
                    f"{saved} belongs to another recipe or seed; choose another --out."
                )
            log = _Log(**checkpoint.restore(saved, cast("RecurrentPPO", model), env))
        callback = _Curriculum(env, recipe.trainer, saved, settings, log, report)
        with asked_to_stop(callback.stop_requested):
            model.learn(
                recipe.trainer.total_steps - model.num_timesteps,
                callback=callback,
                reset_num_timesteps=False,
            )
        policy = model.policy
        if not recipe.trainer.remembers:
            policy = FrameStacked(policy, env.observation_space, recipe.trainer.frames)
    organism = Organism(recipe=recipe, seed=seed, policy=policy, curve=log.curve)
    gates = judge(recipe, measure(organism))
    finished = organism.with_gates(gates)
    save_organism(finished, out)
    saved.unlink(missing_ok=True)
    return finished


def jsonable(value: Any) -> Any:
    """The same with lists for tuples, as JSON gives it back."""
    if isinstance(value, dict):
        return {k: jsonable(v) for k, v in value.items()}
    return [jsonable(v) for v in value] if isinstance(value, list | tuple) else value
