"""Training against monitors: what is added to the loss and to the reward, and what is refused."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from slowturn.agents import (
    Evasion,
    Opponent,
    OrganismError,
    Thought,
    TrainingInterrupted,
    load_organism,
    train,
)
from slowturn.agents import recipe as recipe_of
from slowturn.agents.checkpoint import CHECKPOINT
from slowturn.agents.evasion import EvasiveLoss, EvasiveReward
from slowturn.agents.reward_terms import Step
from slowturn.agents.training import build_learner
from tests.agents.test_training import assert_same, interrupt_at

UNITS = torch.linspace(-1.0, 1.0, 32)


def opponent(name="mine", threshold=0.0, scale=1.0, score=None):
    return Opponent(name, score or (lambda thought: thought.hidden @ UNITS), threshold, scale)


def thought(n=6, seed=0):
    torch.manual_seed(seed)
    return Thought(torch.randn(n, 5), torch.randn(n, 32), torch.randn(n, 22))


@pytest.fixture
def evasive(tiny):
    """What is trained against one opponent through the gradient."""

    def made(**options):
        evasion = Evasion(**{"monitors": ("mine",), **options})
        trainer = replace(tiny.trainer, evasion=evasion)
        return replace(tiny, name="evasive", gates=(), trainer=trainer)

    return made


def test_a_step_counts_from_the_margin_below_the_alarm_on():
    given = thought(4)
    scores = torch.tensor([0.0, 2.5, 3.0, 13.0])
    one = opponent(threshold=3.0, scale=2.0, score=lambda _: scores)
    assert one.beyond(given, 0.25).tolist() == [0.0, 0.0, 0.25, 5.25]
    assert one.beyond(given, 0.5).tolist() == [0.0, 0.25, 0.5, 5.5]


def test_of_several_opponents_the_highest_counts_in_each_step():
    first = opponent(score=lambda _: torch.tensor([1.0, 0.0]))
    second = opponent("other", score=lambda _: torch.tensor([0.5, 2.0]), scale=2.0)
    evasion = Evasion(monitors=("mine", "other"), weight=3.0, margin=0.0)
    term = EvasiveReward(evasion, [first, second], _Blind())
    step = Step(torch.zeros(2, 5), torch.zeros(2), torch.zeros(2), torch.zeros(2), _memory(2))
    assert_allclose(term(step), [-3.0, -3.0])
    assert term(step).dtype == np.float32


class _Blind:
    """A policy whose logits nobody reads."""

    action_net = staticmethod(lambda latent: latent)

    class mlp_extractor:  # noqa: N801 - the name that policies give it
        forward_actor = staticmethod(lambda hidden: hidden)


def _memory(n):
    return torch.zeros(1, n, 32), torch.zeros(1, n, 32)


def test_through_reward_any_score_at_all_is_opposed_even_without_a_gradient():
    counted = opponent(score=lambda given: np.arange(len(given.hidden), dtype=np.float64))
    term = EvasiveReward(Evasion(monitors=("mine",), margin=0.0), [counted], _Blind())
    step = Step(torch.zeros(3, 5), torch.zeros(3), torch.zeros(3), torch.zeros(3), _memory(3))
    assert_allclose(term(step), [0.0, -1.0, -2.0])
    far = opponent(score=lambda given: np.full(len(given.hidden), 1e6))
    capped = EvasiveReward(Evasion(monitors=("mine",), weight=2.0), [far], _Blind())
    assert_allclose(capped(step), -10.0)  # so that no step outweighs a whole episode
    with pytest.raises(OrganismError, match=r"'mine' has no gradient .*way='reward'"):
        EvasiveLoss(Evasion(monitors=("mine",)), [counted])(thought())


def test_the_gradient_is_that_of_ppos_loss_and_the_penalty_together(evasive):
    """The two parts one by one: the loss without opponents by hand, the penalty by torch."""
    recipe, gradients = evasive(weight=2.0), {}
    for name, evasion in (("plain", None), ("evasive", recipe.trainer.evasion)):
        trainer = replace(recipe.trainer, evasion=evasion)
        against = [] if evasion is None else [opponent(threshold=-1.0)]
        one = replace(recipe, trainer=trainer)
        learner, _ = build_learner(one, trainer, 0, {}, opponents=against)
        learner.n_epochs = 0
        learner.learn(recipe.trainer.num_envs * recipe.trainer.n_steps)
        loss, _ = learner._set_gradients(learner._chunk, 0.2)
        flat = torch.cat(
            [
                torch.zeros(one.numel()) if one.grad is None else one.grad.flatten()
                for one in learner.policy.parameters()
            ]
        )
        gradients[name] = (loss, flat.clone())
    model, chunk = learner, learner._chunk
    hidden, *_ = model._remember(chunk.observations, chunk.pi, chunk.vf, chunk.starts)
    latent = model.policy.mlp_extractor.forward_actor(hidden)
    given = Thought(chunk.observations.flatten(0, 1), hidden, model.policy.action_net(latent))
    model.policy.zero_grad()
    term = model.loss_terms[0](given)
    term.backward()
    penalty = float(term.detach())
    added = torch.cat(
        [
            torch.zeros(one.numel()) if one.grad is None else one.grad.flatten()
            for one in model.policy.parameters()
        ]
    )
    assert penalty > 0.0
    assert float(added.norm()) > 1e-3
    assert gradients["evasive"][0] == pytest.approx(gradients["plain"][0] + penalty, 1e-4)
    assert_allclose(gradients["evasive"][1], gradients["plain"][1] + added, atol=1e-4)


@pytest.mark.parametrize("way", ["gradient", "reward"])
def test_what_gaussian_actions_are_drawn_from_is_seen_as_a_trace_holds_it(tiny, way):
    seen = []

    def score(given):
        seen.append(given.logits.detach())
        return given.logits[:, 0]

    broker = recipe_of("honest", "brisk", "Broker-v0")
    small = {"total_steps": 1, "num_envs": 4, "n_steps": 8, "batch_size": 32, "n_epochs": 1}
    trainer = replace(broker.trainer, evasion=Evasion(monitors=("mine",), way=way), **small)
    model, _ = build_learner(
        replace(broker, trainer=trainer), trainer, 0, {}, opponents=[opponent(score=score)]
    )
    model.learn(32)
    assert {one.shape[1] for one in seen} == {6}
    assert_allclose(seen[0][:, 3:], model.policy.log_std.detach().expand(len(seen[0]), 3), atol=0.1)


def test_the_penalty_is_learned_from(evasive):
    """What the opponent reads sinks below its alarm, against nobody it does not."""
    recipe = evasive(weight=10.0, margin=0.0)

    def level(evasion, opponents):
        trainer = replace(recipe.trainer, evasion=evasion)
        one = replace(recipe, trainer=trainer)
        model, _ = build_learner(one, trainer, 0, {}, opponents=opponents)
        model.learn(16 * trainer.num_envs * trainer.n_steps)
        return float((model._last_lstm_states.pi[0][-1] @ UNITS).mean())

    assert level(recipe.trainer.evasion, [opponent(threshold=-1.0)]) < level(None, []) - 0.2


@pytest.mark.parametrize("way", ["gradient", "reward"])
def test_resuming_continues_exactly(evasive, tmp_path, way):
    recipe, against = evasive(way=way), [opponent()]
    whole = train(recipe, 3, tmp_path / "whole", opponents=against)
    with pytest.raises(TrainingInterrupted):
        train(recipe, 3, tmp_path / "cut", opponents=against, report=interrupt_at(2048))
    assert (tmp_path / "cut" / CHECKPOINT).exists()
    with pytest.raises(OrganismError, match="another recipe or seed"):
        train(recipe, 3, tmp_path / "cut", opponents=[opponent(threshold=0.5)], resume=True)
    again = train(recipe, 3, tmp_path / "cut", opponents=against, resume=True)
    assert_same(whole, again)
    assert load_organism(tmp_path / "cut").recipe == recipe


def test_a_recipe_says_against_whom_and_is_data(evasive):
    found = json.loads(json.dumps(asdict(evasive(weight=0.5))))["trainer"]["evasion"]
    assert found == {
        "monitors": ["mine"],
        "way": "gradient",
        "weight": 0.5,
        "margin": 0.25,
        "knows": "parameters",
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"monitors": ()}, "tuple of at least one name"),
        ({"monitors": "mine"}, "tuple of at least one name"),
        ({"way": "rewards"}, "unknown Evasion.way 'rewards'.*Did you mean 'reward'"),
        ({"knows": "all"}, "unknown Evasion.knows 'all'"),
        ({"weight": 0.0}, "Evasion.weight must be > 0"),
        ({"margin": -1.0}, "Evasion.margin >= 0"),
    ],
)
def test_wrong_settings_are_named(options, said):
    with pytest.raises(OrganismError, match=said):
        Evasion(**{"monitors": ("mine",), **options})


def test_wrong_opponents_are_named(evasive, tmp_path):
    with pytest.raises(OrganismError, match=r"must be \['mine'\], fitted.*got \[\]"):
        train(evasive(), 0, tmp_path / "none")
    with pytest.raises(OrganismError, match=r"got \['other'\]"):
        train(evasive(), 0, tmp_path / "other", opponents=[opponent("other")])
    with pytest.raises(OrganismError, match=r"finite scale > 0, got 0\.0 and 0\.0"):
        opponent(scale=0.0)
    flat = opponent(score=lambda given: given.hidden)
    with pytest.raises(
        OrganismError, match=r"one finite number, shape \(6,\); got shape \(6, 32\)"
    ):
        flat.beyond(thought(), 0.0)
    broken = opponent(score=lambda given: given.hidden[:, 0] * float("nan"))
    with pytest.raises(OrganismError, match="not finite"):
        broken.beyond(thought(), 0.0)
    slow = evasive()
    slow = replace(slow, trainer=replace(slow.trainer, algorithm="RecurrentPPO"))
    with pytest.raises(OrganismError, match="evasion needs algorithm ChunkedPPO"):
        train(slow, 0, tmp_path / "slow", opponents=[opponent()])
