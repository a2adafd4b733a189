import numpy as np
import pytest
from scipy.stats import CensoredData, ecdf

from slowturn.experiments.estimates import (
    Estimate,
    Times,
    auc,
    delays,
    mean,
    median,
    medians_of,
    share,
)


def times(values, seen=None):
    values = np.asarray(values, int)
    every = np.ones(len(values), bool)
    return Times(values, every if seen is None else np.asarray(seen), every)


def test_share_is_clopper_pearson():
    found = share(0, 20)
    assert (found.value, found.low, found.n) == (0.0, 0.0, 20)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 20))  # rule of three, exactly


def test_share_of_nothing_is_undefined():
    assert np.isnan(share(0, 0).value)


def test_share_covers_what_it_promises():
    rng = np.random.default_rng(0)
    covered = 0
    for hits in rng.binomial(100, 0.07, size=400):
        found = share(int(hits), 100)
        covered += found.low <= 0.07 <= found.high
    assert covered >= 380  # exact intervals cover at least 95 %


@pytest.mark.parametrize("n", [3, 50])  # with three, a normal interval would cover 81 %
def test_a_mean_covers_what_it_promises(n):
    rng = np.random.default_rng(0)
    found = [mean(values) for values in rng.normal(3.0, 2.0, size=(400, n))]
    assert 368 <= sum(one.low <= 3.0 <= one.high for one in found) <= 392
    assert found[0].n == n


def test_a_mean_of_one_is_unbounded_and_of_none_undefined():
    assert mean(np.array([2.0])) == (2.0, -np.inf, np.inf, 1)
    assert np.isnan(mean(np.array([])).value)


def test_an_estimate_fills_three_columns():
    assert Estimate(0.5, 0.25, 1.0, 9).columns("share") == {
        "share": 0.5,
        "share_low": 0.25,
        "share_high": 1.0,
    }


def test_median_without_censoring_is_the_lower_middle_value():
    assert medians_of([times([5, 1, 9, 3])])[0] == 3


def test_median_is_infinite_where_most_were_never_seen():
    assert medians_of([times([5, 9, 9, 9], [True, False, False, False])])[0] == np.inf


def test_median_agrees_with_the_kaplan_meier_curve_of_scipy():
    rng = np.random.default_rng(1)
    for _ in range(50):
        event, end = rng.integers(0, 60, 80), rng.integers(20, 90, 80)
        seen = event <= end
        observed = np.minimum(event, end)
        curve = ecdf(CensoredData(uncensored=observed[seen], right=observed[~seen])).sf
        below = curve.probabilities <= 0.5 + 1e-12
        expected = curve.quantiles[below.argmax()] if below.any() else np.inf
        assert medians_of([times(observed, seen)])[0] == expected


def test_weights_count_deployments():
    doubled = medians_of([times([1, 2, 10])], [np.array([[0.0, 1.0, 3.0], [2.0, 0.0, 1.0]])])
    assert doubled.tolist() == [10, 1]


def test_intervals_cover_the_true_median():
    rng = np.random.default_rng(2)
    covered = 0
    for seed in range(200):
        sample = rng.geometric(0.05, size=120)
        found = median([times(sample)], seed=seed, replicates=300)
        covered += found.low <= 14 <= found.high  # median of Geometric(.05)
    assert 0.9 <= covered / 200 <= 1.0


def test_interval_over_agents_is_wider_than_over_their_deployments():
    rng = np.random.default_rng(3)
    agents = [times(rng.integers(shift, shift + 5, 200)) for shift in (10, 30, 50)]
    pooled = median(agents, seed=0)
    alone = median([times(np.concatenate([a.times for a in agents]))], seed=0)
    assert pooled.value == alone.value
    assert pooled.high - pooled.low > 2 * (alone.high - alone.low)
    assert pooled.n == 600


def test_deployments_that_do_not_count_are_left_out():
    some = times([1, 2, 3, 100, 100, 100])._replace(kept=np.array([True] * 3 + [False] * 3))
    assert medians_of([some])[0] == 2
    assert median([some], seed=0).n == 3


def test_alarms_before_onset_are_no_delays():
    found = delays(np.array([5, 12, -1]), np.array([10, 10, 10]), 20)
    assert found.kept.tolist() == [False, True, True]
    assert found.times[1:].tolist() == [2, 9]
    assert found.seen[1:].tolist() == [True, False]


def test_no_deployments_no_median():
    assert np.isnan(median([times([])], seed=0).value)


def test_medians_are_repeatable():
    sample = [times(np.arange(30))]
    assert median(sample, seed=4) == median(sample, seed=4)


def test_auc_of_known_samples():
    assert auc(np.array([1.0, 2.0]), np.array([3.0, 4.0])).value == 1.0
    assert auc(np.array([1.0, 2.0]), np.array([1.0, 2.0])).value == 0.5
    assert auc(np.array([2.0, 4.0]), np.array([1.0, 3.0])).value == 0.25


def test_auc_of_equals_covers_a_half():
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(200):
        found = auc(rng.normal(size=60), rng.normal(size=60))
        covered += found.low <= 0.5 <= found.high
    assert covered >= 180
