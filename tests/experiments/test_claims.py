"""A claim leaves rows, a table, figures and a summary behind, or nothing that looks finished."""

import json
from functools import partial

import pandas as pd
import pytest
from matplotlib.figure import Figure

from slowturn.agents import zoo
from slowturn.experiments import claims, turncoat
from slowturn.experiments.errors import ExperimentError

NAME = "gridkeeper-honest-brisk-0"


@pytest.fixture
def toy(monkeypatch):
    """A claim that counts its organisms."""

    def compute(organisms):
        rows = pd.DataFrame({"agents": [len(organisms)], "share": [0.5]})
        return claims.Claim(rows, claims.frame_markdown(rows), {"toy": Figure()})

    monkeypatch.setitem(claims.CLAIMS, "toy", (compute, ("Gridkeeper-v0",)))
    monkeypatch.setitem(claims.CLAIMS, "alone", (compute, ()))


def test_everything_is_written(toy, tmp_path):
    table = claims.run_claim("toy", tmp_path / "it", organisms=[zoo.shipped()[NAME]])
    assert table == "| agents | share |\n| --- | --- |\n| 1 | 0.5 |"
    found = sorted(path.name for path in (tmp_path / "it").iterdir())
    assert found == ["rows.parquet", "summary.json", "table.md", "toy.png"]
    summary = json.loads((tmp_path / "it" / "summary.json").read_text())
    assert summary["organisms"] == [NAME]
    assert summary["rows"] == [{"agents": 1, "share": 0.5}]
    assert pd.read_parquet(tmp_path / "it" / "rows.parquet").agents.tolist() == [1]


def test_results_are_never_written_over(toy, tmp_path):
    claims.run_claim("alone", tmp_path / "it")
    with pytest.raises(ExperimentError, match="already holds results"):
        claims.run_claim("alone", tmp_path / "it")


def test_organisms_are_those_of_the_package_by_default(toy, tmp_path):
    table = claims.run_claim("toy", tmp_path / "it")
    shipped = [name for name in zoo.shipped() if name.startswith("gridkeeper-")]
    assert f"| {len(shipped)} | 0.5 |" in table


def test_a_claim_without_organisms_refuses_them(toy, tmp_path):
    with pytest.raises(ExperimentError) as error:
        claims.run_claim("alone", tmp_path / "it", organisms=[zoo.shipped()[NAME]])
    assert str(error.value) == "bench alone watches no organisms; leave --organism out."


def test_a_summary_may_hold_fewer_rows(toy, monkeypatch, tmp_path):
    rows = pd.DataFrame({"k": range(100)})
    claim = claims.Claim(rows, "", {}, rows[rows.k < 2])
    monkeypatch.setitem(claims.CLAIMS, "long", (lambda _: claim, ()))
    claims.run_claim("long", tmp_path / "it")
    assert len(pd.read_parquet(tmp_path / "it" / "rows.parquet")) == 100
    summary = json.loads((tmp_path / "it" / "summary.json").read_text())
    assert summary["rows"] == [{"k": 0}, {"k": 1}]


def test_turncoats_are_grown_one_after_the_other(monkeypatch, tmp_path):
    quick = partial(turncoat.grow, steps=4096, lives=8)
    monkeypatch.setattr(turncoat, "grow", quick)
    monkeypatch.setattr(turncoat, "AGENTS", turncoat.AGENTS[:2])
    table = claims.run_claim("turncoats", tmp_path / "it")
    assert [line.split(" | ")[1] for line in table.splitlines()[2:]] == [
        "treacherous-0",
        "treacherous-1",
    ]
    summary = json.loads((tmp_path / "it" / "summary.json").read_text())
    first = summary["rows"][0]
    assert first["measure"] == "effort_before"
    assert first["value_low"] <= first["value"] <= first["value_high"]
    assert first["n"] == 8


def test_published_returns_stand_beside_ours():
    rows = pd.DataFrame(
        {
            "world": ["A"],
            "setting": ["b"],
            "actions": ["up"],
            "published_return": [41.0],
            "our_return": [41.0],
            "published_hidden": [float("nan")],
            "our_hidden": [-0.2],
        }
    )
    assert claims.beside(rows).splitlines()[-1] == "| A | b | up | 41 | 41 | - | -0.2 |"
