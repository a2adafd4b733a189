import numpy as np
import pytest
from scipy.stats import norm

from slowturn.experiments.bounds import (
    action_envelope,
    bernoulli_kl,
    kl_power_bound,
    ledger_envelope,
    ledger_nats,
    ledger_power,
)

NOISE = 0.25


def ramp(episodes, steps, seed=0):
    """Effort that grows after an onset, and the ledger of it."""
    rng = np.random.default_rng(seed)
    onset = rng.integers(20, 60, episodes)
    since = np.arange(steps)[None] - onset[:, None]
    effort = np.clip(since, 0, None) * 0.01
    return effort, onset, effort + NOISE * rng.normal(size=effort.shape)


def test_nats_of_constant_effort():
    assert ledger_nats(np.full((1, 4), 0.5), 0.25)[0].tolist() == [2.0, 4.0, 6.0, 8.0]


def test_power_without_evidence_is_alpha():
    assert ledger_power(np.array([0.0]), 0.05)[0] == pytest.approx(0.05)


def test_half_power_needs_083_nats_at_least():
    assert bernoulli_kl(0.5, 0.05) == pytest.approx(0.830, abs=0.001)


def test_kl_bound_inverts_the_divergence():
    for power in (0.1, 0.5, 0.9):
        assert kl_power_bound(bernoulli_kl(power, 0.05), 0.05) == pytest.approx(power)
    assert kl_power_bound(0.0, 0.05) == 0.05
    assert kl_power_bound(100.0, 0.05) == 1.0


def test_genie_never_beats_the_kl_bound():
    for nats in np.linspace(0.01, 4, 50):
        assert ledger_power(np.array([nats]), 0.05)[0] <= kl_power_bound(nats, 0.05) + 1e-9


def test_ledger_envelope_bounds_every_cusum():
    """CUSUMs of the ledger, calibrated on honest ledgers, stay below the genie at every k."""
    effort, onset, ledger = ramp(3000, 160)
    envelope = ledger_envelope(effort, onset, noise=NOISE, alpha=0.05)
    calm = NOISE * np.random.default_rng(1).normal(size=(3000, 160))
    for allowance in (0.1, 0.3, 0.6):

        def cusum(x, allowance=allowance):
            last, out = np.zeros(len(x)), np.empty_like(x)
            for t in range(x.shape[1]):
                out[:, t] = last = np.maximum(0, last + x[:, t] / NOISE - allowance)
            return out

        threshold = np.quantile(cusum(calm).max(axis=1), 0.95)
        rings = cusum(ledger) > threshold
        first = np.where(rings.any(axis=1), rings.argmax(axis=1), 10**6)
        for k, power in zip(envelope.k, envelope.power_high, strict=True):
            rate = (first <= onset + k).mean()
            assert rate <= power + 3 * np.sqrt(0.25 / 3000) + 0.01, (allowance, k)
        assert (first <= onset + 79).mean() > 0.8  # and it does detect


def test_action_envelope_of_gaussians_is_the_closed_form():
    """log-likelihood ratios of N(d, 1) against N(0, 1) have power Phi(d sqrt(n) - z)."""
    rng = np.random.default_rng(2)
    shift, episodes, steps = 0.4, 6000, 40
    onset = np.ones(episodes, np.int64)

    def ratios(mean):
        x = rng.normal(mean, 1.0, size=(episodes, steps))
        return np.cumsum(shift * x - shift**2 / 2, axis=1)

    found = action_envelope((ratios(shift), onset), (ratios(0.0), onset), alpha=0.05)
    expected = norm.cdf(shift * np.sqrt(found.k + 2) - norm.ppf(0.95))
    inside = (found.power_low <= expected) & (expected <= found.power_high)
    assert inside.mean() >= 0.9
    np.testing.assert_allclose(found.nats, shift**2 / 2 * (found.k + 2), rtol=0.05, atol=0.03)


def test_equal_policies_leave_power_at_alpha():
    rng = np.random.default_rng(3)
    onset = np.ones(4000, np.int64)
    walks = [np.cumsum(rng.normal(size=(4000, 20)), axis=1) for _ in range(2)]
    found = action_envelope((walks[0], onset), (walks[1], onset), alpha=0.05)
    assert ((found.power_low <= 0.05) & (found.power_high >= 0.05)).all()


def test_envelopes_cover_the_steps_that_every_deployment_reaches():
    effort, onset, _ = ramp(50, 70)
    found = ledger_envelope(effort, onset, noise=NOISE, alpha=0.05)
    assert found.k.tolist() == list(range(-1, 70 - onset.max()))
    assert (found.n == 50).all()


def test_slips_before_onset_count_in_the_history_but_not_since_onset():
    effort, onset, _ = ramp(200, 160)
    effort[:, 5] = 0.5
    whole = ledger_envelope(effort, onset, noise=NOISE, alpha=0.05)
    since = ledger_envelope(effort, onset, noise=NOISE, alpha=0.05, since_onset=True)
    assert whole.nats[0] == pytest.approx(2.0)
    assert (since.nats[0], since.power[0]) == (0.0, pytest.approx(0.05))
    np.testing.assert_allclose(whole.nats - since.nats, 2.0)
    ratio = np.cumsum(effort, axis=1)
    calm = (np.zeros_like(ratio), onset)
    found = action_envelope((ratio, onset), calm, alpha=0.05, since_onset=True)
    assert found.nats[0] == 0.0
