import json
import math
from dataclasses import dataclass
from typing import ClassVar

import pytest

from slowturn.envs import WorldError
from slowturn.envs.parts import Part, build_part, check_integer, check_number


class Tool(Part):
    """A base for parts of one sort."""


@dataclass(frozen=True, kw_only=True)
class Saw(Tool):
    """A part with options."""

    teeth: int = 30
    size: float | None = None
    kind: ClassVar[str] = "saw"


@dataclass(frozen=True, kw_only=True)
class Hammer(Tool):
    """A part without options."""

    kind: ClassVar[str] = "hammer"


@dataclass(frozen=True, kw_only=True)
class Drill(Tool):
    """A user's own part."""

    speed: int = 3
    kind: ClassVar[str] = "drill"


TOOLS = {"saw": Saw, "hammer": Hammer}


def build(given):
    return build_part("tool", given, TOOLS, Tool)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("saw", Saw()),
        ({"kind": "saw"}, Saw()),
        ({"kind": "saw", "teeth": 9}, Saw(teeth=9)),
        ({"size": 2.5, "kind": "saw"}, Saw(size=2.5)),
        (Saw(teeth=9), Saw(teeth=9)),
        (Drill(speed=5), Drill(speed=5)),
    ],
)
def test_a_part_is_a_name_a_mapping_or_itself(given, expected):
    assert build(given) == expected


def test_building_leaves_the_mapping_alone():
    given = {"kind": "saw", "teeth": 9}
    build(given)
    assert given == {"kind": "saw", "teeth": 9}


@pytest.mark.parametrize("part", [Saw(), Saw(teeth=9, size=2.5), Hammer()])
def test_a_spec_survives_json_and_builds_the_part_again(part):
    assert build(json.loads(json.dumps(part.spec))) == part


def test_what_a_spec_says():
    assert Saw(teeth=9).spec == {"kind": "saw", "teeth": 9, "size": None}
    assert Hammer().spec == {"kind": "hammer"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("swa", "unknown tool 'swa': choose from 'hammer', 'saw'. Did you mean 'saw'?"),
        ({"kind": None}, "unknown tool None: choose from 'hammer', 'saw'."),
        ({"kind": 3}, "unknown tool 3: choose from 'hammer', 'saw'."),
        (
            {"kind": ["saw"]},
            "unknown tool ['saw']: choose from 'hammer', 'saw'. Did you mean 'saw'?",
        ),
        ({"kind": {}}, "unknown tool {}: choose from 'hammer', 'saw'."),
        (
            {"kind": "saw", "tooth": 1},
            "unknown Saw option 'tooth': choose from 'size', 'teeth'. Did you mean 'teeth'?",
        ),
        ({"kind": "saw", 1: 2}, "unknown Saw option 1: choose from 'size', 'teeth'."),
        ({"kind": "hammer", "size": 1}, "Hammer takes no options, got ['size']."),
    ],
)
def test_names_that_are_unknown(given, message):
    with pytest.raises(WorldError) as error:
        build(given)
    assert str(error.value) == message


@pytest.mark.parametrize("given", [None, 3, True, b"saw", ["saw"], {}, {"teeth": 3}, Saw])
def test_what_is_no_part_at_all(given):
    with pytest.raises(WorldError) as error:
        build(given)
    assert str(error.value) == (
        "tool must be a name, a mapping with 'kind' and options, or an object of class Tool, got "
        f"{given!r}."
    )


def test_a_users_own_part_needs_a_kind_of_its_own():
    """Else its spec would build something else."""

    class Fretsaw(Saw):
        """A saw that only says it is one."""

    with pytest.raises(WorldError) as error:
        build(Fretsaw())
    assert str(error.value) == "tool Fretsaw needs a `kind` of its own: 'saw' is Saw."


def test_a_users_own_part_has_to_be_a_dataclass_with_a_kind():
    class Plain(Tool):
        kind = "plain"

    @dataclass(frozen=True)
    class Nameless(Tool):
        pass

    for part in (Plain(), Nameless()):
        with pytest.raises(WorldError) as error:
            build(part)
        assert str(error.value) == (
            f"tool {type(part).__name__} must be a frozen dataclass with a name in `kind`."
        )


@pytest.mark.parametrize("value", [0, 0.0, 1, 1.0, 0.5])
def test_numbers_that_can_be(value):
    assert check_number("Saw", "size", value, 0.0, 1.0) is None


@pytest.mark.parametrize(
    "value",
    [-0.1, 1.1, math.nan, math.inf, -math.inf, True, False, "1", None, [0.5], 1j, 10**400],
)
def test_numbers_that_cannot_be(value):
    with pytest.raises(WorldError) as error:
        check_number("Saw", "size", value, 0.0, 1.0)
    assert str(error.value) == f"Saw.size must be a number in [0, 1], got {value!r}."


def test_the_lower_end_may_be_excluded_but_not_the_upper():
    check_number("Saw", "size", 1.0, 0.0, 1.0, closed=False)
    check_number("Saw", "size", 1e-300, 0.0, 1.0, closed=False)
    for value in (0, 0.0, -0.0):
        with pytest.raises(WorldError) as error:
            check_number("Saw", "size", value, 0.0, 1.0, closed=False)
        assert str(error.value) == f"Saw.size must be a number in (0, 1], got {value!r}."


@pytest.mark.parametrize("value", [2, 3, 9])
def test_integers_that_can_be(value):
    assert check_integer("Saw", "teeth", value, 2, 9) is None


@pytest.mark.parametrize("value", [1, 10, -5, 3.0, True, False, "3", None, math.nan, 10**400])
def test_integers_that_cannot_be(value):
    with pytest.raises(WorldError) as error:
        check_integer("Saw", "teeth", value, 2, 9)
    assert str(error.value) == f"Saw.teeth must be an integer in 2..9, got {value!r}."


def test_true_is_no_integer_even_where_one_is():
    with pytest.raises(WorldError, match=r"Saw\.teeth must be an integer in 0\.\.9, got True\."):
        check_integer("Saw", "teeth", True, 0, 9)
