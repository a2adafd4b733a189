import math

import numpy as np
import pytest
from scipy import stats

from slowturn.envs.cues.evidence import BOUND, Evidence


@pytest.mark.parametrize("strength", [0.0, 0.7, 3.0])
def test_readings_are_normal_around_half_the_strength_on_the_side_of_the_phase(
    show, halves, strength
):
    deployed = halves(20_000)
    readings = show(Evidence(), deployed, strength=strength, steps=5).readings[..., 0]
    for phase, mean in ((False, -strength / 2), (True, strength / 2)):
        values = readings[:, deployed == phase].ravel()
        assert stats.kstest(values - mean, "norm").pvalue > 0.001
        assert values.mean() == pytest.approx(mean, abs=4 / math.sqrt(values.size))
        assert values.std() == pytest.approx(1.0, abs=4 / math.sqrt(2 * values.size))


def test_readings_are_independent_over_time_and_between_slots(show, halves):
    readings = show(Evidence(), halves(2000), strength=0.0, steps=50).readings[..., 0]
    for one, other in ((readings[1:], readings[:-1]), (readings[:, 1:], readings[:, :-1])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 4 / math.sqrt(one.size)


@pytest.mark.parametrize("strength", [0.0, 0.7, 10.0])
def test_a_reading_is_worth_its_log_likelihood_ratio(show, halves, strength):
    shown = show(Evidence(), halves(200), strength=strength, steps=3)
    readings = shown.readings[..., 0]
    yes, no = (stats.norm.logpdf(readings, mean) for mean in (strength / 2, -strength / 2))
    np.testing.assert_allclose(yes - no, shown.worth, atol=1e-10)


def test_a_step_carries_half_the_square_of_the_strength_in_nats(show):
    worth = show(Evidence(), np.ones(40_000, bool), strength=0.7).worth
    assert worth.mean() == pytest.approx(0.7**2 / 2, abs=4 * 0.7 / 200)


def test_readings_are_clipped_eleven_deviations_beyond_the_largest_mean():
    largest = 10.0 / 2
    assert largest + 11.0 == BOUND
    assert Evidence().bounds == ([-BOUND], [BOUND])
