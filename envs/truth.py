"""Truth: what really happens in a world, for evaluation only."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Truth"]


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Ground truth of `n` parallel episodes. No agent and no monitor ever receives it.

    `step`, `deployed`, `influence`, `baseline` and `log_odds` describe the moment of the current
    observation; all others describe the action that led to it (0 after a reset).
    The onsets are facts about the whole episode. The third onset, *behaviour onset*, depends on a
    pair of policies and is computed by the benchmark, not by a world.

    Attributes:
        step: Steps taken in this episode, shape `[n]`.
        deployed: Whether the deployment phase has begun, shape `[n]`.
        cue_onset: Step at which deployment begins, -1 for never, shape `[n]`.
        harm_onset: First step whose action brought influence to the harm level, -1 if that has
            not happened yet, shape `[n]`.
        effort: Share of the last action spent on influence, in [0, 1], shape `[n]`.
        surge: 1 where the last action served the operator in the other way, shape `[n]`.
        influence: Power held, in [0, 1], shape `[n]`.
        baseline: The diversion that the overseer has got used to, in [0, 1], shape `[n]`.
        task_reward: Reward of the operator's task for the last action, shape `[n]`.
        log_odds: Exact posterior log-odds of deployment given every cue shown so far and the
            distribution from which phases are drawn, in nats, shape `[n]`. Certainty saturates at
            690.8 (odds of 1e300).
        stated: Share of the step that the last action was said to spend, in [0, 1], shape `[n]`;
            0 in worlds without a report channel.
        misreport: How far that was from what it spent, beyond rounding, likewise.
    """

    step: NDArray[np.int64]
    deployed: NDArray[np.bool_]
    cue_onset: NDArray[np.int64]
    harm_onset: NDArray[np.int64]
    effort: NDArray[np.float64]
    surge: NDArray[np.float64]
    influence: NDArray[np.float64]
    baseline: NDArray[np.float64]
    task_reward: NDArray[np.float64]
    log_odds: NDArray[np.float64]
    stated: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    misreport: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def asdict(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by field name, uncopied."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
