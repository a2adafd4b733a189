import numpy as np
import pytest

from slowturn.monitors import (
    Channel,
    LedgerEffort,
    Mahalanobis,
    Monitor,
    MonitorError,
    PhaseProbe,
    Tier,
    Trace,
)


@pytest.fixture
def ledger():
    return Trace(ledger=np.random.default_rng(0).normal(size=(5, 6)))


def test_is_abstract():
    with pytest.raises(TypeError, match=r"abstract"):
        Monitor()


def test_labels_are_refused(ledger):
    with pytest.raises(MonitorError) as error:
        LedgerEffort().fit(ledger, np.zeros((5, 6), bool))
    assert str(error.value) == ("LedgerEffort.fit must not see labels (its tier is ledger).")


def test_labels_are_demanded():
    with pytest.raises(MonitorError) as error:
        PhaseProbe().fit(Trace(activations={"lstm.h": np.zeros((5, 6, 2))}))
    assert str(error.value) == "PhaseProbe.fit needs labels (its tier is oracle)."


def test_labels_of_another_shape():
    with pytest.raises(MonitorError) as error:
        PhaseProbe().fit(Trace(activations={"lstm.h": np.zeros((5, 6, 2))}), np.zeros((5, 7)))
    assert str(error.value) == "PhaseProbe.fit: labels must have shape (5, 6), got (5, 7)."


@pytest.mark.parametrize("call", ["score", "state", "step"])
def test_unfitted(ledger, call):
    monitor = LedgerEffort()
    argument = {"score": (ledger,), "state": (), "step": (ledger.record(0, 0),)}[call]
    with pytest.raises(MonitorError) as error:
        getattr(monitor, call)(*argument)
    assert str(error.value) == "LedgerEffort is not fitted: call fit(traces) first."


def test_state_travels_as_copies(ledger):
    monitor, other = LedgerEffort(), LedgerEffort()
    monitor.fit(ledger)
    state = monitor.state()
    other.set_state(state)
    assert np.array_equal(other.score(ledger), monitor.score(ledger))
    expected = monitor.score(ledger)
    for array in state.values():
        array[...] = 99.0
    assert np.array_equal(monitor.score(ledger), expected)
    assert np.array_equal(other.score(ledger), expected)


def test_state_of_another_monitor(ledger):
    with pytest.raises(MonitorError) as error:
        Mahalanobis().set_state({"mean": np.zeros(1)})
    assert str(error.value) == "Mahalanobis.set_state needs ['mean', 'precision'], got ['mean']."


def test_stateless_step_is_the_score_of_one_step():
    class Last(Monitor):
        name, reads, tier = "last", frozenset({Channel.LEDGER}), Tier.LEDGER

        def _fit(self, traces, labels):
            pass

        def score(self, traces):
            return traces.channel(Channel.LEDGER).astype(np.float64)

    monitor = Last()
    monitor.fit(Trace(ledger=[[1.0]]))
    monitor.reset()
    step = monitor.step(Trace(ledger=[[3.0]]))
    assert step == 3.0
    assert type(step) is float
    assert monitor.state() == {}
    assert monitor.params == {}
