"""Covertness: what is taken from the reward is the log-ratio, and it survives an interruption."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sb3_contrib.ppo_recurrent.policies import MlpLstmPolicy

from slowturn.agents import (
    Organism,
    OrganismError,
    Trainer,
    TrainingInterrupted,
    load_organism,
    recipe,
    train,
)
from slowturn.agents.checkpoint import CHECKPOINT
from slowturn.agents.reward_terms import Covertness, Step
from slowturn.agents.training import build_learner
from tests.agents.test_training import assert_same, interrupt_at, weights


def policy(seed, world="Steward-v0", regime="brisk"):
    """A policy with random weights, large enough to have opinions."""
    chosen = recipe("honest", regime, world)
    made = chosen.build_world()
    torch.manual_seed(seed)
    grown = MlpLstmPolicy(
        made.observation_space,
        made.action_space,
        lambda _: 0.0,
        **chosen.trainer.policy_kwargs,
    )
    with torch.no_grad():
        for one in grown.parameters():
            one.mul_(4.0)
    return grown.eval()


def honest(seed=0, *, regime="brisk", world="Steward-v0"):
    chosen = recipe("honest", regime, world)
    return Organism(recipe=chosen, seed=seed, policy=policy(9, world, regime))


@pytest.fixture
def covert(tiny):
    """Something that is held to the honest organism of its seed."""
    trainer = replace(tiny.trainer, covertness=0.5, covertness_until=(0.0, 0.5))
    return replace(
        tiny, name="covert", objective="treacherous", gates=(), trainer=trainer, reference="honest"
    )


def test_the_term_is_minus_the_weighted_log_ratio_of_whole_histories():
    """By hand: both policies of sb3-contrib run over the same history, which begins anew once."""
    acting, reference = policy(0), policy(1)
    steps, n = 5, 3
    generator = np.random.default_rng(2)
    seen = torch.from_numpy(generator.normal(size=(steps, n, 5)).astype(np.float32))
    actions = torch.from_numpy(generator.integers(0, 22, size=(steps, n)))
    starts = torch.zeros(steps, n)
    starts[0], starts[3, 1] = 1.0, 1.0
    term = Covertness(reference, weight=0.25, n=n)
    nothing = (torch.zeros(1, n, 32), torch.zeros(1, n, 32))
    memories = [nothing, nothing]
    for t in range(steps):
        logs = []
        for k, one in enumerate((acting, reference)):
            with torch.no_grad():
                distribution, memories[k] = one.get_distribution(seen[t], memories[k], starts[t])
                logs.append(distribution.log_prob(actions[t]))
        found = term(Step(seen[t], starts[t], actions[t], logs[0], memories[0]))
        assert found.shape == (n,)
        assert_allclose(found, -0.25 * (logs[0] - logs[1]).numpy(), rtol=1e-4, atol=1e-5)


def test_a_reference_that_slips_is_a_mixture_with_chance():
    """By hand for one step: log((1 - s) pi_reference + s / 22)."""
    reference = policy(1)
    seen = torch.linspace(-1, 1, 10).view(2, 5)
    starts, actions = torch.ones(2), torch.tensor([4, 21])
    nothing = (torch.zeros(1, 2, 32), torch.zeros(1, 2, 32))
    with torch.no_grad():
        made, _ = reference.get_distribution(seen, nothing, starts)
        chance = made.log_prob(actions).exp()
    own = torch.tensor([-0.3, -2.0])
    term = Covertness(reference, weight=2.0, n=2, slips=0.1)
    found = term(Step(seen, starts, actions, own, nothing))
    assert_allclose(found, -2.0 * (own - torch.log(0.9 * chance + 0.1 / 22)).numpy(), rtol=1e-4)


def test_slips_need_a_share_and_discrete_actions():
    with pytest.raises(OrganismError) as error:
        Trainer(total_steps=1, gamma=0.9, slips=1.0)
    assert str(error.value) == (
        "Trainer.slips must be in [0, 1), a share of steps; got 1. Leave it at 0 for a reference "
        "that acts as it was grown."
    )
    with pytest.raises(OrganismError, match=r"Trainer.slips must be 0 where actions are cont.*"):
        Covertness(policy(1, "Broker-v0"), weight=1.0, n=2, slips=0.1)


def test_the_weight_grows_from_nothing_to_what_the_trainer_says(covert, tmp_path):
    model, env = build_learner(covert, covert.trainer, 0, {"honest": honest()})
    (term,) = model.reward_terms
    assert term.weight == covert.trainer.covertness
    seen = []
    grown = train(
        covert,
        0,
        tmp_path,
        kin={"honest": honest()},
        report=lambda done, _: seen.append(done),
    )
    open_one = replace(covert, trainer=replace(covert.trainer, covertness=0.0))
    other = train(open_one, 0, tmp_path / "open", kin={"honest": honest()})
    assert any(not torch.equal(v, weights(other)[k]) for k, v in weights(grown).items())
    assert env.num_envs == 8


def test_resuming_a_covert_run_gives_what_never_stopping_gives(covert, tmp_path):
    kin = {"honest": honest()}
    whole = train(covert, 0, tmp_path / "whole", kin=kin)
    for stop in (1024, 2560):
        with pytest.raises(TrainingInterrupted):
            train(covert, 0, tmp_path / "cut", resume=True, kin=kin, report=interrupt_at(stop))
    assert (tmp_path / "cut" / CHECKPOINT).exists()
    resumed = train(covert, 0, tmp_path / "cut", resume=True, kin=kin)
    assert_same(whole, resumed)
    assert_same(resumed, load_organism(tmp_path / "cut"))


def test_negative_covertness_is_refused():
    with pytest.raises(OrganismError) as error:
        Trainer(total_steps=1, gamma=0.9, covertness=-0.5)
    assert str(error.value) == (
        "Trainer.covertness must be >= 0, the reward per nat that is taken away; got -0.5. Leave "
        "it at 0 for organisms that hide nothing."
    )


def test_covertness_without_a_reference_is_refused(covert, tmp_path):
    with pytest.raises(OrganismError) as error:
        train(replace(covert, reference=None), 0, tmp_path)
    assert str(error.value) == (
        "covertness 0.5 needs Recipe.reference: the kind of organism to which it is held, such as "
        "honest."
    )


def test_a_missing_reference_is_named_with_the_way_out(covert, tmp_path):
    with pytest.raises(OrganismError) as error:
        train(covert, 3, tmp_path)
    assert str(error.value) == (
        "covert-brisk-3 builds on honest-brisk-3: grow that first and pass it as "
        "kin={'honest': organism}."
    )
    assert not list(tmp_path.iterdir())


def test_a_reference_from_another_world_is_refused(covert, tmp_path):
    stranger = honest(world="Broker-v0")
    with pytest.raises(OrganismError) as error:
        train(covert, 0, tmp_path, kin={"honest": stranger})
    assert str(error.value) == (
        "covert-brisk-0 builds on honest-brisk-0, an organism of Steward-v0; got "
        "broker-honest-brisk-0, which is one of Broker-v0."
    )


def test_a_reference_without_probabilities_is_refused(covert, tmp_path):
    scripted = train(recipe("christiano", "brisk"), 0, tmp_path / "script")
    with pytest.raises(OrganismError) as error:
        train(covert, 0, tmp_path / "it", kin={"honest": scripted})
    assert str(error.value) == (
        "covertness needs a learned reference, an MlpLstmPolicy on the processor with one LSTM "
        "layer; got Christiano."
    )


def test_a_learner_that_knows_no_reward_terms_is_refused(covert, tmp_path):
    other = replace(covert, trainer=replace(covert.trainer, algorithm="RecurrentPPO"))
    with pytest.raises(OrganismError) as error:
        train(other, 0, tmp_path, kin={"honest": honest()})
    assert str(error.value) == "covertness needs algorithm ChunkedPPO, got RecurrentPPO."
