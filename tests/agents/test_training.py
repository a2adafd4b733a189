import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from slowturn.agents import (
    ArtefactError,
    OrganismError,
    TrainingInterrupted,
    load_organism,
    recipe,
    train,
)
from slowturn.agents.checkpoint import CHECKPOINT


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


def test_two_runs_are_equal_and_seeds_differ(tiny, tmp_path):
    one, two = (train(tiny, 0, tmp_path / name) for name in "ab")
    assert_same(one, two)
    assert one.gates == two.gates
    other = train(tiny, 1, tmp_path / "c")
    assert any(not torch.equal(v, weights(other)[k]) for k, v in weights(one).items())


def test_resuming_gives_what_never_stopping_gives(tiny, tmp_path):
    whole = train(tiny, 0, tmp_path / "whole")
    with pytest.raises(TrainingInterrupted, match=r"stopped at 1,024 of 4,096 steps.*--resume"):
        train(tiny, 0, tmp_path / "cut", report=interrupt_at(1024))
    assert (tmp_path / "cut" / CHECKPOINT).exists()
    with pytest.raises(TrainingInterrupted, match="stopped at 2,560"):
        train(tiny, 0, tmp_path / "cut", resume=True, report=interrupt_at(2560))
    resumed = train(tiny, 0, tmp_path / "cut", resume=True)
    assert_same(whole, resumed)
    assert resumed.curve == whole.curve
    assert resumed.gates == whole.gates
    assert not (tmp_path / "cut" / CHECKPOINT).exists()
    assert_same(resumed, load_organism(tmp_path / "cut"))


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
    grown = train(replace(tiny, gates=recipe("open", "brisk").gates), 0, tmp_path)
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
    assert " of 1,998,848" in first
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=120)
    assert run.returncode == 130
    assert "Repeat the command with --resume to go on." in said
    assert (tmp_path / "it" / CHECKPOINT).exists()
