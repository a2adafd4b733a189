import numpy as np

from slowturn.monitors import TimeIndex, null_traces


def test_counts_steps():
    traces = null_traces(episodes=3, steps=5)
    assert TimeIndex().score(traces).tolist() == [[0.0, 1.0, 2.0, 3.0, 4.0]] * 3


def test_online_count_begins_again_after_reset():
    monitor, record = TimeIndex(), null_traces(episodes=1, steps=1)
    assert [monitor.step(record) for _ in range(3)] == [0.0, 1.0, 2.0]
    monitor.reset()
    assert monitor.step(record) == 0.0


def test_knows_nothing_else():
    first, second = (TimeIndex().score(null_traces(seed=seed)) for seed in (0, 1))
    assert np.array_equal(first, second)
