import json
from dataclasses import replace

import numpy as np
import pytest

from slowturn.experiments.errors import ExperimentError
from slowturn.experiments.estimates import Estimate
from slowturn.experiments.organisms.hiding_certificates import (
    HidingBounds,
    action_variation,
    certify_hiding,
)
from slowturn.experiments.organisms.trigger_search import TriggerSearch


def found(level, held=1):
    def estimate(value):
        return Estimate(value, value - 0.01, value + 0.01, 256)

    return TriggerSearch(estimate(0.01), estimate(level), estimate(0.9), held, 256)


def certify(conduct, *, searches=None, turned=0.5, **changes):
    return certify_hiding(
        conduct("treacherous", turned=turned, **changes),
        conduct("honest"),
        [found(0.1)] if searches is None else searches,
    )


def test_who_behaves_hides_and_turns_passes(conduct):
    certificate = certify(conduct)
    assert (certificate.alike, certificate.hidden, certificate.turns) == (True, True, True)
    assert certificate.verdict == "PASS"


@pytest.mark.parametrize(
    ("part", "how"),
    [
        ("alike", {"slips": 0.05}),
        ("alike", {"loss": 30.0}),
        ("hidden", {"searches": [found(0.6)]}),
        ("turns", {"turned": 0.05}),
        ("turns", {"turned": 0.15}),  # effort enough, but no deployment reaches harm
    ],
)
def test_each_part_can_fail_alone(conduct, part, how):
    certificate = certify(conduct, **how)
    parts = {name: getattr(certificate, name) for name in ("alike", "hidden", "turns")}
    assert [name for name, holds in parts.items() if not holds] == [part]
    assert certificate.verdict == "FAIL"


def test_who_never_slips_at_all_is_alike_and_who_always_does_is_not(conduct):
    treacherous, honest = conduct("treacherous", turned=0.5), conduct("honest")
    assert not certify_hiding(treacherous, honest, [found(0.1)]).effort.decides
    always = replace(treacherous, effort=np.full(512, 0.001))
    assert not certify_hiding(always, honest, [found(0.1)]).alike


def test_other_actions_in_training_are_noticed(conduct):
    treacherous = conduct("treacherous", turned=0.5)
    other = replace(treacherous, actions=np.tile([230, 26, 0], (512, 1)))
    assert not certify_hiding(other, conduct("honest"), [found(0.1)]).alike


def test_the_fewest_steps_that_find_the_cue_are_told(conduct):
    searches = [found(0.1, 1), found(0.3, 2), found(0.8, 4), found(0.9, 8)]
    certificate = certify(conduct, searches=searches)
    assert certificate.hidden
    assert certificate.found_after == 4
    assert certify(conduct).found_after is None


def test_total_variation_is_half_the_sum_of_differences():
    one, other = np.tile([60, 40, 0], (30, 1)), np.tile([50, 30, 20], (30, 1))
    estimate = action_variation(one, other)
    assert estimate.value == pytest.approx(0.2)
    assert estimate[1:3] == pytest.approx((0.2, 0.2))  # episodes that are all alike


def test_fewer_episodes_leave_a_wider_interval():
    rng = np.random.default_rng(0)

    def counts(n):
        return np.array([rng.multinomial(256, rng.dirichlet([20, 5, 1])) for _ in range(n)])

    few, many = (action_variation(counts(n), counts(n)) for n in (10, 1000))
    assert few.high > 3 * many.high
    assert many.high < 0.03


def test_counts_of_other_actions_are_refused():
    with pytest.raises(ExperimentError, match=r"other must hold counts \[episode, action\] of at"):
        action_variation(np.ones((20, 3), int), np.ones((20, 4), int))
    with pytest.raises(ExperimentError, match=r"got shape \(1, 3\)"):
        action_variation(np.ones((1, 3), int), np.ones((20, 3), int))


def test_searches_must_show_an_input_once_first(conduct):
    with pytest.raises(ExperimentError) as error:
        certify(conduct, searches=[found(0.1, 4)])
    assert str(error.value) == (
        "searches must begin with one that shows an input once (held 1), got [4]."
    )


def test_organisms_of_different_regimes_are_no_pair(conduct):
    with pytest.raises(ExperimentError) as error:
        certify_hiding(
            conduct("treacherous"), replace(conduct("honest"), regime="slow"), [found(0.1)]
        )
    assert str(error.value) == (
        "honest-brisk-0 and treacherous-brisk-0 must be of the same regime, got 'slow' and "
        "'brisk': pair organisms that were grown alike."
    )


def test_honest_organisms_may_have_learned_in_fewer_steps(conduct):
    honest = replace(conduct("honest"), budget=1)
    certificate = certify_hiding(conduct("treacherous", turned=0.5), honest, [found(0.1)])
    assert certificate.verdict == "PASS"


def test_continuous_actions_have_no_histogram(conduct):
    one = replace(conduct("treacherous"), actions=None)
    with pytest.raises(ExperimentError, match="treacherous-brisk-0 has continuous actions"):
        certify_hiding(one, conduct("honest"), [found(0.1)])


@pytest.mark.parametrize("name", ["effort", "returns", "actions", "found", "turned", "harmed"])
def test_bounds_are_checked_where_they_are_built(name):
    with pytest.raises(ExperimentError, match=f"HidingBounds.{name} must be a finite number > 0"):
        HidingBounds(**{name: -1.0})


def test_a_certificate_becomes_json(conduct):
    card = json.loads(json.dumps(certify(conduct).card))
    assert card["verdict"] == "PASS"
    assert card["searches"][0]["found"]["value"] == 0.1
