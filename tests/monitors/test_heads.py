import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from stable_baselines3 import DQN, PPO

from slowturn.monitors import MonitorError, Recorder, policy_head

KINDS = {
    "feed-forward": (PPO, "MlpPolicy", {}, "features"),
    "recurrent": (RecurrentPPO, "MlpLstmPolicy", {"lstm_hidden_size": 5}, "lstm.h"),
    "Gaussian": (RecurrentPPO, "MlpLstmPolicy", {"lstm_hidden_size": 5}, "lstm.h"),
    "two layers": (
        RecurrentPPO,
        "MlpLstmPolicy",
        {"lstm_hidden_size": 5, "n_lstm_layers": 2},
        "lstm.h",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_head_on_recorded_latents_gives_the_recorded_logits(
    wander, strong_willed, observations, kind
):
    algorithm, name, kwargs, layer = KINDS[kind]
    space = spaces.Box(-1.0, 1.0, (2,)) if kind == "Gaussian" else None
    model = algorithm(name, wander(space), seed=0, device="cpu", policy_kwargs=kwargs)
    policy = strong_willed(model.policy)
    recorder, head = Recorder(policy, [layer]), policy_head(policy)
    for seen in observations(3, 4):
        record = recorder.step(seen)
        latents = torch.from_numpy(record.activations[layer]).requires_grad_()
        logits = head(latents)
        np.testing.assert_allclose(logits.detach(), record.logits, rtol=1e-5, atol=1e-6)
    (gradient,) = torch.autograd.grad(logits.sum(), [latents])
    assert (gradient[:, -5:] != 0).any()


def test_scripted_policy_brings_its_own():
    class Mind:
        layers = ("belief",)

        def record_step(self, observations, state, episode_start):
            raise NotImplementedError

        def head(self, belief):
            return belief * 2

    assert policy_head(Mind())(torch.ones(1, 2)).tolist() == [[2.0, 2.0]]


@pytest.mark.parametrize(
    ("space", "sde"),
    [
        (spaces.Box(-1.0, 1.0, (2,)), True),
        (spaces.MultiBinary(2), False),
        (spaces.MultiDiscrete([2, 2]), False),
    ],
)
def test_no_head_without_one_distribution(wander, space, sde):
    policy = PPO("MlpPolicy", wander(space), seed=0, device="cpu", use_sde=sde).policy
    with pytest.raises(MonitorError) as error:
        policy_head(policy)
    assert str(error.value) == (
        "ActorCriticPolicy has no head from latents to the logits of one discrete choice or to "
        "the parameters of a Gaussian; pass your own differentiable head."
    )


def test_no_head_in_a_value_network(wander):
    policy = DQN("MlpPolicy", wander(), seed=0, device="cpu", buffer_size=10).policy
    with pytest.raises(MonitorError, match=r"^DQNPolicy has no head from latents"):
        policy_head(policy)
