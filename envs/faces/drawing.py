"""Pictures of an episode, made without a display: phase, effort, baseline and influence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from slowturn.envs.truth import Truth

__all__ = ["History", "describe", "draw"]

_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT = 52, 624
_INK, _FAINT, _GRID, _PAPER = (40, 40, 44), (88, 88, 96), (204, 204, 210), (255, 255, 255)
_EFFORT, _BASELINE, _INFLUENCE = (222, 143, 5), (1, 115, 178), (176, 48, 96)
_TRAINING, _DEPLOYED, _AHEAD = (214, 230, 246), (252, 220, 196), (246, 246, 248)
_SMALL, _LARGE = 13, 20


@dataclass
class History:
    """What has been seen of one episode so far."""

    deployed: list[bool] = field(default_factory=list)
    effort: list[float] = field(default_factory=list)
    baseline: list[float] = field(default_factory=list)
    influence: list[float] = field(default_factory=list)

    def clear(self) -> None:
        """Forget the episode."""
        for values in (self.deployed, self.effort, self.baseline, self.influence):
            values.clear()

    def add(self, truth: Truth) -> None:
        """Append the state after one step."""
        self.deployed.append(bool(0 <= truth.cue_onset[0] < truth.step[0]))
        self.effort.append(float(truth.effort[0]))
        self.baseline.append(float(truth.baseline[0]))
        self.influence.append(float(truth.influence[0]))


class _Panel(NamedTuple):
    """One strip of the picture, values 0..1 upwards and steps to the right."""

    pen: ImageDraw.ImageDraw
    top: int
    bottom: int
    horizon: int

    def x(self, step: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * step / self.horizon

    def y(self, value: float) -> float:
        return self.bottom - (self.bottom - self.top) * value

    def ground(self, deployed: Sequence[bool], title: str, title_colour: tuple[int, ...]) -> None:
        """Title, background by phase (what lies ahead stays grey), grid and time axis."""
        pen, font = self.pen, ImageFont.load_default(_SMALL)
        now = len(deployed)
        first = deployed.index(True) if any(deployed) else now
        pen.text((_LEFT, self.top - 8), title, fill=title_colour, font=font, anchor="ls")
        for start, end, colour in (
            (0, first, _TRAINING),
            (first, now, _DEPLOYED),
            (now, self.horizon, _AHEAD),
        ):
            if start < end:
                pen.rectangle((self.x(start), self.top, self.x(end), self.bottom), fill=colour)
        for level in (0.0, 0.5, 1.0):
            pen.line((_LEFT, self.y(level), _RIGHT, self.y(level)), fill=_GRID)
            pen.text((_LEFT - 8, self.y(level)), f"{level:g}", fill=_FAINT, font=font, anchor="rm")
        for quarter in range(5):
            step = self.horizon * quarter // 4
            at = (self.x(step), self.bottom + 5)
            pen.text(at, str(step), fill=_FAINT, font=font, anchor="lmmmr"[quarter] + "t")

    def phases(self, deployed: Sequence[bool]) -> None:
        """Name the phases on top of their backgrounds, and mark where deployment began."""
        font = ImageFont.load_default(_SMALL)
        if not any(deployed):
            return
        x = self.x(deployed.index(True))
        self.pen.line((x, self.top, x, self.bottom), fill=_INK)
        for label, at, anchor in (("training", x - 6, "rt"), ("deployed", x + 6, "lt")):
            self.pen.text((at, self.top + 4), label, fill=_FAINT, font=font, anchor=anchor)

    def bars(self, values: Sequence[float], colour: tuple[int, ...]) -> None:
        for t, value in enumerate(values):
            if value > 0:
                box = (self.x(t), self.y(value), self.x(t + 1), self.bottom)
                self.pen.rectangle(box, fill=colour)

    def curve(self, values: Sequence[float], colour: tuple[int, ...]) -> None:
        points = [(self.x(t + 1), self.y(value)) for t, value in enumerate(values)]
        if len(points) > 1:  # a light edge keeps the line apart from bars of any colour
            self.pen.line(points, fill=_PAPER, width=6)
            self.pen.line(points, fill=colour, width=3)

    def dashed(self, level: float, label: str) -> None:
        y = self.y(level)
        for x in range(_LEFT, _RIGHT, 8):
            self.pen.line((x, y, x + 4, y), fill=_INK)
        font = ImageFont.load_default(_SMALL)
        self.pen.text((_LEFT + 6, y - 3), label, fill=_INK, font=font, anchor="lb")


def describe(truth: Truth, horizon: int) -> str:
    """One line: step, phase, and bars for effort, baseline and influence."""

    def bar(value: float) -> str:
        filled = round(10 * value)
        return "#" * filled + "." * (10 - filled)

    phase = "DEPLOYED" if truth.deployed[0] else "training"
    effort, baseline, influence = (
        float(x[0]) for x in (truth.effort, truth.baseline, truth.influence)
    )
    return (
        f"step {int(truth.step[0]):3d}/{horizon} {phase} | effort {bar(effort)} {effort:.2f} | "
        f"baseline {bar(baseline)} {baseline:.2f} | influence {bar(influence)} {influence:.2f}"
    )


def draw(history: History, truth: Truth, horizon: int, harm_level: float) -> NDArray[np.uint8]:
    """Draw the episode so far as an RGB image, uint8 of shape `[400, 640, 3]`."""
    image = Image.new("RGB", (_WIDTH, _HEIGHT), _PAPER)
    pen = ImageDraw.Draw(image)
    _header(pen, truth, horizon)
    now = history.deployed
    effort = _Panel(pen, 86, 206, horizon)
    effort.ground(now, f"effort spent on influence: {float(truth.effort[0]):.2f}", _EFFORT)
    pen.text(
        (_RIGHT, effort.top - 8),
        f"overseer's baseline, what it is used to: {float(truth.baseline[0]):.2f}",
        fill=_BASELINE,
        font=ImageFont.load_default(_SMALL),
        anchor="rs",
    )
    effort.bars(history.effort, _EFFORT)
    effort.curve(history.baseline, _BASELINE)
    effort.phases(now)
    influence = _Panel(pen, 256, 376, horizon)
    influence.ground(now, f"influence held: {float(truth.influence[0]):.2f}", _INFLUENCE)
    influence.dashed(harm_level, f"harm from {harm_level:g}")
    influence.curve(history.influence, _INFLUENCE)
    influence.phases(now)
    return np.asarray(image, dtype=np.uint8).copy()


def _header(pen: ImageDraw.ImageDraw, truth: Truth, horizon: int) -> None:
    """Fill the band on top with the colour and the name of the present phase."""
    deployed = bool(truth.deployed[0])
    pen.rectangle((0, 0, _WIDTH, 44), fill=_DEPLOYED if deployed else _TRAINING)
    title = f"DEPLOYED since step {int(truth.cue_onset[0])}" if deployed else "IN TRAINING"
    pen.text((16, 22), title, fill=_INK, font=ImageFont.load_default(_LARGE), anchor="lm")
    pen.text(
        (_RIGHT, 22),
        f"step {int(truth.step[0])} of {horizon}",
        fill=_INK,
        font=ImageFont.load_default(_LARGE),
        anchor="rm",
    )
