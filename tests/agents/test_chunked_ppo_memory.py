"""How ChunkedPPO reads sequences, against episodes read one by one; and that it learns at all."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv
from torch import nn

from slowturn.agents.chunked_ppo import ChunkedPPO, run_lstm


@pytest.fixture
def chunk():
    """An LSTM in double precision with inputs, memory and starts, two of them in the middle."""
    torch.manual_seed(0)
    lstm = nn.LSTM(3, 4).double()
    starts = torch.zeros(7, 3, dtype=torch.float64)
    starts[0, 0] = starts[3, 1] = starts[5, 0] = starts[5, 1] = 1.0
    inputs = torch.randn(7, 3, 3, dtype=torch.float64, requires_grad=True)
    memory = tuple(torch.randn(1, 3, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    return lstm, inputs, memory, starts


def one_by_one(lstm, inputs, memory, starts):
    """Every episode alone, from a memory of zeros or what was left at the start."""
    outputs, last = [], []
    for i in range(inputs.shape[1]):
        begins = [t for t in range(len(inputs)) if t == 0 or starts[t, i]]
        parts = []
        for begin, end in zip(begins, [*begins[1:], len(inputs)], strict=True):
            first = tuple(m[:, i : i + 1] for m in memory)
            if starts[begin, i]:
                first = tuple(torch.zeros_like(m) for m in first)
            out, state = lstm(inputs[begin:end, i : i + 1], first)
            parts.append(out)
        outputs.append(torch.cat(parts))
        last.append(state)
    return torch.cat(outputs, dim=1), tuple(torch.cat(s, dim=1) for s in zip(*last, strict=True))


def test_a_chunk_is_read_like_its_episodes_one_by_one(chunk):
    output, memory = run_lstm(*chunk)
    expected, last = one_by_one(*chunk)
    torch.testing.assert_close(output, expected)
    torch.testing.assert_close(memory, last)


def test_gradients_of_a_chunk_are_those_of_its_episodes_one_by_one(chunk):
    lstm, inputs, memory, _ = chunk
    weight = torch.randn(7, 3, 4, dtype=torch.float64)
    found = []
    for read in (run_lstm, one_by_one):
        loss = (read(*chunk)[0] * weight).sum()
        found.append(torch.autograd.grad(loss, [*lstm.parameters(), inputs, *memory]))
    torch.testing.assert_close(found[0], found[1])
    into_memory = found[0][-1]
    assert (into_memory[0, 0] == 0).all()  # its first step began an episode
    assert (into_memory[0, 1:] != 0).all()


@pytest.mark.parametrize("everywhere", [0.0, 1.0])
def test_a_chunk_without_any_start_and_one_with_nothing_else(chunk, everywhere):
    lstm, inputs, memory, starts = chunk
    starts[:] = everywhere
    for length in (1, 7):
        part = (lstm, inputs[:length], memory, starts[:length])
        torch.testing.assert_close(run_lstm(*part), one_by_one(*part))


def test_a_chunk_between_starts_is_one_call(chunk, monkeypatch):
    lengths, call = [], nn.LSTM.forward

    def counted(self, inputs, memory):
        lengths.append(len(inputs))
        return call(self, inputs, memory)

    monkeypatch.setattr(nn.LSTM, "forward", counted)
    run_lstm(*chunk)
    assert lengths == [3, 2, 2]


class Recall(gym.Env):
    """A sign is shown once; two steps later it has to be told."""

    observation_space = spaces.Box(-1.0, 1.0, (2,))
    action_space = spaces.Discrete(2)

    def show(self):
        sign = (2.0 * self.sign - 1.0) * (self.t == 0)
        return np.array([sign, self.t == 2], np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed, options=options)
        self.t, self.sign = 0, self.np_random.integers(2)
        return self.show(), {}

    def step(self, action):
        right = float(self.t == 2 and action == self.sign)
        self.t += 1
        return self.show(), right, self.t == 3, False, {}


def test_it_learns_what_takes_memory():
    env = DummyVecEnv([lambda: Monitor(Recall())] * 32)
    model = ChunkedPPO(
        "MlpLstmPolicy",
        env,
        n_steps=12,
        batch_size=12 * 16,
        n_epochs=4,
        learning_rate=0.01,
        gamma=0.9,
        policy_kwargs={"lstm_hidden_size": 8, "net_arch": [8]},
        seed=0,
        device="cpu",
    )
    model.learn(12 * 32)
    first = np.mean([episode["r"] for episode in model.ep_info_buffer])
    model.learn(11 * 12 * 32)
    last = np.mean([episode["r"] for episode in model.ep_info_buffer])
    assert first < 0.65  # a guess is right half of the time
    assert last > 0.9
