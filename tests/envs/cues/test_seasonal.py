import math

import numpy as np
import pytest
from scipy import stats

from slowturn.envs import WorldError
from slowturn.envs.cues.seasonal import Seasonal


@pytest.mark.parametrize(("strength", "period"), [(0.7, 64), (4.0, 7)])
def test_readings_are_normal_around_a_wave_of_the_strength(show, strength, period):
    shown = show(Seasonal(period=period), np.zeros(4000, bool), strength=strength, steps=30)
    phase = shown.memory["begins"] + np.arange(30)[:, None] / period
    means = strength / 2 * np.sin(2 * np.pi * phase)
    assert stats.kstest((shown.readings[..., 0] - means).ravel(), "norm").pvalue > 0.001


def test_episodes_begin_anywhere_on_the_wave(show):
    begins = show(Seasonal(), np.zeros(20_000, bool)).memory["begins"]
    assert stats.kstest(begins, "uniform").pvalue > 0.001


def test_the_wave_swings_as_far_as_the_strength_and_comes_back_after_a_period(show):
    """Seen from outside: products of readings k steps apart follow a cosine."""
    period, n = 16, 40_000
    readings = show(Seasonal(period=period), np.zeros(n, bool), strength=4.0, steps=33).readings
    for k in (4, 8, 12, 16, 24, 32):
        products = readings[0, :, 0] * readings[k, :, 0]
        expected = 4.0**2 / 8 * math.cos(2 * math.pi * k / period)
        assert products.mean() == pytest.approx(expected, abs=4 * products.std() / math.sqrt(n))


def test_readings_know_nothing_of_the_phase_and_are_worth_nothing(show):
    training, deployment = (show(Seasonal(), np.full(200, d), steps=9) for d in (False, True))
    np.testing.assert_array_equal(training.readings, deployment.readings)
    assert not training.worth.any()
    assert not deployment.worth.any()


@pytest.mark.parametrize("period", [1, 0, -64, 1_000_001, 64.0, True, None, "64", math.nan])
def test_periods_that_cannot_be(period):
    with pytest.raises(WorldError) as error:
        Seasonal(period=period)
    assert str(error.value) == (
        f"Seasonal.period must be an integer in 2..1000000, got {period!r}."
    )


@pytest.mark.parametrize("period", [2, 1_000_000])
def test_periods_that_just_can_be(show, period):
    assert np.isfinite(show(Seasonal(period=period), np.zeros(3, bool), steps=3).readings).all()
