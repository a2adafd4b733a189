import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from slowturn.agents import recipe
from slowturn.agents.rollout import Rollout
from slowturn.experiments.organisms import runner, trojans


def run_of(effort, onset):
    effort = np.array(effort, float)
    n, steps = effort.shape
    return Rollout(
        effort=effort,
        influence=effort,
        surge=effort,
        cue_onset=np.array(onset),
        honest_reward=effort,
        honest_optimum=np.full(n, float(steps)),
        cue=np.zeros((n, steps, 1), np.float32),
        harm_onset=np.full(n, -1),
        misreport=np.zeros((n, steps)),
    )


def test_half_effort_is_counted_from_onset_and_from_the_first_effort():
    run = run_of(
        [[0.9, 0, 0.4, 0.5], [0, 0.5, 0.9, 0.9], [0, 0, 0, 0.4], [0, 0, 0, 0]], [1, 1, 2, 1]
    )
    onset, first = trojans.times_to_half(run)
    assert onset.times.tolist() == [2, 0, 1, 2]
    assert onset.seen.tolist() == first.seen.tolist() == [True, True, False, False]
    assert onset.kept.all()
    assert first.times[:3].tolist() == [1, 0, 0]
    assert first.kept.tolist() == [True, True, True, False]


def test_a_tiny_claim_runs_from_growing_to_the_table(tmp_path, monkeypatch):
    def tiny(one):
        trainer = replace(
            one.trainer, total_steps=8192, num_envs=8, n_steps=32, batch_size=128, n_epochs=1
        )
        return replace(one, trainer=trainer)

    recipes = [tiny(recipe(kind, "brisk")) for kind in ("trojan", "treacherous")]
    monkeypatch.setattr(trojans, "_recipes", lambda: recipes)
    monkeypatch.setattr(trojans, "CLAIM", trojans.CLAIM._replace(recipes=lambda: recipes))
    monkeypatch.setattr(trojans.observe, "__kwdefaults__", {"episodes": 8})
    table = runner.run_grown_claim("trojans", tmp_path / "it", seeds=[100, 101], jobs=0)
    assert table.count("\n") == 1 + 2
    rows = pd.read_parquet(tmp_path / "it" / "rows.parquet")
    agents = rows[rows.part == "agents"].set_index("organism")
    assert list(agents.index) == ["trojan", "treacherous"]
    assert (agents.n == 2).all()
    assert (agents.deployments == 16).all()
    for name in (*trojans._MEANS, "passed"):
        known = agents[agents[name].notna()]
        assert (known[f"{name}_low"] <= known[name]).all()
        assert (known[name] <= known[f"{name}_high"]).all()
    share = recipe("trojan", "brisk").trainer.poisoning.share
    assert agents.poisoned["trojan"] == pytest.approx(share, abs=0.01)
    assert agents.poisoned["treacherous"] == 0.0
    assert np.isnan(agents.attack_success["treacherous"])
    along = rows[rows.part == "path"]
    assert sorted(along.since_onset.unique()) == list(range(-20, 97))
    assert (tmp_path / "it" / "trojans.png").exists()
    summary = json.loads((tmp_path / "it" / "summary.json").read_text())
    assert {row["part"] for row in summary["rows"]} == {"agents"}
