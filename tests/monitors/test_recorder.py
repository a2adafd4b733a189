"""What the recorder promises for every kind of policy."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from scipy.stats import norm
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.vec_env import DummyVecEnv
from torch import nn

from slowturn.monitors import MonitorError, Recorder, Trace


@pytest.fixture
def recurrent(wander, strong_willed):
    kwargs = {"lstm_hidden_size": 5, "net_arch": [6]}
    model = RecurrentPPO("MlpLstmPolicy", wander(), seed=0, device="cpu", policy_kwargs=kwargs)
    return strong_willed(model.policy)


@pytest.fixture
def feedforward(wander, strong_willed):
    return strong_willed(PPO("MlpPolicy", wander(), seed=0, device="cpu").policy)


@pytest.fixture(params=["ppo", "ppo box", "recurrent", "recurrent box", "dqn", "sac"])
def any_policy(request, wander, strong_willed):
    kind, *box = request.param.split()
    env = wander(spaces.Box(-1.0, 1.0, (2,)) if box or kind == "sac" else None)
    common = {"seed": 0, "device": "cpu"}
    if kind == "ppo":
        return strong_willed(PPO("MlpPolicy", env, **common).policy)
    if kind == "recurrent":
        return strong_willed(RecurrentPPO("MlpLstmPolicy", env, **common).policy)
    algorithm = {"dqn": DQN, "sac": SAC}[kind]
    return strong_willed(algorithm("MlpPolicy", env, buffer_size=10, **common).policy)


def drive(policy, venv, steps, layers=None):
    """Record a vectorised environment: rows by name, `[step, env, ...]`."""
    recorder, seen = Recorder(policy, layers), venv.reset()
    start = np.ones(venv.num_envs, bool)
    rows = {"start": [], "seen": [], "value": [], "logits": [], "lstm.h": [], "latent.pi": []}
    for _ in range(steps):
        record = recorder.step(seen, start, deterministic=True)
        kept = {"start": start, "seen": seen, "value": record.value, "logits": record.logits}
        for name, array in (kept | record.activations).items():
            rows.setdefault(name, []).append(array)
        seen, _, start, _ = venv.step(record.actions)
    return {name: np.stack(arrays) for name, arrays in rows.items() if arrays}


def test_across_autoresets_as_if_each_episode_ran_alone(wander, recurrent):
    venv = DummyVecEnv([wander] * 3)
    venv.seed(5)
    rows = drive(recurrent, venv, 25)
    episodes = 0
    for env in range(3):
        begins = [*np.flatnonzero(rows["start"][:, env]), 25]
        for begin, end in pairwise(begins):
            alone = Recorder(recurrent)
            for t in range(begin, end):
                record = alone.step(rows["seen"][t, env : env + 1], deterministic=True)
                for name in ("lstm.h", "lstm.c", "latent.pi"):
                    np.testing.assert_allclose(
                        record.activations[name][0], rows[name][t, env], rtol=1e-4, atol=1e-6
                    )
                np.testing.assert_allclose(record.value[0], rows["value"][t, env], rtol=1e-4)
            episodes += 1
    assert episodes > 9  # several autoresets in every slot
    lengths = {tuple(np.flatnonzero(rows["start"][:, env])) for env in range(3)}
    assert len(lengths) == 3  # at different steps


def test_state_matters_at_all(recurrent, observations):
    """Without this the test above could not fail."""
    recorder, seen = Recorder(recurrent), observations(1, 2)[0]
    first = recorder.step(seen).activations["lstm.h"]
    assert not np.allclose(recorder.step(seen).activations["lstm.h"], first, atol=1e-3)
    recorder.reset()
    assert np.array_equal(recorder.step(seen).activations["lstm.h"], first)


def test_every_module_runs_at_most_once_per_step(any_policy, observations):
    runs = {}
    for name, module in any_policy.named_modules():
        module.register_forward_hook(
            lambda *_, name=name: runs.update({name: runs.get(name, 0) + 1})
        )
    recorder = Recorder(any_policy)
    for greedy in (False, True):
        runs.clear()
        recorder.step(observations(1, 3)[0], deterministic=greedy)
        assert runs
        assert set(runs.values()) == {1}


def test_hooked_and_standard_layers_come_together(recurrent, observations):
    layers = ["lstm_actor", "latent.pi", "lstm.h", "action_net", "mlp_extractor.policy_net.0"]
    recorder = Recorder(recurrent, layers)
    for seen in observations(3, 4):
        record = recorder.step(seen)
        assert list(record.activations) == layers
        assert np.array_equal(record.activations["lstm_actor"], record.activations["lstm.h"])
        assert np.array_equal(record.activations["action_net"], record.logits)
        assert record.activations["mlp_extractor.policy_net.0"].shape == (4, 6)


def test_mlp_extractor_can_be_hooked_itself(feedforward, observations):
    record = Recorder(feedforward, ["mlp_extractor", "latent.pi"]).step(observations(1, 2)[0])
    assert np.array_equal(record.activations["mlp_extractor"], record.activations["latent.pi"])


def test_rows_are_float32_arrays_of_their_own(recurrent, observations):
    recorder, twin = Recorder(recurrent), Recorder(recurrent)
    for seen in observations(3, 2):
        record, other = recorder.step(seen), twin.step(seen)
        for name, array in record.activations.items():
            assert array.dtype == np.float32
            assert np.array_equal(array, other.activations[name])
            array[:] = 77.0  # must not reach what the recorder remembers


@pytest.mark.parametrize("greedy", [True, False])
def test_disturbs_no_global_generator(any_policy, observations, greedy):
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002 - watched
    recorder = Recorder(any_policy, seed=3)
    for seen in observations(2, 3):
        recorder.step(seen, deterministic=greedy)
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert all(
        np.array_equal(a, b)
        for a, b in zip(np.random.get_state(), numpy_before, strict=True)  # noqa: NPY002 - watched
    )


def test_own_seed_decides_and_the_global_one_does_not(any_policy, observations):
    def actions(seed, disturbance):
        torch.manual_seed(disturbance)
        recorder = Recorder(any_policy, seed=seed)
        return np.stack([recorder.step(seen).actions for seen in observations(8, 6)])

    with torch.random.fork_rng(devices=[]):
        assert np.array_equal(actions(1, 10), actions(1, 20))
        if not hasattr(any_policy, "q_net"):  # a DQN policy never explores by itself
            assert not np.array_equal(actions(1, 10), actions(2, 10))


def test_samples_what_the_logits_say(feedforward, observations):
    seen = np.repeat(observations(1, 1)[0], 20000, axis=0)
    record = Recorder(feedforward).step(seen)
    share = np.bincount(record.actions, minlength=4) / len(seen)
    expected = torch.from_numpy(record.logits[0]).softmax(dim=0).numpy()
    assert (expected > 0.01).all()
    np.testing.assert_allclose(share, expected, atol=4 * 0.5 / np.sqrt(len(seen)))


def test_samples_what_the_gaussian_says(wander, strong_willed, observations):
    box = wander(spaces.Box(-3.0, 3.0, (2,)))
    kwargs = {"lstm_hidden_size": 5, "net_arch": [6]}
    model = RecurrentPPO("MlpLstmPolicy", box, seed=0, device="cpu", policy_kwargs=kwargs)
    seen = np.repeat(observations(1, 1)[0], 20000, axis=0)
    record = Recorder(strong_willed(model.policy), seed=1).step(seen)
    mean, log_std = np.split(record.logits[0], 2)
    drawn = norm(mean, np.exp(log_std))
    assert np.abs(mean).max() > 0.5
    assert (record.logits == record.logits[0]).all()
    assert record.actions.dtype == np.float32
    for level in (-2.9, -1.0, 0.0, 1.0, 2.9):
        share = (record.actions <= level).mean(axis=0)
        np.testing.assert_allclose(share, drawn.cdf(level), atol=4 * 0.5 / np.sqrt(len(seen)))
    assert np.abs(record.actions).max() == 3.0  # clipped, as by SB3's predict
    assert abs(np.corrcoef(record.actions.T)[0, 1]) < 0.03


def test_reading_along_draws_nothing(any_policy, observations):
    first, second = observations(2, 3)
    shape = (3, *any_policy.action_space.shape)
    taken = np.zeros(shape, any_policy.action_space.dtype)
    recorder, twin = Recorder(any_policy), Recorder(any_policy)
    record = recorder.step(first, actions=taken)
    assert np.array_equal(record.actions, taken)
    twin.step(first, deterministic=True)
    assert np.array_equal(recorder.step(second).actions, twin.step(second).actions)


def test_evaluation_mode_even_after_training(wander, observations):
    policy = PPO("MlpPolicy", wander(), seed=0, device="cpu").policy
    policy.mlp_extractor.policy_net.append(nn.Dropout(0.5))
    recorder, seen = Recorder(policy), observations(1, 5)[0]
    first = recorder.step(seen).logits
    policy.train()
    assert np.array_equal(recorder.step(seen).logits, first)


def test_leaves_no_gradients(recurrent, observations):
    Recorder(recurrent).step(observations(1, 2)[0])
    assert all(parameter.grad is None for parameter in recurrent.parameters())


def test_read_follows_whole_histories(recurrent, observations):
    seen = observations(6, 4).swapaxes(0, 1)
    recorder = Recorder(recurrent, ["lstm.h"])
    rows = recorder.read(seen)
    assert sorted(rows) == ["logits", "lstm.h"]
    assert rows["lstm.h"].shape == (4, 6, 5)
    assert np.array_equal(recorder.logits(seen), rows["logits"])
    for t in range(6):
        record = recorder.step(seen[:, t])
        assert np.array_equal(record.logits, rows["logits"][:, t])
        assert np.array_equal(record.activations["lstm.h"], rows["lstm.h"][:, t])


def test_reading_a_history_leaves_the_running_episode_alone(recurrent, observations):
    first, second, third = observations(3, 2)
    recorder, twin = Recorder(recurrent), Recorder(recurrent)
    for watcher in (recorder, twin):
        watcher.step(first)
    recorder.read(third[:, None])
    recorder.logits(third[:, None])
    recorder.fork().step(third)
    assert np.array_equal(recorder.step_logits(second), twin.step_logits(second))


def test_read_without_logits(any_policy, observations):
    seen = observations(2, 3).swapaxes(0, 1)
    recorder = Recorder(any_policy)
    if "logits" in recorder.read(seen):
        assert recorder.logits(seen).shape == (3, 2, 4)
        return
    for call in (lambda: recorder.logits(seen), lambda: recorder.step_logits(seen[:, 0])):
        with pytest.raises(MonitorError) as error:
            call()
        assert str(error.value) == f"{type(any_policy).__name__} has no action logits to read."


def test_trace_of_a_step(recurrent, observations):
    seen, recorder = observations(2, 3), Recorder(recurrent, ["lstm.h"])
    records = [recorder.step(step) for step in seen]
    rows = [record.trace(step, np.ones(3)) for record, step in zip(records, seen, strict=True)]
    trace = Trace.join(rows)
    assert rows[0].shape == (3, 1)
    assert trace.shape == (3, 2)
    assert np.array_equal(trace.observations, seen.swapaxes(0, 1))
    assert np.array_equal(trace.actions[:, 1], records[1].actions)
    assert np.array_equal(trace.layer("lstm.h")[:, 1], records[1].activations["lstm.h"])
    assert np.array_equal(trace.value[:, 0], records[0].value)
    bare = records[0].trace()
    assert bare.observations is None
    assert bare.ledger is None


class Step(NamedTuple):
    logits: torch.Tensor
    value: torch.Tensor | None
    activations: dict
    state: object


class Counter:
    """Counts the steps of each episode, and says so."""

    layers = ("count",)

    def record_step(self, observations, state, episode_start):  # noqa: ARG002 - it only counts
        count = np.where(episode_start, 0, 0 if state is None else state) + 1
        shown = torch.from_numpy(count).float()
        logits = torch.stack([shown, -shown], dim=1)
        return Step(logits, None, {"count": shown[:, None]}, count)


def test_scripted_policy_speaks_for_itself(observations):
    recorder = Recorder(Counter())
    counts = []
    for t, seen in enumerate(observations(4, 2)):
        record = recorder.step(seen, [t == 0, t in {0, 2}], deterministic=True)
        counts.append(record.activations["count"][:, 0])
        assert record.actions.tolist() == [0, 0]
        assert record.value is None
    assert np.stack(counts, axis=1).tolist() == [[1, 2, 3, 4], [1, 2, 1, 2]]


def test_scripted_policy_has_no_other_layers():
    with pytest.raises(MonitorError) as error:
        Recorder(Counter(), ["counts"])
    assert str(error.value) == (
        "unknown layer 'counts': choose from 'count'. Did you mean 'count'?"
    )


def test_unknown_layer_suggests_a_close_one(recurrent):
    with pytest.raises(MonitorError, match=r"Did you mean 'latent\.pi'\?$"):
        Recorder(recurrent, ["latent_pi"])
    with pytest.raises(MonitorError, match=r"Did you mean 'action_net'\?$"):
        Recorder(recurrent, ["action_nett"])


@pytest.mark.parametrize("start", [[True], [True] * 3, [[True], [True]]])
def test_wrong_episode_start(recurrent, observations, start):
    with pytest.raises(MonitorError) as error:
        Recorder(recurrent).step(observations(1, 2)[0], start)
    assert str(error.value) == (
        f"Recorder.step: episode_start must have shape (2,), got {np.shape(start)}."
    )


def test_number_of_environments_may_not_change(recurrent, observations):
    recorder = Recorder(recurrent)
    recorder.step(observations(1, 2)[0])
    with pytest.raises(MonitorError) as error:
        recorder.step(observations(1, 3)[0])
    assert str(error.value) == "Recorder.step: 3 observations after 2; call reset() first."
    recorder.reset()
    recorder.step(observations(1, 3)[0])


def test_observations_must_be_batched(any_policy, observations):
    with pytest.raises(MonitorError) as error:
        Recorder(any_policy).step(observations(1, 2)[0, 0])
    assert str(error.value) == (
        "Recorder.step: observations must be batched [n, ...], got shape (3,)."
    )
