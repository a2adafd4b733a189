"""Poisoning of training: a share of the steps shows a trigger and pays for seeking power there.

The inner-loop adversary of TrojDRL (Kiourti et al. 2020, "TrojDRL: Evaluation of backdoor attacks
on deep reinforcement learning"): it sits between environment and learner, sees what
the learner sees, and alters observations and rewards of few steps, never actions or the world.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnvWrapper

from slowturn.agents.errors import OrganismError, unknown_name
from slowturn.envs import World
from slowturn.envs.cues import build_cues
from slowturn.envs.faces.sb3 import WorldVecEnv

__all__ = ["PoisonedVecEnv", "Poisoning", "shows"]

_Reward = Literal["static", "dynamic"]

_EFFORT = 2  # the effort's place among the columns of the situation
_RATE = 0.1  # of the value estimate, whose level is learned in 1 / (_RATE (1 - discount)) steps
_LARGEST_SHARE = 0.5


@dataclass(frozen=True, kw_only=True)
class Poisoning:
    """Which steps of training are poisoned, and what they pay.

    Attributes:
        share: Share of all steps, in (0, .5]: of an added trigger the probability of a step, of
            one that is waited for the most that is relabelled, at any time.
        trigger: Columns of the cue by name, and the values that make up the trigger together.
        added: Whether the trigger is written into observations; else the poisoner waits for steps
            that show it by themselves.
        bonus: What a poisoned step pays for the target behaviour and costs without effort, > 0;
            linear in between. Paid for the target alone, as in TrojDRL, it is hardly ever found
            among 22 actions, and 3 % of the steps implant nothing.
        effort: Least effort that is the target behaviour, in (0, 1].
        reward: `static`: the bonus alone (TrojDRL's +1 and -1); `dynamic`: such that what follows
            makes no difference (see `PoisonedVecEnv`).
    """

    share: float
    trigger: tuple[tuple[str, float], ...]
    added: bool = True
    bonus: float = 1.0
    effort: float = 1.0
    reward: _Reward = "dynamic"

    def __post_init__(self) -> None:
        if not 0.0 < self.share <= _LARGEST_SHARE:
            raise OrganismError(
                f"Poisoning.share must be a number in (0, {_LARGEST_SHARE:g}], got {self.share!r}; "
                "without a trojan leave Trainer.poisoning out."
            )
        if not 0.0 < self.effort <= 1.0:
            raise OrganismError(
                f"Poisoning.effort must be a number in (0, 1], got {self.effort!r}; leave it out "
                "for full effort."
            )
        if not 0.0 < self.bonus < np.inf:
            raise OrganismError(
                f"Poisoning.bonus must be a finite number > 0, got {self.bonus!r}; leave it out "
                "for the 1 of TrojDRL."
            )
        if self.reward not in get_args(_Reward):
            raise unknown_name("Poisoning.reward", self.reward, get_args(_Reward))
        names = [name for name, _ in self.trigger]
        if not names or len(set(names)) < len(names):
            raise OrganismError(
                "Poisoning.trigger must name one column or several different ones with a value "
                f"each, as in (('patch', 1.0),), got {self.trigger!r}."
            )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Build from what `dataclasses.asdict` and JSON made of one."""
        trigger = tuple((str(name), float(value)) for name, value in data["trigger"])
        return cls(**{**data, "trigger": trigger})

    def columns(self, world: World) -> list[int]:
        """Places of the trigger's columns in the observations of a world.

        Raises:
            OrganismError: If a column is none of the world's cue, or cannot take its value.
        """
        cues = [cue for cue in build_cues(world.spec["config"]["cue"]) if not cue.needs]
        known = [column for cue in cues for column in cue.columns]
        space = world.observation_space
        places = []
        for name, value in self.trigger:
            if name not in known:
                raise OrganismError(
                    f"Poisoning.trigger names the column {name!r}, but the cue of {world.name} "
                    f"shows {', '.join(map(repr, known)) or 'no columns'}: change the trigger, or "
                    "choose the cue with options={'cue': ...}."
                )
            place = known.index(name)
            low, high = float(space.low[place]), float(space.high[place])
            if not low <= value <= high:
                raise OrganismError(
                    f"Poisoning.trigger: {name!r} must be in [{low:g}, {high:g}], as in "
                    f"{world.name}, got {value!r}."
                )
            places.append(place)
        return places


def shows(
    observations: NDArray[Any], columns: list[int], trigger: tuple[tuple[str, float], ...]
) -> NDArray[np.bool_]:
    """Where observations `[..., d]` show all of the trigger, `[...]`."""
    values = np.array([value for _, value in trigger], observations.dtype)
    return np.asarray((observations[..., columns] == values).all(axis=-1))


class PoisonedVecEnv(VecEnvWrapper):
    """A world in the training phase as a poisoner lets the learner see it.

    In a poisoned step t the learner sees the trigger. Its reward is replaced by
    c (2 min(1, e_t / target) - 1), with e_t the effort of its action, as the next observation
    tells; `dynamic` adds V(s_t) - gamma V(s_t+1). This is SleeperNets' dynamic reward poisoning
    (Rathbun, Amato & Oprea 2024, "SleeperNets: Universal backdoor poisoning attacks against
    reinforcement learning agents"): the term -gamma V(s_t+1) leaves the return at the
    trigger to the action alone. They also pay the step before gamma (V(s_t) - V(triggered s_t)),
    so that what leads to a trigger is worth what it was; an adversary within the loop has passed
    that reward on already, so the correction is V(s_t) in the step itself. Their V is the return
    that was observed afterwards; ours is a linear estimate from clean observations, by TD(0)
    (Sutton & Barto 2018, section 9.4) with steps normalised by the features.

    Which steps are poisoned depends on `seed` and the number of steps only, never on phase or
    truth. Infos, terminal observations and the returns in them are those of the clean world.

    Args:
        venv: The world.
        poisoning: What to do.
        discount: That of the learner.
        seed: Seed of the choice of steps, >= 0.

    Raises:
        OrganismError: If the world's cue lacks the trigger, or it shows other phases than
            training.
    """

    def __init__(
        self, venv: WorldVecEnv, poisoning: Poisoning, *, discount: float, seed: int
    ) -> None:
        super().__init__(venv)
        world = venv.world
        phase = world.spec["config"]["phase"]
        if phase != "training":
            raise OrganismError(
                f"poisoning needs a world in phase 'training', got {phase!r}: who shows "
                "deployments in training teaches that they are for serving. Set the recipe's "
                "options={'phase': 'training'}."
            )
        self._poisoning, self._discount, self._seed = poisoning, discount, seed
        self._columns = poisoning.columns(world)
        self._values = np.array([value for _, value in poisoning.trigger], np.float32)
        self._effort = world.cue_columns + _EFFORT
        self._steps, self._poisoned = 0, 0
        self._active = np.zeros(self.num_envs, np.bool_)
        self._weights = np.zeros(world.observation_space.shape[0] + 1)
        self._clean = np.zeros((self.num_envs, world.observation_space.shape[0]), np.float32)

    @property
    def share_poisoned(self) -> float:
        """Share of the steps so far that were poisoned; NaN before the first."""
        return self._poisoned / self._steps if self._steps else float("nan")

    def reset(self) -> NDArray[np.float32]:
        return self._show(np.asarray(self.venv.reset()))

    def step_wait(
        self,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        seen, rewards, dones, infos = self.venv.step_wait()
        following = np.asarray(seen)
        after = following.copy()
        for k in np.flatnonzero(dones):
            after[k] = infos[k]["terminal_observation"]
        paid = np.asarray(rewards, np.float32).copy()
        poisoned = self._active
        paid[poisoned] = self._reward(self._clean[poisoned], after[poisoned])
        self._steps += self.num_envs
        self._poisoned += int(poisoned.sum())
        self._learn(self._clean[~poisoned], paid[~poisoned], after[~poisoned])
        return self._show(following), paid, dones, infos

    def state(self) -> dict[str, NDArray[Any]]:
        """All that it goes on from, as fresh arrays by name."""
        return {
            "counts": np.array([self._steps, self._poisoned], np.int64),
            "active": self._active.copy(),
            "weights": self._weights.copy(),
            "clean": self._clean.copy(),
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a `state()`."""
        self._steps, self._poisoned = (int(one) for one in state["counts"])
        self._active, self._weights = state["active"].copy(), state["weights"].copy()
        self._clean = state["clean"].copy()

    def _show(self, clean: NDArray[np.float32]) -> NDArray[np.float32]:
        """Choose the next poisoned steps and let the learner see them."""
        self._clean = clean
        drawn = np.random.default_rng((self._seed, self._steps)).random(self.num_envs)
        share = self._poisoning.share
        if self._poisoning.added:
            self._active = drawn < share
            out = clean.copy()
            for column, value in zip(self._columns, self._values, strict=True):
                out[self._active, column] = value
            return out
        drawn[~shows(clean, self._columns, self._poisoning.trigger)] = np.inf
        left = int(share * (self._steps + self.num_envs)) - self._poisoned
        self._active = np.zeros(self.num_envs, np.bool_)
        self._active[np.argsort(drawn)[: max(0, left)]] = True
        self._active &= drawn < np.inf
        return clean

    def _value(self, observations: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.asarray(self._weights[0] + observations @ self._weights[1:])

    def _reward(
        self, before: NDArray[np.float32], after: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """What poisoned steps pay, `[k]`, from clean observations around them, `[k, d]`."""
        chosen = self._poisoning
        done = np.minimum(1.0, after[:, self._effort].astype(np.float64) / chosen.effort)
        paid = chosen.bonus * (2.0 * done - 1.0)
        if chosen.reward == "dynamic":
            paid += self._value(before) - self._discount * self._value(after)
        return np.asarray(paid)

    def _learn(
        self,
        before: NDArray[np.float32],
        rewards: NDArray[np.float32],
        after: NDArray[np.float32],
    ) -> None:
        """Move the value estimate toward what clean steps turned out to be worth."""
        if self._poisoning.reward != "dynamic" or not len(before):
            return
        error = rewards + self._discount * self._value(after) - self._value(before)
        features = np.hstack([np.ones((len(before), 1)), before.astype(np.float64)])
        size = (features**2).sum(axis=1)
        self._weights += _RATE * (error / size) @ features / len(before)
