import numpy as np
import pytest

from slowturn.monitors import Channel, MonitorError, Trace


@pytest.fixture
def trace():
    rng = np.random.default_rng(0)
    return Trace(
        observations=rng.normal(size=(4, 5, 3)),
        actions=rng.integers(0, 2, (4, 5)),
        ledger=rng.normal(size=(4, 5)),
        logits=rng.normal(size=(4, 5, 2)),
        value=rng.normal(size=(4, 5)),
        activations={"a": rng.normal(size=(4, 5, 6)), "b": rng.normal(size=(4, 5, 1))},
    )


def test_shape(trace):
    assert trace.shape == (4, 5)


def test_lists_become_arrays():
    trace = Trace(ledger=[[1.0, 2.0]], activations={"a": [[[1.0], [2.0]]]})
    assert isinstance(trace.channel(Channel.LEDGER), np.ndarray)
    assert trace.layer("a").shape == (1, 2, 1)


def test_actions_may_have_components(trace):
    actions = np.random.default_rng(1).normal(size=(4, 5, 3))
    whole = Trace(actions=actions, ledger=trace.ledger)
    assert whole.shape == (4, 5)
    assert np.array_equal(whole.record(2, 3).actions, actions[2:3, 3:4])
    assert np.array_equal(whole.episodes([1]).actions, actions[[1]])
    joined = Trace.join([whole.map(lambda a, t=t: a[:, t : t + 1]) for t in range(5)])
    assert np.array_equal(joined.actions, actions)


def test_episodes_selects_in_every_channel(trace):
    some = trace.episodes([2, 0])
    assert some.shape == (2, 5)
    assert np.array_equal(some.ledger, trace.ledger[[2, 0]])
    assert np.array_equal(some.layer("a"), trace.layer("a")[[2, 0]])
    assert trace.episodes(np.array([True, False, False, True])).shape == (2, 5)


def test_record_is_one_step(trace):
    record = trace.record(3, 4)
    assert record.shape == (1, 1)
    assert record.layer("a").shape == (1, 1, 6)
    assert record.ledger[0, 0] == trace.ledger[3, 4]


@pytest.mark.parametrize(("episode", "step"), [(4, 0), (0, 5), (-1, 0)])
def test_record_out_of_range(trace, episode, step):
    with pytest.raises(MonitorError) as error:
        trace.record(episode, step)
    assert str(error.value) == (
        f"Trace.record: no step {step} of episode {episode} in a trace of shape (4, 5)."
    )


def test_only_keeps_what_was_asked(trace):
    few = trace.only({Channel.LEDGER, Channel.ACTIVATIONS})
    assert sorted(few._arrays()) == ["activations.a", "activations.b", "ledger"]


def test_only_nothing_keeps_the_length(trace):
    bare = trace.only(())
    assert bare.shape == (4, 5)
    assert bare._arrays() == {}
    assert bare.map(lambda a: a[:, :2]).shape == (4, 2)
    assert bare.record(1, 1).shape == (1, 1)


def test_join_restores_what_record_took_apart(trace):
    steps = [trace.episodes(slice(1, 2)).record(0, t) for t in range(5)]
    whole = Trace.join(steps)
    assert whole.shape == (1, 5)
    for name, array in whole._arrays().items():
        assert np.array_equal(array, trace._arrays()[name][1:2])


def test_join_of_bare_traces(trace):
    assert Trace.join([trace.only(()), trace.only(())]).shape == (4, 10)


def test_join_needs_equal_channels(trace):
    with pytest.raises(MonitorError) as error:
        Trace.join([trace.only({Channel.LEDGER}), trace.only({Channel.VALUE})])
    assert str(error.value) == (
        "Trace.join needs traces of the same channels, got [['ledger']] and ['value']."
    )
    with pytest.raises(MonitorError, match=r"got none and none\.$"):
        Trace.join([])


def test_missing_channel(trace):
    with pytest.raises(MonitorError) as error:
        trace.only({Channel.LEDGER}).channel(Channel.LOGITS)
    assert str(error.value) == (
        "this trace has no logits: it holds ['ledger']; record that channel, or choose a monitor "
        "that does not read it."
    )


def test_missing_layer(trace):
    with pytest.raises(MonitorError) as error:
        trace.layer("c")
    assert str(error.value) == "unknown layer 'c': choose from 'a', 'b'."
    with pytest.raises(MonitorError) as error:
        trace.only({Channel.LEDGER}).layer("a")
    assert str(error.value) == (
        "this trace has no activations: it holds ['ledger']; record layer 'a', or choose a "
        "monitor that does not read it."
    )


def test_nothing_at_all():
    with pytest.raises(MonitorError) as error:
        Trace()
    assert str(error.value) == "Trace needs at least one channel, got none."


@pytest.mark.parametrize("value", [np.zeros((4, 6)), np.zeros((3, 5)), np.zeros(4)])
def test_disagreeing_axes(value):
    with pytest.raises(MonitorError) as error:
        Trace(ledger=np.zeros((4, 5)), value=value)
    assert str(error.value) == (
        "Trace arrays must share their first two axes [episode, step], got "
        f"{{'ledger': (4, 5), 'value': {value.shape}}}."
    )


def test_one_short_axis_alone():
    with pytest.raises(MonitorError, match=r"must share their first two axes"):
        Trace(ledger=np.zeros(4))


@pytest.mark.parametrize(
    ("name", "shape", "wanted"),
    [
        ("ledger", (4, 5, 1), "[episode, step]"),
        ("value", (4, 5, 1), "[episode, step]"),
        ("logits", (4, 5), "[episode, step, width]"),
    ],
)
def test_a_ledger_with_a_tail_would_broadcast(name, shape, wanted):
    with pytest.raises(MonitorError) as error:
        Trace(**{name: np.zeros(shape)})
    assert str(error.value) == f"Trace.{name} must be {wanted}, got shape {shape}."


def test_activations_need_units():
    with pytest.raises(MonitorError) as error:
        Trace(activations={"a": np.zeros((4, 5))})
    assert str(error.value) == (
        "Trace.activations.a must be [episode, step, width], got shape (4, 5)."
    )
