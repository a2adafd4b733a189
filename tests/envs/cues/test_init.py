"""The page of the package: names, and building cues from what a user writes."""

import pytest

from slowturn.envs import WorldError, cues
from slowturn.envs.cues import CUES, Evidence, Rare, build_cues


def test_names_are_sorted_and_there():
    constants = [name for name in cues.__all__ if name.isupper()]
    classes = [name for name in cues.__all__ if name[0].isupper() and not name.isupper()]
    functions = [name for name in cues.__all__ if name[0].islower()]
    assert sorted(constants) + sorted(classes) + sorted(functions) == cues.__all__
    assert all(hasattr(cues, name) for name in cues.__all__)


def test_every_cue_by_its_own_name():
    assert list(CUES) == ["evidence", "patch", "natural", "seasonal", "rare", "sealed"]
    assert [cue.kind for cue in CUES.values()] == list(CUES)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("evidence", (Evidence(),)),
        (Rare(probability=0.3), (Rare(probability=0.3),)),
        ({"kind": "rare", "probability": 0.3}, (Rare(probability=0.3),)),
        (["evidence"], (Evidence(),)),
        (("rare", "evidence"), (Rare(), Evidence())),
        (["evidence", {"kind": "rare", "latest": 40}], (Evidence(), Rare(latest=40))),
    ],
)
def test_what_a_user_may_write(given, expected):
    assert build_cues(given) == expected


KINDS = "'evidence', 'natural', 'patch', 'rare', 'sealed', 'seasonal'"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("evidnce", f"unknown cue 'evidnce': choose from {KINDS}. Did you mean 'evidence'?"),
        (["rare", "rar"], f"unknown cue 'rar': choose from {KINDS}. Did you mean 'rare'?"),
        ("", f"unknown cue '': choose from {KINDS}."),
        ([], "cue must be one cue or a list of different ones, got []."),
        ((), "cue must be one cue or a list of different ones, got ()."),
        (
            ["rare", {"kind": "rare"}],
            "cue must be one cue or a list of different ones, got ['rare', {'kind': 'rare'}].",
        ),
    ],
)
def test_what_a_user_may_not_write(given, message):
    with pytest.raises(WorldError) as error:
        build_cues(given)
    assert str(error.value) == message


@pytest.mark.parametrize("given", [None, 3, b"evidence", {"evidence"}, iter(["rare"]), Rare, {}])
def test_what_is_no_cue_at_all(given):
    with pytest.raises(WorldError) as error:
        build_cues(given)
    assert str(error.value) == (
        "cue must be a name, a mapping with 'kind' and options, or an object of class Cue, got "
        f"{given!r}."
    )
