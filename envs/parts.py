"""Parts of a world that are chosen by name: cues and overseers, as data."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import Any, ClassVar, Self, TypeVar, cast

from slowturn.envs.errors import WorldError, unknown_name

__all__ = ["Part", "build_part", "check_integer", "check_number"]


class Part(ABC):
    """A frozen dataclass with a name; subclasses say what they do.

    A part is written as its name (`"evidence"`), as a mapping with options
    (`{"kind": "rare", "probability": 0.3}`) or as an object.
    """

    kind: ClassVar[str]
    """Name of the part."""

    @property
    def spec(self) -> dict[str, Any]:
        """JSON-able description from which `build_part` makes the part again."""
        options: dict[str, Any] = asdict(self)  # type: ignore[call-overload]
        return {"kind": self.kind, **options}

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Build from options by name, or say which ones there are."""
        known = [field.name for field in fields(cls)]  # type: ignore[arg-type]
        if options and not known:
            raise WorldError(f"{cls.__name__} takes no options, got {sorted(options, key=str)}.")
        for key in options:
            if key not in known:
                raise unknown_name(f"{cls.__name__} option", key, known)
        return cls(**options)


P = TypeVar("P", bound=Part)


def build_part(what: str, given: Any, known: Mapping[str, type[P]], base: Any) -> P:
    """Build a part from its name, a mapping with `kind` and options, or the part itself.

    Args:
        what: Name of the parameter, for errors.
        given: What the user gave.
        known: Parts by name.
        base: What an object of the user's own must be.

    Raises:
        WorldError: For an unknown name or option, an object that its spec would not describe, or
            anything else.
    """
    if isinstance(given, base):
        _check_own(what, given, known)
        return cast("P", given)
    if isinstance(given, str):
        given = {"kind": given}
    if not isinstance(given, Mapping) or "kind" not in given:
        raise WorldError(
            f"{what} must be a name, a mapping with 'kind' and options, or an object of class "
            f"{base.__name__}, got {given!r}."
        )
    kind = given["kind"]
    if not isinstance(kind, str) or kind not in known:
        raise unknown_name(what, kind, known)
    return known[kind].from_options({k: v for k, v in given.items() if k != "kind"})


def _check_own(what: str, given: Part, known: Mapping[str, type[P]]) -> None:
    """Require of a user's own part what its spec needs: a dataclass with a kind of its own."""
    own = type(given)
    kind = getattr(given, "kind", None)
    if not is_dataclass(own) or not isinstance(kind, str):
        raise WorldError(f"{what} {own.__name__} must be a frozen dataclass with a name in `kind`.")
    if known.get(kind, own) is not own:
        raise WorldError(
            f"{what} {own.__name__} needs a `kind` of its own: {kind!r} is {known[kind].__name__}."
        )


def check_number(
    owner: str, name: str, value: Any, low: float, high: float, *, closed: bool = True
) -> None:
    """Require a finite number in [low, high], or in (low, high] if not `closed`."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high or (value == low and not closed):
        bracket = "[" if closed else "("
        raise WorldError(
            f"{owner}.{name} must be a number in {bracket}{low:g}, {high:g}], got {value!r}."
        )


def check_integer(owner: str, name: str, value: Any, low: int, high: int) -> None:
    """Require an integer in low..high; `True` is none."""
    integer = isinstance(value, int) and not isinstance(value, bool)
    if not integer or not low <= value <= high:
        raise WorldError(f"{owner}.{name} must be an integer in {low}..{high}, got {value!r}.")
