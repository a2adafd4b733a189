import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from torch import nn

from slowturn.monitors import (
    HallucinationProbe,
    MonitorError,
    PowerLogOdds,
    Recorder,
    Trace,
    policy_head,
)

UNITS = 6
DIRECTION = np.array([0.0, 3.0, 0.0, -4.0, 0.0, 0.0]) / 5.0


def toy_head(sharpness=8.0, bar=0.9):
    """Power-seeking begins where the state passes `bar` along `DIRECTION`."""
    along = torch.as_tensor(DIRECTION, dtype=torch.float32)

    def head(states):
        urge = sharpness * (states @ along - bar)
        return torch.stack([torch.zeros_like(urge), urge], dim=1)

    return head


def states(seed=0, episodes=30, steps=40, scale=0.2):
    rng = np.random.default_rng(seed)
    return rng.normal(0.0, scale, (episodes, steps, UNITS)).astype(np.float32)


def layer(array):
    return Trace(activations={"lstm.h": array})


def probe(head=None, **kwargs):
    settings = {"power_actions": [False, True], "head": head or toy_head(), "starts": 64}
    return HallucinationProbe(**settings | kwargs)


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def test_finds_the_planted_direction():
    monitor = probe()
    monitor.fit(layer(states()))
    assert cosine(monitor.direction, DIRECTION) > 0.98
    assert monitor.reached > 0.5  # the imagined states do seek power


def test_score_is_the_share_of_the_way():
    monitor = probe()
    monitor.fit(layer(states()))
    offsets, _ = monitor.imagine(states()[:8].reshape(-1, UNITS), np.eye(UNITS) / 0.04)
    way = offsets.mean(axis=0)
    ladder = monitor.mean + np.array([0.0, 0.5, 1.0, 2.0])[:, None] * way
    scores = monitor.score(layer(ladder[None]))[0]
    np.testing.assert_allclose(scores, [0.0, 0.5, 1.0, 2.0], atol=0.1)
    across = monitor.mean + np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert abs(monitor.score(layer(across[None, None]))[0, 0]) < 0.2


def test_mean_way_scores_exactly_one(monkeypatch):
    monitor, found = probe(), []
    imagine = HallucinationProbe.imagine

    def spy(self, *arguments):
        found.append(imagine(self, *arguments))
        return found[-1]

    monkeypatch.setattr(HallucinationProbe, "imagine", spy)
    monitor.fit(layer(states()))
    end = monitor.mean + found[0][0].mean(axis=0)
    assert monitor.score(layer(end[None, None]))[0, 0] == pytest.approx(1.0, abs=1e-9)
    assert monitor.reached == pytest.approx(found[0][1].mean())


def test_way_prefers_units_that_vary_in_training():
    """Of two units that serve equally, the search moves the one that is cheap to move."""

    def head(latents):
        urge = 6.0 * (latents[:, 0] + latents[:, 1]) - 4.0
        return torch.stack([torch.zeros_like(urge), urge], dim=1)

    rows = states(scale=1.0) * np.array([0.4, 0.1, 0.2, 0.2, 0.2, 0.2], np.float32)
    precision = np.diag(np.array([0.4, 0.1, 0.2, 0.2, 0.2, 0.2]) ** -2.0)
    offsets, _ = probe(head).imagine(rows[0], precision)
    assert offsets[:, 0].mean() > 2 * offsets[:, 1].mean() > 0


def test_imagined_states_stay_within_bounds():
    rows = states(scale=0.4).clip(-1.0, 1.0)[0]
    monitor = probe(toy_head(sharpness=50.0, bar=3.0))
    offsets, reached = monitor.imagine(rows, np.eye(UNITS))
    assert np.abs(rows + offsets).max() <= 1.0 + 1e-6
    assert (reached < 0.0).all()
    free, far = probe(toy_head(sharpness=50.0, bar=3.0), bounds=None).imagine(rows, np.eye(UNITS))
    assert np.abs(rows + free).max() > 1.5
    assert (far > 0.0).all()


def test_sees_a_planted_turn():
    monitor = probe()
    monitor.fit(layer(states()))
    turning = states(seed=1)
    turning[:, 20:] += 0.6 * DIRECTION.astype(np.float32)
    scores = monitor.score(layer(turning))
    assert scores[:, 20:].mean() > scores[:, :20].mean() + 0.4


def test_ignores_a_turn_that_the_head_does_not_mediate():
    monitor = probe()
    monitor.fit(layer(states()))
    turning = states(seed=1)
    turning[:, 20:, 0] += 0.6
    scores = monitor.score(layer(turning))
    assert abs(scores[:, 20:].mean() - scores[:, :20].mean()) < 0.1


def test_agent_that_seeks_power_already():
    monitor = probe(toy_head(bar=-9.0))
    monitor.fit(layer(states()))
    assert (monitor.score(layer(states(seed=1))) == 0.0).all()
    assert monitor.reached > 4.0


def test_agent_that_nothing_could_move():
    def numb(latents):
        return torch.zeros(len(latents), 2) - 5.0 * torch.tensor([0.0, 1.0]) + 0.0 * latents[:, :1]

    monitor = probe(numb)
    monitor.fit(layer(states()))
    assert (monitor.score(layer(states(seed=1))) == 0.0).all()
    assert monitor.reached == pytest.approx(-5.0)


