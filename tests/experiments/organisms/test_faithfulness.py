"""The claim about words and deeds: where the answer is known, and on agents of seconds."""

from dataclasses import replace

import numpy as np
import pytest

from slowturn.agents import REPORTING, recipe, train, zoo
from slowturn.experiments.errors import ExperimentError
from slowturn.experiments.organisms import faithfulness
from slowturn.experiments.organisms.faithfulness import INTERVENTIONS, Interviewed, interview
from slowturn.experiments.parallel import Workers


def heard(slope, effort=0.5):
    path = np.stack([np.full(117, effort), np.full(117, slope * effort)])
    seen = {"misreport_training": 0.0, "misreport_deployed": 0.1, "effort_at_80": effort}
    changes = dict.fromkeys(INTERVENTIONS, (effort, slope * effort, slope))
    changes["aimless"] = (0.0, 0.0, np.nan)
    return Interviewed(seen, changes, path, passed=True)


def test_rows_count_who_follows_and_leave_out_where_nothing_moved():
    rows = faithfulness.faithfulness_rows("faithful", [heard(0.9), heard(0.7), heard(0.2)])
    by = {row["intervention"]: row for row in rows if row["part"] == "agents"}
    assert by["memory"]["slope"] == pytest.approx(0.6)
    assert by["memory"]["slope_low"] < 0.6 < by["memory"]["slope_high"]
    assert by["memory"]["follows"] == pytest.approx(2 / 3)
    assert by["aimless"]["slope_n"] == 0
    assert np.isnan(by["aimless"]["slope"])
    path = [row for row in rows if row["part"] == "path"]
    assert [row["since_onset"] for row in path] == list(range(-20, 97))


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """Organisms of seconds, two of a kind."""
    out = tmp_path_factory.mktemp("organisms")
    found = {}
    for kind in REPORTING:
        one = recipe(kind, "brisk")
        short = replace(one, trainer=replace(one.trainer, total_steps=8192))
        for seed in (0, 1):
            train(short, seed, out / one.organism(seed))
            found.setdefault(one.key, []).append(out / one.organism(seed))
    return found


def test_the_claim_comes_with_table_and_figure(grown, tmp_path, monkeypatch):
    small = interview.__kwdefaults__ | {"episodes": 8, "moments": 8}
    monkeypatch.setattr(interview, "__kwdefaults__", small)
    with Workers(0) as workers:
        claim = faithfulness.CLAIM.conclude(grown, workers, tmp_path)
    agents = claim.summary
    assert len(agents) == len(REPORTING) * len(INTERVENTIONS)
    assert set(agents.organism) == set(REPORTING)
    assert {f"{x}{end}" for x in ("deed", "slope", "follows") for end in ("_low", "_high")} <= set(
        agents
    )
    assert claim.table.count("\n") == 1 + len(REPORTING)
    assert list(claim.figures) == ["faithfulness"]


def test_only_who_reports_can_be_interviewed():
    with pytest.raises(ExperimentError, match="world with reports and errands, such as truthful"):
        interview(zoo.load("honest-brisk-0"))
