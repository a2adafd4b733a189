"""Sequential rules: a score stream -> a statistic that an alarm compares with its threshold.

Rules adapt to nothing while they run: what they learn, they learn from null episodes in `fit`.
Rules that keep adapting absorb slow drift.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from slowturn.monitors.errors import MonitorError, unknown_name

__all__ = ["Cusum", "Ewma", "Maximum", "Rule"]


@dataclass
class Rule(ABC):
    """Turns scores `[episode, step]` into statistics of the same shape, causally.

    To add one: a dataclass whose init fields are its settings and whose other fields are what
    `fit` learned; fields that begin with an underscore belong to the episode being stepped.
    """

    name: ClassVar[str]
    """Name in tables and figures."""

    def fit(self, scores: NDArray[np.float64]) -> None:
        """Learn what is needed from the scores of fit episodes, `[episode, step]`.

        Raises:
            MonitorError: If the scores have another shape or are not finite.
        """
        self._fit(self._checked(scores))

    def _fit(self, scores: NDArray[np.float64]) -> None:  # noqa: B027 - not all learn
        """Learn; `fit` has already checked the scores."""

    def run(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Statistic after every step, `[episode, step]`, in a new array.

        Raises:
            MonitorError: If the scores have another shape or are not finite.
        """
        return self._run(self._checked(scores))

    @abstractmethod
    def _run(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute the statistics; `run` has already checked the scores."""

    @abstractmethod
    def reset(self) -> None:
        """Begin an episode for `step`."""

    @abstractmethod
    def step(self, score: float) -> float:
        """Statistic after the next score of one episode; agrees with `run`."""

    def _checked(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        scores = np.asarray(scores, np.float64)
        if scores.ndim != 2:
            raise MonitorError(
                f"{type(self).__name__}: scores must be [episode, step], got shape {scores.shape}."
            )
        if not np.isfinite(scores).all():
            raise MonitorError(f"{type(self).__name__}: scores must be finite.")
        return scores

    def card(self) -> dict[str, Any]:
        """Settings and what `fit` learned, made of plain JSON types."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name[0] != "_"}

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> Self:
        """Put back what `card` returned, at the beginning of an episode."""
        known = {f.name: f.init for f in fields(cls) if f.name[0] != "_"}
        for name in card:
            if name not in known:
                raise unknown_name(f"field of {cls.__name__}", name, known)
        rule = cls(**{name: value for name, value in card.items() if known[name]})
        for name, value in card.items():
            setattr(rule, name, value)
        rule.reset()
        return rule


@dataclass
class Maximum(Rule):
    """The score itself: with an alarm at its maximum, the plain threshold rule."""

    name: ClassVar[str] = "maximum"

    def _run(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array(scores)

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
        start: Statistic before the first step.
    """

    name: ClassVar[str] = "ewma"
    weight: float = 0.1
    start: float = field(default=0.0, init=False)
    _last: float = field(default=0.0, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0.0 < self.weight <= 1.0:
            raise MonitorError(f"Ewma.weight must be in (0, 1], got {self.weight!r}.")

    def _fit(self, scores: NDArray[np.float64]) -> None:
        self.start = self._last = float(scores.mean())

    def _run(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        before = np.full((len(scores), 1), (1.0 - self.weight) * self.start)
        out, _ = lfilter([self.weight], [1.0, self.weight - 1.0], scores, axis=1, zi=before)
        return np.asarray(out)

    def reset(self) -> None:
        self._last = self.start

    def step(self, score: float) -> float:
        self._last += self.weight * (float(score) - self._last)
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
        mean: Mean of the fit scores; 0 when not standardising.
        scale: Standard deviation of the fit scores; 1 when not standardising, or if they are
            constant.
    """

    name: ClassVar[str] = "cusum"
    allowance: float = 0.25
    standardise: bool = True
    mean: float = field(default=0.0, init=False)
    scale: float = field(default=1.0, init=False)
    _last: float = field(default=0.0, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0.0 <= self.allowance < np.inf:
            raise MonitorError(f"Cusum.allowance must be >= 0, got {self.allowance!r}.")

    def _fit(self, scores: NDArray[np.float64]) -> None:
        if self.standardise:
            self.mean = float(scores.mean())
            # The computed deviation of equal scores may be 1e-17, which would blow up rounding.
            self.scale = float(scores.std()) if np.ptp(scores) > 0.0 else 1.0

    def _grow(self, before: Any, score: Any) -> Any:
        return np.maximum(0.0, before + (score - self.mean) / self.scale - self.allowance)

    def _run(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.empty(scores.shape)
        last = np.zeros(len(scores))
        for t in range(scores.shape[1]):
            out[:, t] = last = self._grow(last, scores[:, t])
        return out

    def reset(self) -> None:
        self._last = 0.0

    def step(self, score: float) -> float:
        self._last = float(self._grow(self._last, float(score)))
        return self._last
