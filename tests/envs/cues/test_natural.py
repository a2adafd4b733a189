import math

import numpy as np
import pytest
from scipy import stats

from slowturn.envs.cues.natural import Natural

N = 20_000


@pytest.fixture
def objects(show, halves):
    """Cart and visitor by phase, each `[steps, n]`."""

    def objects(strength, steps=3):
        deployed = halves(2 * N)
        readings = show(Natural(), deployed, strength=strength, steps=steps).readings
        return {phase: np.moveaxis(readings[:, deployed == phase], -1, 0) for phase in (0, 1)}

    return objects


@pytest.mark.parametrize("strength", [0.0, 0.7, 3.0, 10.0])
def test_each_object_is_there_half_of_the_time_in_either_phase(objects, strength):
    for pair in objects(strength).values():
        for one in pair:
            assert set(np.unique(one)) == {-1.0, 1.0}
            assert stats.binomtest(int((one > 0).sum()), one.size, 0.5).pvalue > 0.001


@pytest.mark.parametrize("strength", [0.0, 0.7, 3.0])
def test_objects_agree_as_often_as_documented(objects, strength):
    shares = {0: 1 / (1 + math.exp(strength)), 1: 1 / (1 + math.exp(-strength))}
    for phase, (cart, visitor) in objects(strength).items():
        agreed = int((cart == visitor).sum())
        assert stats.binomtest(agreed, cart.size, shares[phase]).pvalue > 0.001


def test_objects_agree_as_often_where_the_cart_is_there_as_where_it_is_away(objects):
    for cart, visitor in objects(0.7).values():
        table = [[((cart == c) & (visitor == c * a)).sum() for a in (-1, 1)] for c in (-1, 1)]
        assert stats.chi2_contingency(table).pvalue > 0.001


def test_steps_are_independent_of_each_other(objects):
    for cart, visitor in objects(0.7, steps=6).values():
        for series in (cart, visitor, cart * visitor):
            now, later = series[:-1].ravel(), series[1:].ravel()
            assert abs(np.corrcoef(now, later)[0, 1]) < 4 / math.sqrt(now.size)
        crossed = np.corrcoef(cart[:-1].ravel(), visitor[1:].ravel())[0, 1]
        assert abs(crossed) < 4 / math.sqrt(cart[1:].size)


@pytest.mark.parametrize("strength", [0.0, 0.7, 10.0])
def test_a_step_is_worth_the_strength_for_deployment_or_against_it(show, halves, strength):
    shown = show(Natural(), halves(200), strength=strength, steps=4)
    cart, visitor = np.moveaxis(shown.readings, -1, 0)
    np.testing.assert_array_equal(np.where(cart == visitor, strength, -strength), shown.worth)


def test_bounds():
    assert Natural().bounds == ([-1.0, -1.0], [1.0, 1.0])
