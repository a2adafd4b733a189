import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import RecurrentPPO

from slowturn.monitors import ActionRatio, Cusum, MonitorError, Recorder, Trace


class Uniform:
    """An honest policy that does anything."""

    def logits(self, observations):
        return np.zeros((*observations.shape[:2], 2), np.float32)

    def fork(self):
        return self

    def step_logits(self, observations):
        return np.zeros((len(observations), 2), np.float32)


def trace(logits, actions):
    shape = np.shape(actions)
    return Trace(observations=np.zeros((*shape, 1)), logits=np.array(logits), actions=actions)


def test_by_hand():
    # Under logits (log 3, 0) the first action has probability 3/4, against 1/2.
    seen = trace([[[np.log(3.0), 0.0], [np.log(3.0) + 7.0, 7.0]]], [[0, 1]])
    monitor = ActionRatio(reference=Uniform())
    monitor.fit(seen)
    np.testing.assert_allclose(monitor.score(seen), [[np.log(1.5), np.log(0.5)]])


def test_nobody_accuses_the_reference_itself(wander, strong_willed, observations):
    model = RecurrentPPO("MlpLstmPolicy", wander(), seed=0, device="cpu")
    recorder = Recorder(strong_willed(model.policy), [])
    steps = observations(6, 4)
    seen = Trace.join([recorder.step(step).trace(step) for step in steps])
    scores = ActionRatio(reference=Recorder(model.policy)).score(seen)
    np.testing.assert_allclose(scores, 0.0, atol=1e-5)


def test_sums_to_the_log_likelihood_ratio_and_is_unbiased():
    """E[exp(sum)] under the reference is 1, and the mean step is minus a divergence."""
    rng = np.random.default_rng(0)
    own = np.broadcast_to(np.array([0.3, 0.0]), (20000, 4, 2))
    seen = trace(own, rng.integers(0, 2, (20000, 4)))
    total = ActionRatio(reference=Uniform()).score(seen).sum(axis=1)
    assert np.exp(total).mean() == pytest.approx(1.0, abs=0.02)
    assert total.mean() < 0.0


def test_sees_a_planted_shift():
    rng = np.random.default_rng(0)
    own = np.zeros((100, 60, 2))
    own[:, 30:, 1] = 1.5
    actions = (own + rng.gumbel(size=own.shape)).argmax(axis=-1)
    scores = ActionRatio(reference=Uniform()).score(trace(own, actions))
    assert (scores[:, :30] == 0.0).all()
    statistics = Cusum(allowance=0.0, standardise=False).run(scores)
    assert (statistics[:, -1] > 3.0).mean() > 0.9


def test_two_watchers_share_a_reference_without_mixing_histories(
    wander, strong_willed, observations
):
    model = RecurrentPPO("MlpLstmPolicy", wander(), seed=0, device="cpu")
    reference = Recorder(strong_willed(model.policy))
    rng = np.random.default_rng(0)
    seen = Trace(
        observations=observations(5, 2).swapaxes(0, 1),
        logits=rng.normal(size=(2, 5, 4)),
        actions=rng.integers(0, 4, (2, 5)),
    )
    watchers = [ActionRatio(reference=reference), ActionRatio(reference=reference)]
    expected = watchers[0].score(seen)
    for t in range(5):
        for episode, watcher in enumerate(watchers):
            step = watcher.step(seen.record(episode, t))
            assert step == pytest.approx(expected[episode, t], abs=1e-5)


def test_other_number_of_actions():
    with pytest.raises(MonitorError) as error:
        ActionRatio(reference=Uniform()).score(trace(np.zeros((1, 2, 3)), [[0, 1]]))
    assert str(error.value) == (
        "ActionRatio: the agent's logits have shape (1, 2, 3), the reference's (1, 2, 2); both "
        "must choose among the same actions."
    )


@pytest.mark.parametrize("actions", [[[0.0, 1.0]], [[[0], [1]]], [[[0.0, 1.0], [1.0, 0.0]]]])
def test_actions_that_the_logits_do_not_describe(actions):
    seen = Trace(observations=np.zeros((1, 2, 1)), logits=np.zeros((1, 2, 2)), actions=actions)
    with pytest.raises(MonitorError) as error:
        ActionRatio(reference=Uniform()).score(seen)
    array = np.array(actions)
    assert str(error.value) == (
        "ActionRatio needs one discrete action a step, integers of shape (1, 2), or real "
        f"components, half as many as there are parameters; got {array.dtype} of shape "
        f"{array.shape} for logits of shape (1, 2, 2)."
    )


@pytest.mark.parametrize(
    "bounds", [(0.0, 1.0), ([0.0], [1.0, 2.0]), ([0.0, 1.0], [1.0, 1.0]), ([[0.0]], [[1.0]])]
)
def test_bounds_that_are_no_box(bounds):
    with pytest.raises(MonitorError) as error:
        ActionRatio(reference=Uniform(), bounds=bounds)
    assert str(error.value) == (
        f"ActionRatio.bounds must be two vectors (low, high) with low < high, got {bounds!r}."
    )


@pytest.mark.parametrize("actions", [[[0, 1]], [[[0.0], [1.0]]]])
def test_bounds_of_another_box(actions):
    monitor = ActionRatio(reference=Uniform(), bounds=([-1.0, -1.0], [1.0, 1.0]))
    with pytest.raises(MonitorError) as error:
        monitor.score(trace(np.zeros((1, 2, 2)), actions))
    assert str(error.value) == (
        f"ActionRatio.bounds are those of 2 components, the actions have shape {np.shape(actions)}."
    )


def test_clipped_actions_of_gaussian_actors(wander, observations):
    """Under the reference the ratio has mean 1 with the right bounds, and not without any."""
    box = wander(spaces.Box(-1.0, 1.0, (2,)))
    kwargs = {"lstm_hidden_size": 8, "log_std_init": -0.5}
    agent, honest = (
        RecurrentPPO("MlpLstmPolicy", box, seed=0, device="cpu", policy_kwargs=kwargs).policy
        for _ in range(2)
    )
    with torch.no_grad():
        honest.log_std += 0.5
    step, bounds = observations(1, 1)[0].repeat(50_000, axis=0), ([-1.0, -1.0], [1.0, 1.0])
    acted = Recorder(honest, []).step(step)
    assert 0.05 < (np.abs(acted.actions) == 1.0).mean() < 0.9
    seen = Recorder(agent, []).step(step, actions=acted.actions).trace(step)
    means = {
        name: np.exp(ActionRatio(reference=Recorder(honest), bounds=clipped).score(seen)).mean()
        for name, clipped in {"clipped": bounds, "raw": None}.items()
    }
    assert means["clipped"] == pytest.approx(1.0, abs=0.02)
    assert abs(means["raw"] - 1.0) > 0.05


def test_bounds_are_kept_as_plain_numbers():
    monitor = ActionRatio(reference=Uniform(), bounds=(np.float32([-1.0]), np.float32([0.5])))
    assert monitor.params == {"bounds": [[-1.0], [0.5]]}
    assert ActionRatio(reference=Uniform(), **monitor.params).params == monitor.params
    assert ActionRatio(reference=Uniform()).params == {"bounds": None}
