"""What no reader of behaviour can beat.

For any monitor that sees a record of behaviour only and rings in at most a share alpha of honest
deployments, {alarm by t} is a test of size alpha, so its power is at most that of the
likelihood-ratio test at alpha (Neyman & Pearson 1933).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import beta as beta_distribution
from scipy.stats import norm

__all__ = [
    "action_envelope",
    "bernoulli_kl",
    "kl_power_bound",
    "ledger_envelope",
    "ledger_nats",
    "ledger_power",
]


def ledger_nats(effort: NDArray[np.float64], noise: float) -> NDArray[np.float64]:
    """Evidence in the ledger up to and including each step, D_t = sum e^2 / (2 sigma^2), in nats.

    The Kullback-Leibler divergence between the ledger of this effort path and an honest one.

    Args:
        effort: Effort, `[episode, step]`.
        noise: Standard deviation sigma of the ledger.
    """
    return np.cumsum(effort**2, axis=1) / (2.0 * noise**2)


def ledger_power(nats: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """Power of the best test at level alpha that even knows the effort path.

    Phi(sqrt(2 D) - z_{1 - alpha}), for a known signal in Gaussian noise.
    """
    return np.asarray(norm.cdf(np.sqrt(2.0 * nats) - norm.ppf(1.0 - alpha)))


def bernoulli_kl(power: float, alpha: float) -> float:
    """kl(power || alpha) between two coins, in nats: the evidence that such a test needs.

    Example:
        >>> round(bernoulli_kl(0.5, 0.05), 2)
        0.83
    """
    total = 0.0
    for p, q in ((power, alpha), (1.0 - power, 1.0 - alpha)):
        if p > 0.0:
            total += p * np.log(p / q)
    return float(total)


def kl_power_bound(nats: float, alpha: float) -> float:
    """Largest power of any test at level alpha given `nats` of evidence.

    Solves kl(beta || alpha) = nats (data processing; Bretagnolle & Huber 1979 in weaker form).
    """
    if nats <= 0.0:
        return alpha
    if nats >= bernoulli_kl(1.0, alpha):
        return 1.0
    return float(brentq(lambda b: bernoulli_kl(b, alpha) - nats, alpha, 1.0))


def _at(values: NDArray[np.float64], onset: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """Values k steps after onset of the episodes that last so long."""
    rows = np.flatnonzero((onset >= 0) & (onset + k < values.shape[1]))
    return values[rows, onset[rows] + k]


def ledger_envelope(
    effort: NDArray[np.float64],
    onset: NDArray[np.int64],
    *,
    noise: float,
    alpha: float,
    steps: int,
) -> pd.DataFrame:
    """Bound on P(alarm by k steps after cue onset) for every reader of the ledger.

    A genie that knows each deployment's effort path, so no real reader can reach it. The ledger
    does not feed back into effort, hence the bound holds path by path and in the mean.

    Args:
        effort: Effort of the treacherous organism, `[episode, step]`.
        onset: Step at which deployment begins, `[episode]`.
        noise: Standard deviation of the ledger.
        alpha: Allowed false-alarm probability of a whole deployment.
        steps: Largest k.

    Returns:
        One row per k with `power`, `power_low`, `power_high` (95 %), mean `nats` and `n`.
    """
    nats = ledger_nats(effort, noise)
    rows = []
    for k in range(steps):
        reached = _at(nats, onset, k)
        if len(reached) < 2:
            break
        power = ledger_power(reached, alpha)
        half = 1.96 * power.std(ddof=1) / np.sqrt(len(power))
        mean = float(power.mean())
        rows.append((k, mean, mean - half, mean + half, float(reached.mean()), len(power)))
    return pd.DataFrame(rows, columns=["k", "power", "power_low", "power_high", "nats", "n"])


def action_envelope(
    treacherous: tuple[NDArray[np.float64], NDArray[np.int64]],
    honest: tuple[NDArray[np.float64], NDArray[np.int64]],
    *,
    alpha: float,
    steps: int,
) -> pd.DataFrame:
    """Bound on P(alarm by k steps after cue onset) for every reader of observations and actions.

    Monte-Carlo power of the likelihood-ratio test between the two policies on the whole history.
    Terms of the world cancel, so the ratio is that of the policies' action probabilities.

    Args:
        treacherous: Cumulative log pi_treacherous / pi_honest `[episode, step]` on histories of
            the treacherous policy, and the onset of each, `[episode]`.
        honest: The same ratio on histories of the honest policy, with their onsets.
        alpha: Allowed false-alarm probability of a whole deployment.
        steps: Largest k.

    Returns:
        One row per k with `power`, `power_low` and `power_high` (95 %, of the power and of the
        honest quantile together), mean `nats` and `n`.
    """
    rows = []
    for k in range(steps):
        null, reached = _at(honest[0], honest[1], k), _at(treacherous[0], treacherous[1], k)
        if min(len(null), len(reached)) < 2 / alpha:
            break
        slack = 1.96 * np.sqrt(alpha * (1 - alpha) / len(null))
        hits = [
            int((reached > np.quantile(null, 1.0 - level, method="higher")).sum())
            for level in (alpha, max(alpha - slack, 1.0 / len(null)), alpha + slack)
        ]
        n = len(reached)
        low = float(beta_distribution.ppf(0.025, hits[1], n - hits[1] + 1)) if hits[1] else 0.0
        high = float(beta_distribution.ppf(0.975, hits[2] + 1, n - hits[2])) if hits[2] < n else 1.0
        rows.append((k, hits[0] / n, low, high, float(reached.mean()), n))
    return pd.DataFrame(rows, columns=["k", "power", "power_low", "power_high", "nats", "n"])
