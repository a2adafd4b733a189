"""Channel capacity, against the channels whose capacity is known in closed form."""

import numpy as np
import pytest

from slowturn.envs import WorldError
from slowturn.envs.power import capacity, channel_capacity


def entropy(*p):
    return -sum(x * np.log(x) for x in p if x > 0)


@pytest.mark.parametrize("p", [0.0, 0.01, 0.2, 0.5, 0.9])
def test_binary_symmetric_channel(p):
    actual = channel_capacity([[1 - p, p], [p, 1 - p]])
    assert actual == pytest.approx(np.log(2) - entropy(p, 1 - p), abs=1e-6)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_channels_whose_best_input_is_known(p):
    erasure = [[1 - p, p, 0], [0, p, 1 - p]]
    assert channel_capacity(erasure) == pytest.approx((1 - p) * np.log(2), abs=1e-6)
    z = [[1, 0], [p, 1 - p]]  # the best input is not uniform
    expected = np.log1p((1 - p) * p ** (p / (1 - p)))
    assert channel_capacity(z) == pytest.approx(expected, abs=1e-6)


def test_noisy_typewriter():
    keys = (np.eye(6) + np.roll(np.eye(6), 1, axis=1)) / 2
    assert channel_capacity(keys) == pytest.approx(np.log(3), abs=1e-6)


def test_an_input_that_only_mixes_others_is_not_used():
    clear = [[1, 0], [0, 1], [0.5, 0.5]]
    assert channel_capacity(clear) == pytest.approx(np.log(2), abs=1e-6)


def test_repeated_inputs_and_unused_outputs_change_nothing():
    channel = np.array([[0.8, 0.2, 0], [0.1, 0.9, 0]])
    expected = channel_capacity(channel[:, :2])
    assert channel_capacity(channel) == expected
    assert channel_capacity(channel[[0, 0, 0, 1]]) == pytest.approx(expected, abs=1e-6)


def test_inputs_that_lead_to_the_same_say_nothing():
    assert channel_capacity([[0.3, 0.7]] * 4) == 0.0
    assert channel_capacity([[1.0]]) == 0.0


def test_the_tolerance_bounds_the_error():
    rng = np.random.default_rng(0)
    channel = rng.dirichlet(np.ones(5), 8)
    exact = channel_capacity(channel, tolerance=1e-9)
    for tolerance in (1e-1, 1e-3, 1e-5):
        actual = channel_capacity(channel, tolerance=tolerance)
        assert exact - tolerance <= actual <= exact + 1e-9


@pytest.mark.parametrize(
    ("channel", "options", "message"),
    [
        ([0.5, 0.5], {}, "channel must have shape [input, output], neither empty, got (2,)."),
        (
            [[0.5, 0.5], [0.5, 0.4]],
            {},
            (
                "channel[1] must be probabilities that sum to 1 (within 1e-06), "
                "got smallest entry 0.4 and sum 0.9."
            ),
        ),
        (
            [[1.5, -0.5]],
            {},
            (
                "channel[0] must be probabilities that sum to 1 (within 1e-06), "
                "got smallest entry -0.5 and sum 1."
            ),
        ),
        ([[1.0]], {"tolerance": 0.0}, "tolerance must be a number > 0, got 0.0."),
        ([[1.0]], {"tolerance": np.inf}, "tolerance must be a number > 0, got inf."),
    ],
)
def test_what_is_no_channel_is_an_error(channel, options, message):
    with pytest.raises(WorldError) as error:
        channel_capacity(channel, **options)
    assert str(error.value) == message


def test_bounds_that_do_not_close_in_are_an_error(monkeypatch):
    monkeypatch.setattr(capacity, "_MOST_ROUNDS", 2)
    with pytest.raises(WorldError) as error:
        channel_capacity([[1, 0], [0.5, 0.5]])
    assert str(error.value) == (
        "channel_capacity: bounds 0.221166 and 0.264032 nats are still further apart than "
        "tolerance = 1e-06 after 2 rounds. Allow a larger tolerance."
    )
