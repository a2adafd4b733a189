"""The page of the package: names, and building overseers from what a user writes."""

import pytest

from slowturn.envs import WorldError, overseers
from slowturn.envs.overseers import OVERSEERS, RandomAudit, Ratchet, Strict, build_overseer


def test_names_are_sorted_and_there():
    constants = [name for name in overseers.__all__ if name.isupper()]
    classes = [name for name in overseers.__all__ if name[0].isupper() and not name.isupper()]
    functions = [name for name in overseers.__all__ if name[0].islower()]
    assert sorted(constants) + sorted(classes) + sorted(functions) == overseers.__all__
    assert all(hasattr(overseers, name) for name in overseers.__all__)


def test_every_overseer_by_its_own_name():
    assert list(OVERSEERS) == ["strict", "ratchet", "absent", "random_audit", "trust"]
    assert [overseer.kind for overseer in OVERSEERS.values()] == list(OVERSEERS)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("ratchet", Ratchet()),
        (Strict(rate=2), Strict(rate=2)),
        ({"kind": "random_audit", "fine": 9}, RandomAudit(fine=9)),
    ],
)
def test_what_a_user_may_write(given, expected):
    assert build_overseer(given) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "strct",
            (
                "unknown overseer 'strct': choose from 'absent', 'random_audit', 'ratchet', "
                "'strict', 'trust'. Did you mean 'strict'?"
            ),
        ),
        (
            {"kind": "trust", "grow": 1},
            (
                "unknown Trust option 'grow': choose from 'growth', 'kept_trust', 'rate', "
                "'strict'. Did you mean 'growth'?"
            ),
        ),
        (
            ["strict"],
            (
                "overseer must be a name, a mapping with 'kind' and options, or an object of "
                "class Overseer, got ['strict']."
            ),
        ),
        (
            None,
            (
                "overseer must be a name, a mapping with 'kind' and options, or an object of "
                "class Overseer, got None."
            ),
        ),
    ],
)
def test_what_a_user_may_not_write(given, message):
    with pytest.raises(WorldError) as error:
        build_overseer(given)
    assert str(error.value) == message
