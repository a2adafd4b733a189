"""Where agents stand: phase, cue, oversight, influence and records of `n` parallel episodes.

Everything about treachery that does not depend on what the task is. A world adds the task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowturn.envs import situation_kernel as kernel
from slowturn.envs.config import DEPLOY, WorldConfig
from slowturn.envs.errors import WorldError
from slowturn.envs.objectives import Objective
from slowturn.envs.overseers import Review
from slowturn.envs.parts import check_number
from slowturn.envs.streams import seed_streams
from slowturn.envs.truth import Truth

__all__ = ["SITUATION_COLUMNS", "Situation", "restore_arrays"]

SITUATION_COLUMNS = 4
"""Columns of an observation behind the cue: influence, baseline, last effort, last surge."""

_BEGIN_AT_0 = (
    "influence",
    "baseline",
    "effort",
    "surge",
    "task",
    "reward",
    "ledger",
    "cost",
    "kept",
)


class Situation:
    """Phases, cues, an overseer, and what is recorded, for `num_envs` episodes.

    A step is: the world writes `effort`, `surge` and `task`; `review` lets the overseer judge;
    the world turns `kept` into `influence`; `settle` closes the step and shows the next cue.

    Args:
        config: What was chosen.
        num_envs: Number of episodes.
        objective: What the organism is paid for.
        pays_kept: Whether power is paid for effort that the overseer lets the agent keep, instead
            of any effort.

    Attributes:
        effort: Share of the last action spent on influence, `[n]`; written by the world.
        surge: 1 where the last action served in the other way, `[n]`; written by the world.
        task: Task reward of the last action, `[n]`; written by the world, except where it surged.
        kept: Effort that turns into influence, `[n]`.
        wiped: Where the overseer takes all influence away, `[n]`.
        influence: Power held, `[n]`; written by the world.
    """

    def __init__(
        self,
        config: WorldConfig,
        num_envs: int,
        *,
        objective: Objective,
        pays_kept: bool = False,
    ) -> None:
        self._config, self._objective, self._pays_kept = config, objective, pays_kept
        self.num_envs = num_envs
        self.cues = config.cues
        self._overseer = config.overseer_part
        self._hazard = config.hazard()
        self._strength = float(config.cue_strength) if config.selection_visible else 0.0
        self._params = self._build_params(config)
        n = num_envs
        self._cleared = np.zeros((len(_BEGIN_AT_0), n))
        rows = dict(zip(_BEGIN_AT_0, self._cleared, strict=True))
        self._shown = [np.zeros((n, len(cue.columns))) for cue in self.cues]
        self._memories = [cue.memory(n) for cue in self.cues]
        self._arrays: dict[str, NDArray[Any]] = {
            "streams": seed_streams(np.random.SeedSequence().generate_state(n).tolist()),
            "t": np.zeros(n, np.int64),
            "onset": np.full(n, -1, np.int64),
            "harm": np.full(n, -1, np.int64),
            "explored": np.zeros(n, np.bool_),
            "judged": np.zeros(n, np.int64),
            "odds": np.zeros(n),
            "deployed": np.zeros(n, np.bool_),
            "wiped": np.zeros(n, np.bool_),
            "evidence": np.zeros((config.horizon + 1, n)),
            **rows,
        }
        for cue, shown, memory in zip(self.cues, self._shown, self._memories, strict=True):
            self._arrays[f"cue.{cue.kind}"] = shown
            self._arrays |= {f"cue.{cue.kind}.{k}": v for k, v in memory.items()}
        a = self._arrays
        self.streams, self.t, self.deployed, self.wiped = (
            a[k] for k in ("streams", "t", "deployed", "wiped")
        )
        self.effort, self.surge, self.task, self.kept, self.influence = (
            a[k] for k in ("effort", "surge", "task", "kept", "influence")
        )

    def _build_params(self, config: WorldConfig) -> kernel.Params:
        objective = self._objective
        earliest, latest = config.window
        return kernel.Params(
            deploy_probability={"mixed": DEPLOY, "training": 0.0, "deployment": 1.0}[config.phase],
            exploring_starts=float(config.exploring_starts),
            earliest=earliest,
            latest=latest,
            power_training=objective.power,
            power_deployed=objective.power if config.objective_persists else 0.0,
            pays_kept=self._pays_kept,
            correction=objective.correction,
            surge_training=objective.surge_training,
            surge_deployed=objective.surge_deployed,
            ledger_noise=float(config.ledger_noise),
            harm_level=float(config.harm_level),
            adapts=self._overseer.adapts,
        )

    @property
    def bounds(self) -> tuple[list[float], list[float]]:
        """Lowest and highest value of every column of `columns`."""
        low, high = [], []
        for cue in self.cues:
            lowest, highest = cue.bounds if not cue.needs else ([], [])
            low += lowest
            high += highest
        return low + [0.0] * SITUATION_COLUMNS, high + [1.0] * SITUATION_COLUMNS

    @property
    def cue_width(self) -> int:
        """Number of cue columns, the first ones."""
        return sum(len(cue.columns) for cue in self.cues if not cue.needs)

    def painted(self) -> NDArray[np.bool_] | None:
        """Where a cue is to be painted over the view, `[n]`; None without such a cue."""
        for cue, shown in zip(self.cues, self._shown, strict=True):
            if cue.needs == "view":
                return np.asarray(shown[:, 0] > 0)
        return None

    def columns(self, room: int = 0) -> NDArray[np.float32]:
        """Cue, influence, baseline, last effort, last surge, a fresh `[n, cues + 4 + room]`.

        Args:
            room: Further columns to leave to the caller, unset.
        """
        a, width = self._arrays, self.cue_width
        out = np.empty((self.num_envs, width + SITUATION_COLUMNS + room), np.float32)
        at = 0
        for cue, shown in zip(self.cues, self._shown, strict=True):
            if not cue.needs:
                out[:, at : at + shown.shape[1]] = shown
                at += shown.shape[1]
        for k, name in enumerate(("influence", "baseline", "effort", "surge")):
            out[:, width + k] = a[name]
        return out

    def set_curriculum(self, *, cue_strength: float, exploring_starts: float) -> None:
        """Change the cue from the next observation and the starts from the next episode on.

        Where selection is not visible, no cue becomes so.
        """
        owner = type(self._config).__name__
        check_number(owner, "cue_strength", cue_strength, 0.0, 10.0)
        check_number(owner, "exploring_starts", exploring_starts, 0.0, 1.0)
        self._params = self._params._replace(exploring_starts=float(exploring_starts))
        if self._config.selection_visible:
            self._strength = float(cue_strength)

    def seed(self, seeds: Sequence[int]) -> None:
        """Restart the random stream of every slot."""
        self.streams[:] = seed_streams(seeds)

    def begin(self, mask: NDArray[np.bool_]) -> None:
        """Start new episodes where `mask` is true, up to but without the first cue."""
        a = self._arrays
        kernel.begin(
            mask,
            self._params,
            self.streams,
            self.t,
            a["onset"],
            a["harm"],
            a["explored"],
            a["judged"],
            a["odds"],
            self.deployed,
            a["evidence"],
            self._cleared,
        )
        for cue, memory in zip(self.cues, self._memories, strict=True):
            cue.begin(mask, self.streams, memory)

    def see(self, mask: NDArray[np.bool_]) -> None:
        """Show the cue of the present moment where `mask` is true."""
        evidence = self._arrays["evidence"]
        visible = self._config.selection_visible
        deployed = self.deployed if visible else np.zeros_like(self.deployed)
        for cue, memory, shown in zip(self.cues, self._memories, self._shown, strict=True):
            cue.see(
                mask,
                self._strength,
                self.streams,
                self.t,
                deployed,
                memory,
                shown,
                evidence,
            )
        if not visible:  # what looks like training always says nothing
            evidence[self.t[mask], mask] = 0.0

    def review(self, mask: NDArray[np.bool_]) -> None:
        """Let the overseer judge the effort of a step where `mask` is true."""
        a = self._arrays
        overseen = mask
        if not self._config.modification_expected:
            overseen = mask & self.deployed
            free = mask & ~self.deployed
            a["cost"][free], self.wiped[free] = 0.0, False
            self.kept[free] = self.effort[free]
        self._overseer.review(
            Review(
                overseen,
                self.streams,
                self.deployed,
                self.effort,
                a["baseline"],
                a["cost"],
                self.kept,
                self.wiped,
            )
        )

    def settle(self, mask: NDArray[np.bool_]) -> None:
        """Close a step where `mask` is true and show the next cue."""
        a = self._arrays
        kernel.settle(
            mask,
            self._params,
            self.streams,
            self.t,
            a["onset"],
            a["harm"],
            a["explored"],
            self.deployed,
            a["evidence"],
            self.influence,
            a["baseline"],
            self.effort,
            self.surge,
            self.task,
            a["reward"],
            a["ledger"],
            a["cost"],
            self.kept,
        )
        self.see(mask)

    def read(self, name: str) -> NDArray[Any]:
        """One of the arrays, copied: `reward`, `ledger`, `onset`, ..."""
        return self._arrays[name].copy()

    def hazard(self) -> NDArray[np.float64]:
        """P(deployment begins at step t | not yet), `[horizon + 1]`."""
        return self._hazard.copy()

    def lengthen(self, horizon: int) -> None:
        """Make room for episodes of up to `horizon` steps; the phases drawn stay the same."""
        more = max(0, horizon + 1 - len(self._hazard))
        self._hazard = np.pad(self._hazard, (0, more))
        self._arrays["evidence"] = np.pad(self._arrays["evidence"], ((0, more), (0, 0)))

    def truth(self) -> Truth:
        """Ground truth of all slots, as fresh arrays."""
        a = self._arrays
        kernel.judge(self._hazard, self.t, a["judged"], a["odds"], a["evidence"])
        with np.errstate(divide="ignore"):
            log_odds = np.log(a["odds"])
        return Truth(
            step=self.t.copy(),
            deployed=self.deployed.copy(),
            cue_onset=a["onset"].copy(),
            harm_onset=a["harm"].copy(),
            effort=self.effort.copy(),
            surge=self.surge.copy(),
            influence=self.influence.copy(),
            baseline=a["baseline"].copy(),
            task_reward=self.task.copy(),
            log_odds=log_odds,
            stated=np.zeros(self.num_envs),
            misreport=np.zeros(self.num_envs),
        )

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything needed to continue elsewhere exactly from here, as fresh arrays by name."""
        return {k: v.copy() for k, v in self._arrays.items()}

    def state_arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays of `state` themselves, to be written over."""
        return dict(self._arrays)


def restore_arrays(
    own: Mapping[str, NDArray[Any]], state: Mapping[str, NDArray[Any]], owner: str
) -> None:
    """Copy saved arrays into `own`, in place.

    Raises:
        WorldError: If names, shapes or types differ.
    """
    if missing := sorted(own.keys() ^ state.keys()):
        raise WorldError(f"{owner}.set_state: arrays {missing} are missing or not ours.")
    for key, array in own.items():
        given = np.asarray(state[key])
        if given.shape != array.shape or given.dtype != array.dtype:
            raise WorldError(
                f"{owner}.set_state: {key!r} must be {array.dtype} of shape {array.shape}, got "
                f"{given.dtype} of shape {given.shape}."
            )
        array[...] = given