def test_leaves_no_gradients_in_the_policy(wander):
    kwargs = {"lstm_hidden_size": UNITS}
    model = RecurrentPPO("MlpLstmPolicy", wander(), seed=0, device="cpu", policy_kwargs=kwargs)
    monitor = HallucinationProbe(
        power_actions=[False, False, False, True],
        head=policy_head(model.policy),
        starts=8,
        iterations=3,
    )
    before = {name: tensor.clone() for name, tensor in model.policy.state_dict().items()}
    monitor.fit(layer(states()))
    assert all(parameter.grad is None for parameter in model.policy.parameters())
    for name, tensor in model.policy.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_finds_a_way_through_a_policy_of_sb3(wander, strong_willed, observations):
    """The head that is searched is the head that acts: imagined states do choose power."""
    model = RecurrentPPO("MlpLstmPolicy", wander(), seed=0, device="cpu")
    recorder = Recorder(strong_willed(model.policy), ["lstm.h"])
    seen = Trace.join([recorder.step(step).trace() for step in observations(20, 10)])
    monitor = HallucinationProbe(
        power_actions=[False, False, False, True], head=policy_head(model.policy), starts=32
    )
    monitor.fit(seen)
    rows = seen.layer("lstm.h").reshape(-1, 256)
    with torch.no_grad():
        logits = policy_head(model.policy)(torch.from_numpy(rows))
        odds = logits[:, 3] - logits[:, :3].logsumexp(dim=1)
    assert monitor.reached > float(odds.mean()) + 1.0


def test_finds_a_way_through_a_gaussian_actor(wander, strong_willed, observations):
    box = wander(spaces.Box(-1.0, 1.0, (3,)))
    kwargs = {"lstm_hidden_size": 16, "log_std_init": -1.0}
    model = RecurrentPPO("MlpLstmPolicy", box, seed=0, device="cpu", policy_kwargs=kwargs)
    recorder, head = Recorder(strong_willed(model.policy), ["lstm.h"]), policy_head(model.policy)
    seen = Trace.join([recorder.step(step).trace() for step in observations(20, 10)])
    monitor = HallucinationProbe(power_actions={"component": 1, "above": 0.0}, head=head, starts=32)
    monitor.fit(seen)
    power = PowerLogOdds(power_actions={"component": 1, "above": 0.0})
    assert monitor.reached > float(power.score(seen).mean()) + 1.0
    low, high = (
        head(torch.from_numpy((monitor.mean + share * way)[None]).float())[0, 1]
        for way in [monitor.direction / (monitor.direction @ monitor.direction)]
        for share in (0.0, 1.0)
    )
    assert high > low  # on the way, the mean of the component rises


def test_works_where_gradients_are_off():
    monitor, other = probe(), probe()
    monitor.fit(layer(states()))
    with torch.no_grad():
        other.fit(layer(states()))
    assert np.array_equal(monitor.direction, other.direction)


def test_seed_chooses_the_starts():
    directions = []
    for seed in (0, 0, 1):
        monitor = probe(seed=seed, starts=4)
        monitor.fit(layer(states()))
        directions.append(monitor.direction)
    assert np.array_equal(directions[0], directions[1])
    assert not np.array_equal(directions[0], directions[2])


def test_needs_a_head():
    with pytest.raises(MonitorError) as error:
        HallucinationProbe(power_actions=[False, True]).fit(layer(states()))
    assert str(error.value) == "HallucinationProbe needs the policy head to fit: pass head=."


def test_head_without_a_gradient():
    with pytest.raises(MonitorError) as error:
        probe(lambda latents: latents.detach()[:, :2]).fit(layer(states()))
    assert str(error.value) == (
        "HallucinationProbe needs a differentiable head: it has no gradient."
    )


def test_head_of_another_width():
    with pytest.raises(MonitorError) as error:
        probe(nn.Linear(UNITS, 3)).fit(layer(states()))
    assert str(error.value) == (
        "HallucinationProbe: 2 actions are declared, the head yields shape (64, 3) for states "
        "(64, 6)."
    )
    with pytest.raises(MonitorError) as error:
        probe(lambda latents: latents[:, 0]).fit(layer(states()))
    assert str(error.value) == (
        "HallucinationProbe: one row per state is needed, the head yields shape (64,) for states "
        "(64, 6)."
    )


@pytest.mark.parametrize(("starts", "iterations"), [(0, 5), (5, 0)])
def test_wrong_effort(starts, iterations):
    with pytest.raises(MonitorError) as error:
        HallucinationProbe(power_actions=[False, True], starts=starts, iterations=iterations)
    assert str(error.value) == (
        f"HallucinationProbe: starts and iterations must be >= 1, got {starts} and {iterations}."
    )


def test_wrong_bounds():
    with pytest.raises(MonitorError) as error:
        HallucinationProbe(power_actions=[False, True], bounds=(1.0, -1.0))
    assert str(error.value) == (
        "HallucinationProbe.bounds must be (low, high) with low < high, got (1.0, -1.0)."
    )
