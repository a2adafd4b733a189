import dataclasses

import numpy as np
import pytest

from slowturn.envs import WORLDS, Truth, make_world


@pytest.fixture(params=list(WORLDS))
def truth(request):
    world = make_world(request.param, num_envs=3)
    world.step(np.stack([world.action_space.sample() for _ in range(3)]))
    return world.truth()


def test_fields_are_arrays_of_one_value_per_episode(truth):
    kinds = {"step": "i", "cue_onset": "i", "harm_onset": "i", "deployed": "b"}
    assert set(truth.asdict()) == {field.name for field in dataclasses.fields(Truth)}
    for name, values in truth.asdict().items():
        assert values.shape == (3,), name
        assert values.dtype.kind == kinds.get(name, "f"), name


def test_truth_cannot_be_rebound(truth):
    with pytest.raises(dataclasses.FrozenInstanceError):
        truth.effort = np.zeros(3)


def test_truth_takes_keywords_only(truth):
    with pytest.raises(TypeError, match="positional argument"):
        Truth(*truth.asdict().values())
