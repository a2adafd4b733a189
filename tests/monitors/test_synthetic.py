import numpy as np
import pytest
import torch

from slowturn.monitors import null_traces


def test_shapes():
    traces = null_traces(
        episodes=5, steps=7, layers={"a": 3, "b": 2}, n_actions=6, observation_size=4
    )
    shapes = {name: array.shape for name, array in traces._arrays().items()}
    assert shapes == {
        "observations": (5, 7, 4),
        "actions": (5, 7),
        "ledger": (5, 7),
        "logits": (5, 7, 6),
        "value": (5, 7),
        "activations.a": (5, 7, 3),
        "activations.b": (5, 7, 2),
    }


def test_seeded():
    first, again, other = (null_traces(seed=seed)._arrays() for seed in (1, 1, 2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not any(np.array_equal(first[name], other[name]) for name in first)


def test_autocorrelated_and_stationary():
    unit = null_traces(episodes=4000, steps=12, persistence=0.8).observations[..., 0]
    assert np.corrcoef(unit[:, 5], unit[:, 6])[0, 1] == pytest.approx(0.8, abs=0.03)
    assert unit[:, 0].std() == pytest.approx(unit[:, -1].std(), rel=0.05)


def test_gaussian_components_follow_their_means():
    traces = null_traces(episodes=400, steps=20, components=3)
    assert traces.actions.shape == (400, 20, 3)
    assert traces.logits.shape == (400, 20, 6)
    mean, log_std = np.split(traces.logits, 2, axis=-1)
    noise = (traces.actions - mean) / np.exp(log_std)
    assert abs(noise.mean()) < 0.03
    assert noise.std() == pytest.approx(1.0, abs=0.02)


def test_actions_follow_the_logits():
    traces = null_traces(episodes=200, steps=50)
    chance = torch.from_numpy(traces.logits).softmax(dim=-1).numpy()
    for action in range(4):
        share = (traces.actions == action).mean()
        assert share == pytest.approx(chance[..., action].mean(), abs=0.02)


def test_other_seeds_are_the_same_agent():
    """Same correlations of units, other episodes: what is fitted on one holds on the other."""
    correlations = [
        np.corrcoef(null_traces(episodes=400, seed=seed).layer("lstm.h")[:, -1].T)
        for seed in (1, 2)
    ]
    assert np.abs(correlations[0]).max(where=~np.eye(8, dtype=bool), initial=0.0) > 0.5
    np.testing.assert_allclose(correlations[0], correlations[1], atol=0.2)
