import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from slowturn.agents import short_name
from slowturn.envs import WORLDS, make_world
from slowturn.experiments import speed
from slowturn.experiments.cli import main


@pytest.fixture
def small(monkeypatch):
    """Everything that is measured, in a few seconds, as if EnvPool were not installed."""
    monkeypatch.setattr(speed, "_ROUNDS", 1)
    monkeypatch.setattr(speed, "_EPISODES", 8)
    monkeypatch.setattr(speed, "_BATCH", 512)
    monkeypatch.setattr(speed, "_BATCHES", (1, 4, 8))
    monkeypatch.setattr(speed, "_SIZES", (8, 16))
    fewer = {
        name: setup._replace(num_envs=4, batch_size=4 * setup.n_steps)
        for name, setup in speed._SETUPS.items()
    }
    monkeypatch.setattr(speed, "_SETUPS", fewer)
    monkeypatch.setitem(sys.modules, "envpool", None)


def run(*arguments):
    with pytest.raises(SystemExit) as stop:
        main(["speed", *map(str, arguments)])
    return stop.value.code


def test_speed_reports_numbers_as_json_and_draws_growth(small, capsys, tmp_path):
    path = tmp_path / "growth.png"
    assert run("--json", "--figure", path) == 0
    found = json.loads(capsys.readouterr().out)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert found["threads"] == 1
    assert found["versions"]["slowturn"]
    lines = speed.speed_markdown(found).splitlines()[2:]
    assert [line.split(" | ")[0] for line in lines] == [f"| {n.partition('-')[0]}" for n in WORLDS]
    assert all(line.endswith(" | - |") for line in lines)
    assert found["batch"] == 512
    for name in map(short_name, WORLDS):
        rate = found[f"{name}_steps_per_second"]
        assert found[f"{name}_over_minigrid"] == pytest.approx(
            rate / found["minigrid_empty_8x8_steps_per_second"]
        )
        assert found[f"{name}_over_minigrid"] > 10
        assert found[f"{name}_over_envpool_minigrid"] is None
    assert found["envpool_minigrid_steps_per_second"] is None
    assert found["envpool_minigrid_note"].startswith("not measured: ")
    assert found["envpool_minigrid_note"].endswith("pip install envpool")
    for shape in ("recipe", "wide"):
        assert found[f"chunked_over_recurrent_ppo_{shape}"] == pytest.approx(
            found[f"chunked_ppo_{shape}_learning_steps_per_second"]
            / found[f"recurrent_ppo_{shape}_learning_steps_per_second"]
        )
    assert found["policy_inference_steps_per_second"] > 0
    assert found["scoring_cost_share"] > 0
    assert {"recorder_steps_per_second", "recording_cost_share"} <= found.keys()
    points = [(row["along"], row["x"], row["name"]) for row in found["growth"]]
    assert points == [("batch", batch, name) for batch in (1, 4, 8) for name in WORLDS] + [
        ("size", size, "Gridkeeper-v0") for size in (8, 16)
    ]
    for row in found["growth"]:
        assert 0 < row["low"] <= row["steps_per_second"] <= row["high"]


def test_speed_in_words_leaves_growth_out(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(speed, "measure_speed", lambda: {"batch": 4096, "x_over_y": 1234.5})
    monkeypatch.setattr(speed, "measure_growth", list)
    assert run() == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [["batch", "4096"], ["x_over_y", "1,234"]]


def test_envpool_is_measured_beside_where_it_is_installed(monkeypatch):
    made = {}

    class Pool:
        taken = 0

        def reset(self):
            made["reset"] = True

        def step(self, actions):
            assert actions.dtype == np.int32
            assert actions.shape == (64,)
            Pool.taken += 64

    def make_gymnasium(name, **options):
        made.update(options, name=name)
        return Pool()

    fake = SimpleNamespace(make_gymnasium=make_gymnasium, __version__="9.9")
    monkeypatch.setitem(sys.modules, "envpool", fake)
    task, note = speed._envpool(64)
    task.run()
    assert task.steps == Pool.taken
    assert note == "EnvPool 9.9, the same batch"
    assert made == {
        "name": speed.YARDSTICK, "num_envs": 64, "num_threads": 1, "seed": 0, "reset": True,
    }  # fmt: skip


@pytest.mark.parametrize("name", list(WORLDS))
def test_a_run_is_whole_episodes(name):
    world = make_world(name, num_envs=512)
    task = speed._world(world)
    begun = world.truth().cue_onset
    task.run()
    assert task.steps == 512 * world.horizon
    assert not world.truth().step.any()  # just reset
    assert not np.array_equal(world.truth().cue_onset, begun)


def test_rates_come_from_rounds_in_turns(monkeypatch):
    monkeypatch.setattr(speed, "_ROUNDS", 3)
    clock = iter(range(100))
    monkeypatch.setattr(speed.time, "process_time", lambda: next(clock))
    order = []
    tasks = {name: speed._Task(lambda n=name: order.append(n), 10) for name in "ab"}
    assert speed._rates(tasks) == {"a": [10.0] * 3, "b": [10.0] * 3}
    assert "".join(order) == "ab" * 4  # the first to warm up


def test_a_ratio_is_the_median_of_the_rounds():
    assert speed._ratio([2.0, 30.0, 4.0], [1.0, 1.0, 2.0]) == 2.0
