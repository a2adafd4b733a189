import numpy as np
import pytest
import torch
from torch import nn

from slowturn.monitors import ModuleWatch, MonitorError


@pytest.fixture
def net():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 8), nn.ReLU(inplace=True), nn.Linear(8, 2))


@pytest.fixture
def batch():
    return torch.linspace(-1.0, 1.0, 12).reshape(3, 4)


def test_takes_the_outputs_of_one_pass(net, batch):
    with ModuleWatch(net, ["2", "1"]) as watch:
        out = net(batch)
        seen = watch.take()
    assert list(seen) == ["2", "1"]
    assert np.array_equal(seen["2"], out.detach().numpy())
    assert seen["1"].dtype == np.float32


def test_a_later_in_place_module_does_not_overwrite_the_row(net, batch):
    with ModuleWatch(net, ["0"]) as watch:
        net(batch)
        seen = watch.take()["0"]
    assert np.array_equal(seen, net[0](batch).detach().numpy())
    assert (seen < 0).any()


def test_flattens_images():
    with ModuleWatch(nn.Sequential(conv := nn.Conv2d(1, 2, 2)), ["0"]) as watch:
        conv(torch.zeros(5, 1, 3, 3))
        assert watch.take()["0"].shape == (5, 8)


@pytest.mark.parametrize("batch_first", [False, True])
def test_lstm_yields_a_row_per_environment(batch_first):
    lstm = nn.LSTM(4, 6, batch_first=batch_first)
    step = torch.zeros(3, 1, 4) if batch_first else torch.zeros(1, 3, 4)
    with ModuleWatch(nn.ModuleDict({"lstm": lstm}), ["lstm"]) as watch:
        _, (h, _) = lstm(step)
        assert np.array_equal(watch.take()["lstm"], h[0].detach().numpy())


def test_lstm_over_many_steps_at_once():
    lstm = nn.LSTM(4, 6)
    with (
        ModuleWatch(nn.ModuleDict({"lstm": lstm}), ["lstm"]),
        pytest.raises(MonitorError) as error,
    ):
        lstm(torch.zeros(7, 3, 4))
    assert str(error.value) == (
        "a recurrent layer ran over 7 steps at once: record one environment step at a time."
    )


def test_own_reduction(net, batch):
    with ModuleWatch(net, ["2"], outputs=lambda out: out[:, :1]) as watch:
        net(batch)
        assert watch.take()["2"].shape == (3, 1)


def test_output_that_is_no_tensor():
    class Talker(nn.Module):
        def forward(self, x):
            return {"x": x}

    talker = nn.Sequential(Talker())
    with ModuleWatch(talker, ["0"]), pytest.raises(MonitorError) as error:
        talker(torch.zeros(1, 1))
    assert str(error.value) == (
        "layer '0' yields a dict, not a tensor: pass outputs= to say which tensor to keep."
    )


def test_refuses_two_passes_then_starts_afresh(net, batch):
    with ModuleWatch(net, ["1"]) as watch:
        net(batch)
        net(batch)
        with pytest.raises(MonitorError) as error:
            watch.take()
        net(batch)
        assert watch.take()["1"].shape == (3, 8)
    assert str(error.value) == (
        "layer '1' ran 2 times in this step, not once: call take() after every single forward "
        "pass of the policy, and watch no module that training or evaluate_actions() also runs."
    )


def test_refuses_no_pass(net):
    with ModuleWatch(net, ["1"]) as watch, pytest.raises(MonitorError) as error:
        watch.take()
    assert str(error.value) == (
        "layer '1' did not run in this step: the policy does not use it to act (a critic or "
        "target network?), or calls its parts instead of itself; watch another layer."
    )


def test_leaves_no_hooks_behind(net, batch):
    watch = ModuleWatch(net, ["1"])
    for _ in range(2):
        with watch:
            net(batch)
            watch.take()
    assert not net[1]._forward_hooks
    with pytest.raises(RuntimeError), watch:
        net(torch.zeros(3, 5))
    assert not net[1]._forward_hooks


def test_unknown_layer(net):
    with pytest.raises(MonitorError) as error:
        ModuleWatch(net, ["3"])
    assert str(error.value) == "unknown layer '3': choose from '0', '1', '2'."
    with pytest.raises(MonitorError, match=r"^unknown layer ''"):
        ModuleWatch(net, [""])
