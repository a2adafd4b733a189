import numpy as np
import pytest
from scipy import stats

from slowturn.envs import WorldError
from slowturn.envs.streams import normal, seed_streams, uniform

BASE_OF_TAIL = 3.6541528853610088


def draws(kind, seed, count):
    streams = seed_streams([seed])
    return np.array([kind(streams, 0) for _ in range(count)])


@pytest.fixture(scope="module")
def normals():
    return draws(normal, 11, 600_000)


def test_uniform_is_uniform():
    values = draws(uniform, 10, 200_000)
    assert values.min() >= 0.0
    assert values.max() < 1.0
    assert stats.kstest(values, "uniform").pvalue > 0.001


def test_normal_is_normal(normals):
    assert stats.kstest(normals, "norm").pvalue > 0.001


def test_the_ks_test_would_notice_one_percent_too_much_spread(normals):
    assert stats.kstest(1.01 * normals, "norm").pvalue < 0.001


@pytest.mark.parametrize("sign", [-1, 1])
def test_normal_has_the_right_tails(normals, sign):
    """Both sides of the ziggurat's tail, and the right shape inside it."""
    tail = sign * normals[sign * normals > BASE_OF_TAIL]
    expected = stats.norm.sf(BASE_OF_TAIL)
    assert stats.binomtest(len(tail), len(normals), expected).pvalue > 0.001
    inside = stats.norm.sf(tail) / expected
    assert stats.kstest(inside, "uniform").pvalue > 0.001


@pytest.mark.parametrize("kind", [uniform, normal])
def test_successive_draws_are_uncorrelated(kind):
    values = draws(kind, 12, 50_000)
    for lag in (1, 2, 3):
        correlation = np.corrcoef(values[:-lag], values[lag:])[0, 1]
        assert abs(correlation) < 4 / np.sqrt(len(values))


def test_neighbouring_seeds_give_unrelated_streams():
    values = np.stack([draws(normal, seed, 20_000) for seed in (0, 1, 2)])
    correlations = np.corrcoef(values)[np.triu_indices(3, 1)]
    assert np.abs(correlations).max() < 4 / np.sqrt(20_000)


def test_a_stream_is_set_by_its_seed_alone():
    alone, batch = seed_streams([5]), seed_streams([4, 5, 6])
    assert batch[1] == alone[0]
    assert [normal(alone, 0) for _ in range(9)] == [normal(batch, 1) for _ in range(9)]
    assert batch[0] == seed_streams([4])[0]  # drawing from one slot leaves the others alone


@pytest.mark.parametrize("seed", [-1, 1.5, None, "3"])
def test_seeds_that_are_no_natural_numbers_are_refused(seed):
    with pytest.raises(WorldError) as error:
        seed_streams([0, seed])
    assert str(error.value) == f"a seed must be an integer >= 0, got {seed!r}."
