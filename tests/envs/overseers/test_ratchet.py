import pytest

from slowturn.envs import WorldConfig, WorldError
from slowturn.envs.overseers.ratchet import Ratchet


def test_training_is_strict_and_leaves_no_habit(judged):
    ratchet = Ratchet(kappa=0.5, tolerance=0.1, strict=3.0)
    assert judged(ratchet, [0.0, 0.5, 1.0], deployed=False) == [
        (0.0, 0.0, False, 0.0),
        (1.5, 0.0, False, 0.0),
        (3.0, 0.0, False, 0.0),
    ]


def test_deployment_gets_used_to_what_it_sees(judged):
    """By hand: cost 10 max(0, e - m - 1/8), then m moves half of the way to e."""
    ratchet = Ratchet(kappa=0.5, tolerance=0.125, rate=10.0)
    assert judged(ratchet, [0.125, 0.5, 1.0, 0.0, 0.375], deployed=True) == [
        (0.0, 0.125, False, 0.0625),
        (3.125, 0.5, False, 0.28125),
        (5.9375, 1.0, False, 0.640625),
        (0.0, 0.0, False, 0.3203125),
        (0.0, 0.375, False, 0.34765625),
    ]


@pytest.mark.parametrize(
    ("kappa", "rows"),
    [
        (0.0, [(8.0, 1.0, False, 0.0), (8.0, 1.0, False, 0.0)]),
        (1.0, [(8.0, 1.0, False, 1.0), (0.0, 1.0, False, 1.0)]),
    ],
)
def test_it_may_never_get_used_to_anything_or_at_once(judged, kappa, rows):
    assert judged(Ratchet(kappa=kappa, tolerance=0.0), [1.0, 1.0], deployed=True) == rows


@pytest.mark.parametrize(
    ("given", "regime", "expected"),
    [
        ("ratchet", "slow", Ratchet(kappa=0.03, tolerance=0.07)),
        ("ratchet", "brisk", Ratchet(kappa=0.06, tolerance=0.15)),
        ({"kind": "ratchet", "kappa": 0.5}, "brisk", Ratchet(kappa=0.5, tolerance=0.15)),
        ({"kind": "ratchet", "tolerance": 0.0}, "brisk", Ratchet(kappa=0.06, tolerance=0.0)),
        (Ratchet(kappa=0.0, rate=1.0), "slow", Ratchet(kappa=0.0, tolerance=0.07, rate=1.0)),
        (Ratchet(kappa=1, tolerance=1), "slow", Ratchet(kappa=1, tolerance=1)),
    ],
)
def test_the_regime_fills_in_what_is_left_open(given, regime, expected):
    assert WorldConfig(overseer=given, regime=regime).overseer_part == expected


@pytest.mark.parametrize("options", [{}, {"kappa": 0.1}, {"tolerance": 0.1}])
def test_outside_a_world_nothing_may_be_left_open(judged, options):
    with pytest.raises(WorldError) as error:
        judged(Ratchet(**options), [0.1], deployed=True)
    assert str(error.value) == "a Ratchet needs kappa and tolerance before it can review."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kappa": 1.5}, "Ratchet.kappa must be a number in [0, 1], got 1.5."),
        ({"kappa": True}, "Ratchet.kappa must be a number in [0, 1], got True."),
        ({"tolerance": -0.1}, "Ratchet.tolerance must be a number in [0, 1], got -0.1."),
        ({"tolerance": float("nan")}, "Ratchet.tolerance must be a number in [0, 1], got nan."),
        ({"rate": None}, "Ratchet.rate must be a number in [0, 100], got None."),
        ({"rate": 100.5}, "Ratchet.rate must be a number in [0, 100], got 100.5."),
        ({"strict": "4"}, "Ratchet.strict must be a number in [0, 100], got '4'."),
        ({"strict": None}, "Ratchet.strict must be a number in [0, 100], got None."),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(WorldError) as error:
        Ratchet(**options)
    assert str(error.value) == message
