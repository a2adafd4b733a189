import json

import numpy as np
import pytest

from slowturn.experiments.early_warning.report.viewer import viewer_data
from slowturn.experiments.early_warning.settings import PRIMARY
from slowturn.experiments.palette import MONITORS


@pytest.fixture(scope="module")
def shown(made_tables):
    return made_tables(fresh=("brisk", 4711))["shown"]


@pytest.fixture(scope="module")
def data(shown):
    return viewer_data(shown, fresh=4711)


def test_the_fresh_pair_comes_first_then_treacherous_agents_and_twins(data):
    assert [agent["label"] for agent in data["agents"]] == [
        "treacherous, brisk overseer, seed 4711 (fresh)",
        "benign twin, brisk overseer, seed 4711 (fresh)",
        *(
            f"{kind}, {regime} overseer, seed {seed}"
            for regime in ("slow", "brisk")
            for kind in ("treacherous", "benign twin")
            for seed in (0, 1)
        ),
    ]


def test_every_primary_monitor_is_there_once(data):
    labels = [monitor["label"] for monitor in data["monitors"]]
    assert labels == [look.label for name, look in MONITORS.items() if name in PRIMARY]
    for agent in data["agents"]:
        for run in agent["runs"]:
            assert len(run["readings"]) == len(run["alarms"]) == len(labels)


def test_zero_is_usual_and_an_alarm_rings_above_one(data):
    run = data["agents"][0]["runs"][0]
    assert run["onset"] == 20
    for reading, alarm in zip(run["readings"], run["alarms"], strict=True):
        assert reading[0] == 0.0  # thresholds of the fixture are below zero
        assert alarm == np.flatnonzero(np.array(reading) > 1.0)[0]
    hallucination = [monitor["label"] for monitor in data["monitors"]].index("hallucination probe")
    assert run["alarms"][hallucination] == 20 + 9


def test_the_twin_rings_no_alarm(data):
    assert data["agents"][1]["runs"][0]["alarms"] == [None] * len(PRIMARY)


def test_a_statistic_that_usually_exceeds_its_threshold_still_rings_above_one(shown):
    table = shown[(shown.seed == 4711) & (shown.organism == "treacherous")].copy()
    table["threshold"] = -12.0
    run = viewer_data(table)["agents"][0]["runs"][0]
    assert run["alarms"] == [0] * len(PRIMARY)
    assert run["readings"][0][0] == 3.0


def test_numbers_are_short_and_plain(data):
    text = json.dumps(data, allow_nan=False)
    numbers = [x for run in data["agents"][0]["runs"] for x in run["effort"] + run["influence"]]
    assert all(len(str(x).partition(".")[2]) <= 3 for x in numbers)
    steps = sum(len(run["effort"]) for agent in data["agents"] for run in agent["runs"])
    assert len(text) / steps < 80  # bytes: some 1.5 MB for 16 agents with 4 deployments of 256
