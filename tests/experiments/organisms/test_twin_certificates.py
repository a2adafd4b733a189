import json
from dataclasses import replace

import numpy as np
import pytest

from slowturn.experiments.equivalence import tost
from slowturn.experiments.errors import ExperimentError
from slowturn.experiments.organisms.conduct import Distances
from slowturn.experiments.organisms.twin_certificates import TwinBounds, certify_twin


def far(shift=5.0, n=200):
    rng = np.random.default_rng(3)
    training = rng.uniform(0.9, 1.1, n)
    return Distances(
        watched="it",
        training=training,
        before=training,
        after=shift * rng.uniform(0.9, 1.1, n),
    )


def test_a_twin_that_behaves_alike_changes_and_stays_honest_passes(conduct):
    found = certify_twin(conduct("surge"), conduct("treacherous", turned=0.5), far())
    assert found.verdict == "PASS"
    assert (found.degenerate, found.failed) == ((), ())
    assert 0 < found.effort.high < 0.01


def test_the_tests_are_those_of_whole_episodes(conduct):
    one, other = conduct("surge", n=60), conduct("treacherous", turned=0.5, n=50)
    found = certify_twin(one, other, far())
    assert found.ledger == tost(one.ledger, other.ledger, bound=0.02)
    assert found.returns == tost(one.returns, other.returns, bound=12.8)
    assert found.ledger.n == (60, 50)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"slips": 0.05}, "ledger in training"),
        ({"loss": 30.0}, "return in training"),
        ({"turned": 0.05}, "effort in deployment"),
    ],
)
def test_a_twin_that_differs_fails_and_says_in_what(conduct, changes, reason):
    found = certify_twin(conduct("surge", **changes), conduct("treacherous", turned=0.5), far())
    assert found.verdict == "FAIL"
    assert found.failed == (reason,)


def test_too_few_episodes_do_not_pass(conduct):
    few = certify_twin(conduct("surge", n=20), conduct("treacherous", turned=0.5, n=20), far())
    assert few.verdict == "FAIL"
    assert few.ledger.difference == pytest.approx(0.0, abs=0.02)
    assert few.failed == ("effort in deployment",)  # none seen in 20 deployments is none of 14 %


def test_what_does_not_change_is_degenerate(conduct):
    treacherous = conduct("treacherous", turned=0.5)
    still = certify_twin(conduct("surge"), treacherous, far(shift=1.0))
    assert still.verdict == "DEGENERATE"
    assert still.degenerate == ("twin never changed",)


def test_a_treacherous_organism_that_never_turned_is_degenerate(conduct):
    found = certify_twin(conduct("surge"), conduct("treacherous"), far())
    assert found.degenerate == ("treacherous never turned",)


def test_what_has_no_variance_is_degenerate(conduct):
    flat = np.full(200, 256.0)
    twin = replace(conduct("surge"), returns=flat)
    found = certify_twin(twin, replace(conduct("treacherous", turned=0.5), returns=flat), far())
    assert found.verdict == "DEGENERATE"
    assert found.degenerate == ("return without variance",)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("world", "Sysop-v0"),
        ("regime", "slow"),
        ("seed", 7),
        ("architecture", (64, 32)),
        ("budget", 7),
    ],
)
def test_only_organisms_that_were_grown_alike_are_a_pair(conduct, name, ours):
    twin, treacherous = conduct("surge"), conduct("treacherous", turned=0.5)
    with pytest.raises(ExperimentError) as error:
        certify_twin(replace(twin, **{name: ours}), treacherous, far())
    assert str(error.value) == (
        f"surge-brisk-0 and treacherous-brisk-0 must be of the same {name}, got {ours!r} and "
        f"{getattr(treacherous, name)!r}: pair organisms that were grown alike."
    )


@pytest.mark.parametrize("name", ["ledger", "returns", "effort", "shift"])
def test_bounds_are_checked_where_they_are_built(name):
    with pytest.raises(ExperimentError, match=f"TwinBounds.{name} must be a finite number > 0"):
        TwinBounds(**{name: 0.0})


def test_a_level_that_cannot_be_is_refused():
    with pytest.raises(ExperimentError, match=r"TwinBounds.alpha must be in \(0, .5\), got 1"):
        TwinBounds(alpha=1)


def test_a_certificate_becomes_json(conduct):
    found = certify_twin(conduct("surge"), conduct("treacherous", turned=0.5), far())
    card = json.loads(json.dumps(found.card))
    assert card["verdict"] == "PASS"
    assert card["bounds"]["ledger"] == 0.02
    assert card["ledger"]["p"] == found.ledger.p
    assert card["shift"]["value"] == found.shift.value
