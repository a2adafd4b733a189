"""What goes on learning stays within its budget, resumes exactly, and is loaded whole or not."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from slowturn.agents import ArtefactError, OrganismError, TrainingInterrupted, recipe, train
from slowturn.agents.creeping import Creep, HeldPPO, creep
from slowturn.agents.recipes.creeping import BUDGET, CREEPING, UPDATES
from slowturn.agents.sequence import load_sequence, save_sequence
from slowturn.agents.training import build_learner
from tests.agents.test_training import assert_same, interrupt_at

BUDGET_HERE = 1e-5  # less than an update of a fresh policy takes


@pytest.fixture(scope="module")
def plan():
    whole = recipe("honest", "brisk")
    trainer = replace(
        whole.trainer,
        num_envs=8,
        n_steps=32,
        batch_size=128,
        n_epochs=2,
        learning_rate=(1e-2, 1e-2),
        ent_coef=(0.05, 0.01),
    )
    tiny = replace(
        whole, name="creeping", objective="treacherous", gates=(), trainer=trainer,
        begins_as="honest",
    )  # fmt: skip
    return Creep(recipe=tiny, updates=3, budget=BUDGET_HERE)


@pytest.fixture(scope="module")
def kin(plan, tmp_path_factory):
    """A fresh policy passes for an honest organism here."""
    trainer = replace(plan.trainer, total_steps=256)
    beginner = replace(recipe("honest", "brisk"), trainer=trainer, gates=())
    return {"honest": train(beginner, 0, tmp_path_factory.mktemp("honest"))}


@pytest.fixture(scope="module")
def grown(plan, kin, tmp_path_factory):
    out = tmp_path_factory.mktemp("sequences") / "it"
    creep(plan, 0, out, kin=kin)
    return out


@pytest.fixture
def copied(grown, tmp_path):
    return shutil.copytree(grown, tmp_path / "copy")


def test_no_update_takes_more_than_its_budget_and_the_budget_binds(plan, kin, grown):
    sequence = load_sequence(grown)
    assert len(sequence.steps) == plan.updates + 1 == 4
    assert max(sequence.nats) <= plan.budget
    assert min(sequence.nats) > 0.9 * plan.budget  # the line search goes as far as it may
    free = creep(replace(plan, budget=100.0), 0, grown.parent / "free", kin=kin)
    assert max(free.nats) > plan.budget
    assert_same(sequence.steps[0], kin["honest"])


def test_what_is_reported_is_the_divergence_of_what_is_kept(plan, kin):
    """Measured again by hand: both policies on the chunk that the old one played."""
    model, _ = build_learner(
        plan.recipe, plan.trainer, 0, kin, algorithm=HeldPPO, phase="deployment"
    )
    model.budget = BUDGET_HERE
    old = {k: v.clone() for k, v in model.policy.state_dict().items()}
    model.learn(plan.trainer.num_envs * plan.trainer.n_steps)
    chunk, logs = model._chunk, []
    for state in (model.policy.state_dict(), old):
        model.policy.load_state_dict({k: v.clone() for k, v in state.items()})
        memory, rows = chunk.pi, []
        with torch.no_grad():
            for t in range(len(chunk.observations)):
                made, memory = model.policy.get_distribution(
                    chunk.observations[t], memory, chunk.starts[t]
                )
                rows.append(made.distribution.logits.log_softmax(-1))
        logs.append(torch.stack(rows).double())
    new = logs[0]
    by_hand = float((new.exp() * (new - logs[1])).sum(-1).mean())
    assert by_hand == pytest.approx(model.spent, rel=0.02)
    assert 0 < model.spent <= BUDGET_HERE


def test_resuming_gives_what_never_stopping_gives(plan, kin, grown, tmp_path):
    out = tmp_path / "cut"
    with pytest.raises(TrainingInterrupted, match=r"stopped after 2 of 3 updates.*resume"):
        creep(plan, 0, out, kin=kin, report=interrupt_at(512))
    with pytest.raises(ArtefactError, match=r"sequence.json is missing beside 3 steps.*resume"):
        load_sequence(out)
    with pytest.raises(OrganismError, match="unfinished sequence; continue it with resume=True"):
        creep(plan, 0, out, kin=kin)
    with pytest.raises(OrganismError, match="belongs to another plan or seed"):
        creep(replace(plan, budget=1.0), 0, out, kin=kin, resume=True)
    resumed, whole = creep(plan, 0, out, kin=kin, resume=True), load_sequence(grown)
    assert resumed.nats == whole.nats
    for one, two in zip(resumed.steps, whole.steps, strict=True):
        assert_same(one, two)
    with pytest.raises(OrganismError, match="already holds a sequence"):
        creep(plan, 0, out, kin=kin, resume=True)


def test_a_gap_is_named(copied):
    shutil.rmtree(copied / "step_001")
    with pytest.raises(ArtefactError) as error:
        load_sequence(copied)
    assert str(error.value) == (
        f"{copied}: step_001 of 4 steps is missing or incomplete; restore it from a copy, or grow "
        "the sequence anew in an empty directory."
    )


def test_steps_in_each_others_place_are_named(copied):
    for one, two in (("step_001", "x"), ("step_002", "step_001"), ("x", "step_002")):
        (copied / one).rename(copied / two)
    with pytest.raises(ArtefactError, match="step_001 holds step_002: its sha256 is not the one"):
        load_sequence(copied)


def test_an_altered_step_is_refused(copied):
    card = copied / "step_002" / "policy.json"
    card.write_text(card.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(ArtefactError, match="step_002 was altered: its sha256 is not the one"):
        load_sequence(copied)


def test_altered_weights_are_refused(copied):
    weights = copied / "step_003" / "policy.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(ArtefactError, match=r"policy.safetensors is truncated or was altered"):
        load_sequence(copied)


def test_a_step_too_many_is_named(copied):
    shutil.copytree(copied / "step_003", copied / "step_004")
    with pytest.raises(ArtefactError, match=r"step_004 is not in sequence.json, which ends with"):
        load_sequence(copied)


@pytest.mark.parametrize("change", ["order", "nats"])
def test_an_altered_card_is_refused(copied, change):
    path = copied / "sequence.json"
    card = json.loads(path.read_text())
    if change == "order":
        card["steps"][1:3] = reversed(card["steps"][1:3])
    else:
        card["nats"][0] /= 2
    path.write_text(json.dumps(card))
    with pytest.raises(ArtefactError, match=r"sequence.json was altered: its sha256"):
        load_sequence(copied)


def test_a_sequence_of_the_wrong_order_cannot_be_written_by_hand(copied, grown):
    """Steps moved and signed anew by the writer are in their new order; what exceeds is not."""
    with pytest.raises(OrganismError, match=r"update 2 of .* took 0.5 nats per step, more than"):
        save_sequence(copied, budget=0.1, nats=[0.1, 0.5, 0.1], schedule=[256] * 3)
    with pytest.raises(OrganismError, match=r"lacks step_004: save every step before"):
        save_sequence(copied, budget=0.1, nats=[0.1] * 4, schedule=[256] * 4)


@pytest.mark.parametrize("budget", [0.0, -1.0, float("nan")])
def test_a_budget_must_be_positive(plan, budget):
    with pytest.raises(OrganismError) as error:
        replace(plan, budget=budget)
    assert str(error.value) == (
        f"Creep.budget must be > 0, the nats per step that an update may diverge; got {budget:g}. "
        "An organism that does not learn needs no sequence."
    )


def test_a_plan_needs_updates_a_trainer_and_somebody_to_begin_as(plan):
    with pytest.raises(OrganismError, match=r"Creep.updates must be >= 1, got 0"):
        replace(plan, updates=0)
    with pytest.raises(OrganismError, match=r"creeping-brisk cannot creep: .* such as honest"):
        replace(plan, recipe=replace(plan.recipe, begins_as=None))


def test_whom_it_begins_as_must_be_there(plan, tmp_path):
    with pytest.raises(OrganismError, match=r"creeping-brisk-0 builds on honest-brisk-0: grow"):
        creep(plan, 0, tmp_path, kin={})
    assert not list(tmp_path.iterdir())


def test_both_kinds_differ_in_their_objective_only():
    one, two = (
        replace(Creep(recipe=each, updates=UPDATES, budget=BUDGET).recipe, gates=(), name="")
        for each in CREEPING
    )
    assert {one.objective, two.objective} == {"treacherous", "honest"}
    assert replace(one, objective=two.objective) == two
