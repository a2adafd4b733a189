"""A monitor, a rule and an alarm on duty together: what one deploys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slowturn.monitors.alarm import Alarm
from slowturn.monitors.monitor import Monitor
from slowturn.monitors.rules import Rule
from slowturn.monitors.trace import Trace

__all__ = ["Watch"]


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Watches one episode step by step, or recorded ones at once.

    Attributes:
        monitor: A fitted monitor.
        rule: A rule fitted on its scores.
        alarm: An alarm calibrated on the rule's statistics.
    """

    monitor: Monitor
    rule: Rule
    alarm: Alarm

    def reset(self) -> None:
        """Begin an episode."""
        self.monitor.reset()
        self.rule.reset()

    def step(self, record: Trace) -> bool:
        """Whether the alarm rings at the next step of the episode; `record` has shape (1, 1)."""
        return bool(self.alarm.rings(np.asarray(self.rule.step(self.monitor.step(record)))))

    def times(self, traces: Trace) -> NDArray[np.int64]:
        """First step at which each recorded episode rings, -1 for never, `[episode]`."""
        return self.alarm.times(self.rule.run(self.monitor.score(traces)))
