"""The evidence in actions, for discrete and for continuous ones."""

from dataclasses import replace

import numpy as np
import pytest

from slowturn.agents import Christiano, Organism, recipe
from slowturn.experiments.collect import action_bounds, collect
from slowturn.experiments.early_warning.limits import _log_ratio, bounds_tables
from slowturn.experiments.early_warning.line_up import FittedLineUp
from slowturn.experiments.early_warning.settings import LINE_UP, SETTINGS
from slowturn.monitors import ActionRatio, Recorder, calibrate

TINY = replace(SETTINGS["smoke"], fit=6, labelled=6, envelope=40, test=12)


@pytest.fixture
def pair(request, broker):
    """A suspect and its reference, of scripted or of Gaussian actors."""
    if request.param == "continuous":
        return broker("treacherous", 0), broker("honest", 1, std=0.8)
    chosen = recipe("christiano", "brisk")
    return tuple(
        Organism(recipe=chosen, seed=k, policy=Christiano(regime="brisk", threshold=threshold))
        for k, threshold in enumerate((0.5, 0.9))
    )


both = pytest.mark.parametrize("pair", ["discrete", "continuous"], indirect=True)


@both
def test_the_evidence_is_that_of_the_action_ratio(pair):
    suspect, reference = pair
    run = collect(suspect, episodes=8, purpose="t", phase="deployment")
    ratio, onset = _log_ratio(run, suspect, suspect, reference)
    monitor = ActionRatio(reference=Recorder(reference.policy), bounds=action_bounds(suspect))
    np.testing.assert_allclose(ratio, monitor.score(run.trace), rtol=1e-4, atol=1e-4)
    assert (onset == run.truth.cue_onset).all()
    assert ratio.sum() > 1.0


@both
def test_the_reference_itself_yields_none_on_average(pair):
    """Under the reference, exp(log ratio) has mean 1 at every step."""
    suspect, reference = pair
    run = collect(reference, episodes=200, purpose="t", phase="deployment")
    ratio, _ = _log_ratio(run, reference, suspect, reference)
    assert np.exp(ratio).mean() == pytest.approx(1.0, abs=0.02)
    assert ratio.mean() < 0.0


@both
def test_an_agent_is_no_evidence_against_itself(pair):
    suspect, _ = pair
    run = collect(suspect, episodes=4, purpose="t", phase="training")
    ratio, _ = _log_ratio(run, suspect, suspect, suspect)
    assert (ratio == 0.0).all()


def test_the_whole_line_up_runs_on_continuous_actions(broker):
    suspect, reference = broker("treacherous", 0), broker("honest", 1)
    profile = np.linspace(0.0, 0.5, 40)
    line_up = FittedLineUp(suspect, reference=reference, profile=profile, settings=TINY)
    test = collect(suspect, episodes=TINY.test, purpose="test", phase="deployment")
    streams = list(line_up.streams(test.trace))
    assert [(s.monitor, s.rule) for s in streams] == [
        (monitor, rule) for monitor, rules in LINE_UP for rule in rules
    ]
    for stream in streams:
        assert np.isfinite(stream.statistics).all(), stream.monitor
    assert line_up.monitor("hallucination").reached > -1.0  # it found a way to take
    alarms = {
        ("training", f"{s.monitor}/{s.rule}", 0.05): calibrate(s.statistics[:20], 0.2)
        for s in streams
    }
    tables = bounds_tables(line_up, reference, streams, test.truth, alarms, TINY)
    assert set(tables["bounds"].record) == {"ledger", "actions"}
    assert not tables["leaks"].broken.any()
