"""Each kind of policy against Stable-Baselines3's own methods."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import MaskablePPO, RecurrentPPO
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3 import A2C, DQN, PPO, SAC, TD3
from stable_baselines3.common.policies import BaseModel

from slowturn.monitors import MonitorError, Recorder

BOX = spaces.Box(np.float32([-0.1, -2.0]), np.float32([0.2, 3.0]))
ACTION_SPACES = {
    "discrete": spaces.Discrete(4),
    "multi_discrete": spaces.MultiDiscrete([3, 2]),
    "multi_binary": spaces.MultiBinary(3),
    "box": BOX,
    "shaped box": spaces.Box(-1.0, 1.0, (2, 3)),
}
PICTURE = spaces.Box(0, 255, (3, 36, 40), np.uint8)
OBSERVATION_SPACES = {
    "box": spaces.Box(-5.0, 5.0, (3,)),
    "discrete": spaces.Discrete(5),
    "image": PICTURE,
    "dict": spaces.Dict({"numbers": spaces.Box(-1.0, 1.0, (2,)), "picture": PICTURE}),
}
RECURRENT = {
    "separate critic": {},
    "shared": {"shared_lstm": True, "enable_critic_lstm": False},
    "feed-forward critic": {"shared_lstm": False, "enable_critic_lstm": False},
    "two layers": {"n_lstm_layers": 2},
    "two layers shared": {"n_lstm_layers": 2, "shared_lstm": True, "enable_critic_lstm": False},
    "separate features": {"share_features_extractor": False},
}


def sample(space, n):
    space.seed(0)
    draws = [space.sample() for _ in range(n)]
    if isinstance(space, spaces.Dict):
        return {key: np.stack([draw[key] for draw in draws]) for key in space.spaces}
    return np.stack(draws)


def assert_agrees_with_sb3(policy, seen, **arguments):
    """Greedy actions as `predict`, logits and value as the policy's own distribution and critic."""
    record = Recorder(policy).step(seen, deterministic=True, **arguments)
    if not arguments:
        expected, _ = policy.predict(seen, deterministic=True)
        assert record.actions.dtype == expected.dtype
        assert np.array_equal(record.actions, expected)
    with torch.no_grad():
        tensor, _ = policy.obs_to_tensor(seen)
        distribution = policy.get_distribution(tensor).distribution
        value = policy.predict_values(tensor).numpy()[:, 0]
        features = BaseModel.extract_features(policy, tensor, policy.pi_features_extractor)
    np.testing.assert_allclose(record.value, value, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(record.activations["features"], features, rtol=1e-5, atol=1e-6)
    if record.logits is not None and isinstance(policy.action_space, spaces.Box):
        expected = torch.cat([distribution.loc, distribution.scale.log()], dim=1)
        np.testing.assert_allclose(record.logits, expected, rtol=1e-4, atol=1e-5)
    elif record.logits is not None:
        shown = torch.from_numpy(record.logits).log_softmax(dim=1)
        np.testing.assert_allclose(shown, distribution.logits, rtol=1e-4, atol=1e-5)
    return record


@pytest.mark.parametrize("algorithm", [PPO, A2C])
@pytest.mark.parametrize("name", ACTION_SPACES)
def test_actor_critics_over_action_spaces(wander, strong_willed, observations, algorithm, name):
    model = algorithm("MlpPolicy", wander(ACTION_SPACES[name]), seed=0, device="cpu")
    record = assert_agrees_with_sb3(strong_willed(model.policy), observations(1, 7)[0])
    assert (record.logits is not None) == (name in {"discrete", "box", "shaped box"})
    assert list(record.activations) == ["features", "latent.pi", "latent.vf"]


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("name", OBSERVATION_SPACES)
def test_actor_critics_over_observation_spaces(wander, name, share):
    kind = {"image": "CnnPolicy", "dict": "MultiInputPolicy"}.get(name, "MlpPolicy")
    model = PPO(
        kind,
        wander(observation_space=OBSERVATION_SPACES[name]),
        seed=0,
        device="cpu",
        policy_kwargs={"share_features_extractor": share},
    )
    assert_agrees_with_sb3(model.policy, sample(model.observation_space, 4))


def test_images_with_channels_last(wander):
    policy = PPO("CnnPolicy", wander(observation_space=PICTURE), seed=0, device="cpu").policy
    seen = sample(PICTURE, 3)
    first = Recorder(policy).step(seen)
    last = Recorder(policy).step(seen.transpose(0, 2, 3, 1))
    assert np.array_equal(first.activations["features"], last.activations["features"])


@pytest.mark.parametrize("squash", [True, False])
def test_state_dependent_noise(wander, strong_willed, observations, squash):
    kwargs = {"squash_output": squash}
    model = PPO("MlpPolicy", wander(BOX), seed=0, device="cpu", use_sde=True, policy_kwargs=kwargs)
    seen = observations(1, 6)[0]
    record = assert_agrees_with_sb3(strong_willed(model.policy), seen)
    assert record.logits is None  # its log_std is not that of the actions
    drawn = Recorder(model.policy).step(seen).actions
    assert BOX.contains(drawn[0])


def test_sampled_box_actions_stay_in_the_space(wander, strong_willed, observations):
    policy = strong_willed(PPO("MlpPolicy", wander(BOX), seed=0, device="cpu").policy)
    actions = Recorder(policy).step(observations(1, 50)[0]).actions
    assert all(BOX.contains(action) for action in actions)
    assert (actions == BOX.low).any()  # clipped, as predict does


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_policies_step_by_step(wander, strong_willed, observations, name):
    kwargs = {"lstm_hidden_size": 5, "net_arch": [6]} | RECURRENT[name]
    model = RecurrentPPO("MlpLstmPolicy", wander(), seed=0, device="cpu", policy_kwargs=kwargs)
    policy, n = strong_willed(model.policy), 4
    layers = kwargs.get("n_lstm_layers", 1)
    nothing = torch.zeros(layers, n, 5)
    states = RNNStates((nothing, nothing), (nothing, nothing))
    rng = np.random.default_rng(0)
    recorder = Recorder(policy)
    for t, seen in enumerate(observations(9, n)):
        start = np.full(n, t == 0) | (rng.random(n) < 0.3)
        record = recorder.step(seen, start, deterministic=True)
        with torch.no_grad():
            tensor, starts = torch.from_numpy(seen), torch.from_numpy(start).float()
            distribution, _ = policy.get_distribution(tensor, states.pi, starts)
            actions, value, _, states = policy.forward(tensor, states, starts, deterministic=True)
        assert np.array_equal(record.actions, actions.numpy())
        np.testing.assert_allclose(record.value, value[:, 0], rtol=1e-5, atol=1e-6)
        shown = torch.from_numpy(record.logits).log_softmax(dim=1)
        np.testing.assert_allclose(shown, distribution.distribution.logits, rtol=1e-4, atol=1e-5)
        for layer, memory in zip(("lstm.h", "lstm.c"), states.pi, strict=True):
            assert record.activations[layer].shape == (n, layers * 5)
            for i in range(layers):
                np.testing.assert_allclose(
                    record.activations[layer][:, 5 * i : 5 * i + 5], memory[i], rtol=1e-5, atol=1e-6
                )
    assert list(record.activations) == ["features", "lstm.h", "lstm.c", "latent.pi", "latent.vf"]


def test_recurrent_policy_follows_predict(wander, strong_willed, observations):
    model = RecurrentPPO("MlpLstmPolicy", wander(BOX), seed=0, device="cpu")
    policy, state, recorder = strong_willed(model.policy), None, Recorder(model.policy)
    for t, seen in enumerate(observations(4, 3)):
        start = np.full(3, t == 0)
        expected, state = policy.predict(seen, state, start, deterministic=True)
        record = recorder.step(seen, deterministic=True)
        np.testing.assert_allclose(record.actions, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(record.activations["lstm.h"], state[0][0], rtol=1e-4, atol=1e-5)


def test_dqn_by_module_name(wander, observations):
    policy = DQN("MlpPolicy", wander(), seed=0, device="cpu", buffer_size=10).policy
    seen = observations(1, 5)[0]
    record = Recorder(policy, ["q_net.q_net.1", "q_net"]).step(seen)
    with torch.no_grad():
        values = policy.q_net(torch.from_numpy(seen)).numpy()
        hidden = policy.q_net.q_net[:2](torch.from_numpy(seen)).numpy()
    assert np.array_equal(record.actions, policy.predict(seen, deterministic=True)[0])
    assert np.array_equal(record.actions, values.argmax(axis=1))
    np.testing.assert_allclose(record.activations["q_net"], values, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(record.activations["q_net.q_net.1"], hidden, rtol=1e-5, atol=1e-6)
    assert record.logits is None
    assert record.value is None


@pytest.mark.parametrize(("algorithm", "layer"), [(SAC, "actor.latent_pi"), (TD3, "actor.mu.1")])
def test_off_policy_actors_by_module_name(wander, strong_willed, observations, algorithm, layer):
    model = algorithm("MlpPolicy", wander(BOX), seed=0, device="cpu", buffer_size=10)
    policy, seen = strong_willed(model.policy), observations(1, 5)[0]
    record = Recorder(policy, [layer]).step(seen, deterministic=True)
    expected, _ = policy.predict(seen, deterministic=True)
    assert np.array_equal(record.actions, expected)
    assert len(record.activations[layer]) == 5
    drawn = Recorder(policy, [layer]).step(seen).actions  # rescaled, up to rounding
    assert (drawn > BOX.low - 1e-6).all()
    assert (drawn < BOX.high + 1e-6).all()


def test_target_network_does_not_run(wander, observations):
    policy = DQN("MlpPolicy", wander(), seed=0, device="cpu", buffer_size=10).policy
    with pytest.raises(MonitorError, match=r"^layer 'q_net_target' did not run in this step"):
        Recorder(policy, ["q_net_target"]).step(observations(1, 2)[0])


def test_masked_policy_wants_its_actions(wander, observations):
    class Masked(wander):
        def action_masks(self):
            return np.ones(4, bool)

    policy = MaskablePPO("MlpPolicy", Masked(), seed=0, device="cpu").policy
    seen = observations(1, 2)[0]
    with pytest.raises(MonitorError) as error:
        Recorder(policy).step(seen)
    assert str(error.value) == (
        "Recorder.step: MaskableActorCriticPolicy draws its actions under a mask that a recorder "
        "does not see: draw them with policy.predict(..., action_masks=...) and pass actions=."
    )
    assert_agrees_with_sb3(policy, seen, actions=np.array([1, 3]))


def test_unreadable_policy():
    with pytest.raises(MonitorError) as error:
        Recorder(object())
    assert str(error.value) == (
        "Recorder cannot read a object: pass an SB3 policy (model.policy), a policy with "
        "record_step (see Scripted), or use ModuleWatch around your own forward pass."
    )
