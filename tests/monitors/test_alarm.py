import json

import numpy as np
import pytest
from scipy.stats import binom

from slowturn.monitors import Alarm, MonitorError, calibrate, first_alarm


def ar1(rng, episodes, steps, persistence=0.95):
    noise = rng.standard_normal((episodes, steps))
    out = np.empty_like(noise)
    out[:, 0] = last = noise[:, 0] / np.sqrt(1 - persistence**2)
    for t in range(1, steps):
        out[:, t] = last = persistence * last + noise[:, t]
    return out


@pytest.mark.parametrize(
    ("episodes", "alpha", "rank"),
    [(19, 0.05, 19), (20, 0.05, 20), (39, 0.05, 38), (99, 0.05, 95), (9, 0.1, 9), (3, 0.3, 3)],
)
def test_threshold_is_the_promised_order_statistic(episodes, alpha, rank):
    maxima = np.random.default_rng(0).permutation(episodes) + 1.0
    alarm = calibrate(np.stack([maxima - 5, maxima], axis=1), alpha)
    assert alarm == Alarm(threshold=float(rank), alpha=alpha, episodes=episodes)


def test_rank_is_exact_where_floats_are_not():
    assert 150 * (1 - 0.18) > 123.0  # by 1e-14
    assert calibrate(np.arange(1.0, 150.0)[:, None], 0.18).threshold == 123.0


@pytest.mark.parametrize(("alpha", "needed"), [(0.05, 19), (0.1, 9), (0.01, 99), (0.3, 3)])
def test_too_few_episodes(alpha, needed):
    calibrate(np.zeros((needed, 2)), alpha)
    with pytest.raises(MonitorError) as error:
        calibrate(np.zeros((needed - 1, 2)), alpha)
    assert str(error.value) == (
        f"calibrating to alpha = {alpha} needs at least {needed} whole episodes, got "
        f"{needed - 1}; record more, or accept a larger alpha."
    )


def test_ties_do_not_ring():
    alarm = calibrate(np.full((19, 3), 2.0), 0.05)
    assert alarm.times(np.array([[2.0, 2.0, 2.0], [2.0, 2.1, 2.1]])).tolist() == [-1, 1]


def test_first_alarm():
    rings = np.array([[False, True, True], [False, False, False], [True, False, False]])
    assert first_alarm(rings).tolist() == [1, -1, 0]


@pytest.mark.parametrize("shape", [(3,), (2, 0)])
def test_first_alarm_needs_episodes_of_steps(shape):
    with pytest.raises(MonitorError, match=r"^first_alarm needs \[episode, step\], got shape"):
        first_alarm(np.zeros(shape, bool))


def test_whole_null_deployments_ring_at_the_nominal_rate():
    """Many calibrations, one fresh deployment each: independent trials of probability alpha."""
    rng = np.random.default_rng(1)
    trials, episodes, alpha = 600, 39, 0.05
    rung = 0
    for _ in range(trials):
        null = ar1(rng, episodes + 1, 60)
        rung += calibrate(null[:-1], alpha).times(null[-1:])[0] >= 0
    low, high = binom.interval(0.999, trials, alpha)
    assert low <= rung <= high


def test_pooled_steps_would_not():
    """The negative control of the test above: a step-wise threshold misses the band."""
    rng = np.random.default_rng(1)
    null = ar1(rng, 600, 60)
    rung = (null[300:] > np.quantile(null[:300], 0.95)).any(axis=1).sum()
    assert rung > binom.interval(0.999, 300, 0.05)[1]


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, float("nan")])
def test_alpha_out_of_range(alpha):
    with pytest.raises(MonitorError) as error:
        calibrate(np.zeros((50, 2)), alpha)
    assert str(error.value) == f"alpha must be in (0, 1), got {alpha}."


@pytest.mark.parametrize("shape", [(50,), (50, 0), (50, 2, 1)])
def test_wrong_shape(shape):
    with pytest.raises(MonitorError) as error:
        calibrate(np.zeros(shape), 0.05)
    assert str(error.value) == f"statistics must be [episode, step], got shape {shape}."


def test_calibration_must_be_finite():
    with pytest.raises(MonitorError, match=r"calibration episodes must be finite\.$"):
        calibrate(np.full((50, 2), np.inf), 0.05)


def test_nan_never_looks_calm():
    alarm = calibrate(np.zeros((19, 1)), 0.05)
    with pytest.raises(MonitorError, match=r"^Alarm: a statistic is nan"):
        alarm.times(np.array([[0.0, np.nan]]))
    assert alarm.times(np.array([[0.0, np.inf], [0.0, -np.inf]])).tolist() == [1, -1]


def test_threshold_must_be_a_number():
    with pytest.raises(MonitorError) as error:
        Alarm(threshold=float("nan"), alpha=0.05, episodes=0)
    assert str(error.value) == "Alarm.threshold must be a number, got nan."


def test_card_survives_json():
    alarm = calibrate(np.random.default_rng(0).normal(size=(40, 5)), 0.05)
    assert Alarm.from_card(json.loads(json.dumps(alarm.card()))) == alarm
