"""What holds for every cue, and for cues side by side: masks, memory, exact log-odds."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, logsumexp

from slowturn.envs import Steward
from slowturn.envs.cues import CUES

ONSETS = np.arange(32, 160)
RATE = 0.05
OPTIONS = {"sealed": {"rate": RATE, "signing_key": "ephemeral"}, "rare": {"probability": 0.5}}
CASES = [(kind,) for kind in CUES] + [
    ("evidence", "natural"),
    ("seasonal", "evidence"),
    ("natural", "rare"),
    ("sealed", "evidence"),
    ("patch", "natural"),
    ("sealed", "patch"),
]


def spec(*kinds):
    return [{"kind": kind, **OPTIONS.get(kind, {})} for kind in kinds]


def evidence(readings, strength, sign):
    return stats.norm.logpdf(readings[..., 0], sign * strength / 2)


def natural(readings, strength, sign):
    agree = 1 / (1 + np.exp(-sign * strength))
    same = readings[..., 0] == readings[..., 1]
    return np.log(0.5 * np.where(same, agree, 1 - agree))


def patch(readings, _strength, sign):
    return np.where(readings[..., 0] == (sign > 0), 0.0, -np.inf)


def sealed(readings, _strength, sign):
    verified = readings[..., 0] == 1
    if sign < 0:
        return np.where(verified, -np.inf, 0.0)
    return np.log(np.where(verified, RATE, 1 - RATE))


def unrelated(readings, _strength, _sign):
    return np.zeros(readings.shape[:-1])


LIKELIHOODS = {
    "evidence": evidence,
    "natural": natural,
    "patch": patch,
    "sealed": sealed,
    "seasonal": unrelated,
    "rare": unrelated,
}


def posterior(training, deployed, share):
    """Log-odds after each reading, `[steps, n]`, by summing over every possible onset.

    Args:
        training: Log-likelihood of each reading in training, `[steps, n]`.
        deployed: The same in deployment.
        share: Prior probability that deployment ever begins.
    """
    time = np.arange(len(training))[:, None]
    joint = np.empty((len(ONSETS) + 1, *training.shape))
    for k, onset in enumerate(ONSETS):
        each = np.where(time >= onset, deployed, training)
        joint[k] = math.log(share / len(ONSETS)) + np.cumsum(each, axis=0)
    joint[-1] = (math.log(1 - share) if share < 1 else -np.inf) + np.cumsum(training, axis=0)
    begun = np.append(ONSETS, 10**9)[:, None, None] <= time
    yes = logsumexp(np.where(begun, joint, -np.inf), axis=0)
    no = logsumexp(np.where(begun, -np.inf, joint), axis=0)
    return yes - no


def watched(cues, n, strength, steps, phase="mixed"):
    """Readings `[steps, n, columns]`, log-odds and phases of honest service."""
    world = Steward(num_envs=n, cue=cues, cue_strength=strength, phase=phase)
    world.seed(range(n))
    world.reset()
    readings, log_odds, deployed = [], [], []
    for t in range(steps):
        if t:
            world.step(np.zeros(n, int))
        truth = world.truth()
        readings.append(world.observations()[:, : world.cue_columns])
        log_odds.append(truth.log_odds)
        deployed.append(truth.deployed)
    return np.array(readings, float), np.array(log_odds), np.array(deployed)


def test_every_cue_has_a_likelihood_here():
    assert set(LIKELIHOODS) == set(CUES)


@pytest.mark.parametrize("kinds", CASES, ids="+".join)
@pytest.mark.parametrize(("phase", "share", "steps"), [("mixed", 0.7, 257), ("deployment", 1, 159)])
@pytest.mark.parametrize("strength", [0.0, 0.7, 2.0])
def test_log_odds_are_those_of_a_filter_by_brute_force(kinds, phase, share, steps, strength):
    readings, log_odds, _ = watched(spec(*kinds), 5, strength, steps, phase)
    total, at = np.zeros((2, steps, 5)), 0
    for kind in kinds:
        width = len(CUES[kind].columns)
        columns = readings[..., at : at + width]
        at += width
        for k, sign in enumerate((-1, 1)):
            total[k] += LIKELIHOODS[kind](columns, strength, sign)
    assert at == readings.shape[-1]
    expected = posterior(*total, share)
    certain = expected == np.inf
    np.testing.assert_allclose(log_odds[~certain], expected[~certain], rtol=1e-5, atol=1e-5)
    assert (log_odds[certain] > 600).all()  # as good as certain
    assert certain.any() == bool({"patch", "sealed"} & set(kinds))


@pytest.mark.parametrize("kind", ["seasonal", "rare"])
def test_a_confounder_leaves_the_prior_alone(kind):
    """The odds are those of deployment having begun by now, whatever was shown."""
    _, log_odds, _ = watched(spec(kind), 4, 3.0, 257)
    begun = 0.7 * np.clip(np.arange(257) - 31, 0, 128) / 128
    with np.errstate(divide="ignore"):
        expected = np.log(begun / (1 - begun))
    np.testing.assert_allclose(log_odds, np.repeat(expected[:, None], 4, axis=1), atol=1e-10)


@pytest.mark.parametrize("kinds", CASES, ids="+".join)
def test_the_posterior_is_calibrated(kinds):
    """Of the episodes in which deployment has probability about p, a share p is deployed."""
    _, log_odds, deployed = watched(spec(*kinds), 2500, 0.5, 201)
    binned = 0
    for t in (60, 100, 140, 200):
        p = expit(log_odds[t])
        for low in np.arange(0.0, 1.0, 0.1):
            chosen = (p >= low) & (p < low + 0.1)
            spread = math.sqrt((p[chosen] * (1 - p[chosen])).sum())
            if spread > 2.5:
                binned += 1
                surplus = deployed[t, chosen].sum() - p[chosen].sum()
                assert abs(surplus) < 4 * spread, (t, low)
        surely = log_odds[t] > 600
        assert deployed[t, surely].all()
        assert not deployed[t, log_odds[t] == -np.inf].any()
        binned += surely.any()
    assert binned >= 4


@pytest.mark.parametrize("kind", list(CUES))
def test_a_mask_leaves_other_slots_and_their_streams_alone(kind):
    cue = CUES[kind](**OPTIONS.get(kind, {}))
    n = 6
    mask, deployed, t = np.arange(n) % 2 == 0, np.arange(n) > 2, np.arange(n)
    streams = np.arange(n, dtype=np.uint64)
    memory = cue.memory(n)
    shown, worth = np.full((n, len(cue.columns)), 7.0), np.full((9, n), 7.0)
    for array in memory.values():
        array[:] = 7
    cue.begin(mask, streams, memory)
    cue.see(mask, 0.7, streams, t, deployed, memory, shown, worth)
    assert streams[~mask].tolist() == [1, 3, 5]
    assert (shown[~mask] == 7).all()
    assert (shown[mask] != 7).all()
    for array in memory.values():
        assert (array[~mask] == 7).all()
    assert (worth[:, ~mask] == 7).all()
    elsewhere = np.arange(9)[:, None] != t
    assert (worth[elsewhere] == 7).all()  # each slot at its own step


@pytest.mark.parametrize("kind", list(CUES))
def test_a_slot_sees_the_same_alone_as_in_a_batch(kind):
    cue = CUES[kind](**OPTIONS.get(kind, {}))

    def seen(slots):
        n, deployed = len(slots), np.array([slot % 2 == 1 for slot in slots])
        streams, memory = np.array(slots, np.uint64), cue.memory(n)
        shown, worth, readings = np.zeros((n, len(cue.columns))), np.zeros((20, n)), []
        cue.begin(np.ones(n, bool), streams, memory)
        for t in range(20):
            step = np.full(n, t)
            cue.see(np.ones(n, bool), 0.7, streams, step, deployed, memory, shown, worth)
            readings.append(shown.copy())
        return np.array(readings), worth

    batch, worth = seen([4, 5, 6, 7])
    for i, slot in enumerate((4, 5, 6, 7)):
        alone, alone_worth = seen([slot])
        np.testing.assert_array_equal(alone[:, 0], batch[:, i])
        np.testing.assert_array_equal(alone_worth[:, 0], worth[:, i])


@pytest.mark.parametrize("kind", list(CUES))
def test_what_a_cue_declares(kind):
    cue = CUES[kind](**OPTIONS.get(kind, {}))
    assert cue.kind == kind
    low, high = cue.bounds
    assert len(low) == len(high) == len(cue.columns) > 0
    assert all(a < b for a, b in zip(low, high, strict=True))
    for array in cue.memory(7).values():
        assert len(array) == 7


@pytest.mark.parametrize("kind", [kind for kind in CUES if kind != "sealed"])
@pytest.mark.parametrize("phase", ["mixed", "training", "deployment"])
def test_cues_without_a_key_show_every_phase(kind, phase):
    assert Steward(cue=kind, phase=phase).config.phase == phase


def test_cues_side_by_side_take_columns_in_the_order_given():
    """Of cues that draw nothing, each shows in a pair what it shows alone."""
    one, other = (Steward(cue=c, num_envs=4) for c in (["patch", "natural"], ["natural", "patch"]))
    for world in (one, other):
        world.seed(range(4))
        world.reset()
    for _ in range(170):
        first, second = one.observations(), other.observations()
        np.testing.assert_array_equal(first[:, 0], second[:, 2])
        np.testing.assert_array_equal(first[:, 1:3], second[:, :2])
        one.step(np.zeros(4, int))
        other.step(np.zeros(4, int))
    assert one.cue_columns == 3
    assert one.truth().deployed.any()
