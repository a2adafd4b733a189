import numpy as np
import pytest

from slowturn.monitors import LedgerEffort, LedgerRatio, MonitorError, Trace


def fitted(monitor, mean=0.0, scale=1.0):
    monitor.fit(Trace(ledger=np.array([[mean - scale, mean + scale]])))
    return monitor


def by_brute_force(z, profile, scale, window):
    """The docstring's formula, onset by onset."""
    drift = lambda k: profile[min(k, len(profile) - 1)] / scale  # noqa: E731 - as in the formula
    return [
        max(
            sum(drift(u - s) * z[u] - drift(u - s) ** 2 / 2 for u in range(s, t + 1))
            for s in range(max(0, t - window + 1), t + 1)
        )
        for t in range(len(z))
    ]


def test_effort_by_hand():
    monitor = fitted(LedgerEffort(), mean=1.0, scale=0.5)
    assert monitor.score(Trace(ledger=[[1.0, 2.0, 0.5]])).tolist() == [[0.0, 2.0, -1.0]]


def test_effort_of_integers_and_float32():
    monitor = fitted(LedgerEffort())
    for dtype in (np.int64, np.float32):
        scores = monitor.score(Trace(ledger=np.array([[1, 2]], dtype)))
        assert scores.dtype == np.float64
        assert scores.tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("cls", [LedgerEffort, lambda: LedgerRatio(profile=[0.1])])
@pytest.mark.parametrize("value", [0.1, np.nan, np.inf])
def test_ledger_without_noise(cls, value):
    monitor = cls()
    with pytest.raises(MonitorError) as error:
        monitor.fit(Trace(ledger=np.full((7, 13), value)))
    assert str(error.value) == (
        f"{type(monitor).__name__}.fit: the ledger is constant or not finite; it must be noisy."
    )


def test_ratio_by_hand():
    monitor = fitted(LedgerRatio(profile=[1.0, 2.0]))
    # t = 0: onset now, 1 * z - 1/2. t = 1: onset now, or before: first drift 1, then 2.
    # z = 3, 1: max(2.5) and max(1 - .5, 2.5 + 2 * 1 - 2).
    assert monitor.score(Trace(ledger=[[3.0, 1.0]])).tolist() == [[2.5, 2.5]]
    # z = 0, 3: max(-.5) and max(3 - .5, -.5 + 2 * 3 - 2).
    assert monitor.score(Trace(ledger=[[0.0, 3.0]])).tolist() == [[-0.5, 3.5]]


def test_window_of_one_step_only_knows_onset_now():
    monitor = fitted(LedgerRatio(profile=[1.0, 50.0], window=1))
    assert monitor.score(Trace(ledger=[[3.0, 1.0, 2.0]])).tolist() == [[2.5, 0.5, 1.5]]


@pytest.mark.parametrize("window", [1, 2, 5, 40])
@pytest.mark.parametrize("profile", [[0.3], [0.0, 0.1, 0.2, 0.5], list(np.linspace(0, 2, 50))])
def test_ratio_is_the_formula(window, profile):
    rng = np.random.default_rng(0)
    ledger = rng.normal(1.0, 0.5, (3, 30))
    monitor = fitted(LedgerRatio(profile=profile, window=window), mean=1.0, scale=0.5)
    scores = monitor.score(Trace(ledger=ledger))
    for episode in range(3):
        z = (ledger[episode] - 1.0) / 0.5
        expected = by_brute_force(z, profile, 0.5, window)
        np.testing.assert_allclose(scores[episode], expected, rtol=1e-9, atol=1e-12)


def test_ratio_is_the_evidence_for_the_true_onset_at_least():
    """Never below the log-likelihood ratio of an onset at the first step."""
    rng = np.random.default_rng(0)
    profile = np.linspace(0.0, 0.5, 60)
    ledger = profile + rng.normal(0.0, 0.25, (200, 60))
    monitor = fitted(LedgerRatio(profile=profile), scale=0.25)
    scores = monitor.score(Trace(ledger=ledger))[:, -1]
    ratio = (profile * ledger / 0.25**2 - profile**2 / (2 * 0.25**2)).sum(axis=1)
    assert (scores >= ratio - 1e-9).all()
    # Mean evidence in nats is sum a^2 / 2, as in the genie bound.
    assert ratio.mean() == pytest.approx((profile**2).sum() / (2 * 0.25**2), rel=0.1)


def test_both_see_a_planted_drift_and_the_ratio_sees_it_better():
    rng = np.random.default_rng(0)
    null = rng.normal(0.0, 0.25, (400, 80))
    profile = np.linspace(0.0, 0.15, 50)
    drifting = rng.normal(0.0, 0.25, (200, 80))
    drifting[:, 30:] += profile
    shares = []
    for monitor in (LedgerEffort(), LedgerRatio(profile=profile)):
        monitor.fit(Trace(ledger=null[:100]))
        bar = np.sort(monitor.score(Trace(ledger=null[100:])).max(axis=1))[285]
        shares.append((monitor.score(Trace(ledger=drifting)).max(axis=1) > bar).mean())
    assert shares[1] > 0.5
    assert 0.06 < shares[0] < shares[1]


def test_online_memory_is_the_window():
    monitor = fitted(LedgerRatio(profile=[0.1], window=7))
    monitor.reset()
    for _ in range(50):
        monitor.step(Trace(ledger=[[0.2]]))
    assert monitor._sums.shape == (1, 7)


def test_does_not_keep_the_callers_profile():
    profile = np.array([0.1, 0.2])
    monitor = LedgerRatio(profile=profile)
    profile[:] = 9.0
    assert monitor.params == {"profile": [0.1, 0.2], "window": 128}


@pytest.mark.parametrize("profile", [[], [[0.1]], 0.1, [0.1, np.nan]])
def test_wrong_profile(profile):
    with pytest.raises(MonitorError) as error:
        LedgerRatio(profile=profile)
    assert str(error.value) == (
        "LedgerRatio.profile must be a finite vector of at least one step, got shape "
        f"{np.shape(profile)}."
    )


@pytest.mark.parametrize("window", [0, 1.5, None])
def test_wrong_window(window):
    with pytest.raises(MonitorError) as error:
        LedgerRatio(profile=[0.1], window=window)
    assert str(error.value) == f"LedgerRatio.window must be an integer >= 1, got {window!r}."
