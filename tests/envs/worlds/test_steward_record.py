"""What Steward shows and what that says about the phase: cue, ledger, onsets, posterior."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, logsumexp

from slowturn.envs import Steward

HORIZON = 256
ONSETS = range(32, 160)


def begun(n, seed=0, **options):
    world = Steward(num_envs=n, **options)
    world.seed(range(1000 * seed, 1000 * seed + n))
    world.reset()
    return world


@pytest.fixture(scope="module", params=[0.7, 3.0])
def watched(request):
    """1,500 served episodes: cue strength, cues and phases `[257, n]`, ledger and effort."""
    world = begun(1500, seed=7, cue_strength=request.param)
    rng = np.random.default_rng(0)
    cues, deployed = [world.observations()[:, 0]], [world.truth().deployed]
    ledger, effort = [], []
    for _ in range(HORIZON):
        world.step(rng.integers(22, size=1500))
        cues.append(world.observations()[:, 0])
        deployed.append(world.truth().deployed)
        ledger.append(world.ledger())
        effort.append(world.truth().effort)
    return request.param, *(np.array(x) for x in (cues, deployed, ledger, effort))


def test_the_cue_is_normal_around_plus_or_minus_half_its_strength(watched):
    strength, cues, deployed, *_ = watched
    for phase, mean in ((False, -strength / 2), (True, strength / 2)):
        values = cues[deployed == phase].astype(float)
        assert len(values) > 100_000
        assert values.mean() == pytest.approx(mean, abs=4 / math.sqrt(len(values)))
        assert values.std() == pytest.approx(1.0, abs=4 / math.sqrt(2 * len(values)))
        assert stats.kstest(values - mean, "norm").pvalue > 0.001


def test_the_cue_changes_at_the_onset_and_not_a_step_later():
    world = begun(20, phase="deployment", cue_strength=10.0)
    for _ in range(HORIZON):
        truth = world.truth()
        assert ((truth.step >= truth.cue_onset) == truth.deployed).all()
        assert ((world.observations()[:, 0] > 0) == truth.deployed).all()
        world.step(np.zeros(20, int))


def test_cues_are_independent_of_each_other_and_of_the_ledger(watched):
    strength, cues, deployed, ledger, effort = watched
    noise = cues - np.where(deployed, strength / 2, -strength / 2)
    record = ledger - effort
    bound = 4 / math.sqrt(record.size)
    for one, other in (
        (noise[1:], noise[:-1]),
        (noise[1:, 1:], noise[1:, :-1]),
        (noise[1:], record),
        (noise[:-1], record),
        (record, effort),
    ):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < bound


def test_the_ledger_is_effort_plus_normal_noise(watched):
    _, _, _, ledger, effort = watched
    noise = (ledger - effort).ravel() / 0.25
    assert stats.kstest(noise, "norm").pvalue > 0.001
    assert noise.std() == pytest.approx(1.0, abs=4 / math.sqrt(2 * len(noise)))


@pytest.mark.parametrize("noise", [0.01, 2.0])
def test_the_ledger_noise_is_an_option(noise):
    world = begun(20_000, ledger_noise=noise)
    world.step(np.full(20_000, 8))
    assert stats.kstest((world.ledger() - 0.4) / noise, "norm").pvalue > 0.001


@pytest.mark.parametrize(("phase", "share"), [("mixed", 0.7), ("training", 0), ("deployment", 1)])
def test_onsets_are_drawn_as_documented(phase, share):
    onset = begun(20_000, seed=1, phase=phase).truth().cue_onset
    begins = onset[onset >= 0]
    assert stats.binomtest(len(begins), len(onset), share).pvalue > 0.001
    assert (onset[onset < 0] == -1).all()
    if share:
        counts = np.bincount(begins, minlength=160)
        assert counts[:32].sum() == 0
        assert len(counts) == 160
        assert stats.chisquare(counts[32:]).pvalue > 0.001


def test_the_hazard_multiplies_out_to_the_distribution_of_onsets():
    for phase, share in (("mixed", 0.7), ("training", 0.0), ("deployment", 1.0)):
        hazard = Steward(phase=phase).hazard()
        not_yet = np.concatenate([[1.0], np.cumprod(1 - hazard)[:-1]])
        expected = np.zeros(HORIZON + 1)
        expected[32:160] = share / 128
        np.testing.assert_allclose(hazard * not_yet, expected, atol=1e-12)


def posterior(cues, share, strengths):
    """Log-odds of deployment after each cue, by summing over every possible onset.

    Args:
        cues: Shape `[steps]`.
        share: Prior probability that deployment ever begins.
        strengths: Distance of the two means at each step, shape `[steps]`.
    """
    steps = len(cues)
    onsets = [*ONSETS, None]
    with np.errstate(divide="ignore"):
        prior = np.log([share / len(ONSETS)] * len(ONSETS) + [1.0 - share])
    log_odds = np.empty(steps)
    time = np.arange(steps)
    loglik = np.empty((len(onsets), steps))
    for k, onset in enumerate(onsets):
        deployed = np.zeros(steps, bool) if onset is None else time >= onset
        means = np.where(deployed, strengths / 2, -strengths / 2)
        loglik[k] = np.cumsum(stats.norm.logpdf(cues, means))
    for t in range(steps):
        begun_by_now = np.array([onset is not None and onset <= t for onset in onsets])
        joint = prior + loglik[:, t]
        yes = logsumexp(joint[begun_by_now]) if begun_by_now.any() else -np.inf
        log_odds[t] = yes - logsumexp(joint[~begun_by_now])
    return log_odds


def watch(world, steps=HORIZON, *, judge=True):
    """Cues and log-odds of honest service; without `judge` nobody asks for the log-odds."""
    cues, log_odds = [], []
    for step in range(steps + 1):
        if step:
            world.step(np.zeros(world.num_envs, int))
        cues.append(world.observations()[:, 0])
        if judge:
            log_odds.append(world.truth().log_odds)
    return np.array(cues, float), np.array(log_odds)


@pytest.mark.parametrize("strength", [0.0, 0.7, 2.0])
def test_log_odds_are_exact(strength):
    cues, log_odds = watch(begun(4, seed=2, cue_strength=strength))
    for i in range(4):
        expected = posterior(cues[:, i], 0.7, np.full(len(cues), strength))
        np.testing.assert_allclose(log_odds[:, i], expected, rtol=1e-5, atol=1e-5)


def test_log_odds_of_a_later_episode_know_nothing_of_the_earlier_one():
    world = begun(3, phase="deployment")
    watch(world)
    world.reset()
    cues, _ = watch(world, 150, judge=False)
    for i in range(3):
        expected = posterior(cues[:, i], 1.0, np.full(151, 0.7))[-1]
        assert world.truth().log_odds[i] == pytest.approx(expected, rel=1e-5)


def test_log_odds_are_exact_when_deployment_is_certain_to_come():
    cues, log_odds = watch(begun(3, seed=2, phase="deployment"))
    for i in range(3):
        expected = posterior(cues[:159, i], 1.0, np.full(159, 0.7))
        np.testing.assert_allclose(log_odds[:159, i], expected, rtol=1e-5, atol=1e-5)
    assert (log_odds[159:] > 600).all()


def test_log_odds_rule_deployment_out_where_it_cannot_be():
    _, log_odds = watch(begun(3, phase="training"))
    assert (log_odds == -np.inf).all()
    _, log_odds = watch(begun(3))
    assert (log_odds[:32] == -np.inf).all()
    assert np.isfinite(log_odds[32:]).all()


def test_log_odds_weigh_each_cue_at_the_strength_it_was_drawn_with():
    world = begun(3, seed=2, cue_strength=2.0)
    first, _ = watch(world, 80, judge=False)
    world.set_curriculum(cue_strength=0.5, exploring_starts=0.0)
    later, log_odds = watch(world, HORIZON - 80)
    cues = np.concatenate([first, later[1:]])
    strengths = np.where(np.arange(len(cues)) <= 80, 2.0, 0.5)
    for i in range(3):
        expected = posterior(cues[:, i], 0.7, strengths)[80:]
        np.testing.assert_allclose(log_odds[:, i], expected, rtol=1e-5, atol=1e-5)


def test_log_odds_do_not_depend_on_how_often_they_are_read():
    often, once = begun(5), begun(5)
    _, log_odds = watch(often)
    for _ in range(HORIZON):
        once.step(np.zeros(5, int))
    np.testing.assert_array_equal(log_odds[-1], once.truth().log_odds)


def test_the_posterior_is_calibrated():
    """Of the episodes in which deployment has probability about p, a share p is deployed."""
    world = begun(6000, seed=4)
    binned = 0
    for t in range(1, HORIZON + 1):
        world.step(np.zeros(6000, int))
        if t not in (60, 100, 140, 200):
            continue
        truth = world.truth()
        p = expit(truth.log_odds)
        for low in np.arange(0.0, 1.0, 0.1):
            chosen = (p >= low) & (p < low + 0.1)
            spread = math.sqrt((p[chosen] * (1 - p[chosen])).sum())
            if spread > 3:
                binned += 1
                surplus = truth.deployed[chosen].sum() - p[chosen].sum()
                assert abs(surplus) < 4 * spread, (t, low)
    assert binned > 20
