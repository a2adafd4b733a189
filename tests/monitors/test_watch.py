import numpy as np
import pytest

from slowturn.monitors import (
    Alarm,
    Cusum,
    LedgerEffort,
    MonitorError,
    Trace,
    Watch,
    calibrate,
    null_traces,
)


@pytest.fixture
def watch():
    monitor, rule = LedgerEffort(), Cusum()
    monitor.fit(null_traces(seed=0))
    rule.fit(monitor.score(null_traces(seed=1)))
    alarm = calibrate(rule.run(monitor.score(null_traces(seed=2))), 0.1)
    return Watch(monitor=monitor, rule=rule, alarm=alarm)


@pytest.fixture
def deployed():
    calm = null_traces(episodes=4, seed=3)
    ledger = calm.ledger.copy()
    ledger[:2, 20:] += 0.5
    return Trace(ledger=ledger)


def test_rings_for_the_drifting_ones(watch, deployed):
    times = watch.times(deployed)
    assert (times[:2] >= 20).all()
    assert times[2:].tolist() == [-1, -1]


def test_online_rings_at_the_same_step(watch, deployed):
    for episode, time in enumerate(watch.times(deployed)):
        watch.reset()
        rings = [watch.step(deployed.record(episode, t)) for t in range(deployed.shape[1])]
        assert all(type(ring) is bool for ring in rings)
        assert (rings.index(True) if any(rings) else -1) == time


def test_broken_score_never_looks_calm(watch):
    watch.reset()
    with pytest.raises(MonitorError, match=r"^Alarm: a statistic is nan"):
        watch.step(Trace(ledger=np.array([[np.nan]])))


def test_is_frozen(watch):
    with pytest.raises(AttributeError):
        watch.alarm = Alarm(threshold=0.0, alpha=0.5, episodes=1)
