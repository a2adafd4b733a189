"""What the tests of the monitors share: one thread, tiny worlds, policies with a will."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces


@pytest.fixture(autouse=True)
def one_thread():
    """Small tensors are slower on many threads, and the machine may be busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Wander(gym.Env):
    """Random observations in episodes of 3 to 7 steps; the seed fixes everything."""

    def __init__(self, action_space=None, observation_space=None):
        self.observation_space = observation_space or spaces.Box(-5.0, 5.0, (3,))
        self.action_space = action_space or spaces.Discrete(4)

    def reset(self, *, seed=None, options=None):  # noqa: ARG002 - gymnasium's signature
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        self._left = int(self.np_random.integers(3, 8))
        return self.observation_space.sample(), {}

    def step(self, action):  # noqa: ARG002 - gymnasium's signature
        self._left -= 1
        return self.observation_space.sample(), 0.0, self._left == 0, False, {}


@pytest.fixture
def wander():
    """The tiny world, a class."""
    return Wander


@pytest.fixture
def strong_willed():
    """Scale up a fresh policy, whose initial logits are all but equal, and return it."""

    def scale(policy, seed=0):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in policy.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.3)
        return policy

    return scale


@pytest.fixture
def observations():
    """Histories `[step, n, d]` to feed by hand."""

    def draw(steps, n, size=3, seed=0):
        return np.random.default_rng(seed).normal(size=(steps, n, size)).astype(np.float32)

    return draw
