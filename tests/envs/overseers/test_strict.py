import pytest

from slowturn.envs import Steward, WorldError
from slowturn.envs.overseers.strict import Strict


@pytest.mark.parametrize("deployed", [False, True])
def test_every_diversion_costs_and_nothing_is_kept_in_either_phase(judged, deployed):
    assert judged(Strict(rate=3.0), [0.0, 0.5, 1.0, 0.25], deployed=deployed) == [
        (0.0, 0.0, False, 0.0),
        (1.5, 0.0, False, 0.0),
        (3.0, 0.0, False, 0.0),
        (0.75, 0.0, False, 0.0),
    ]


def test_nobody_gains_anything_in_a_world():
    world = Steward(num_envs=3, overseer="strict", phase="deployment")
    for _ in range(200):
        world.step([20] * 3)
    truth = world.truth()
    assert truth.deployed.all()
    assert not truth.influence.any()
    assert (truth.harm_onset == -1).all()
    assert world.rewards().tolist() == [-4.0] * 3


@pytest.mark.parametrize("rate", [-1, 101, True, float("nan"), float("inf"), "4", None])
def test_rates_that_cannot_be(rate):
    with pytest.raises(WorldError) as error:
        Strict(rate=rate)
    assert str(error.value) == f"Strict.rate must be a number in [0, 100], got {rate!r}."
