"""Sequential rules: a score stream -> a statistic that an alarm compares with its threshold.

Rules adapt to nothing while they run: what they learn, they learn from null episodes in `fit`.
Rules that keep adapting absorb slow drift.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from slowturn.monitors.errors import MonitorError

__all__ = ["Cusum", "Ewma", "Maximum", "Rule"]


class Rule(ABC):
    """Turns scores `[episode, step]` into statistics of the same shape, causally."""

    name: ClassVar[str]

    def fit(self, scores: NDArray[np.float64]) -> None:
        """Learn what is needed from the scores of fit episodes, `[episode, step]`."""

    @abstractmethod
    def run(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Statistic after every step, `[episode, step]`."""

    @abstractmethod
    def reset(self) -> None:
        """Begin an episode for `step`."""

    @abstractmethod
    def step(self, score: float) -> float:
        """Statistic after the next score of one episode; agrees with `run`."""


@dataclass
class Maximum(Rule):
    """The score itself: with an alarm at its maximum, the plain threshold rule."""

    name: ClassVar[str] = "maximum"

    def run(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array(scores, np.float64)

    def reset(self) -> None:
        pass

    def step(self, score: float) -> float:
        return float(score)


@dataclass
class Ewma(Rule):
    """Exponentially weighted moving average, s_t = (1 - w) s_{t-1} + w x_t.

    Starts from the mean of the fit scores. Roberts (1959), "Control chart tests based on
    geometric moving averages", Technometrics 1.

    Attributes:
        weight: Weight w of the newest score, in (0, 1].
    """

    name: ClassVar[str] = "ewma"
    weight: float = 0.1
    start: float = field(default=0.0, init=False)
    _last: float = field(default=0.0, init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0.0 < self.weight <= 1.0:
            raise MonitorError(f"Ewma.weight must be in (0, 1], got {self.weight!r}.")

    def fit(self, scores: NDArray[np.float64]) -> None:
        self.start = self._last = float(scores.mean())

    def run(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        before = np.full((len(scores), 1), (1.0 - self.weight) * self.start)
        out, _ = lfilter([self.weight], [1.0, self.weight - 1.0], scores, axis=1, zi=before)
        return np.asarray(out)

    def reset(self) -> None:
        self._last = self.start

    def step(self, score: float) -> float:
        self._last += self.weight * (score - self._last)
        return self._last


@dataclass
class Cusum(Rule):
    """Page's CUSUM, s_t = max(0, s_{t-1} + z_t - allowance).

    z is the score in standard deviations of the fit scores; with `standardise=False` it is the
    score itself, which suits log-likelihood ratios (allowance 0). Page (1954), "Continuous
    inspection schemes", Biometrika 41.

    Attributes:
        allowance: What is subtracted per step, >= 0.
        standardise: Whether to standardise scores by the fit episodes.
    """

    name: ClassVar[str] = "cusum"
    allowance: float = 0.25
    standardise: bool = True
    mean: float = field(default=0.0, init=False)
    scale: float = field(default=1.0, init=False)
    _last: float = field(default=0.0, init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.allowance >= 0.0:
            raise MonitorError(f"Cusum.allowance must be >= 0, got {self.allowance!r}.")

    def fit(self, scores: NDArray[np.float64]) -> None:
        if self.standardise:
            self.mean = float(scores.mean())
            self.scale = float(scores.std()) or 1.0

    def _grow(self, before: NDArray[np.float64], score: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.maximum(0.0, before + (score - self.mean) / self.scale - self.allowance)

    def run(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.empty(scores.shape)
        last = np.zeros(len(scores))
        for t in range(scores.shape[1]):
            out[:, t] = last = self._grow(last, scores[:, t])
        return out

    def reset(self) -> None:
        self._last = 0.0

    def step(self, score: float) -> float:
        self._last = float(self._grow(np.float64(self._last), np.float64(score)))
        return self._last
