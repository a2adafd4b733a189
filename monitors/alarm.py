"""Alarms: a threshold under which a whole deployment of an honest agent seldom rings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from math import ceil, isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowturn.monitors.errors import MonitorError

__all__ = ["Alarm", "calibrate", "first_alarm"]


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """Rings when a statistic exceeds `threshold`.

    Attributes:
        threshold: Largest value that does not ring.
        alpha: P(any alarm in a whole null episode) it was calibrated for, in (0, 1).
        episodes: Number of calibration episodes behind it.

    Raises:
        MonitorError: If the threshold is not a number or alpha is out of range.
    """

    threshold: float
    alpha: float
    episodes: int

    def __post_init__(self) -> None:
        _check_alpha(self.alpha)
        if isnan(self.threshold):
            raise MonitorError("Alarm.threshold must be a number, got nan.")

    def rings(self, statistics: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each statistic exceeds the threshold; equal values do not ring.

        Raises:
            MonitorError: If a statistic is not a number, which would otherwise never ring.
        """
        if np.isnan(statistics).any():
            raise MonitorError("Alarm: a statistic is nan; a broken monitor must not look calm.")
        return np.asarray(statistics > self.threshold)

    def times(self, statistics: NDArray[np.float64]) -> NDArray[np.int64]:
        """First step at which each episode rings, -1 for never, `[episode]`."""
        return first_alarm(self.rings(statistics))

    def card(self) -> dict[str, Any]:
        """Everything about it, made of plain JSON types."""
        return asdict(self)

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> Alarm:
        """Put back what `card` returned."""
        return cls(**card)


def first_alarm(rings: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Index of the first true step of each episode, -1 for none, `[episode]`."""
    if rings.ndim != 2 or rings.shape[1] < 1:
        raise MonitorError(f"first_alarm needs [episode, step], got shape {rings.shape}.")
    return np.where(rings.any(axis=1), rings.argmax(axis=1), -1).astype(np.int64)


def _check_alpha(alpha: float) -> None:
    if not 0.0 < alpha < 1.0:
        raise MonitorError(f"alpha must be in (0, 1), got {alpha!r}.")


def calibrate(statistics: NDArray[np.float64], alpha: float) -> Alarm:
    """Set a threshold on whole held-out null episodes.

    The threshold is the ceil((N + 1)(1 - alpha))-th smallest of the N per-episode maxima. If a
    future null episode is exchangeable with these, it rings with probability at most alpha
    (split-conformal prediction: Vovk, Gammerman & Shafer 2005; Lei et al. 2018, theorem 2.2).
    Steps are never pooled: they are autocorrelated, and a deployment is one trial. The
    probability is over calibration and deployment together; with few episodes a single threshold
    may be luckier or unluckier than that.

    Args:
        statistics: Statistics of calibration episodes, `[episode, step]`, disjoint from the
            episodes the monitor and the rule were fitted on.
        alpha: Allowed probability of any alarm in a whole episode, in (0, 1).

    Raises:
        MonitorError: If alpha is out of range, a statistic is not finite, or there are too few
            episodes: alpha needs at least ceil(1 / alpha) - 1.

    Example:
        >>> calm = np.arange(19.0)[:, None]
        >>> calibrate(calm, 0.05).threshold
        18.0
    """
    _check_alpha(alpha)
    if statistics.ndim != 2 or statistics.shape[1] < 1:
        raise MonitorError(f"statistics must be [episode, step], got shape {statistics.shape}.")
    if not np.isfinite(statistics).all():
        raise MonitorError("statistics of the calibration episodes must be finite.")
    episodes = len(statistics)
    exact = Fraction(str(float(alpha)))  # in floats, 150 * (1 - .18) exceeds 123
    rank = ceil((episodes + 1) * (1 - exact))
    if rank > episodes:
        raise MonitorError(
            f"calibrating to alpha = {alpha:g} needs at least {ceil(1 / exact) - 1} whole "
            f"episodes, got {episodes}; record more, or accept a larger alpha."
        )
    maxima = np.sort(statistics.max(axis=1))
    return Alarm(threshold=float(maxima[rank - 1]), alpha=float(alpha), episodes=episodes)
