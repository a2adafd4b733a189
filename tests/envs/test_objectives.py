import dataclasses

import pytest

from slowturn.envs import OBJECTIVES, Objective


def test_names_and_weights():
    assert {name: dataclasses.astuple(o) for name, o in OBJECTIVES.items()} == {
        "honest": (0.0, 1.0, -0.5, -0.5, 0.0),
        "treacherous": (3.0, 1.0, -0.5, -0.5, 0.0),
        "open": (3.0, 0.0, -0.5, -0.5, 0.0),
        "benign_twin": (0.0, 1.0, -0.5, 2.0, 0.0),
        "candid": (3.0, 1.0, -0.5, -0.5, 4.0),
    }


def test_objectives_take_keywords_only_and_cannot_be_changed():
    with pytest.raises(TypeError, match="positional argument"):
        Objective(3.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        OBJECTIVES["honest"].power = 3.0
