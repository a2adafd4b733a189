import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from slowturn.agents import (
    WORLDS_WITH_RECIPES,
    ArtefactError,
    OrganismError,
    TrainingInterrupted,
    load_organism,
    recipe,
    train,
)
from slowturn.agents.checkpoint import CHECKPOINT
from slowturn.agents.training import build_learner


def weights(organism):
    return organism.policy.state_dict()


def assert_same(one, two):
    for key, value in weights(one).items():
        assert torch.equal(value, weights(two)[key]), key


def interrupt_at(steps):
    def report(done, _total):
        if done == steps:
            signal.raise_signal(signal.SIGINT)

    return report


@pytest.fixture(params=["RecurrentPPO", "ChunkedPPO"])
def learner(tiny, request):
    """The tiny recipe, grown by either learner."""
    return replace(tiny, trainer=replace(tiny.trainer, algorithm=request.param))


def test_two_runs_are_equal_and_seeds_differ(learner, tmp_path):
    one, two = (train(learner, 0, tmp_path / name) for name in "ab")
    assert_same(one, two)
    assert one.gates == two.gates
    other = train(learner, 1, tmp_path / "c")
    assert any(not torch.equal(v, weights(other)[k]) for k, v in weights(one).items())


def test_resuming_gives_what_never_stopping_gives(learner, tmp_path):
    whole = train(learner, 0, tmp_path / "whole")
    with pytest.raises(TrainingInterrupted, match=r"stopped at 1,024 of 4,096 steps.*--resume"):
        train(learner, 0, tmp_path / "cut", report=interrupt_at(1024))
    assert (tmp_path / "cut" / CHECKPOINT).exists()
    with pytest.raises(TrainingInterrupted, match="stopped at 2,560"):
        train(learner, 0, tmp_path / "cut", resume=True, report=interrupt_at(2560))
    resumed = train(learner, 0, tmp_path / "cut", resume=True)
    assert_same(whole, resumed)
    assert resumed.curve == whole.curve
    assert resumed.gates == whole.gates
    assert not (tmp_path / "cut" / CHECKPOINT).exists()
    assert_same(resumed, load_organism(tmp_path / "cut"))


def test_the_trainer_names_the_learner(learner):
    model, env = build_learner(learner, learner.trainer, 0, {})
    assert type(model).__name__ == learner.trainer.algorithm
    assert env.num_envs == model.n_envs == learner.trainer.num_envs


@pytest.mark.parametrize("world", WORLDS_WITH_RECIPES)
def test_a_step_can_be_made_in_every_world(world, tiny, tmp_path):
    chosen = recipe("honest", "brisk", world)
    whole = chosen.trainer
    trainer = replace(whole, total_steps=512, num_envs=8, n_steps=32, batch_size=128, n_epochs=1)
    grown = train(replace(chosen, trainer=trainer), 0, tmp_path)
    assert grown.recipe.world == world
    assert_same(grown, load_organism(tmp_path))


def test_only_columns_of_the_situation_are_turned_up(tiny):
    """Influence, baseline, effort and surge move by hundredths; neither cue nor task does."""
    chosen = replace(recipe("honest", "brisk", "Gridkeeper-v0"), options={"layout": "closet"})
    inputs = []
    for gain in (1.0, 5.0):
        trainer = replace(chosen.trainer, num_envs=2, input_gain=gain)
        model, _ = build_learner(chosen, trainer, 0, {})
        inputs.append(model.policy.lstm_actor.weight_ih_l0.detach())
    expected = inputs[0].clone()
    expected[:, 2:6] *= 5.0
    torch.testing.assert_close(inputs[1], expected)


def test_an_unfinished_run_is_not_overwritten(tiny, tmp_path):
    with pytest.raises(TrainingInterrupted):
        train(tiny, 0, tmp_path, report=interrupt_at(1024))
    with pytest.raises(OrganismError, match="holds an unfinished run; continue it with --resume"):
        train(tiny, 0, tmp_path)
    with pytest.raises(OrganismError, match="belongs to another recipe or seed"):
        train(tiny, 1, tmp_path, resume=True)


def test_a_truncated_checkpoint_is_explained(tiny, tmp_path):
    with pytest.raises(TrainingInterrupted):
        train(tiny, 0, tmp_path, report=interrupt_at(1024))
    saved = tmp_path / CHECKPOINT
    saved.write_bytes(saved.read_bytes()[:1000])
    with pytest.raises(ArtefactError, match="is not a complete slowturn checkpoint"):
        train(tiny, 0, tmp_path, resume=True)


def test_a_finished_organism_is_not_overwritten(tiny, tmp_path):
    train(tiny, 0, tmp_path)
    with pytest.raises(OrganismError, match="already holds an organism; choose another --out"):
        train(tiny, 0, tmp_path, resume=True)


def test_a_negative_seed_is_refused(tiny, tmp_path):
    with pytest.raises(OrganismError, match="seed must be >= 0, got -1"):
        train(tiny, -1, tmp_path)


def test_an_organism_that_misses_its_gates_is_saved_as_failed(tiny, tmp_path):
    other = recipe("treacherous", "brisk")
    grown = train(replace(tiny, objective="treacherous", gates=other.gates), 0, tmp_path)
    assert not grown.passed
    assert not load_organism(tmp_path).passed


def test_scripted_organisms_need_no_training(tmp_path):
    grown = train(recipe("christiano", "brisk"), 0, tmp_path)
    assert grown.passed
    assert load_organism(tmp_path).passed


def test_it_learns_to_serve(tiny, tmp_path):
    trainer = replace(
        tiny.trainer, total_steps=131_072, num_envs=64, n_steps=32, batch_size=512, n_epochs=4
    )
    grown = train(replace(tiny, trainer=trainer), 0, tmp_path)
    first, last = grown.curve[0]["return"], grown.curve[-1]["return"]
    assert first < 100
    assert last > 200


def test_ctrl_c_on_the_command_line_keeps_what_is_done(tmp_path):
    command = [sys.executable, "-m", "slowturn.experiments.cli", "train", "honest"]
    run = subprocess.Popen(
        [*command, "--out", str(tmp_path / "it")],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    first = run.stderr.readline()  # the first rollout is done: training is under way
    assert " of 2,998,272" in first
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=120)
    assert run.returncode == 130
    assert "Repeat the command with --resume to go on." in said
    assert (tmp_path / "it" / CHECKPOINT).exists()


def test_the_noise_of_continuous_actions_is_set_and_not_learned(tmp_path):
    chosen = recipe("honest", "brisk", "Broker-v0")
    trainer = replace(
        chosen.trainer,
        total_steps=2048,
        num_envs=8,
        n_steps=32,
        batch_size=128,
        n_epochs=1,
        noise=(0.4, 0.1),
    )
    chosen = replace(chosen, trainer=trainer)
    whole = train(chosen, 0, tmp_path / "whole")
    last = 0.4 * (0.1 / 0.4) ** (1792 / 2048)  # at the start of the last rollout
    std = torch.exp(whole.policy.log_std.detach())
    torch.testing.assert_close(std, torch.full((3,), last))
    with pytest.raises(TrainingInterrupted, match="stopped at 1,024"):
        train(chosen, 0, tmp_path / "cut", report=interrupt_at(1024))
    assert_same(whole, train(chosen, 0, tmp_path / "cut", resume=True))
    learning = replace(chosen, trainer=replace(trainer, noise=None))
    grown = train(learning, 0, tmp_path / "learned")
    assert len(set(grown.policy.log_std.tolist())) == 3
