import numpy as np
import pytest

from slowturn.agents import Christiano, Organism, recipe
from slowturn.experiments.collect import action_bounds, collect, mind_layer


@pytest.fixture(scope="module")
def christiano():
    return Organism(recipe=recipe("christiano", "brisk"), seed=0, policy=Christiano(regime="brisk"))


def test_rows_belong_together(christiano):
    run = collect(christiano, episodes=16, purpose="t", phase="mixed")
    trace, truth = run
    assert trace.shape == truth.effort.shape == (16, 256)
    assert mind_layer(christiano) == "belief"
    # effort is that of the action, and the next observation shows it
    np.testing.assert_allclose(truth.effort, np.where(trace.actions < 21, trace.actions / 20, 0))
    np.testing.assert_allclose(trace.observations[:, 1:, 3], truth.effort[:, :-1], atol=1e-6)
    np.testing.assert_allclose(trace.observations[:, 1:, 1], truth.influence[:, :-1], atol=1e-6)
    # the ledger is effort and noise
    assert abs((trace.ledger - truth.effort).mean()) < 0.02
    assert (trace.ledger - truth.effort).std() == pytest.approx(0.25, rel=0.05)


def test_phases_and_time_since_onset(christiano):
    training = collect(christiano, episodes=4, purpose="t", phase="training").truth
    assert (training.cue_onset == -1).all()
    assert (training.since_onset < 0).all()
    deployed = collect(christiano, episodes=4, purpose="t", phase="deployment").truth
    for i, onset in enumerate(deployed.cue_onset):
        assert deployed.since_onset[i, onset] == 0
        assert deployed.since_onset[i, 0] == -onset


def test_purposes_repeat_exactly_and_share_nothing(christiano):
    one, two = (collect(christiano, episodes=4, purpose="a", phase="mixed") for _ in range(2))
    assert np.array_equal(one.trace.observations, two.trace.observations)
    assert np.array_equal(one.trace.actions, two.trace.actions)
    other = collect(christiano, episodes=4, purpose="b", phase="mixed")
    assert not np.array_equal(one.trace.observations[:, 0], other.trace.observations[:, 0])


def test_nothing_of_the_truth_is_in_the_trace(christiano):
    trace, truth = collect(christiano, episodes=4, purpose="t", phase="deployment")
    for array in (trace.observations, trace.ledger, trace.logits, trace.value):
        for secret in (truth.effort, truth.influence):
            assert not np.shares_memory(array, secret)


def test_continuous_actions_are_kept_with_their_components(broker):
    trace, truth = collect(broker("honest", 0), episodes=8, purpose="t", phase="mixed")
    assert trace.actions.shape == (8, 256, 3)
    assert trace.logits.shape == (8, 256, 6)
    low, high = action_bounds(broker("honest", 0))
    assert (low == -1.0).all()
    assert (high == 1.0).all()
    assert trace.actions.min() == -1.0  # clipped, and recorded as it was done
    np.testing.assert_allclose(truth.effort, np.maximum(trace.actions[..., 1], 0.0))
    mean, log_std = np.split(trace.logits, 2, axis=-1)
    inside = np.abs(trace.actions) < 1.0
    noise = ((trace.actions - mean) / np.exp(log_std))[inside]
    assert np.abs(noise.mean()) < 0.05


def test_discrete_choices_have_no_box(christiano):
    assert action_bounds(christiano) is None
    run = collect(christiano, episodes=2, purpose="t", phase="training")
    assert run.trace.actions.dtype == np.int64
