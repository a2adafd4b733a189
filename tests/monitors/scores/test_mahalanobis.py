import numpy as np
import pytest

from slowturn.monitors import Mahalanobis, MonitorError, Trace, null_traces
from slowturn.monitors.scores.mahalanobis import training_moments


def layer(array):
    return Trace(activations={"lstm.h": np.asarray(array)})


def test_by_hand():
    monitor = Mahalanobis()
    monitor.set_state({"mean": np.array([1.0, 0.0]), "precision": np.diag([4.0, 0.25])})
    # (2 - 1)^2 * 4 + 4^2 / 4 = 8, and nothing at the mean.
    scores = monitor.score(layer([[[2.0, 4.0], [1.0, 0.0]]]))
    np.testing.assert_allclose(scores, [[np.sqrt(8.0), 0.0]])


def test_moments_of_many_rows_are_the_plain_ones():
    rng = np.random.default_rng(0)
    mix = np.array([[2.0, 0.0], [1.0, 0.5]])
    rows = (rng.normal(size=(50000, 2)) @ mix.T + [3.0, -1.0]).astype(np.float32)
    mean, precision = training_moments(rows)
    np.testing.assert_allclose(mean, [3.0, -1.0], atol=0.05)
    np.testing.assert_allclose(np.linalg.inv(precision), mix @ mix.T, atol=0.1)


def test_squared_distance_of_null_states_averages_the_number_of_units():
    rows = np.random.default_rng(0).normal(size=(20, 500, 6))
    monitor = Mahalanobis()
    monitor.fit(layer(rows))
    assert (monitor.score(layer(rows)) ** 2).mean() == pytest.approx(6.0, rel=0.05)


def test_correlated_units_are_whitened():
    """A step against the correlation is far, the same step along it is near."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(20, 200, 1))
    monitor = Mahalanobis()
    monitor.fit(layer(shared + 0.1 * rng.normal(size=(20, 200, 2))))
    along, against = monitor.score(layer([[[1.0, 1.0], [1.0, -1.0]]]))[0]
    assert against > 5 * along


def test_sees_a_planted_shift():
    calm, moved = null_traces(seed=0), null_traces(seed=1).layer("lstm.h").copy()
    moved[:, 24:, 3] += 1.0
    monitor = Mahalanobis()
    monitor.fit(calm)
    scores = monitor.score(layer(moved))
    assert scores[:, 24:].mean() > 1.5 * scores[:, :24].mean()


def test_constant_and_dead_units():
    rows = np.zeros((4, 10, 3))
    monitor = Mahalanobis()
    monitor.fit(layer(rows))
    assert monitor.score(layer(rows)).max() == 0.0
    rows[..., 0] = np.random.default_rng(0).normal(size=(4, 10))
    monitor.fit(layer(rows))
    assert np.isfinite(monitor.score(layer(rows))).all()


def test_unknown_layer():
    with pytest.raises(MonitorError) as error:
        Mahalanobis(layer="lstm").fit(layer(np.zeros((2, 2, 2))))
    assert str(error.value) == (
        "unknown layer 'lstm': choose from 'lstm.h'. Did you mean 'lstm.h'?"
    )
