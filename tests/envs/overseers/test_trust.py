import numpy as np
import pytest

from slowturn.envs import WorldError
from slowturn.envs.overseers.trust import Trust

HALVES = Trust(growth=0.5, kept_trust=0.25, rate=10.0, strict=3.0)


def test_training_is_strict_and_any_effort_is_a_breach(judged):
    assert judged(HALVES, [0.0, 0.25, 1.0, 0.0], deployed=False) == [
        (0.0, 0.0, False, 0.5),
        (0.75, 0.0, False, 0.125),
        (3.0, 0.0, False, 0.03125),
        (0.0, 0.0, False, 0.515625),
    ]


def test_deployment_trusts_more_with_every_good_step(judged):
    """By hand: half of the missing trust per good step; what is allowed is kept and free."""
    assert judged(HALVES, [0.0, 0.5, 0.25, 0.0], deployed=True) == [
        (0.0, 0.0, False, 0.5),
        (0.0, 0.5, False, 0.5),
        (0.0, 0.25, False, 0.5),
        (0.0, 0.0, False, 0.75),
    ]


def test_honest_service_is_trusted_alike_in_both_phases(judged):
    served = [[row[-1] for row in judged(HALVES, [0.0] * 5, deployed=d)] for d in (False, True)]
    assert served[0] == served[1]


def test_a_breach_costs_its_excess_and_most_of_the_trust(judged):
    assert judged(HALVES, [0.0, 0.0, 1.0, 1.0, 0.0], deployed=True) == [
        (0.0, 0.0, False, 0.5),
        (0.0, 0.0, False, 0.75),
        (2.5, 1.0, False, 0.1875),
        (8.125, 1.0, False, 0.046875),
        (0.0, 0.0, False, 0.5234375),
    ]


def test_a_breach_in_the_first_step_costs_all_of_it(judged):
    assert judged(HALVES, [0.5], deployed=True) == [(5.0, 0.5, False, 0.0)]


def test_at_the_default_rates_a_breach_never_pays_in_its_step(judged):
    """What exceeds the allowance costs 8 a unit, and a treacherous agent gains 2 by it."""
    for good in (1, 20, 200):
        efforts = [0.0] * good
        allowed = judged(Trust(), efforts, deployed=True)[-1][-1]
        returns = {}
        for e in (allowed, *np.linspace(allowed + 0.01, 1.0, 7)):
            cost = judged(Trust(), [*efforts, e], deployed=True)[-1][0]
            returns[e] = 1 - e + 3 * e - cost
        assert max(returns, key=returns.get) == allowed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"growth": 1.5}, "Trust.growth must be a number in [0, 1], got 1.5."),
        ({"growth": True}, "Trust.growth must be a number in [0, 1], got True."),
        ({"kept_trust": -1}, "Trust.kept_trust must be a number in [0, 1], got -1."),
        ({"rate": float("nan")}, "Trust.rate must be a number in [0, 100], got nan."),
        ({"rate": 101}, "Trust.rate must be a number in [0, 100], got 101."),
        ({"strict": None}, "Trust.strict must be a number in [0, 100], got None."),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(WorldError) as error:
        Trust(**options)
    assert str(error.value) == message
