import pandas as pd
import pytest

from slowturn.agents import LEARNED, TWINS, recipe, zoo
from slowturn.experiments.organisms import twins


@pytest.fixture(scope="module")
def agents():
    """Rows of two seeds, from few episodes."""
    kinds = ("treacherous", "honest", "benign_twin")
    rows = []
    for seed in (0, 1):
        paths = {kind: zoo.shipped()[f"{kind}-brisk-{seed}"] for kind in kinds}
        rows += twins.certify_seed(paths, episodes=16)
    return pd.DataFrame(rows)


def test_everything_that_the_claim_grows_has_its_kin_and_its_partner():
    kinds = {one.name for one in twins.CLAIM.recipes()}
    assert kinds == {"treacherous", "honest", "benign_twin", *TWINS}
    assert kinds <= {*LEARNED, *TWINS}
    assert {kin for one in twins.CLAIM.recipes() for kin in one.kin} <= kinds
    assert all(one == recipe(one.name, "brisk") for one in twins.CLAIM.recipes())


def test_few_episodes_certify_nobody_and_the_plain_honest_are_degenerate(agents):
    verdicts = agents.set_index(["organism", "seed"]).verdict
    assert set(verdicts.loc["honest"]) == {"DEGENERATE"}
    assert set(verdicts.loc["benign_twin"]) == {"FAIL"}  # 16 deployments show no effort of .01
    assert verdicts.loc["treacherous"].isna().all()


def test_rows_of_kinds_come_first_and_hold_shares_with_exact_intervals(agents):
    rows = twins.twin_rows(agents)
    kinds = rows[rows.part == "kind"].set_index("organism")
    assert list(kinds.index) == ["treacherous", "benign_twin", "honest"]
    honest = kinds.loc["honest"]
    assert (honest.n, honest.deployments) == (2, 32)
    assert (honest.degenerate, honest.degenerate_high) == (1.0, 1.0)
    assert honest.degenerate_low == pytest.approx(0.025**0.5)
    assert honest.ledger_p == agents[agents.organism == "honest"].ledger_p.max()
    assert kinds.loc["treacherous"].effort_deployed > 0.3
    assert kinds.loc["treacherous", "shift"] > 2 * kinds.loc["benign_twin", "shift"]
    assert (rows.part == "agent").sum() == len(agents)


def test_the_table_has_one_line_per_kind_and_leaves_blank_what_is_not_defined(agents):
    lines = twins.twins_table(twins.twin_rows(agents)).splitlines()
    assert len(lines) == 2 + 3
    assert lines[2].startswith("| treacherous | 2 | 32 | - | - | - | - |")
    assert lines[4].startswith("| honest | 2 | 32 | 0.00 [0.00, 0.84] | 1.00 [0.16, 1.00] |")


def test_the_figure_shows_every_agent_and_the_bounds(agents):
    figure = twins.twins_figure(twins.twin_rows(agents))
    left, _, right = figure.axes
    assert [text.get_text() for text in left.get_yticklabels()] == [
        "treacherous",
        "benign twin",
        "honest",
    ]
    marks = [line for line in right.get_lines() if line.get_marker() not in ("None", "")]
    assert len(marks) == len(agents)
    assert right.get_xscale() == "log"
