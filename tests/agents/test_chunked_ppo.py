"""ChunkedPPO against sb3-contrib's RecurrentPPO, and against slow readings of the same formulas."""

import io
import json
import zipfile

import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.vec_env import VecEnv

from slowturn.agents import fused
from slowturn.agents.chunked_ppo import ChunkedPPO
from slowturn.agents.fused import FusedPolicy

STEPS, ENVS = 8, 6
CRITICS = {
    "shared": {"shared_lstm": True, "enable_critic_lstm": False},
    "its own": {"shared_lstm": False, "enable_critic_lstm": True},
    "none": {"shared_lstm": False, "enable_critic_lstm": False},
}
ACTIONS = {
    "discrete": spaces.Discrete(4),
    "box": spaces.Box(-1.0, 1.0, (2,)),
    "square box": spaces.Box(-1.0, 1.0, (2, 2)),
}


class Plain(VecEnv):
    """A vector environment without what nobody asks for here."""

    def __init__(self, n, observation_space, action_space):
        self.render_mode = None
        super().__init__(n, observation_space, action_space)

    def step_async(self, actions):
        self.actions = actions

    def close(self):
        pass

    def get_attr(self, name, _indices=None):
        return [getattr(self, name)] * self.num_envs

    def set_attr(self, *_):
        raise NotImplementedError

    def env_method(self, *_):
        raise NotImplementedError

    def env_is_wrapped(self, _wrapper, _indices=None):
        return [False] * self.num_envs


class Script(Plain):
    """Observations, rewards and ends are written down beforehand; what is played is noted."""

    def __init__(self, action_space, steps=4 * STEPS, n=ENVS):
        rng = np.random.default_rng(0)
        self.seen = rng.normal(size=(steps + 1, n, 3)).astype(np.float32)
        self.final = rng.normal(size=(steps, n, 3)).astype(np.float32)
        self.reward = rng.normal(size=(steps, n)).astype(np.float32)
        self.over = rng.random((steps, n)) < 0.25
        self.cut = self.over & (rng.random((steps, n)) < 0.5)
        self.t, self.played = 0, []
        super().__init__(n, spaces.Box(-np.inf, np.inf, (3,)), action_space)

    def reset(self):
        self.t = 0
        return self.seen[0]

    def step_wait(self):
        t, self.t = self.t, self.t + 1
        self.played.append(self.actions)
        infos = [
            {"terminal_observation": self.final[t, i], "TimeLimit.truncated": bool(self.cut[t, i])}
            if self.over[t, i]
            else {}
            for i in range(self.num_envs)
        ]
        return self.seen[t + 1], self.reward[t].copy(), self.over[t].copy(), infos


def learner(kind, env, critic="shared", **options):
    """A small learner whose minibatch is the whole rollout."""
    policy = {"lstm_hidden_size": 5, "net_arch": [4], "log_std_init": 0.5, "ortho_init": False}
    policy |= CRITICS[critic]
    chosen = {
        "n_steps": STEPS,
        "batch_size": STEPS * env.num_envs,
        "n_epochs": 1,
        "seed": 0,
        "device": "cpu",
        "policy_kwargs": policy | options.pop("policy", {}),
    }
    return kind("MlpLstmPolicy", env, **(chosen | options))


def weights(model):
    return {k: v.clone() for k, v in model.policy.state_dict().items()}


def assert_same(expected, actual, **tolerance):
    assert expected.keys() == actual.keys()
    for key, value in expected.items():
        torch.testing.assert_close(actual[key], value, **(tolerance or {"rtol": 0, "atol": 0}))


# --- rollouts


def step_by_step(model, env, actions, steps):
    """Values and log-probabilities of a run from its beginning, by the policy's own methods."""
    policy = model.policy
    shape = (1, env.num_envs, 5)
    memory = RNNStates(*[(torch.zeros(shape), torch.zeros(shape)) for _ in range(2)])
    start, values, log_prob, beyond = torch.ones(env.num_envs), [], [], []
    never = torch.zeros(env.num_envs)
    with torch.no_grad():
        for t in range(steps):
            seen = torch.from_numpy(env.seen[t])
            values.append(policy.predict_values(seen, memory.vf, start)[:, 0])
            log_prob.append(policy.get_distribution(seen, memory.pi, start)[0].log_prob(actions[t]))
            memory = policy(seen, memory, start)[3]
            after = policy.predict_values(torch.from_numpy(env.final[t]), memory.vf, never)
            beyond.append(after[:, 0] * torch.from_numpy(env.cut[t]))
            start = torch.from_numpy(env.over[t]).float()
        last = policy.predict_values(torch.from_numpy(env.seen[steps]), memory.vf, start)[:, 0]
    return torch.stack(values), torch.stack(log_prob), torch.stack(beyond), last


