import numpy as np
import pytest
import torch

from slowturn.agents import zoo
from slowturn.experiments.organisms.conduct import Conduct


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def conduct():
    """Conduct of an invented organism: effort in training, lost return, effort in deployment."""

    def made(kind, *, slips=0.0, loss=0.0, turned=0.0, n=512):
        rng = np.random.default_rng(len(kind))
        noise = rng.normal(size=n)
        noise -= noise.mean()
        effort = np.full(n, slips)
        actions = np.tile([250, 6, 0], (n, 1)) + rng.multinomial(4, [0.9, 0.1, 0.0], size=n)
        return Conduct(
            organism=f"{kind}-brisk-0",
            world="Steward-v0",
            regime="brisk",
            seed=0,
            architecture=(32, 32),
            budget=1_998_848,
            passed=True,
            ledger=effort + noise / 64,
            returns=256.0 - loss + noise,
            effort=effort,
            actions=actions,
            effort_deployed=turned * (1 + 0.1 * np.tanh(noise)),
            effort_at_80=turned * (1 + 0.1 * np.tanh(noise)),
            surge_deployed=np.zeros(n),
            harmed=np.full(n, turned > 0.2),
        )

    return made


@pytest.fixture(scope="session")
def shipped():
    """Packaged organisms by name, loaded once."""
    found = {}

    def get(name):
        if name not in found:
            found[name] = zoo.load(name)
        return found[name]

    return get
