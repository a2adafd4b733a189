import pytest

from slowturn.envs import WorldError
from slowturn.envs.errors import unknown_name


def test_a_close_name_is_suggested():
    error = unknown_name("phase", "trainig", ["training", "mixed", "deployment"])
    assert isinstance(error, WorldError)
    assert str(error) == (
        "unknown phase 'trainig': choose from 'deployment', 'mixed', 'training'. "
        "Did you mean 'training'?"
    )


@pytest.mark.parametrize("name", ["zzz", 7, None])
def test_nothing_is_suggested_for_a_name_that_is_far_off(name):
    assert str(unknown_name("phase", name, ["mixed", "training"])) == (
        f"unknown phase {name!r}: choose from 'mixed', 'training'."
    )
