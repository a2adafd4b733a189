"""Are two groups of episodes the same, for all purposes? Tests of equivalence, not of difference.

A difference that is not significant is no evidence of sameness: too few episodes never find one.
Here sameness is what has to be shown, so too few episodes show nothing.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student
from scipy.stats import ttest_ind

from slowturn.experiments.errors import ExperimentError

__all__ = ["FEWEST", "Tost", "checked_bound", "checked_episodes", "tost", "upper_bound"]

FEWEST = 10
"""Episodes below which a t distribution says little about means of skewed values."""


class Tost(NamedTuple):
    """Two one-sided tests of |mean(a) - mean(b)| < bound.

    Attributes:
        difference: mean(a) - mean(b).
        low: Lower end of its 1 - 2 alpha interval; equivalence is shown where that lies within
            -bound .. bound.
        high: Upper end.
        bound: What counts as the same.
        p: The larger of both p-values; NaN where neither group varies at all.
        alpha: Level of the test.
        n: Episodes of `a` and of `b`.
    """

    difference: float
    low: float
    high: float
    bound: float
    p: float
    alpha: float
    n: tuple[int, int]

    @property
    def decides(self) -> bool:
        """Whether there was anything to test: without any variance there is no such thing."""
        return not np.isnan(self.p)

    @property
    def equivalent(self) -> bool:
        """Whether equivalence was shown."""
        return self.decides and self.p < self.alpha


def checked_bound(name: str, bound: float) -> float:
    """The bound, if it is a finite number above 0.

    Raises:
        ExperimentError: Otherwise.
    """
    if not np.isfinite(bound) or bound <= 0:
        raise ExperimentError(
            f"{name} must be a finite number > 0, got {bound!r}: it is the largest difference that "
            "still counts as none, in units of what is compared."
        )
    return float(bound)


def checked_episodes(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """One finite number per episode.

    Raises:
        ExperimentError: For other axes, values that are not finite, or fewer than `FEWEST`.
    """
    array = np.asarray(values, np.float64)
    if array.ndim != 1:
        raise ExperimentError(
            f"{name} must hold one number per episode, shape [episodes], got shape {array.shape}: "
            "steps of an episode are not independent; take their mean or sum first."
        )
    if len(array) < FEWEST:
        raise ExperimentError(
            f"{name} must hold at least {FEWEST} episodes, got {len(array)}: run more of them."
        )
    if not np.isfinite(array).all():
        raise ExperimentError(
            f"{name} must be finite, got {int((~np.isfinite(array)).sum())} other values: leave "
            "out episodes in which it is not defined."
        )
    return array


def tost(
    a: ArrayLike, b: ArrayLike, *, bound: float, alpha: float = 0.05, name: str = "bound"
) -> Tost:
    """Two one-sided t-tests with unequal variances (Schuirmann 1987; Welch 1947).

    Both |mean difference| >= bound hypotheses are tested at level alpha, without correction: their
    intersection-union test has level alpha (Berger 1982).

    Args:
        a: One number per whole episode, `[episodes]`.
        b: Likewise of the other group.
        bound: Largest difference that counts as none, > 0, in units of `a`.
        alpha: Level, in (0, .5).
        name: What the bound is called in errors.

    Raises:
        ExperimentError: For a bound or level out of range, and for anything but enough episodes.

    Example:
        >>> one, other = [0.0, 1.0] * 10, [0.1, 1.1] * 10
        >>> tost(one, other, bound=0.5).equivalent, tost(one, other, bound=0.3).equivalent
        (True, False)
    """
    bound = checked_bound(name, bound)
    if not 0 < alpha < 0.5:
        raise ExperimentError(f"alpha must be in (0, .5), got {alpha!r}: .05 is customary.")
    first, second = checked_episodes("a", a), checked_episodes("b", b)
    n = (len(first), len(second))
    difference = float(first.mean() - second.mean())
    if not np.ptp(first) and not np.ptp(second):
        return Tost(difference, difference, difference, bound, np.nan, alpha, n)
    with warnings.catch_warnings():  # Welch does not mind one group that never varies, scipy does
        warnings.filterwarnings("ignore", message="Precision loss", category=RuntimeWarning)
        above = ttest_ind(first + bound, second, equal_var=False, alternative="greater")
        below = ttest_ind(first - bound, second, equal_var=False, alternative="less")
        ends = ttest_ind(first, second, equal_var=False).confidence_interval(1 - 2 * alpha)
    p = max(float(above.pvalue), float(below.pvalue))
    return Tost(difference, float(ends.low), float(ends.high), bound, p, alpha, n)


def upper_bound(values: ArrayLike, *, alpha: float = 0.05) -> float:
    """Upper confidence bound of the mean of something in [0, 1] that hardly ever happens.

    The larger of the t bound and of 1 - alpha^(1/n): what happens in a share of episodes no larger
    than that is missed by all n with probability alpha, and may be as bad as 1 in them.

    Args:
        values: One number per whole episode, `[episodes]`.
        alpha: One minus the confidence.

    Example:
        >>> round(upper_bound([0.0] * 59), 3)
        0.05
    """
    array = checked_episodes("values", values)
    n = len(array)
    unseen = float(1.0 - alpha ** (1.0 / n))
    if not np.ptp(array):
        return max(float(array[0]), unseen)
    from_t = float(student.ppf(1.0 - alpha, n - 1))
    reached = float(array.mean() + from_t * array.std(ddof=1) / np.sqrt(n))
    return max(reached, unseen)
