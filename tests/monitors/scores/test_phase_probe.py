import numpy as np
import pytest
from scipy.stats import rankdata

from slowturn.monitors import MonitorError, PhaseProbe, Trace, null_traces


def auc(scores, labels):
    ranks = rankdata(scores)
    positive = labels.sum()
    return (ranks[labels.ravel()].sum() - positive * (positive + 1) / 2) / (
        positive * (labels.size - positive)
    )


@pytest.fixture
def labelled():
    """Deployment at a random step of most episodes, written into one unit."""
    rng = np.random.default_rng(0)
    states = null_traces(episodes=80, steps=40).layer("lstm.h").copy()
    onset = np.where(rng.random(80) < 0.7, rng.integers(5, 35, 80), 40)
    labels = np.arange(40) >= onset[:, None]
    states[..., 2] += labels
    states += np.arange(8, dtype=np.float32)  # units need not be centred
    return Trace(activations={"lstm.h": states}), labels


def halves(trace, labels):
    return trace.episodes(slice(0, 40)), labels[:40], trace.episodes(slice(40, 80)), labels[40:]


def test_finds_a_planted_phase(labelled):
    fit, fit_labels, test, test_labels = halves(*labelled)
    probe = PhaseProbe()
    probe.fit(fit, fit_labels)
    assert auc(probe.score(test).ravel(), test_labels) > 0.95
    assert np.abs(probe.weights).argmax() == 2


def test_is_the_log_odds(labelled):
    fit, labels, _, _ = halves(*labelled)
    probe = PhaseProbe()
    probe.fit(fit, labels)
    predicted = 1 / (1 + np.exp(-probe.score(fit)))
    # The likelihood equations of a logistic model with an intercept balance the means.
    assert predicted.mean() == pytest.approx(labels.mean(), abs=1e-3)


def test_by_hand():
    probe = PhaseProbe()
    probe.set_state({"weights": np.array([2.0, -1.0]), "bias": np.array(0.5)})
    seen = Trace(activations={"lstm.h": np.array([[[1.0, 3.0]]], np.float32)})
    assert probe.score(seen).tolist() == [[-0.5]]


def test_shuffled_labels_teach_nothing(labelled):
    """Shuffled over steps, too: over episodes alone, time would still tell the phase."""
    fit, fit_labels, test, test_labels = halves(*labelled)
    rng = np.random.default_rng(0)
    against_shuffled, against_true = [], []
    for _ in range(20):
        probe = PhaseProbe()
        probe.fit(fit, rng.permutation(fit_labels.ravel()).reshape(fit_labels.shape))
        scores = probe.score(test).ravel()
        against_shuffled.append(auc(scores, rng.permutation(test_labels.ravel())))
        against_true.append(auc(scores, test_labels))
    positive, n = test_labels.sum(), test_labels.size
    deviation = np.sqrt((n + 1) / (12 * positive * (n - positive)))
    assert np.abs(np.subtract(against_shuffled, 0.5)).max() < 4 * deviation
    assert np.mean(against_true) == pytest.approx(0.5, abs=0.15)


def test_a_constant_unit_has_no_say(labelled):
    trace, labels = labelled
    states = trace.layer("lstm.h").copy()
    states[..., 0] = 0.25
    probe = PhaseProbe()
    probe.fit(Trace(activations={"lstm.h": states}), labels)
    assert probe.weights[0] == 0.0


@pytest.mark.parametrize("value", [True, False])
def test_one_phase_only(labelled, value):
    trace, labels = labelled
    with pytest.raises(MonitorError) as error:
        PhaseProbe().fit(trace, np.full_like(labels, value))
    assert str(error.value) == "PhaseProbe.fit needs labels of both phases."
