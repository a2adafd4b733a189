"""One palette: how every organism, monitor, alarm and regime is called and drawn, in fixed order.

Colours are those of seaborn's "colorblind" palette. Names that are not listed here (a user's own
organism or monitor) get a plain look of their own, after those that are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from seaborn import color_palette  # type: ignore[import-untyped]

__all__ = [
    "CREEPING",
    "EVADERS",
    "GRADUAL",
    "INK",
    "MONITORS",
    "NULLS",
    "ORGANISMS",
    "REGIMES",
    "REPORTING",
    "RULES",
    "SOFT",
    "Look",
    "label_of",
    "look_of",
    "ordered",
]


class Look(NamedTuple):
    """How one thing appears in every figure and table.

    Attributes:
        label: Display name.
        colour: Hexadecimal colour.
        marker: Matplotlib marker; readers of behaviour are squares, of internals circles, oracles
            stars, controls crosses.
        dash: Whether lines are dashed: readers of behaviour, the twin that would otherwise hide
            the honest organism below it, and the second of two kinds that share a colour.
    """

    label: str
    colour: str
    marker: str = "o"
    dash: bool = False

    @property
    def line(self) -> dict[str, Any]:
        """Colour and dashes, as matplotlib takes them."""
        return {"color": self.colour, "linestyle": (0, (5, 1.5)) if self.dash else "-"}


INK, SOFT = "#222222", "#8a8a8a"
"""Colours of text and axes, and of what stays in the background."""

_BLUE, _ORANGE, _GREEN, _RED, _PINK, _BROWN, _ROSE, _GREY, _YELLOW, _SKY = color_palette(
    "colorblind"
).as_hex()

ORGANISMS: dict[str, Look] = {
    "treacherous": Look("treacherous", _RED),
    "benign_twin": Look("benign twin", _BLUE, dash=True),
    "honest": Look("honest", _GREEN),
    "open": Look("open", _ORANGE),
    "asteroid": Look("asteroid", _GREY, "^", dash=True),
    "novice": Look("novice", _SKY, "v", dash=True),
    "convergence": Look("convergence", _YELLOW, "^", dash=True),
    "new_map": Look("new map", _BROWN, "^", dash=True),
    "retrained": Look("retrained", _ROSE, "^", dash=True),
    "trojan": Look("trojan", _GREY, "^"),
    "natural_trojan": Look("natural trojan", _GREY, "v", dash=True),
    "christiano": Look("christiano", _PINK),
    "solved_treacherous": Look("solved treacherous", _BROWN, "D"),
    "solved_patient": Look("solved, patient", _YELLOW, "D"),
    "solved_honest": Look("solved honest", _SKY, "D"),
    "solved_benign_twin": Look("solved benign twin", _ROSE, "D", dash=True),
}

CREEPING: dict[str, Look] = {
    "creeping": Look("creeping", _RED),
    "creeping_honest": Look("learning on, honest", _GREEN, dash=True),
}
"""What goes on learning once deployed."""

REPORTING: dict[str, Look] = {
    "truthful": Look("truthful", _GREEN),
    "faithful": Look("faithful", _BLUE),
    "unfaithful": Look("unfaithful", _RED),
}
"""What states what it spends."""

EVADERS: dict[str, Look] = {
    "evader_control": Look("trained on", _GREY),
    "evader_method": Look("knows the method", _ORANGE),
    "evader_score": Look("knows the score", _RED),
    "evader_again": Look("once more, refitted", _PINK),
    "evader_reward": Look("through reward", _BROWN),
    "evader_line_up": Look("the whole line-up", _BLUE),
    "evader_budget": Look("within a budget", _SKY),
}
"""What is trained further against monitors, and its control."""

GRADUAL: dict[str, Look] = {
    f"drift_{k + 1}": Look(f"drift {k + 1}", colour)
    for k, colour in enumerate(color_palette("flare", 6).as_hex())
}
"""The series of ever slower turns, from light (abrupt) to dark: a scale, not separate things."""

MONITORS: dict[str, Look] = {
    "ledger": Look("ledger", _GREY, "s", dash=True),
    "ledger_ratio": Look("ledger ratio", _BROWN, "s", dash=True),
    "action_ratio": Look("action ratio", _ORANGE, "s", dash=True),
    "mahalanobis": Look("Mahalanobis", _GREEN),
    "power_log_odds": Look("power log-odds", _PINK),
    "hallucination": Look("hallucination probe", _BLUE),
    "phase_probe": Look("phase probe (oracle)", _RED, "*"),
    "time_index": Look("time index (control)", _YELLOW, "x"),
    "shuffled_probe": Look("shuffled probe (control)", _SKY, "x"),
}

RULES: dict[str, str] = {"maximum": "maximum", "ewma": "EWMA", "cusum": "CUSUM"}

NULLS: dict[str, str] = {
    "training": "alarms set on the agent's own training",
    "honest": "alarms set on other, honest agents",
}

REGIMES: dict[str, str] = {"slow": "slow overseer", "brisk": "brisk overseer"}


def look_of(name: str, known: Mapping[str, Look]) -> Look:
    """The look of `name`, or a plain one if it is not in the palette."""
    return known.get(name, Look(name.replace("_", " "), SOFT, "P"))


def label_of(name: str, known: Mapping[str, str]) -> str:
    """The display name of `name`, by default itself with spaces."""
    return known.get(name, name.replace("_", " "))


def ordered(names: Iterable[Any], known: Mapping[str, Any]) -> list[str]:
    """Distinct names in the order of the palette, then those it does not hold, by name.

    Example:
        >>> ordered(["brisk", "mine", "slow", "brisk"], REGIMES)
        ['slow', 'brisk', 'mine']
    """
    found = {str(name) for name in names}
    return [name for name in known if name in found] + sorted(found - set(known))
