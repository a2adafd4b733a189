"""Estimates with intervals: shares, means, medians of censored times, differences of agents.

A time that was not seen because an episode ended first is right-censored, never replaced by the
episode's end. Medians come from the Kaplan-Meier curve, their intervals from a bootstrap over
agents and, within agents, over deployments.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, mannwhitneyu, t

__all__ = ["Estimate", "Times", "auc", "delays", "mean", "median", "medians_of", "share"]

_NORMAL = 1.959964  # its 97.5 % quantile


class Estimate(NamedTuple):
    """A value with its 95 % interval and the number of observations behind it; NaN: undefined."""

    value: float
    low: float
    high: float
    n: int

    def columns(self, name: str) -> dict[str, float]:
        """Value and interval as the columns `name`, `name_low` and `name_high` of a row."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


class Times(NamedTuple):
    """Right-censored whole numbers of one agent, one entry per deployment.

    Attributes:
        times: The time, or where `seen` is false the last time at which it had not come yet.
        seen: Whether the event was observed.
        kept: Which deployments count; the others were drawn but say nothing of this time.
    """

    times: NDArray[np.int64]
    seen: NDArray[np.bool_]
    kept: NDArray[np.bool_]


def delays(
    alarm: NDArray[np.int64], onset: NDArray[np.int64], horizon: int | NDArray[np.int64]
) -> Times:
    """Steps from onset to alarm, censored where an episode ended without one.

    Deployments that rang before onset do not count: their alarm was false.
    """
    seen = alarm >= 0
    return Times(np.where(seen, alarm - onset, horizon - 1 - onset), seen, ~seen | (alarm >= onset))


def share(successes: int, n: int, *, confidence: float = 0.95) -> Estimate:
    """Binomial share with its Clopper-Pearson (exact) interval, by default of 95 %.

    Example:
        >>> share(0, 59).high < 0.0607
        True
    """
    if n == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    interval = binomtest(successes, n).proportion_ci(confidence, method="exact")
    return Estimate(successes / n, float(interval.low), float(interval.high), n)


def mean(values: NDArray[np.float64]) -> Estimate:
    """Mean of independent observations with Student's interval; of one alone it is unbounded.

    Example:
        >>> mean(np.array([1.0, 3.0])).value
        2.0
    """
    n = len(values)
    if n < 2:
        return Estimate(float(values[0]) if n else np.nan, -np.inf, np.inf, n)
    value = float(np.mean(values))
    half = float(t.ppf(0.975, n - 1)) * float(np.std(values, ddof=1)) / n**0.5
    return Estimate(value, value - half, value + half, n)


def medians_of(
    agents: list[Times], weights: list[NDArray[np.float32]] | None = None
) -> NDArray[np.float64]:
    """Kaplan-Meier medians of pooled agents, one per row of the weights, infinite if not reached.

    Kaplan & Meier (1958): S(t) = prod over s <= t of (1 - events at s / at risk at s); the median
    is the first t with S(t) <= 1/2.

    Args:
        agents: Times of every agent.
        weights: Per agent, how often each deployment counts, `[replicate, deployment]`; by
            default once, in one replicate.
    """
    kept = np.concatenate([agent.kept for agent in agents])
    times = np.concatenate([agent.times for agent in agents])[kept]
    seen = np.concatenate([agent.seen for agent in agents])[kept]
    if weights is None:
        weight = np.ones((1, len(times)))
    else:
        weight = np.concatenate(weights, axis=1)[:, kept].astype(np.float64)
    if not len(times):
        return np.full(len(weight), np.nan)
    order = np.argsort(times, kind="stable")
    grid, starts = np.unique(times[order], return_index=True)
    weight = weight[:, order]
    ended = np.add.reduceat(weight, starts, axis=1)
    events = np.add.reduceat(weight * seen[order], starts, axis=1)
    at_risk = np.cumsum(ended[:, ::-1], axis=1)[:, ::-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        hazard = np.where(at_risk > 0, events / at_risk, 0.0)
    survival = np.cumprod(1.0 - hazard, axis=1)
    reached = survival <= 0.5 + 1e-12
    first = grid[reached.argmax(axis=1)].astype(np.float64)
    first = np.where(weight.sum(axis=1) > 0, first, np.nan)
    return np.where(reached.any(axis=1), first, np.inf)


@lru_cache(maxsize=8)
def _resamples(sizes: tuple[int, ...], replicates: int, seed: int) -> list[NDArray[np.float32]]:
    """How often each deployment of each agent is drawn, per replicate: agents first."""
    rng = np.random.default_rng(seed)
    agents = len(sizes)
    drawn = rng.multinomial(agents, np.full(agents, 1 / agents), size=replicates)
    return [
        rng.multinomial(copies * size, np.full(size, 1 / size)).astype(np.float32)
        for size, copies in zip(sizes, drawn.T, strict=True)
    ]


def median(agents: list[Times], *, seed: int = 0, replicates: int = 1000) -> Estimate:
    """Kaplan-Meier median with a percentile bootstrap interval.

    With several agents, agents are drawn first and deployments within them (Davison & Hinkley
    1997, section 3.8); with one, its interval speaks of that agent only, and with as few as three
    it covers a population of agents in about three cases of four. Equal sizes and seeds draw
    equal samples, so monitors are compared on the same ones. Infinite ends mean that the median
    was not reached.
    """
    n = sum(int(agent.kept.sum()) for agent in agents)
    if not n:
        return Estimate(np.nan, np.nan, np.nan, 0)
    weights = _resamples(tuple(len(agent.times) for agent in agents), replicates, seed)
    sample = np.sort(medians_of(agents, weights))
    value = float(medians_of(agents)[0])
    low, high = (float(sample[int(q * (replicates - 1))]) for q in (0.025, 0.975))
    return Estimate(value, low, high, n)


def auc(negatives: NDArray[np.float64], positives: NDArray[np.float64]) -> Estimate:
    """P(a positive exceeds a negative), ties counting half, with the interval of DeLong (1988)."""
    m, n = len(negatives), len(positives)
    if m < 2 or n < 2:
        return Estimate(np.nan, np.nan, np.nan, m + n)
    value = float(mannwhitneyu(positives, negatives).statistic) / (m * n)
    above = (negatives[:, None] < positives[None]) + 0.5 * (negatives[:, None] == positives[None])
    variance = above.mean(axis=1).var(ddof=1) / m + above.mean(axis=0).var(ddof=1) / n
    half = _NORMAL * float(np.sqrt(variance))
    return Estimate(value, max(0.0, value - half), min(1.0, value + half), m + n)
