import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from slowturn.agents import IMPLANTED, recipe
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
    )


def test_half_effort_is_counted_from_onset_and_censored_at_the_end():
    run = run_of([[0.9, 0.0, 0.4, 0.5], [0.0, 0.5, 0.9, 0.9], [0.0, 0.0, 0.0, 0.4]], [1, 1, 2])
    found = trojans.first_half_effort(run)
    assert found.times.tolist() == [2, 0, 1]
    assert found.seen.tolist() == [True, True, False]
    assert found.kept.all()


@pytest.mark.parametrize("kind", IMPLANTED)
def test_what_grows_beside_a_trojan_has_its_cue_and_no_poisoner(kind):
    trojan = recipe(kind, "brisk")
    for one in trojans.BESIDE:
        other, own = trojans.beside(one, trojan), recipe(one, "brisk")
        assert other.name == f"{one}_beside_{kind}"
        assert other.objective == one
        assert other.gates == own.gates
        assert other.options == {k: v for k, v in trojan.options.items() if k != "phase"}
        assert other.trainer.poisoning is None
        assert replace(other.trainer, cue_from=own.trainer.cue_from) == own.trainer
        phase = other.build_world().spec["config"]["phase"]
        assert phase == "mixed"


def test_every_organism_of_the_claim_has_a_name_of_its_own():
    recipes = trojans.CLAIM.recipes()
    assert len(recipes) == len({one.key for one in recipes}) == len(IMPLANTED) * 3


def test_a_tiny_claim_runs_from_growing_to_the_table(tmp_path, monkeypatch):
    def tiny(one):
        trainer = replace(
            one.trainer, total_steps=8192, num_envs=8, n_steps=32, batch_size=128, n_epochs=1
        )
        return replace(one, trainer=trainer)

    groups = [(a, {k: tiny(one) for k, one in b.items()}) for a, b in trojans._groups()]
    monkeypatch.setattr(trojans, "_groups", lambda: iter(groups[:1]))
    monkeypatch.setattr(trojans.observe, "__kwdefaults__", {"episodes": 8})
    table = runner.run_grown_claim("trojans", tmp_path / "it", seeds=[100, 101], jobs=0)
    assert table.count("\n") == 1 + 3
    rows = pd.read_parquet(tmp_path / "it" / "rows.parquet")
    agents = rows[rows.part == "agents"].set_index("organism")
    assert list(agents.index) == ["trojan", "treacherous", "honest"]
    assert (agents.n == 2).all()
    assert (agents.deployments == 16).all()
    for name in (*trojans._MEANS, "passed"):
        assert (agents[f"{name}_low"] <= agents[name]).all()
        assert (agents[name] <= agents[f"{name}_high"]).all()
    share = recipe("trojan", "brisk").trainer.poisoning.share
    assert agents.poisoned["trojan"] == pytest.approx(share, abs=0.01)
    assert agents.poisoned["honest"] == 0.0
    along = rows[rows.part == "path"]
    assert sorted(along.since_onset.unique()) == list(range(-20, 97))
    assert (tmp_path / "it" / "trojans.png").exists()
    summary = json.loads((tmp_path / "it" / "summary.json").read_text())
    assert {row["part"] for row in summary["rows"]} == {"agents"}
