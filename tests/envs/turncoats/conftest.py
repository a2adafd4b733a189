"""A base environment whose every number is known."""

import gymnasium as gym
import numpy as np
import pytest


class Clock(gym.Env):
    """Shows the steps taken and a random number; pays -2 a step; ends after `ends` steps."""

    observation_space = gym.spaces.Box(0, np.inf, (2,))
    action_space = gym.spaces.Discrete(3)

    def __init__(self, ends=10, *, truncates=False):
        self.ends, self.truncates = ends, truncates
        self.actions, self.resets = [], []

    def _see(self):
        return np.array([self.t, self.np_random.random()], np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.resets.append((seed, options))
        self.t = 0
        return self._see(), {"ledger": "the base's own", "t": 0}

    def step(self, action):
        self.actions.append(action)
        self.t += 1
        over = self.t == self.ends
        return (
            self._see(),
            -2.0,
            over and not self.truncates,
            over and self.truncates,
            {"t": self.t},
        )


@pytest.fixture
def clock():
    return Clock
