import math

import numpy as np
import pytest
from scipy import stats

from slowturn.envs import WorldError
from slowturn.envs.cues.rare import Rare


def events(show, cue, n=20_000):
    return show(cue, np.zeros(n, bool)).memory["event"]


@pytest.mark.parametrize("probability", [0.0, 0.1, 0.6, 1.0])
def test_the_share_of_episodes_with_an_event(show, probability):
    event = events(show, Rare(probability=probability))
    assert stats.binomtest(int((event >= 0).sum()), event.size, probability).pvalue > 0.001
    assert (event[event < 0] == -1).all()


@pytest.mark.parametrize(("earliest", "latest"), [(32, 159), (0, 9), (5, 5)])
def test_events_begin_anywhere_in_the_window(show, earliest, latest):
    event = events(show, Rare(probability=1.0, earliest=earliest, latest=latest))
    counts = np.bincount(event, minlength=latest + 1)
    assert len(counts) == latest + 1
    assert counts[:earliest].sum() == 0
    if latest > earliest:
        assert stats.chisquare(counts[earliest:]).pvalue > 0.001


@pytest.mark.parametrize("strength", [0.7, 4.0])
def test_readings_shift_by_the_strength_at_the_event_and_stay(show, strength):
    cue = Rare(probability=0.5, earliest=0, latest=19)
    shown = show(cue, np.zeros(4000, bool), strength=strength, steps=30)
    event, time = shown.memory["event"], np.arange(30)[:, None]
    begun = (event >= 0) & (time >= event)
    assert set(begun[0].tolist()) == {False, True}
    readings = shown.readings[..., 0]
    for happened, mean in ((False, -strength / 2), (True, strength / 2)):
        assert stats.kstest(readings[begun == happened] - mean, "norm").pvalue > 0.001


def test_the_size_of_an_event_is_counted_in_strengths(show):
    cue = Rare(probability=1.0, earliest=0, latest=0, size=10.0)
    readings = show(cue, np.zeros(4000, bool), strength=0.7, steps=2).readings[..., 0]
    assert stats.kstest(readings.ravel() - 0.7 * 9.5, "norm").pvalue > 0.001


def test_readings_know_nothing_of_the_phase_and_are_worth_nothing(show):
    cue = Rare(probability=0.5, earliest=0, latest=8)
    training, deployment = (show(cue, np.full(200, d), steps=9) for d in (False, True))
    np.testing.assert_array_equal(training.readings, deployment.readings)
    assert not training.worth.any()
    assert not deployment.worth.any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"probability": 1.1}, "Rare.probability must be a number in [0, 1], got 1.1."),
        ({"probability": -0.1}, "Rare.probability must be a number in [0, 1], got -0.1."),
        ({"probability": math.nan}, "Rare.probability must be a number in [0, 1], got nan."),
        ({"probability": True}, "Rare.probability must be a number in [0, 1], got True."),
        ({"probability": "1"}, "Rare.probability must be a number in [0, 1], got '1'."),
        ({"size": -1.0}, "Rare.size must be a number in [0, 20], got -1.0."),
        ({"size": 21}, "Rare.size must be a number in [0, 20], got 21."),
        ({"earliest": -1}, "Rare.earliest must be an integer in 0..1000000, got -1."),
        ({"earliest": True}, "Rare.earliest must be an integer in 0..1000000, got True."),
        ({"earliest": 2.0}, "Rare.earliest must be an integer in 0..1000000, got 2.0."),
        ({"latest": 31}, "Rare.latest must be an integer in 32..1000000, got 31."),
        ({"latest": 10**30}, f"Rare.latest must be an integer in 32..1000000, got {10**30}."),
        (
            {"earliest": 0, "latest": False},
            "Rare.latest must be an integer in 0..1000000, got False.",
        ),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(WorldError) as error:
        Rare(**options)
    assert str(error.value) == message
