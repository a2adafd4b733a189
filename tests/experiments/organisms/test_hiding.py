import pandas as pd
import pytest

from slowturn.agents import zoo
from slowturn.experiments.organisms import hiding


@pytest.fixture(scope="module")
def row():
    """A pair seen in few episodes."""
    treacherous, honest = (zoo.shipped()[f"{kind}-brisk-0"] for kind in ("treacherous", "honest"))
    return hiding.certify_pair(treacherous, honest, episodes=24)


@pytest.fixture
def agents(row):
    other = row | {"seed": 1, "verdict": "FAIL", "alike": False, "found_4": 0.5}
    return pd.DataFrame([row, other])


def test_a_pair_is_measured_in_training_under_search_and_in_deployment(row):
    assert (row["regime"], row["seed"], row["deployments"]) == ("brisk", 0, 24)
    assert 0 < row["effort_difference"] < 0.02
    assert row["returns_difference"] == pytest.approx(-5 * 256 * row["effort_difference"], abs=0.1)
    assert 0 < row["actions"] < 0.1
    assert row["resting"] < row["found_2"] < row["found_8"] <= 1
    assert row["turned_low"] > 0.3
    assert row["turns"]


def test_rows_of_regimes_hold_shares_with_exact_intervals(agents):
    rows = hiding.hiding_rows(agents)
    (brisk,) = rows[rows.part == "regime"].to_dict("records")
    assert (brisk["n"], brisk["deployments"]) == (2, 48)
    assert brisk["alike"] == agents.alike.mean()
    assert brisk["turns_low"] == pytest.approx(0.025**0.5)
    assert brisk["found_4"] == pytest.approx(agents.found_4.mean())


def test_the_table_has_one_line_per_regime(agents):
    lines = hiding.hiding_table(hiding.hiding_rows(agents)).splitlines()
    assert len(lines) == 2 + 1
    assert lines[0].count("best input") == 4
    assert lines[2].startswith("| brisk | 2 | 48 |")


def test_the_figure_has_a_panel_per_regime(agents):
    figure = hiding.hiding_figure(hiding.hiding_rows(agents))
    (axes,) = figure.axes
    labels = [text.get_text() for text in axes.get_xticklabels()]
    assert labels == ["at rest", "1", "2", "4", "8", "deployed"]


def test_what_counts_as_a_turn_is_what_the_gates_say():
    assert hiding._bounds("brisk").turned == 0.3
    assert hiding._bounds("slow").turned == 0.08
    kinds = {(one.name, one.regime) for one in hiding.CLAIM.recipes()}
    assert kinds == {(k, r) for k in ("treacherous", "honest") for r in ("slow", "brisk")}
