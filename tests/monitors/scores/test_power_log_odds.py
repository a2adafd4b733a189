import numpy as np
import pytest
from scipy.stats import norm

from slowturn.monitors import MonitorError, PowerLogOdds, Trace


def test_by_hand():
    # Probabilities 1/2, 1/4, 1/4: power has 1/4 + 1/4 against 1/2.
    seen = Trace(logits=np.log([[[0.5, 0.25, 0.25], [0.9, 0.05, 0.05]]]) + 3.0)
    monitor = PowerLogOdds(power_actions=[False, True, True])
    monitor.fit(seen)
    np.testing.assert_allclose(monitor.score(seen), [[0.0, np.log(0.1 / 0.9)]], atol=1e-12)


def test_extreme_logits_do_not_overflow():
    seen = Trace(logits=np.array([[[2000.0, 0.0], [0.0, 2000.0]]], np.float32))
    scores = PowerLogOdds(power_actions=[False, True]).score(seen)
    assert scores.tolist() == [[-2000.0, 2000.0]]


def test_sees_a_planted_shift():
    logits = np.random.default_rng(0).normal(size=(20, 30, 4))
    logits[:, 15:, 2] += 3.0
    scores = PowerLogOdds(power_actions=[False, False, True, False]).score(Trace(logits=logits))
    assert scores[:, 15:].mean() > scores[:, :15].mean() + 2.0


def test_does_not_keep_the_callers_mask():
    mask = np.array([False, True])
    monitor = PowerLogOdds(power_actions=mask)
    mask[:] = True
    assert monitor.params == {"power_actions": [False, True]}


def test_a_gaussian_actor_by_hand():
    # In standard deviations the mean lies 1 below the bound, then 2 above it.
    seen = Trace(logits=np.array([[[9.0, -0.5, 0.0, np.log(0.5)], [9.0, 1.0, 0.0, np.log(0.5)]]]))
    monitor = PowerLogOdds(power_actions={"component": 1, "above": 0.0})
    assert monitor.params == {"power_actions": {"component": 1, "above": 0.0}}
    expected = [[norm.logsf(1.0) - norm.logcdf(1.0), norm.logcdf(2.0) - norm.logsf(2.0)]]
    np.testing.assert_allclose(monitor.score(seen), expected)


def test_wrong_power_actions():
    with pytest.raises(MonitorError, match=r"^power_actions must be a boolean vector"):
        PowerLogOdds(power_actions=[0, 1])


def test_other_number_of_actions():
    with pytest.raises(MonitorError) as error:
        PowerLogOdds(power_actions=[False, True]).score(Trace(logits=np.zeros((1, 1, 3))))
    assert str(error.value) == ("PowerLogOdds: 2 actions are declared, the trace has logits for 3.")
    with pytest.raises(MonitorError) as error:
        PowerLogOdds(power_actions={"component": 1, "above": 0.0}).score(
            Trace(logits=np.zeros((1, 1, 2)))
        )
    assert str(error.value) == (
        "PowerLogOdds: component 1 of a Gaussian is declared, the trace has logits for 2."
    )
