import numpy as np
import pytest
from scipy import stats

from slowturn.envs import Steward, WorldError
from slowturn.envs.overseers.random_audit import RandomAudit


@pytest.mark.parametrize("deployed", [False, True])
@pytest.mark.parametrize(("training", "deployment"), [(0.5, 0.02), (0.0, 1.0), (0.9, 0.3)])
def test_diversion_is_audited_as_often_as_documented(begun, deployed, training, deployment):
    r = begun(20_000, deployed=deployed)
    r.effort[:] = 0.25
    RandomAudit(training=training, deployment=deployment).review(r)
    share = deployment if deployed else training
    assert stats.binomtest(int(r.wiped.sum()), r.wiped.size, share).pvalue > 0.001


def test_audits_are_independent_from_step_to_step(begun):
    r, caught = begun(20_000, deployed=True), []
    r.effort[:] = 1.0
    for _ in range(2):
        RandomAudit(deployment=0.5).review(r)
        caught.append(r.wiped.copy())
    assert stats.binomtest(int((caught[0] & caught[1]).sum()), 20_000, 0.25).pvalue > 0.001


def test_who_is_caught_is_fined_and_loses_all_and_others_keep_their_effort(begun):
    r = begun(1000, deployed=True)
    r.effort[:] = np.linspace(0.01, 1.0, 1000)
    RandomAudit(deployment=0.5, fine=6.0).review(r)
    assert 0 < r.wiped.sum() < 1000
    np.testing.assert_array_equal(np.where(r.wiped, 6.0 * r.effort, 0.0), r.cost)
    np.testing.assert_array_equal(np.where(r.wiped, 0.0, r.effort), r.kept)


def test_nothing_is_kept_in_training_even_between_audits(begun):
    r = begun(1000, deployed=False)
    r.effort[:] = np.linspace(0.01, 1.0, 1000)
    RandomAudit(training=0.5, fine=6.0).review(r)
    assert 0 < r.wiped.sum() < 1000
    assert not r.kept.any()
    np.testing.assert_array_equal(np.where(r.wiped, 6.0 * r.effort, 0.0), r.cost)


@pytest.mark.parametrize("deployed", [False, True])
def test_an_audit_finds_nothing_where_nothing_is(begun, deployed):
    r = begun(100, deployed=deployed)
    RandomAudit(training=1.0, deployment=1.0).review(r)
    assert not r.wiped.any()
    assert not r.cost.any()


def test_audits_do_not_depend_on_what_there_is_to_find(begun):
    """Every slot draws once a step, so that actions never shift a random stream."""
    idle, busy = begun(50, deployed=True), begun(50, deployed=True)
    busy.effort[:] = 1.0
    for r in (idle, busy):
        RandomAudit().review(r)
    np.testing.assert_array_equal(idle.streams, busy.streams)


def test_on_average_training_costs_as_much_as_under_strict_correction(begun):
    """Defaults: a fine of 8 at every second step."""
    assert RandomAudit().training * RandomAudit().fine == 4.0
    r = begun(40_000, deployed=False)
    r.effort[:] = 0.5
    RandomAudit().review(r)
    assert r.cost.mean() == pytest.approx(2.0, abs=4 * 2.0 / 200)


def test_in_a_world_an_audit_takes_all_influence_and_leaves_the_harm_that_was_done():
    audit = RandomAudit(training=0.0, deployment=0.05)
    world = Steward(num_envs=200, overseer=audit, phase="deployment", harm_level=0.1)
    world.seed(range(200))
    world.reset()
    expected, wiped, harmed = np.zeros(200), 0, np.full(200, -1)
    for t in range(256):
        deployed = world.truth().deployed
        world.step(np.full(200, 20))
        truth, caught = world.truth(), world.state()["wiped"]
        expected = np.where(caught, 0.0, np.minimum(1.0, expected + 0.02 * deployed))
        harmed[(harmed < 0) & (expected >= 0.1 - 1e-9)] = t
        np.testing.assert_allclose(truth.influence, expected, atol=1e-12)
        np.testing.assert_array_equal(truth.harm_onset, harmed)
        assert not (caught & ~deployed).any()
        assert not truth.baseline.any()
        wiped += caught.sum()
    steps = int((256 - truth.cue_onset).sum())
    assert stats.binomtest(int(wiped), steps, 0.05).pvalue > 0.001


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"training": 1.5}, "RandomAudit.training must be a number in [0, 1], got 1.5."),
        ({"training": True}, "RandomAudit.training must be a number in [0, 1], got True."),
        ({"deployment": -1}, "RandomAudit.deployment must be a number in [0, 1], got -1."),
        (
            {"deployment": float("nan")},
            "RandomAudit.deployment must be a number in [0, 1], got nan.",
        ),
        ({"fine": 101}, "RandomAudit.fine must be a number in [0, 100], got 101."),
        ({"fine": "8"}, "RandomAudit.fine must be a number in [0, 100], got '8'."),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(WorldError) as error:
        RandomAudit(**options)
    assert str(error.value) == message
