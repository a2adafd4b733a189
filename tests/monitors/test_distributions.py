import numpy as np
import pytest
from scipy.stats import norm

from slowturn.monitors.distributions import describes, log_ratio

LOW, HIGH = np.array([-1.0, 0.0]), np.array([1.0, 0.5])
OWN = np.array([0.3, 0.4, np.log(0.5), np.log(0.2)])  # means, then log standard deviations
OTHER = np.array([-0.2, 0.1, np.log(0.8), np.log(0.3)])


def draw(parameters, n, seed=0):
    mean, log_std = np.split(parameters, 2)
    return np.random.default_rng(seed).normal(mean, np.exp(log_std), (n, 2))


def everywhere(parameters, n):
    return np.broadcast_to(parameters, (n, 4))


def test_a_discrete_choice_by_hand():
    own, other = np.log([[0.5, 0.25, 0.25]]) + 3.0, np.log([[0.25, 0.25, 0.5]]) - 1.0
    for action, expected in enumerate([np.log(2.0), 0.0, -np.log(2.0)]):
        np.testing.assert_allclose(
            log_ratio(own, other, np.array([action])), [expected], atol=1e-12
        )


def test_raw_components_are_compared_by_their_densities():
    at = np.array([[0.1, 0.2], [5.0, -3.0]])
    expected = sum(
        norm.logpdf(at[:, k], OWN[k], np.exp(OWN[2 + k]))
        - norm.logpdf(at[:, k], OTHER[k], np.exp(OTHER[2 + k]))
        for k in range(2)
    )
    np.testing.assert_allclose(log_ratio(everywhere(OWN, 2), everywhere(OTHER, 2), at), expected)


def test_at_the_bounds_the_mass_that_was_clipped_there_counts():
    at = np.array([[-1.0, 0.5], [1.0, 0.0]])
    ratio = log_ratio(everywhere(OWN, 2), everywhere(OTHER, 2), at, bounds=(LOW, HIGH))

    def mass(p):
        first, second = (norm(p[k], np.exp(p[2 + k])) for k in range(2))
        below, above = first.logcdf(-1.0), second.logsf(0.5)
        return np.array([below + above, first.logsf(1.0) + second.logcdf(0.0)])

    np.testing.assert_allclose(ratio, mass(OWN) - mass(OTHER))


@pytest.mark.parametrize("bounds", [None, (LOW, HIGH)])
def test_it_is_the_likelihood_ratio_of_what_was_drawn(bounds):
    """E[exp(ratio)] under the other distribution is 1, which a wrong mass or density breaks."""
    n = 200_000
    at = draw(OTHER, n)
    if bounds is not None:
        at = np.clip(at, *bounds)
        assert 0.2 < (at == LOW).any(axis=1).mean() < 0.7
    ratio = log_ratio(everywhere(OWN, n), everywhere(OTHER, n), at, bounds=bounds)
    assert np.exp(ratio).mean() == pytest.approx(1.0, abs=0.02)
    assert ratio.mean() < 0.0


def test_clipping_can_only_lose_evidence():
    """Data processing: no record of clipped actions tells more than one of raw ones."""
    n = 100_000
    raw = draw(OWN, n)
    own, other = everywhere(OWN, n), everywhere(OTHER, n)
    full = log_ratio(own, other, raw).mean()
    clipped = log_ratio(own, other, np.clip(raw, LOW, HIGH), bounds=(LOW, HIGH)).mean()
    assert 0.1 < clipped < full - 0.01


def test_certainty_does_not_overflow():
    own = np.array([[40.0, np.log(1e-3)]], np.float32)
    other = np.array([[-40.0, np.log(1e-3)]], np.float32)
    ratio = log_ratio(own, other, np.array([[1.0]], np.float32), bounds=([-1.0], [1.0]))
    assert np.isfinite(ratio).all()
    assert ratio[0] > 1e6


def test_arguments_are_not_changed():
    own, other, at = (np.array([a]) for a in (OWN, OTHER, [0.1, 0.2]))
    log_ratio(own, other, at, bounds=(LOW, HIGH))
    log_ratio(own, other, np.array([1]))
    assert np.array_equal(own[0], OWN)
    assert np.array_equal(other[0], OTHER)


@pytest.mark.parametrize(
    ("parameters", "actions", "fits"),
    [
        (np.zeros((2, 5, 4)), np.zeros((2, 5), int), True),
        (np.zeros((2, 5, 4)), np.zeros((2, 5, 2), np.float32), True),
        (np.zeros((2, 5, 4)), np.zeros((2, 5)), False),
        (np.zeros((2, 5, 4)), np.zeros((2, 5, 2), int), False),
        (np.zeros((2, 5, 4)), np.zeros((2, 5, 4)), False),
        (np.zeros((2, 5, 3)), np.zeros((2, 5, 1)), False),
        (np.zeros((2, 5, 4)), np.zeros((2, 6), int), False),
        (np.zeros((2, 5, 4)), np.zeros((3, 5, 2)), False),
        (np.zeros((2, 5, 4)), np.zeros((2, 5, 2, 2)), False),
    ],
)
def test_which_actions_parameters_describe(parameters, actions, fits):
    assert describes(parameters, actions) is fits
