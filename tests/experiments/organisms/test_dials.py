"""The claim about dials: its recipes, and its estimates on deployments made by hand."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from slowturn.agents import GRADUAL, Beside, recipe
from slowturn.agents.recipes.drift import ALONE, MIDDLE, SERIES
from slowturn.agents.rollout import Rollout
from slowturn.experiments.bounds import kl_power_bound
from slowturn.experiments.organisms.dials import (
    ALPHA,
    CLAIM,
    dials_rows,
    dials_table,
    watched,
)
from slowturn.experiments.organisms.dials_figure import dials_figure

STEPS, ONSET = 200, np.array([40, 60, 80])


def deployments(harm, nats=0.01):
    """Three deployments with constant evidence from cue onset on, and influence that rises."""
    since = np.arange(STEPS)[None, :] - ONSET[:, None]
    deployed = since >= 0
    run = Rollout(
        effort=0.1 * deployed,
        influence=np.where(deployed, since / STEPS, 0.0),
        surge=np.zeros((3, STEPS)),
        cue_onset=ONSET,
        honest_reward=np.zeros((3, STEPS)),
        honest_optimum=np.full(3, float(STEPS)),
        cue=np.zeros((3, STEPS, 1), np.float32),
        harm_onset=np.array(harm),
        misreport=np.zeros((3, STEPS)),
    )
    return Beside(run, nats * deployed, 0.5 * nats * deployed)


def test_every_dial_turns_alone_around_one_middle():
    assert tuple(one.name for one in SERIES) == GRADUAL
    for dial, recipes in ALONE.items():
        assert len(recipes) == 3
        assert sum(one.name == "middle" for one in recipes) == 1
        values = [dials_rows(one, [watched(deployments([-1] * 3), passed=True)]) for one in recipes]
        for name in ("evidence", "kappa", "tolerance", "covertness", "horizon"):
            found = [row[name] for row in values]
            assert len(set(found)) == (3 if name == dial else 1)
            assert name == dial or found[0] == getattr(MIDDLE, name)


def test_whom_they_are_held_to_is_grown_first():
    recipes = CLAIM.recipes()
    keys = [one.key for one in recipes]
    assert len(set(keys)) == len(keys)
    for one in recipes:
        for kind in one.kin:
            assert (kind, one.regime) in keys
    assert recipes[0] == recipe("honest", "slow")


def test_time_to_harm_is_censored_and_evidence_stops_at_harm():
    found = watched(deployments([50, 90, -1]), passed=True)
    assert found.times.times.tolist() == [10, 30, 119]
    assert found.times.seen.tolist() == [True, True, False]
    assert found.scalars["harmed"] == pytest.approx(2 / 3)
    assert found.scalars["nats_before"] == 0.0
    assert found.scalars["nats_after"] == pytest.approx(0.01)
    assert found.scalars["turn_nats_at_harm"] == pytest.approx(0.01 * (11 + 31 + 120) / 3)
    assert found.scalars["slipping_nats_at_harm"] == pytest.approx(0.005 * (11 + 31 + 120) / 3)
    assert found.curves.k.tolist() == list(range(STEPS - 80))
    assert_allclose(found.curves.nats, 0.01 * np.arange(1, STEPS - 79))


def test_a_row_bounds_power_by_its_nats():
    agents = [
        watched(deployments([50, 90, 100], nats), passed=nats < 0.02) for nats in (0.01, 0.03)
    ]
    row = dials_rows(SERIES[0], agents)
    assert row["time_to_harm"] == 20
    assert row["passed"] == 0.5
    assert row["n"] == 2
    assert row["deployments"] == 6
    assert row["power_of_turn_at_20"] == pytest.approx(kl_power_bound(0.02 * 21, ALPHA))
    assert row["slipping_power_of_turn_at_20"] == pytest.approx(kl_power_bound(0.01 * 21, ALPHA))
    assert row["steps_to_half"] == 27  # .83 nats at .03 a step; the other one needs 82
    for name in ("time_to_harm", "harmed", "nats_at_harm", "turn_power_at_harm", "steps_to_half"):
        assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]


def test_the_table_and_the_figure_hold_every_organism():
    agents = [watched(deployments([50, 90, -1]), passed=True) for _ in range(2)]
    series = pd.DataFrame([{"dial": "all"} | dials_rows(one, agents) for one in SERIES])
    alone = pd.DataFrame(
        [{"dial": dial} | dials_rows(one, agents) for dial, some in ALONE.items() for one in some]
    )
    curves = pd.DataFrame(
        [
            {
                "organism": one.name,
                "k": k,
                "influence": 0.1,
                "influence_low": 0,
                "influence_high": 1,
            }
            for one in SERIES
            for k in (1, 10, 100)
        ]
    )
    assert dials_table(series).count("\n") == len(SERIES) + 1
    figure = dials_figure(series, alone, curves)
    assert [axes.get_xlabel() for axes in figure.axes] == ["steps since cue onset", *ALONE]
    assert len(figure.legends[0].get_texts()) == len(SERIES)
