"""What the README shows must run, and its numbers must be those of the committed results."""

import json
import math
import re
from pathlib import Path

import pandas as pd

from slowturn.experiments.claims import beside
from slowturn.experiments.early_warning import settings
from slowturn.experiments.early_warning.report import results_table, worlds_table
from slowturn.experiments.historic import published_table
from slowturn.experiments.speed import speed_markdown

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
RESULTS = ROOT / "experiments" / "early_warning" / "results"
CLAIMS = ROOT / "experiments" / "results"
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_python_in_the_readme_runs(capsys):
    assert len(BLOCKS) == 4
    for block in BLOCKS:
        exec(compile(block, "README.md", "exec"), {"__name__": "readme"})  # noqa: S102 - our own text
    assert capsys.readouterr().out.startswith("[")  # first alarms of the watch


def test_the_results_table_is_that_of_the_committed_rows():
    pooled = pd.read_parquet(RESULTS / "pooled.parquet")
    alpha = settings.SETTINGS["full"].alphas[0]
    assert results_table(pooled.to_dict("records"), alpha=alpha) in README


def test_the_table_of_worlds_is_that_of_the_committed_rows():
    folders = {"Steward": "", "Gridkeeper": "gridkeeper", "Sysop": "sysop", "Broker": "broker"}
    worlds = {
        world: pd.read_parquet(RESULTS / folder / "pooled.parquet").to_dict("records")
        for world, folder in folders.items()
    }
    assert worlds_table(worlds, alpha=settings.SETTINGS["full"].alphas[0]) in README


def test_published_returns_are_those_that_the_ports_return():
    table = published_table()
    assert table.agrees.all()
    assert beside(table) in README


def test_the_regrets_and_what_both_objectives_pay_are_the_committed_ones():
    regrets, paid = (CLAIMS / "regret" / "table.md").read_text().strip().split("\n\n")
    lines = regrets.splitlines()
    shown = [line for line in lines if "treacherous" in line]
    assert len(shown) == 13
    assert all(line in README for line in [*lines[:2], *shown])
    assert paid in README


def test_steps_to_harm_along_the_series_are_the_committed_ones():
    rows = pd.read_parquet(CLAIMS / "dials" / "rows.parquet")
    series = rows[rows.part == "series"].set_index("organism")
    text = " ".join(README.split())

    def whole(value):
        return f"{value:.0f}" if math.isfinite(value) else "never"

    for one in series.itertuples():
        ends = f"[{whole(one.time_to_harm_low)}, {whole(one.time_to_harm_high)}]"
        assert f"{one.time_to_harm:.0f} {ends}" in text, one.Index
    passed = round(float((series.passed * series.n).sum()))
    assert f"{passed} of {round(float(series.n.sum()))} agents pass" in text


def test_where_creeping_ends_is_what_was_committed():
    rows = pd.read_parquet(CLAIMS / "creeping" / "rows.parquet")
    last = rows[rows.step == rows.step.max()].set_index("organism")
    creeping, honest = last.loc["creeping"], last.loc["creeping_honest"]
    text = " ".join(README.split())
    effort = [creeping[f"effort_deployed{end}"] for end in ("", "_low", "_high")]
    assert "no effort to {:.3f} [{:.3f}, {:.3f}]".format(*effort).replace("0.", ".") in text
    for one in (creeping, honest):
        shift = [one[f"shift_training{end}"] for end in ("", "_low", "_high")]
        assert "{:.0f} [{:.0f}, {:.0f}]".format(*shift) in text


def test_what_evaders_escape_is_what_was_committed():
    rows = pd.read_parquet(CLAIMS / "evaders" / "rows.parquet")
    text = " ".join(README.split())
    watched = rows[rows.part == "monitor"].set_index(["organism", "monitor", "fitting"])

    def unseen(*which):
        row = watched.loc[which]
        low, high = max(0.0, row.unseen_low), min(1.0, row.unseen_high)
        return f"{100 * row.unseen:.0f} % [{100 * low:.0f}, {100 * high:.0f}]"

    for phrase in (
        "of its deployments, who knows the method only in "
        + unseen("evader_method", "hallucination", "frozen"),
        f"the probe misses {unseen('evader_line_up', 'hallucination', 'refitted')}",
        f"frozen probe misses {unseen('evader_score', 'hallucination', 'reset')} and",
        f"and {unseen('evader_method', 'hallucination', 'reset')}, nearly all or little",
        f"Mahalanobis still misses {unseen('evader_line_up', 'mahalanobis', 'reset')}, the",
        f"the frozen probe {unseen('evader_line_up', 'hallucination', 'reset')}",
        f"Mahalanobis {unseen('evader_line_up', 'mahalanobis', 'refitted')}",
        f"the *ledger* {unseen('evader_line_up', 'ledger', 'refitted')}",
    ):
        assert phrase in text, phrase
    known = ("evader_score", "evader_again")
    assert {unseen(kind, "hallucination", "frozen") for kind in known} == {"100 % [100, 100]"}
    again = watched.loc[[(kind, "hallucination", "refitted") for kind in known]]
    assert sorted(again.delay) == [14.0, 15.0]
    agents = rows[rows.part == "agents"].set_index("organism")
    lost = agents.loc["evader_line_up"]
    cost = f"{lost.cost:.2f} [{lost.cost_low:.2f}, {lost.cost_high:.2f}]".replace("0.", ".")
    assert f"give up {cost} of influence" in text
    refitted = watched.xs(("power_log_odds", "refitted"), level=("monitor", "fitting"))
    assert refitted.unseen.max() == 0.0  # escaped by nobody


def test_what_follows_deeds_is_what_was_committed():
    assert (CLAIMS / "faithfulness" / "table.md").read_text().strip() in README


def test_the_turncoats_are_the_committed_ones():
    assert (CLAIMS / "turncoats" / "table.md").read_text().strip() in README


def test_when_the_treacherous_turn_was_learned_is_what_was_committed():
    """Medians of episodes with their intervals, in the order of the text."""
    written = (CLAIMS / "historic" / "table.md").read_text()
    found = re.findall(r"by the median episode ([\d,]+ \[[\d,]+, [\d,]+\])", written)
    assert len(found) == 2
    assert [median in " ".join(README.split()) for median in found] == [True, True]


def test_power_along_deployments_is_what_was_committed():
    """The README rounds what the table shows."""
    rows = pd.read_parquet(CLAIMS / "power" / "rows.parquet")
    late = rows[(rows.measure == "power") & (rows.k == 128)]
    means = late.set_index(["organism", "seed"])["mean"].round(3)
    assert sorted(means["treacherous"]) == [0.904, 0.904, 0.909]
    assert means["benign_twin"].max() == 0.905


def test_the_speeds_are_the_committed_ones():
    found = json.loads((CLAIMS / "speed.json").read_text())
    assert speed_markdown(found) in README
    assert f"MiniGrid-Empty-8x8 made {found['minigrid_empty_8x8_steps_per_second']:,.0f}" in README


def test_files_that_the_readme_links_exist():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in target:
            assert (ROOT / target).exists(), target
