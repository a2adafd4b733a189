import numpy as np
import pytest
import torch
from sb3_contrib.ppo_recurrent.policies import MlpLstmPolicy

from slowturn.agents import Organism, recipe


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def broker():
    """Untrained organisms of Broker, the world of continuous actions, by kind and seed."""

    def grown(name, seed, std=0.6):
        chosen = recipe(name, "brisk", "Broker-v0")
        world = chosen.build_world()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            policy = MlpLstmPolicy(
                world.observation_space,
                world.action_space,
                lambda _: 0.0,
                **chosen.trainer.policy_kwargs,
            )
        with torch.no_grad():
            policy.log_std.fill_(float(np.log(std)))
        return Organism(recipe=chosen, seed=seed, policy=policy)

    return grown
