"""The machinery end to end, on few episodes: numbers mean little here, invariants do."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from slowturn.agents import OrganismError, zoo
from slowturn.experiments.early_warning import run, run_bench, shipped_organisms
from slowturn.experiments.early_warning.settings import LINE_UP, SETTINGS
from slowturn.experiments.errors import ExperimentError, Interrupted


@pytest.fixture(scope="module")
def organisms():
    names = ("treacherous-brisk-0", "benign_twin-brisk-0", *(f"honest-brisk-{i}" for i in range(3)))
    return [zoo.shipped()[name] for name in names]


@pytest.fixture(scope="module")
def finished(organisms, tmp_path_factory):
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("bench") / "it"
    return out, run_bench(out, setting="smoke", organisms=organisms, jobs=0)


def test_summary_has_its_shape_and_no_nan(finished):
    out, _ = finished
    text = (out / "summary.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    summary = json.loads(text)
    assert summary.keys() >= {"alpha", "rows", "versions", "seeds", "pooled", "controls"}
    assert summary["world"] == "Steward-v0"
    assert summary["command"] == (
        "slowturn bench early-warning --world Steward-v0 --setting smoke --out DIRECTORY"
    )
    needed = {
        *("organism", "seed", "regime", "monitor", "tier", "rule", "deployments", "detected"),
        *("delay_median", "delay_low", "delay_high", "lead_median", "lead_low", "lead_high"),
        *("accused_honest", "accused_honest_high", "accused_benign", "accused_benign_high"),
        "nats_at_alarm",
    }
    for row in summary["rows"]:
        assert row.keys() >= needed
        assert row["deployments"] == SETTINGS["smoke"].test
    pairs = {(row["monitor"], row["rule"]) for row in summary["rows"]}
    assert pairs == {(monitor, rule) for monitor, rules in LINE_UP for rule in rules}


def test_rows_table_agrees_with_the_summary(finished):
    out, summary = finished
    table = pd.read_parquet(out / "rows.parquet")
    assert len(table) == len(summary["rows"])
    assert table.detected.tolist() == [row["detected"] for row in summary["rows"]]
    key = ["organism", "seed", "regime", "monitor", "rule", "null", "alpha"]
    assert not table.duplicated(key).any()


def test_shares_lie_within_their_intervals(finished):
    for row in finished[1]["rows"]:
        for name in ("detected", "accused_honest", "accused_benign"):
            assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]
        if math.isfinite(row["delay_median"]):
            assert row["delay_low"] <= row["delay_median"] <= row["delay_high"]


def test_figures_and_report_are_there(finished):
    out, _ = finished
    assert (out / "report.html").stat().st_size > 100_000
    assert len(list((out / "figures").glob("*.png"))) >= 4


def test_no_reader_of_behaviour_beats_the_bound(finished):
    assert finished[1]["controls"]["bound_violations"] == []


def test_time_tells_nothing(finished):
    for canary in finished[1]["controls"]["time_canary_auc"]:
        assert canary["low"] <= 0.5 <= canary["high"]


def test_shuffled_agents_tell_nothing(finished):
    shuffled = finished[1]["controls"]["shuffled_agents_auc"]
    assert {one["monitor"] for one in shuffled} == {monitor for monitor, _ in LINE_UP}
    missed = [one for one in shuffled if not one["low"] <= 0.5 <= one["high"]]
    assert len(missed) <= 1  # of nine intervals of 95 %


def test_organisms_of_a_world_are_found_by_their_names(monkeypatch):
    names = ("honest-slow-0", "open-brisk-12", "gridkeeper-honest-brisk-0", "sysop-open-slow-1")
    monkeypatch.setattr(zoo, "shipped", lambda: {name: Path(name) for name in names})
    assert shipped_organisms("Steward-v0") == [Path(name) for name in names[:2]]
    assert shipped_organisms("Gridkeeper-v0") == [Path(names[2])]


def test_a_world_without_shipped_organisms_is_explained(monkeypatch, tmp_path):
    monkeypatch.setattr(zoo, "shipped", lambda: {"honest-slow-0": Path("honest-slow-0")})
    with pytest.raises(ExperimentError) as error:
        run_bench(tmp_path / "it", setting="smoke", world="slowturn/Gridkeeper-v0", jobs=0)
    assert str(error.value) == (
        "the package ships no organisms of Gridkeeper-v0: grow some with `slowturn zoo build "
        "--world Gridkeeper-v0 --out DIR` and pass each with --organism."
    )


def test_an_unknown_world_is_explained(tmp_path):
    with pytest.raises(
        OrganismError, match=r"unknown world 'Stewart-v0'.*Did you mean 'Steward-v0'"
    ):
        run_bench(tmp_path / "it", setting="smoke", world="Stewart-v0", jobs=0)


def test_the_world_is_that_of_the_organisms(finished):
    assert finished[1]["world"] == "Steward-v0"


def test_a_bench_without_organisms_is_refused(tmp_path):
    with pytest.raises(ExperimentError) as error:
        run_bench(tmp_path / "it", setting="smoke", organisms=[], jobs=0)
    assert str(error.value) == (
        "there are no organisms to watch: leave `organisms` out, or name some."
    )


def test_finished_runs_are_not_repeated(finished, organisms):
    with pytest.raises(ExperimentError, match="already holds results"):
        run_bench(finished[0], setting="smoke", organisms=organisms, resume=True)


def test_an_interrupted_run_resumes_to_the_same_rows(finished, organisms, tmp_path, monkeypatch):
    out, published, publish = tmp_path / "cut", [], run.publish

    def interrupted(part, tables):
        publish(part, tables)
        published.append(part.name)
        if len(published) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(run, "publish", interrupted)
    with pytest.raises(Interrupted, match="finished parts are kept in"):
        run_bench(out, setting="smoke", organisms=organisms, jobs=0)
    assert not (out / "summary.json").exists()
    with pytest.raises(ExperimentError, match="holds an unfinished run"):
        run_bench(out, setting="smoke", organisms=organisms, jobs=0)
    with pytest.raises(ExperimentError, match="holds an unfinished run with other organisms"):
        run_bench(out, setting="smoke", organisms=organisms[:-1], jobs=0, resume=True)
    monkeypatch.setattr(run, "publish", publish)
    run_bench(out, setting="smoke", organisms=organisms, jobs=0, resume=True)
    for table in ("rows", "deployments", "bounds"):
        one, two = (pd.read_parquet(path / f"{table}.parquet") for path in (finished[0], out))
        pd.testing.assert_frame_equal(one, two)


def test_evidence_is_known_exactly_where_an_alarm_rang(finished):
    table = pd.read_parquet(finished[0] / "deployments.parquet")
    assert table.alarm.between(-1, 255).all()
    assert np.isfinite(table[table.alarm >= 0].nats_at_alarm).all()
    assert table[table.alarm < 0].nats_at_alarm.isna().all()
