"""The fused policy against torch: sampling, and gradients of chunks with resets inside."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from numpy.testing import assert_allclose
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from torch import nn

from slowturn.agents import fused_kernel
from slowturn.agents.chunked_ppo import ChunkedPPO
from slowturn.agents.fused import FusedPolicy
from tests.agents.test_chunked_ppo import ACTIONS, CRITICS, ENVS, STEPS, Script, learner

KNOWN = ("shared", "its own")


def test_the_hyperbolic_tangent_is_torchs():
    x = np.linspace(-12, 12, 40_001, dtype=np.float32)[:, None]
    y = x.copy()
    fused_kernel.activate(y)
    assert_allclose(y, np.tanh(x.astype(np.float64)), atol=3e-7)
    extreme = np.array([[np.inf], [-np.inf], [np.nan]], np.float32)
    fused_kernel.activate(extreme)
    assert_allclose(extreme[:2, 0], [1, -1], atol=1e-6)
    assert np.isnan(extreme[2, 0])  # divergence must be seen


def played(actions, critic, hidden, units=5, **options):
    """A learner that has learned a little, and the chunk that it played last."""
    policy = {"net_arch": hidden, "lstm_hidden_size": units, "optimizer_class": torch.optim.SGD}
    model = learner(ChunkedPPO, Script(ACTIONS[actions]), critic, policy=policy, **options)
    model.learn(2 * STEPS * ENVS)
    return model, model._chunk


@pytest.mark.parametrize("hidden", [[], [4], [7, 3]])
@pytest.mark.parametrize("clip_vf", [None, 0.2])
@pytest.mark.parametrize("critic", KNOWN)
@pytest.mark.parametrize("actions", ACTIONS)
def test_gradients_are_those_that_torch_finds(actions, critic, clip_vf, hidden):
    model, chunk = played(
        actions, critic, hidden, ent_coef=0.3, clip_range_vf=clip_vf, learning_rate=0.1
    )
    assert chunk.starts[1:].any()
    assert model._fused is not None
    with torch.no_grad():
        for one in model.policy.parameters():
            one.add_(0.03 * torch.randn_like(one))  # so that some ratios leave the clip range
    part = chunk.of(torch.tensor([4, 0, 3]))
    found = []
    for stand_in in (model._fused, None):
        model._fused = stand_in
        loss, kl = model._set_gradients(part, 0.05)
        grads = {k: one.grad.clone() for k, one in model.policy.named_parameters()}
        found.append((loss, kl, grads))
    (loss, kl, ours), (expected_loss, expected_kl, theirs) = found
    assert_allclose(loss, expected_loss, rtol=1e-5)
    assert_allclose(kl, expected_kl, rtol=1e-3, atol=1e-7)
    assert expected_kl > 1e-5
    for key, grad in theirs.items():
        scale = float(grad.abs().max())
        assert scale > 0, key
        assert_allclose(ours[key], grad, atol=2e-5 * scale, err_msg=key)


@pytest.mark.parametrize("units", [1, 3, 8])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_odd_sizes_are_no_exception(units, n):
    model, chunk = played("discrete", "its own", [4], units=units)
    part = chunk.of(torch.arange(n))
    found = []
    for stand_in in (model._fused, None):
        model._fused = stand_in
        model._set_gradients(part, 0.2)
        found.append([one.grad.clone() for one in model.policy.parameters()])
    for ours, theirs in zip(*found, strict=True):
        assert_allclose(ours, theirs, atol=2e-5 * float(theirs.abs().max()) + 1e-8)


def test_norms_are_clipped_as_torch_does():
    model, chunk = played("box", "shared", [4])
    norms = []
    for bound in (1e9, 0.01):
        model._set_gradients(chunk, 0.2)
        expected = float(nn.utils.get_total_norm(p.grad for p in model.policy.parameters()))
        model._fused.clip_gradients(bound)
        left = float(nn.utils.get_total_norm(p.grad for p in model.policy.parameters()))
        norms.append((expected, left))
    assert norms[0][0] == pytest.approx(norms[0][1])
    assert norms[1][0] > 0.01
    assert norms[1][1] == pytest.approx(0.01, rel=1e-3)


def test_actions_are_drawn_with_their_probabilities():
    scores = np.log(np.array([0.5, 0.2, 0.0, 0.3]) + 1e-30).astype(np.float32)
    draws = ((np.arange(1000) + 0.5) / 1000).astype(np.float32)
    actions, log_prob = np.zeros(1000, np.int64), np.zeros(1000, np.float32)
    fused_kernel.sample(np.tile(scores + 3, (1000, 1)), draws, actions, log_prob)
    assert np.bincount(actions, minlength=4).tolist() == [500, 200, 0, 300]
    assert_allclose(log_prob, scores[actions], atol=1e-6)


@pytest.mark.parametrize(
    ("observations", "changes"),
    [
        (spaces.Discrete(3), {}),
        (spaces.Box(0, 255, (36, 36, 3), np.uint8), {}),
        (None, {"activation_fn": nn.ReLU}),
        (None, {"n_lstm_layers": 2}),
        (None, {"lstm_kwargs": {"dropout": 0.1}, "n_lstm_layers": 2}),
        (None, CRITICS["none"]),
    ],
)
def test_what_is_not_known_is_left_to_torch(observations, changes):
    space = spaces.Box(-1, 1, (3,)) if observations is None else observations
    chosen = {"lstm_hidden_size": 4, "net_arch": [4]} | changes
    policy = RecurrentActorCriticPolicy(space, spaces.Discrete(2), lambda _: 0.0, **chosen)
    assert FusedPolicy.of(policy) is None


def test_multiple_discrete_actions_are_left_to_torch():
    policy = RecurrentActorCriticPolicy(
        spaces.Box(-1, 1, (3,)), spaces.MultiDiscrete([2, 2]), lambda _: 0.0
    )
    assert FusedPolicy.of(policy) is None
