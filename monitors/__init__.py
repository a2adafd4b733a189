"""Monitors: read an agent's mind, score every step, and ring seldom without need.

The kinds fit together in one line: a *recorder* drives a policy and yields one row per step; the
rows make a *trace*, which is all that may be read; a *monitor* turns a trace into one score per
step; a sequential *rule* turns scores into a statistic; an *alarm* is a threshold on it,
calibrated on whole honest episodes. Each is fitted on episodes of its own, and nothing here knows
a world or an agent: arrays and `torch.nn.Module` only.

Your own Stable-Baselines3 policy under a monitor, step by step (`model`, and a `venv` of 60
episodes of 256 steps side by side)::

    def record(seed):
        recorder, seen, rows = Recorder(model.policy, ["lstm.h"], seed=seed), venv.reset(), []
        for _ in range(256):
            rows.append(recorder.step(seen))
            seen, *_ = venv.step(rows[-1].actions)
        return Trace.join([row.trace() for row in rows])

    monitor, rule = Mahalanobis(layer="lstm.h"), Cusum()
    monitor.fit(record(seed=0))
    rule.fit(monitor.score(record(seed=1)))
    alarm = calibrate(rule.run(monitor.score(record(seed=2))), alpha=0.05)
    watch = Watch(monitor=monitor, rule=rule, alarm=alarm)
    print(watch.times(record(seed=3)))  # first alarm of each episode, -1 for never

`watch.step(row.trace())` does the same online, `save_watch` keeps it, and `check_monitor` holds a
monitor of your own to the contract. Monitors are compared within an access tier (`Tier`).
"""

from slowturn.monitors.access import Channel, Tier
from slowturn.monitors.alarm import Alarm, calibrate, first_alarm
from slowturn.monitors.checks import check_monitor
from slowturn.monitors.errors import MonitorError
from slowturn.monitors.heads import policy_head
from slowturn.monitors.interventions import Expected, Speech, aimless, follows
from slowturn.monitors.module_watch import ModuleWatch
from slowturn.monitors.monitor import Monitor
from slowturn.monitors.readers import Scripted
from slowturn.monitors.recorder import Recorder, StepRecord
from slowturn.monitors.registry import MONITORS, RULES
from slowturn.monitors.rules import Cusum, Ewma, Maximum, Rule
from slowturn.monitors.scores import (
    ActionRatio,
    HallucinationProbe,
    LedgerEffort,
    LedgerRatio,
    Mahalanobis,
    PhaseProbe,
    PowerLogOdds,
    Reference,
    TimeIndex,
)
from slowturn.monitors.storage import load_monitor, load_watch, save_monitor, save_watch
from slowturn.monitors.synthetic import null_traces
from slowturn.monitors.trace import Trace
from slowturn.monitors.watch import Watch

__all__ = [
    "MONITORS",
    "RULES",
    "ActionRatio",
    "Alarm",
    "Channel",
    "Cusum",
    "Ewma",
    "Expected",
    "HallucinationProbe",
    "LedgerEffort",
    "LedgerRatio",
    "Mahalanobis",
    "Maximum",
    "ModuleWatch",
    "Monitor",
    "MonitorError",
    "PhaseProbe",
    "PowerLogOdds",
    "Recorder",
    "Reference",
    "Rule",
    "Scripted",
    "Speech",
    "StepRecord",
    "Tier",
    "TimeIndex",
    "Trace",
    "Watch",
    "aimless",
    "calibrate",
    "check_monitor",
    "first_alarm",
    "follows",
    "load_monitor",
    "load_watch",
    "null_traces",
    "policy_head",
    "save_monitor",
    "save_watch",
]
