import math

import numpy as np
import pytest
from scipy import stats

from slowturn.experiments.equivalence import FEWEST, tost, upper_bound
from slowturn.experiments.errors import ExperimentError


def spread(n, mean, sd):
    """Exactly this mean and this standard deviation (ddof 1)."""
    values = np.linspace(-1, 1, n)
    return mean + sd * (values - values.mean()) / values.std(ddof=1)


def test_the_p_value_and_interval_are_those_of_a_hand_calculation():
    a, b = spread(20, 10.3, 2.0), spread(30, 10.0, 1.0)
    found = tost(a, b, bound=1.0)
    parts = 2.0**2 / 20, 1.0**2 / 30
    error = math.sqrt(sum(parts))
    df = sum(parts) ** 2 / (parts[0] ** 2 / 19 + parts[1] ** 2 / 29)
    upper = stats.t.sf((1.0 - 0.3) / error, df)
    lower = stats.t.sf((0.3 + 1.0) / error, df)
    assert found.p == pytest.approx(max(lower, upper), rel=1e-9)
    half = stats.t.ppf(0.95, df) * error
    assert (found.low, found.high) == pytest.approx((0.3 - half, 0.3 + half))
    assert found.difference == pytest.approx(0.3)
    assert found.n == (20, 30)


@pytest.mark.parametrize("sign", [-1, 1])
def test_either_direction_counts(sign):
    assert not tost(spread(50, sign * 2.0, 1.0), spread(50, 0.0, 1.0), bound=1.0).equivalent
    assert tost(spread(50, sign * 0.2, 1.0), spread(50, 0.0, 1.0), bound=1.0).equivalent


def test_a_significant_but_tiny_difference_is_equivalence():
    a, b = spread(5000, 0.1, 1.0), spread(5000, 0.0, 1.0)
    assert stats.ttest_ind(a, b, equal_var=False).pvalue < 1e-5
    assert tost(a, b, bound=0.5).equivalent


def test_no_difference_in_too_few_episodes_is_no_equivalence():
    few = tost(spread(12, 0.0, 1.0), spread(12, 0.0, 1.0), bound=0.5)
    assert few.difference == pytest.approx(0.0)
    assert few.decides
    assert not few.equivalent
    assert tost(spread(120, 0.0, 1.0), spread(120, 0.0, 1.0), bound=0.5).equivalent


def test_equivalence_is_shown_exactly_where_the_interval_lies_within_the_bounds():
    for mean in np.linspace(0.0, 0.6, 25):
        found = tost(spread(40, mean, 1.0), spread(40, 0.0, 1.0), bound=0.5)
        assert found.equivalent == (found.low > -0.5 and found.high < 0.5)


def test_at_the_bound_the_test_errs_at_its_level():
    rng = np.random.default_rng(0)
    wrong = sum(
        tost(rng.normal(0.5, 1.0, 40), rng.normal(0.0, 1.0, 40), bound=0.5).equivalent
        for _ in range(1000)
    )
    assert stats.binomtest(wrong, 1000, 0.05).pvalue > 0.001


def test_one_group_may_be_constant_but_not_both():
    constant = np.full(40, 256.0)
    assert tost(constant, spread(40, 255.0, 2.0), bound=5.0).equivalent
    found = tost(constant, constant, bound=5.0)
    assert math.isnan(found.p)
    assert not found.decides
    assert not found.equivalent


@pytest.mark.parametrize("bound", [0.0, -1.0, math.nan, math.inf])
def test_bounds_that_cannot_be(bound):
    with pytest.raises(ExperimentError) as error:
        tost(spread(20, 0, 1), spread(20, 0, 1), bound=bound, name="ledger")
    assert str(error.value) == (
        f"ledger must be a finite number > 0, got {bound!r}: it is the largest difference that "
        "still counts as none, in units of what is compared."
    )


def test_steps_are_no_units():
    with pytest.raises(ExperimentError) as error:
        tost(np.zeros((20, 256)), spread(20, 0, 1), bound=1.0)
    assert str(error.value) == (
        "a must hold one number per episode, shape [episodes], got shape (20, 256): steps of an "
        "episode are not independent; take their mean or sum first."
    )


def test_too_few_episodes_are_refused():
    with pytest.raises(ExperimentError) as error:
        tost(spread(20, 0, 1), np.zeros(FEWEST - 1), bound=1.0)
    assert str(error.value) == "b must hold at least 10 episodes, got 9: run more of them."


def test_undefined_values_and_levels_are_refused():
    with pytest.raises(ExperimentError, match="a must be finite, got 1 other values: leave out"):
        tost([math.nan, *spread(20, 0, 1)], spread(20, 0, 1), bound=1.0)
    with pytest.raises(ExperimentError, match=r"alpha must be in \(0, .5\), got 0.5: .05 is"):
        tost(spread(20, 0, 1), spread(20, 0, 1), bound=1.0, alpha=0.5)


def test_what_never_happened_is_bounded_by_what_could_have_been_missed():
    assert upper_bound(np.zeros(59)) == pytest.approx(0.05, abs=1e-3)
    assert upper_bound(np.zeros(512)) == pytest.approx(1 - 0.05 ** (1 / 512))
    values = spread(100, 0.5, 0.1)
    assert upper_bound(values) == pytest.approx(0.5 + stats.t.ppf(0.95, 99) * 0.01)
    assert upper_bound(np.full(20, 0.9)) == 0.9
