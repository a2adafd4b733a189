"""A world made of a situation and a task: what all worlds of the package are built on."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from numba import njit
from numpy.typing import NDArray

from slowturn.envs.config import WorldConfig
from slowturn.envs.errors import WorldError
from slowturn.envs.objectives import OBJECTIVES, Objective
from slowturn.envs.situation import SITUATION_COLUMNS, Situation, restore_arrays
from slowturn.envs.truth import Truth
from slowturn.envs.world import World

__all__ = ["SituatedWorld"]


class SituatedWorld(World):
    """Phase, cue, overseer and records come from a `Situation`; a subclass adds the task.

    Observations begin with the columns of the situation (cue, influence, baseline, last effort,
    last surge), followed by the task's own. Subclasses define `_build_task` (spaces and arrays),
    `_begin_task`, `_act`, and, where influence is more than accumulated effort, `_gain`.

    Args:
        config: What was chosen, or
        overrides: single options by name.
        num_envs: Number of parallel episodes, at least 1.
    """

    config_class: ClassVar[type[WorldConfig]] = WorldConfig
    objectives: ClassVar[Mapping[str, Objective]] = OBJECTIVES
    """What each named objective pays here."""
    pays_kept: ClassVar[bool] = False
    """Whether power is paid for effort that is kept, instead of any effort."""
    features: ClassVar[frozenset[str]] = frozenset()
    """What the world has to show a cue in, beyond columns: `view`."""
    gain: ClassVar[float] = 0.02
    """Influence per unit of effort that is kept."""

    def __init__(
        self, config: WorldConfig | None = None, *, num_envs: int = 1, **overrides: Any
    ) -> None:
        super().__init__(num_envs)
        short = self.name.partition("-")[0]
        if config is None:
            config = self.config_class.from_options(short, overrides)
        elif overrides:
            raise WorldError(
                f"{short} takes a config or single options, not both: got config and "
                f"{sorted(overrides)}; use dataclasses.replace(config, ...)."
            )
        self.config = config
        self.horizon = config.horizon
        self.harm_level = float(config.harm_level)
        for cue in config.cues:
            if cue.needs and cue.needs not in self.features:
                raise WorldError(
                    f"cue {cue.kind!r} is to be shown in the {cue.needs}, and {self.name} has "
                    f"none: leave out place={cue.needs!r}, or choose a world with a {cue.needs}."
                )
        self.objective = self.objectives[config.objective]
        self.situation = Situation(
            config, num_envs, objective=self.objective, pays_kept=self.pays_kept
        )
        self._own: dict[str, NDArray[Any]] = {}
        low, high = self._build_task()
        below, above = self.situation.bounds
        self.observation_space = gym.spaces.Box(
            np.array(below + low, np.float32), np.array(above + high, np.float32)
        )
        self.reset()

    @abstractmethod
    def _build_task(self) -> tuple[list[float], list[float]]:
        """Set the action space and `self._own` arrays; bounds of the task's columns."""

    @abstractmethod
    def _act(self, mask: NDArray[np.bool_], actions: NDArray[Any]) -> None:
        """Carry out actions where `mask` is true; write effort, surge and task."""

    @property
    def spending(self) -> NDArray[np.float64]:
        """What share of the step each discrete action spends, `[action_space.n]`, if that is fixed.

        Raises:
            WorldError: If it depends on more than the action, as most worlds' does.
        """
        raise WorldError(f"{self.name}: what an action spends depends on more than the action.")

    def spent(self) -> NDArray[np.float64]:
        """Share of the last action that was withheld from the standing work, a fresh `[n]`."""
        return self.situation.effort.copy()

    def asked(self) -> NDArray[np.float64]:
        """What of it the operator had asked for, a fresh `[n]`."""
        return np.zeros(self.num_envs)

    def _begin_task(self, mask: NDArray[np.bool_]) -> None:
        """Start the task of new episodes where `mask` is true."""

    def _show_task(self, out: NDArray[np.float32], first: int) -> None:
        """Write the task's columns, those of `out` (`[n, d]`) from `first` on."""

    def _gain(self, mask: NDArray[np.bool_]) -> None:
        """Turn kept effort into influence where `mask` is true."""
        s = self.situation
        _gain(mask, self.gain, s.kept, s.wiped, s.influence)

    @property
    def spec(self) -> dict[str, Any]:
        return {"world": self.name, "config": self.config.spec}

    @property
    def cue_columns(self) -> int:
        return self.situation.cue_width

    def hazard(self) -> NDArray[np.float64]:
        return self.situation.hazard()

    def honest_optimum(self) -> NDArray[np.float64]:
        """Best honest task reward: 1 a step by plain service, or by surging where that pays.

        Worlds whose task pays otherwise override it.
        """
        onset = self.situation.read("onset")
        deployed = np.where(onset >= 0, self.horizon - onset, 0).astype(np.float64)
        return self.horizon + deployed * max(0.0, self.objective.surge_deployed - 1.0)

    def set_curriculum(self, *, cue_strength: float, exploring_starts: float) -> None:
        self.situation.set_curriculum(cue_strength=cue_strength, exploring_starts=exploring_starts)

    def seed(self, seeds: Sequence[int]) -> None:
        if len(seeds) != self.num_envs:
            raise WorldError(
                f"{self.name.partition('-')[0]}.seed needs one seed per episode: {self.num_envs}, "
                f"got {len(seeds)}."
            )
        self.situation.seed(seeds)

    def reset(self, mask: NDArray[np.bool_] | None = None) -> None:
        chosen = self.checked_mask(mask)
        self.situation.begin(chosen)
        self._begin_task(chosen)
        self.situation.see(chosen)

    def step(self, actions: NDArray[Any], mask: NDArray[np.bool_] | None = None) -> None:
        chosen = self.checked_mask(mask)
        checked = self.checked_actions(actions)
        if (chosen & self.done()).any():
            raise WorldError(
                f"{self.name.partition('-')[0]}.step: an episode is over; call reset for it first."
            )
        self._act(chosen, checked)
        self.situation.review(chosen)
        self._gain(chosen)
        self.situation.settle(chosen)

    def observations(self) -> NDArray[np.float32]:
        first = self.situation.cue_width + SITUATION_COLUMNS
        out = self.situation.columns(self.observation_space.shape[0] - first)
        self._show_task(out, first)
        return out

    def rewards(self) -> NDArray[np.float64]:
        return self.situation.read("reward")

    def ledger(self) -> NDArray[np.float64]:
        return self.situation.read("ledger")

    def done(self) -> NDArray[np.bool_]:
        return self.situation.t >= self.horizon

    def truth(self) -> Truth:
        return self.situation.truth()

    def state(self) -> dict[str, NDArray[Any]]:
        return self.situation.state() | {f"task.{k}": v.copy() for k, v in self._own.items()}

    def set_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        own = self.situation.state_arrays() | {f"task.{k}": v for k, v in self._own.items()}
        restore_arrays(own, state, self.name.partition("-")[0])


@njit(cache=True, error_model="numpy")
def _gain(
    mask: NDArray[np.bool_],
    gain: float,
    kept: NDArray[np.float64],
    wiped: NDArray[np.bool_],
    influence: NDArray[np.float64],
) -> None:
    for i in range(mask.shape[0]):
        if mask[i]:
            influence[i] = 0.0 if wiped[i] else min(1.0, influence[i] + gain * kept[i])
