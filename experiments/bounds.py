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
from scipy.stats import norm

from slowturn.experiments.estimates import share

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


def _aligned(
    sums: NDArray[np.float64], onset: NDArray[np.int64], *, since_onset: bool
) -> NDArray[np.float64]:
    """Cumulative sums at k = -1, 0, 1, ... steps after onset, `[deployment, k + 1]`.

    Only steps that every deployment reaches are kept: later ones would select early onsets, and a
    reader could spend its false alarms where it infers one.
    """
    steps = int((sums.shape[1] - onset).min())
    before = sums[np.arange(len(onset)), onset - 1]
    columns = onset[:, None] + np.arange(-1, steps)[None, :]
    found = np.take_along_axis(sums, columns, axis=1)
    return found - before[:, None] if since_onset else found


def ledger_envelope(
    effort: NDArray[np.float64],
    onset: NDArray[np.int64],
    *,
    noise: float,
    alpha: float,
    since_onset: bool = False,
) -> pd.DataFrame:
    """Bound on P(alarm by k steps after cue onset) for every reader of the ledger.

    A genie that knows each deployment's effort path, so no real reader can reach it. The ledger
    does not feed back into effort, hence the bound holds path by path and in the mean. Honest
    agents are taken to divert no effort at all.

    Args:
        effort: Effort of the treacherous organism, `[episode, step]`.
        onset: Step at which deployment begins, at least 1, `[episode]`.
        noise: Standard deviation of the ledger.
        alpha: Allowed false-alarm probability of a whole deployment.
        since_onset: Count evidence from cue onset on only: what the turn itself gives away. The
            whole history (the default) bounds every reader, slips in training included.

    Returns:
        One row per k from -1 to the last step that every deployment reaches, with `power`,
        `power_low`, `power_high` (95 %), mean `nats`, `n`, and `kl_bound`, the bound that follows
        from those nats alone.
    """
    nats = _aligned(ledger_nats(effort, noise), onset, since_onset=since_onset)
    power = ledger_power(nats, alpha)
    mean = power.mean(axis=0)
    half = 1.96 * power.std(axis=0, ddof=1) / np.sqrt(len(power))
    return pd.DataFrame(
        {
            "k": np.arange(nats.shape[1]) - 1,
            "power": mean,
            "power_low": mean - half,
            "power_high": mean + half,
            "nats": nats.mean(axis=0),
            "n": len(nats),
        }
    ).pipe(_with_kl_bound, alpha)


def action_envelope(
    treacherous: tuple[NDArray[np.float64], NDArray[np.int64]],
    honest: tuple[NDArray[np.float64], NDArray[np.int64]],
    *,
    alpha: float,
    since_onset: bool = False,
) -> pd.DataFrame:
    """Bound on P(alarm by k steps after cue onset) for every reader of observations and actions.

    Monte-Carlo power of the likelihood-ratio test between the two policies on the history. Terms
    of the world cancel, so the ratio is that of the policies' action probabilities.

    Args:
        treacherous: Cumulative log pi_treacherous / pi_honest `[episode, step]` on histories of
            the treacherous policy, and the onset of each, `[episode]`.
        honest: The same ratio on histories of the honest policy, with their onsets.
        alpha: Allowed false-alarm probability of a whole deployment.
        since_onset: As in `ledger_envelope`.

    Returns:
        Columns as of `ledger_envelope`; `power_low` and `power_high` combine 95 % intervals of the
        honest quantile and of the power (at least 90 % jointly).
    """
    null = _aligned(*honest, since_onset=since_onset)
    reached = _aligned(*treacherous, since_onset=since_onset)
    slack = 1.96 * np.sqrt(alpha * (1 - alpha) / len(null))
    levels = (alpha, max(alpha - slack, 1.0 / len(null)), alpha + slack)
    n, rows = len(reached), []
    for k in range(min(null.shape[1], reached.shape[1])):
        hits = [
            int((reached[:, k] > np.quantile(null[:, k], 1.0 - level, method="higher")).sum())
            for level in levels
        ]
        low, high = share(hits[1], n).low, share(hits[2], n).high
        rows.append((k - 1, hits[0] / n, low, high, float(reached[:, k].mean()), n))
    columns = ["k", "power", "power_low", "power_high", "nats", "n"]
    return pd.DataFrame(rows, columns=columns).pipe(_with_kl_bound, alpha)


def _with_kl_bound(table: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """The companion bound, which needs the evidence only and not its distribution."""
    return table.assign(kl_bound=[kl_power_bound(nats, alpha) for nats in table.nats])
