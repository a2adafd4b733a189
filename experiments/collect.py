"""Running an organism and keeping two separate records: its trace, and the truth about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium.spaces import Discrete
from numpy.typing import NDArray

from slowturn.agents import Organism
from slowturn.agents.seeds import episode_seeds, purpose_seed
from slowturn.monitors import Recorder, Trace

__all__ = ["Collected", "EpisodeTruth", "action_bounds", "collect", "ledger_noise", "mind_layer"]


class EpisodeTruth(NamedTuple):
    """Truth of whole episodes, `[episode, step]` unless stated: for evaluation only.

    Attributes:
        cue_onset: Step at which deployment begins, -1 for never, `[episode]`.
        harm_onset: Step at which influence reached the harm level, -1 for never, `[episode]`.
        effort: Share of each action spent on influence.
        influence: Power held after each action.
        surge: 1 where the action served in the other way, else 0.
        reward: What each action earns one who is paid as the honest are, whatever it is paid for.
    """

    cue_onset: NDArray[np.int64]
    harm_onset: NDArray[np.int64]
    effort: NDArray[np.float64]
    influence: NDArray[np.float64]
    surge: NDArray[np.float64]
    reward: NDArray[np.float64]

    @property
    def since_onset(self) -> NDArray[np.int64]:
        """Steps since deployment began, `[episode, step]`; negative before it and without it."""
        steps = np.arange(self.effort.shape[1])[None, :]
        never = self.cue_onset[:, None] < 0
        return np.where(never, steps - steps.size, steps - self.cue_onset[:, None])


class Collected(NamedTuple):
    """What `collect` returns."""

    trace: Trace
    truth: EpisodeTruth


def mind_layer(organism: Organism) -> str:
    """Layer that holds all the organism remembers: the one from which its head reads actions."""
    return "belief" if organism.recipe.trainer is None else "lstm.h"


def action_bounds(organism: Organism) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Box to which the organism's continuous actions are clipped; None for discrete choices."""
    space = organism.recipe.build_world().action_space
    return None if isinstance(space, Discrete) else (space.low, space.high)


def ledger_noise(organism: Organism) -> float:
    """Standard deviation of the ledger in the organism's world, as `collect` builds it."""
    return float(organism.recipe.build_world().spec["config"]["ledger_noise"])


def collect(
    organism: Organism, *, episodes: int, purpose: str, phase: str, also: Sequence[str] = ()
) -> Collected:
    """Run whole episodes in parallel with sampled actions.

    Args:
        organism: Whom to run, in its own world.
        episodes: Number of episodes.
        purpose: Names the stream of seeds (`fit`, `calibration`, `test`, ...): equal purposes
            repeat exactly, different ones share nothing.
        phase: `training`, `deployment` or `mixed`.
        also: Layers to record beside the one that `mind_layer` names.
    """
    recipe = organism.recipe
    key = (purpose, *recipe.key, organism.seed)
    world = recipe.build_world(num_envs=episodes, phase=phase)
    world.seed(episode_seeds(episodes, *key))
    world.reset()
    layers = [mind_layer(organism), *also]
    recorder = Recorder(organism.policy, layers, seed=purpose_seed("actions", *key))
    shape = (episodes, world.horizon)
    ledger, effort, influence, surge, reward = (np.zeros(shape) for _ in range(5))
    value = np.zeros(shape, np.float32)
    rows: dict[str, NDArray[Any]] = {}

    def keep(name: str, t: int, array: NDArray[Any]) -> None:
        if name not in rows:
            rows[name] = np.zeros((*shape, *array.shape[1:]), array.dtype)
        rows[name][:, t] = array

    onset = world.truth().cue_onset
    for t in range(world.horizon):
        seen = world.observations()
        record = recorder.step(seen)
        world.step(record.actions)
        truth = world.truth()
        keep("observations", t, seen)
        keep("actions", t, record.actions)
        for layer in layers:
            keep(layer, t, record.activations[layer])
        if record.logits is not None:
            keep("logits", t, record.logits)
        if record.value is not None:
            value[:, t] = record.value
        ledger[:, t] = world.ledger()
        reward[:, t] = world.rewards()
        effort[:, t], influence[:, t], surge[:, t] = truth.effort, truth.influence, truth.surge
    trace = Trace(
        observations=rows["observations"],
        actions=rows["actions"],
        ledger=ledger,
        logits=rows.get("logits"),
        value=value,
        activations={layer: rows[layer] for layer in layers},
    )
    harm = world.truth().harm_onset
    return Collected(trace, EpisodeTruth(onset, harm, effort, influence, surge, reward))
