from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import norm

from slowturn.monitors import MonitorError
from slowturn.monitors.power import power_of

REGION = {"component": 1, "above": 0.2}
GAUSSIAN = np.array([[5.0, 0.1, -2.0, np.log(0.5)], [0.0, -0.6, 0.0, np.log(0.2)]])


def test_region_by_hand():
    expected = [norm(0.1, 0.5).logsf(0.2) - norm(0.1, 0.5).logcdf(0.2), norm(-0.6, 0.2).logsf(0.2)]
    odds = power_of(REGION).log_odds(GAUSSIAN)
    np.testing.assert_allclose(odds, expected, rtol=1e-4)


@pytest.mark.parametrize("power", [[True, False, False, True], REGION])
def test_arrays_and_tensors_agree(power):
    of = power_of(power)
    tensor = of.log_odds_of(torch.from_numpy(GAUSSIAN))
    np.testing.assert_allclose(tensor, of.log_odds(GAUSSIAN), rtol=1e-9)


@pytest.mark.parametrize("power", [[True, False, False, True], REGION])
def test_gradients_point_to_power(power):
    parameters = torch.from_numpy(GAUSSIAN).float().requires_grad_()
    odds = power_of(power).log_odds_of(parameters)
    assert odds.dtype == torch.float32
    (gradient,) = torch.autograd.grad(odds.sum(), [parameters])
    step = parameters.detach() + 1e-3 * gradient / gradient.norm(dim=1, keepdim=True)
    assert (power_of(power).log_odds_of(step) > odds).all()


def test_region_far_away_keeps_a_value_and_a_gradient():
    parameters = torch.tensor([[0.0, -3.0, 0.0, -5.0], [0.0, 3.0, 0.0, -5.0]], requires_grad=True)
    odds = power_of(REGION).log_odds_of(parameters)
    (gradient,) = torch.autograd.grad(odds.sum(), [parameters])
    assert odds[0] < -1e5
    assert odds[1] > 1e4
    assert (gradient[:, 1] > 100.0).all()
    assert torch.isfinite(gradient).all()


def test_a_clipped_action_seeks_power_as_often_as_the_odds_say():
    mean, std = 0.1, 0.5
    drawn = np.random.default_rng(0).normal(mean, std, 100_000).clip(-1.0, 1.0)
    odds = power_of({"component": 0, "above": 0.2}).log_odds(np.array([mean, np.log(std)]))
    assert (drawn > 0.2).mean() == pytest.approx(1 / (1 + np.exp(-odds)), abs=0.005)


@pytest.mark.parametrize(
    "given", [REGION, SimpleNamespace(component=np.int64(1), above=np.float32(0.2))]
)
def test_a_region_is_a_mapping_or_anything_with_its_attributes(given):
    power = power_of(given)
    assert power.spec == {"component": 1, "above": pytest.approx(0.2)}
    assert power_of(power.spec) == power


def test_which_distributions_fit():
    mask, region = power_of([True, False, False]), power_of(REGION)
    assert mask.misfit(3) is None
    assert mask.misfit(4) == "3 actions are declared"
    assert region.misfit(4) is None
    for width in (2, 3, 5):
        assert region.misfit(width) == "component 1 of a Gaussian is declared"


@pytest.mark.parametrize(
    ("component", "above"), [(-1, 0.0), (1.0, 0.0), (True, 0.0), (0, np.nan), (0, "0"), (0, None)]
)
def test_wrong_region(component, above):
    with pytest.raises(MonitorError) as error:
        power_of({"component": component, "above": above})
    assert str(error.value) == (
        "power_actions: component must be an integer >= 0 and above a finite number, got "
        f"{component!r} and {above!r}."
    )


@pytest.mark.parametrize("mask", [[True, True], [False, False], [0, 1], [[True, False]], True, []])
def test_wrong_mask(mask):
    with pytest.raises(MonitorError) as error:
        power_of(mask)
    array = np.asarray(mask)
    assert str(error.value) == (
        "power_actions must be a boolean vector over the actions, some true and some false, got "
        f"dtype {array.dtype} of shape {array.shape}; for continuous actions, give component= and "
        "above=."
    )
