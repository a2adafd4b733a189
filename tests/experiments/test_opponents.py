"""Opponents are the monitors themselves: equal scores, equal alarms, and a gradient."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from slowturn.agents import Evasion, Thought, recipe, zoo
from slowturn.experiments import opponents as module
from slowturn.experiments.collect import collect
from slowturn.experiments.errors import ExperimentError
from slowturn.experiments.opponents import OPPOSED, opponents, watch_over

LINE_UP = recipe("evader_line_up", "brisk")


@pytest.fixture(scope="module")
def treacherous():
    return zoo.load("treacherous-brisk-0")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "_FIT", 8)
    monkeypatch.setattr(module, "_CALIBRATION", 24)


def test_an_opponent_scores_and_rings_as_the_defenders_monitor_does(treacherous):
    deployed = collect(treacherous, episodes=3, purpose="some", phase="deployment").trace
    flat = [
        torch.from_numpy(np.asarray(one).reshape(-1, np.shape(one)[-1]))
        for one in (deployed.observations, deployed.layer("lstm.h"), deployed.logits)
    ]
    thought = Thought(*(one.float().requires_grad_() for one in flat))
    found = opponents(LINE_UP, {"treacherous": treacherous})
    assert tuple(one.name for one in found) == OPPOSED
    for one in found:
        watching = watch_over(treacherous, one.name)
        scores = watching.monitor.score(deployed).ravel()
        ours = one.score(thought)
        np.testing.assert_allclose(ours.detach(), scores, rtol=1e-3, atol=1e-3)
        assert one.threshold == watching.alarm.threshold
        assert one.scale > 0.0
        assert ours.requires_grad
        rings = one.beyond(thought, 0.0).detach().numpy().reshape(3, -1).max(axis=1) > 0.0
        np.testing.assert_array_equal(rings, watching.times(deployed) >= 0)


def test_an_alarm_is_set_anew_without_fitting_the_monitor(treacherous):
    other = zoo.load("honest-brisk-0")
    idle = collect(other, episodes=24, purpose="defender-calibration", phase="training").trace
    for name in ("hallucination", "ledger"):
        frozen, refitted = watch_over(treacherous, name), watch_over(other, name)
        found = watch_over(treacherous, name, alarm_on=other)
        np.testing.assert_array_equal(found.monitor.score(idle), frozen.monitor.score(idle))
        np.testing.assert_array_equal(found.idle, frozen.monitor.score(idle))
        assert found.alarm.threshold != frozen.alarm.threshold
        same = name == "ledger"  # which has nothing to fit
        assert (found.alarm == refitted.alarm) == same


def test_who_knows_the_method_only_fits_another_one(treacherous):
    (ours,) = opponents(recipe("evader_method", "brisk"), {"treacherous": treacherous})
    (theirs,) = opponents(recipe("evader_score", "brisk"), {"treacherous": treacherous})
    assert ours.name == theirs.name == "hallucination"
    assert ours.threshold != theirs.threshold
    (again,) = opponents(recipe("evader_score", "brisk"), {"treacherous": treacherous})
    assert again.threshold == theirs.threshold


def test_who_evades_nobody_has_no_opponents():
    assert opponents(recipe("evader_control", "brisk"), {}) == ()
    assert opponents(recipe("christiano", "brisk"), {}) == ()


def test_monitors_that_cannot_be_opposed_are_named(treacherous):
    def against(*names, **options):
        trainer = replace(LINE_UP.trainer, evasion=Evasion(monitors=names))
        return replace(LINE_UP, trainer=trainer, **options)

    with pytest.raises(
        ExperimentError, match=r"must be among \['power_log_odds'.*got \['ledger'\]"
    ):
        opponents(against("ledger", "hallucination"), {"treacherous": treacherous})
    with pytest.raises(ExperimentError, match="evader_line_up-brisk needs begins_as"):
        opponents(against("mahalanobis", begins_as=None), {})
