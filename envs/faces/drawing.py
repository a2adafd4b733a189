"""Pictures of an episode, made without a display: phase, effort, baseline and influence."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from slowturn.envs.truth import Truth

__all__ = ["History", "describe", "draw"]

_WIDTH, _HEIGHT = 560, 320
_LEFT, _RIGHT = 64, 544
_PANELS = {"effort": (52, 172), "influence": (204, 300)}
_INK, _GRID, _PAPER = (40, 40, 44), (216, 216, 220), (255, 255, 255)
_EFFORT, _BASELINE, _INFLUENCE = (222, 143, 5), (1, 115, 178), (213, 94, 0)
_TRAINING, _DEPLOYED = (226, 236, 246), (252, 232, 214)


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
    """Draw the episode so far as an RGB image, uint8 of shape `[320, 560, 3]`."""
    image = Image.new("RGB", (_WIDTH, _HEIGHT), _PAPER)
    pen = ImageDraw.Draw(image)
    small, large = ImageFont.load_default(12), ImageFont.load_default(16)
    deployed = bool(truth.deployed[0])
    pen.rectangle((0, 0, _WIDTH, 32), fill=_DEPLOYED if deployed else _TRAINING)
    pen.text((12, 7), "DEPLOYED" if deployed else "TRAINING", fill=_INK, font=large)
    pen.text((_LEFT + 80, 9), f"step {int(truth.step[0])} of {horizon}", fill=_INK, font=small)
    for x, colour, label in (
        (280, _EFFORT, f"effort {float(truth.effort[0]):.2f}"),
        (366, _BASELINE, f"baseline {float(truth.baseline[0]):.2f}"),
        (464, _INFLUENCE, f"influence {float(truth.influence[0]):.2f}"),
    ):
        pen.text((x, 9), label, fill=colour, font=small)

    def x_at(step: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * step / horizon

    for name, (top, bottom) in _PANELS.items():

        def y_at(value: float, top: int = top, bottom: int = bottom) -> float:
            return bottom - (bottom - top) * value

        pen.rectangle((_LEFT, top, _RIGHT, bottom), fill=_TRAINING)
        if any(history.deployed):
            first = history.deployed.index(True)
            pen.rectangle((x_at(first), top, x_at(len(history.deployed)), bottom), fill=_DEPLOYED)
        for level in (0.0, 0.5, 1.0):
            pen.line((_LEFT, y_at(level), _RIGHT, y_at(level)), fill=_GRID)
            pen.text((_LEFT - 8, y_at(level)), f"{level:g}", fill=_INK, font=small, anchor="rm")
        pen.text((_LEFT, top - 3), name, fill=_INK, font=small, anchor="lb")
        if name == "effort":
            for t, value in enumerate(history.effort):
                if value > 0:
                    pen.rectangle((x_at(t), y_at(value), x_at(t + 1), bottom), fill=_EFFORT)
            _curve(pen, [(x_at(t + 1), y_at(v)) for t, v in enumerate(history.baseline)], _BASELINE)
        else:
            y = y_at(harm_level)
            for x in range(_LEFT, _RIGHT, 8):
                pen.line((x, y, x + 4, y), fill=_INK)
            pen.text((_RIGHT - 2, y - 2), "harm", fill=_INK, font=small, anchor="rb")
            points = [(x_at(t + 1), y_at(v)) for t, v in enumerate(history.influence)]
            _curve(pen, points, _INFLUENCE)
    return np.asarray(image, dtype=np.uint8).copy()


def _curve(
    pen: ImageDraw.ImageDraw, points: list[tuple[float, float]], colour: tuple[int, int, int]
) -> None:
    if len(points) > 1:
        pen.line(points, fill=colour, width=2)