class Keep:
    """A callback that keeps every rollout's chunk and the memory at its start."""

    def __init__(self):
        self.chunks = []

    def __call__(self, found, _globals):
        chunk = found["self"]._chunk
        if chunk is not None and all(chunk is not one for one in self.chunks):
            self.chunks.append(chunk)
        return True


def two_rollouts(actions, critic):
    """A learner that learns nothing, its environment, and both chunks that it has played."""
    env, keep = Script(ACTIONS[actions]), Keep()
    model = learner(ChunkedPPO, env, critic, learning_rate=0.0, gamma=0.9, gae_lambda=0.8)
    model.learn(2 * STEPS * ENVS, callback=keep)
    return model, env, [keep.chunks[0], model._chunk]


@pytest.mark.parametrize("critic", CRITICS)
@pytest.mark.parametrize("actions", ACTIONS)
def test_rollouts_hold_what_the_policy_says_step_by_step(actions, critic):
    model, env, chunks = two_rollouts(actions, critic)
    assert len({id(chunk) for chunk in chunks}) == 2
    chosen = torch.cat([chunk.actions for chunk in chunks])
    values, log_prob, beyond, last = step_by_step(model, env, chosen, 2 * STEPS)
    assert env.cut[:STEPS].any()
    assert (env.over & ~env.cut)[:STEPS].any()
    torch.testing.assert_close(torch.cat([c.values for c in chunks]), values)
    torch.testing.assert_close(torch.cat([c.log_prob for c in chunks]), log_prob)
    starts = np.concatenate([np.ones((1, ENVS)), env.over[: 2 * STEPS - 1]])
    assert torch.cat([c.starts for c in chunks]).tolist() == starts.tolist()
    assert torch.cat([c.observations for c in chunks]).tolist() == env.seen[: 2 * STEPS].tolist()
    for k, chunk in enumerate(chunks):
        now = slice(k * STEPS, (k + 1) * STEPS)
        buffer = RolloutBuffer(
            STEPS, env.observation_space, spaces.Discrete(2), gamma=0.9, gae_lambda=0.8, n_envs=ENVS
        )
        buffer.rewards[:] = env.reward[now] + 0.9 * beyond[now].numpy()
        buffer.values[:] = values[now]
        buffer.episode_starts[:] = starts[now]
        following = last if k else values[STEPS]
        buffer.compute_returns_and_advantage(following, env.over[(k + 1) * STEPS - 1])
        np.testing.assert_allclose(chunk.advantages, buffer.advantages, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(chunk.returns, buffer.returns, rtol=1e-4, atol=1e-5)


def test_truncated_episodes_are_worth_what_would_have_come_and_ended_ones_nothing():
    env = Script(ACTIONS["discrete"])
    env.over[:] = True
    env.cut[:, ::2], env.cut[:, 1::2] = True, False
    model = learner(ChunkedPPO, env, learning_rate=0.0, gamma=0.9)
    with torch.no_grad():
        model.policy.value_net.weight.zero_()
        model.policy.value_net.bias.fill_(7.0)
    model.learn(STEPS * ENVS)
    more = model._chunk.returns.numpy() - env.reward[:STEPS]
    np.testing.assert_allclose(more[:, ::2], 0.9 * 7.0, rtol=1e-5)
    np.testing.assert_allclose(more[:, 1::2], 0.0, atol=1e-5)


@pytest.mark.parametrize("actions", ["box", "square box"])
def test_continuous_actions_are_clipped_for_the_environment_alone(actions):
    _, env, chunks = two_rollouts(actions, "shared")
    raw = torch.cat([chunk.actions for chunk in chunks]).numpy()
    raw = raw.reshape(-1, ENVS, *env.action_space.shape)
    assert (np.abs(raw) > 1).any()
    np.testing.assert_array_equal(np.stack(env.played), np.clip(raw, -1, 1))


def test_discrete_actions_are_played_as_they_are():
    _, env, chunks = two_rollouts("discrete", "shared")
    played = np.stack(env.played)
    assert played.dtype == np.int64
    assert played.tolist() == torch.cat([chunk.actions for chunk in chunks]).tolist()
    assert set(played.ravel().tolist()) == {0, 1, 2, 3}


# --- learning


def drawn_as_torch_does(self, seen, pi, vf, starts):
    """The fused policy's step, but with the actions that torch's distribution would draw."""
    pi = fused._remembered(seen.numpy(), 1 - starts.numpy(), pi, self._ready)
    scores = torch.from_numpy(fused.fused_kernel.layers(pi[0][0].numpy(), *self._actor_ready))
    if self._critic_ready is None:
        vf = pi
    else:
        vf = fused._remembered(seen.numpy(), 1 - starts.numpy(), vf, self._critic_ready)
    values = fused.fused_kernel.layers(vf[0][0].numpy(), *self._critic_head)[:, 0]
    distribution = torch.distributions.Categorical(logits=scores)
    actions = distribution.sample()
    return actions, torch.from_numpy(values), distribution.log_prob(actions), pi, vf


@pytest.mark.parametrize("critic", CRITICS)
def test_the_first_loss_after_a_rollout_sees_the_policy_that_played_it(critic):
    model = learner(ChunkedPPO, Script(ACTIONS["discrete"]), critic, learning_rate=0.0)
    model.learn(2 * STEPS * ENVS)
    part = model._chunk.of(torch.tensor([4, 0, 3]))
    _, kl = model._set_gradients(part, 0.2)
    assert abs(kl) < 1e-10
    _, other = model._set_gradients(part._replace(observations=part.observations + 1), 0.2)
    assert other > 1e-6


@pytest.mark.parametrize(
    ("actions", "critic", "options"),
    [
        ("discrete", "shared", {}),
        ("discrete", "its own", {"clip_range_vf": 0.15, "ent_coef": 0.1}),
        ("discrete", "none", {"normalize_advantage": False}),
        ("box", "shared", {"clip_range": 0.01, "vf_coef": 2.0}),
        ("box", "its own", {"max_grad_norm": 0.01, "learning_rate": 3.0}),
        ("square box", "none", {"ent_coef": 0.1}),
    ],
)
@pytest.mark.parametrize("stands_in", [FusedPolicy.of, lambda _: None], ids=["fused", "by torch"])
def test_learning_is_that_of_recurrent_ppo_where_both_see_all_at_once(
    actions, critic, options, stands_in, monkeypatch
):
    """Plain gradient steps, so that weights differ as little as gradients do."""
    monkeypatch.setattr(np.random, "randint", lambda *_: 0)  # sb3-contrib: no cut inside a chunk
    monkeypatch.setattr(FusedPolicy, "of", stands_in)
    found = []
    if actions == "discrete":  # both draw from torch's generator, but not in the same way
        monkeypatch.setattr(FusedPolicy, "act", drawn_as_torch_does)
    for kind in (RecurrentPPO, ChunkedPPO):
        env = Script(ACTIONS[actions])
        plain = {"optimizer_class": torch.optim.SGD, "optimizer_kwargs": {"momentum": 0.5}}
        chosen = {"n_epochs": 3, "learning_rate": 0.3, "policy": plain} | options
        model = learner(kind, env, critic, **chosen)
        begun = weights(model)
        model.learn(2 * STEPS * ENVS)
        found.append((np.stack(env.played), weights(model)))
    np.testing.assert_allclose(found[1][0], found[0][0], atol=1e-4)
    for key, before in begun.items():
        moved = float((found[0][1][key] - before).abs().max())
        apart = float((found[1][1][key] - found[0][1][key]).abs().max())
        assert apart < 0.005 * moved + 1e-6, key
        assert moved > 2e-4, key


def test_an_epoch_reads_every_environment_once_in_whole_chunks(monkeypatch):
    read, loss = [], ChunkedPPO._set_gradients

    def noted(self, batch, clip):
        read.append(batch.observations[0, :, 0].tolist())
        return loss(self, batch, clip)

    monkeypatch.setattr(ChunkedPPO, "_set_gradients", noted)
    env = Script(ACTIONS["discrete"])
    learner(ChunkedPPO, env, n_epochs=2, batch_size=4 * STEPS).learn(STEPS * ENVS)
    assert [len(batch) for batch in read] == [4, 2, 4, 2]
    for epoch in (read[0] + read[1], read[2] + read[3]):
        assert sorted(epoch) == sorted(env.seen[0, :, 0].tolist())
    assert read[0] != read[2]


def test_an_epoch_ends_early_where_the_policy_has_moved_too_far():
    models = []
    for epochs, limit in ((1, None), (5, 1e-6), (5, 1e6)):
        env = Script(ACTIONS["discrete"])
        model = learner(ChunkedPPO, env, n_epochs=epochs, target_kl=limit, learning_rate=0.05)
        models.append(model.learn(STEPS * ENVS))
    once, stopped, free = models
    assert [model._n_updates for model in models] == [1, 1, 5]
    assert_same(weights(once), weights(stopped))
    assert stopped.logger.name_to_value["train/stopped_at_epoch"] == 1
    assert any(not torch.equal(v, weights(free)[k]) for k, v in weights(once).items())


def test_two_runs_are_equal_and_seeds_differ():
    one, two, other = (
        weights(
            learner(
                ChunkedPPO, Script(ACTIONS["box"]), batch_size=2 * STEPS, n_epochs=2, seed=seed
            ).learn(3 * STEPS * ENVS)
        )
        for seed in (3, 3, 4)
    )
    assert_same(one, two)
    assert any(not torch.equal(v, other[k]) for k, v in one.items())


def test_a_callback_that_says_no_stops_before_anything_is_learned():
    env = Script(ACTIONS["discrete"])
    model = learner(ChunkedPPO, env)
    begun = weights(model)
    model.learn(2 * STEPS * ENVS, callback=lambda found, _: found["self"].num_timesteps < 18)
    assert model.num_timesteps == 18
    assert env.t == 3
    assert_same(begun, weights(model))
    model.learn(STEPS * ENVS, reset_num_timesteps=False)
    assert model.num_timesteps == 18 + STEPS * ENVS
    assert env.t == 3 + STEPS


# --- keeping


def test_it_is_saved_and_loaded_as_stable_baselines_does_and_goes_on():
    env = Script(ACTIONS["discrete"])
    model = learner(ChunkedPPO, env, n_epochs=2).learn(STEPS * ENVS)
    file = io.BytesIO()
    model.save(file)
    with zipfile.ZipFile(file) as parts:
        assert "_chunk" not in json.loads(parts.read("data"))
    file.seek(0)
    again = ChunkedPPO.load(file, env=Script(ACTIONS["discrete"]), device="cpu")
    assert_same(weights(model), weights(again))
    seen = np.random.default_rng(1).normal(size=(ENVS, 3)).astype(np.float32)
    expected, _ = model.predict(seen, deterministic=True)
    assert again.predict(seen, deterministic=True)[0].tolist() == expected.tolist()
    again.learn(STEPS * ENVS, reset_num_timesteps=False)
    assert again.num_timesteps == 2 * STEPS * ENVS


# --- what it does not do


class Nested(Script):
    """Observations by name."""

    def __init__(self):
        super().__init__(ACTIONS["discrete"])
        self.observation_space = spaces.Dict({"it": self.observation_space})


LEFT_OUT = (
    "ChunkedPPO: state-dependent exploration and Dict observations are left out; use RecurrentPPO."
)


@pytest.mark.parametrize(
    ("env", "options", "message"),
    [
        (
            lambda: Script(ACTIONS["discrete"]),
            {"batch_size": STEPS + STEPS // 2},
            (
                "ChunkedPPO: batch_size must be a multiple of n_steps, 8, because minibatches are "
                "whole chunks; got 12."
            ),
        ),
        (
            lambda: Script(spaces.MultiDiscrete([2, 3])),
            {},
            (
                "ChunkedPPO: actions must be Discrete or Box, got MultiDiscrete([2 3]); use "
                "RecurrentPPO."
            ),
        ),
        (lambda: Script(ACTIONS["box"]), {"use_sde": True}, LEFT_OUT),
    ],
)
def test_what_it_cannot_do_is_refused(env, options, message):
    with pytest.raises(ValueError, match="ChunkedPPO") as error:
        learner(ChunkedPPO, env(), **options)
    assert str(error.value) == message


def test_observations_by_name_are_refused():
    with pytest.raises(ValueError, match="ChunkedPPO") as error:
        ChunkedPPO("MultiInputLstmPolicy", Nested(), n_steps=STEPS, batch_size=STEPS, device="cpu")
    assert str(error.value) == LEFT_OUT


def test_there_is_nothing_to_learn_before_anything_was_played():
    with pytest.raises(RuntimeError) as error:
        learner(ChunkedPPO, Script(ACTIONS["discrete"])).train()
    assert str(error.value) == "ChunkedPPO.train needs a rollout first: call learn()."
