from dataclasses import replace

import pytest
import torch

from slowturn.agents import recipe


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def tiny():
    """A recipe that trains in a second."""
    whole = recipe("honest", "brisk")
    trainer = replace(
        whole.trainer, total_steps=4096, num_envs=8, n_steps=32, batch_size=128, n_epochs=2
    )
    return replace(whole, trainer=trainer)
