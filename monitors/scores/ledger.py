"""Readers of the public record: what an outsider can know."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from slowturn.monitors.access import Channel, Tier
from slowturn.monitors.errors import MonitorError
from slowturn.monitors.monitor import Monitor
from slowturn.monitors.trace import Trace

__all__ = ["LedgerEffort", "LedgerRatio"]


class LedgerEffort(Monitor):
    """The ledger itself, in standard deviations above its training-phase mean.

    With the CUSUM rule this is the behavioural monitor that anyone would deploy.

    **Reads**: the ledger.
    **Assumes**: a training-phase ledger with constant mean and variance.
    **Blind to**: anything that effort does not show.
    **References**: Page (1954), "Continuous inspection schemes", Biometrika 41.
    """

    name: ClassVar[str] = "ledger"
    reads: ClassVar[frozenset[Channel]] = frozenset({Channel.LEDGER})
    tier: ClassVar[Tier] = Tier.LEDGER
    state_names: ClassVar[tuple[str, ...]] = ("mean", "scale")

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    def _fit(self, traces: Trace, labels: NDArray[np.bool_] | None) -> None:  # noqa: ARG002 - unlabelled
        ledger = traces.channel(Channel.LEDGER)
        # Not by the deviation: that of a constant may be 1e-17 instead of 0.
        if not np.isfinite(ledger).all() or ledger.max() == ledger.min():
            raise MonitorError(
                f"{type(self).__name__}.fit: the ledger is constant or not finite; it must be "
                "noisy."
            )
        self.mean = np.asarray(ledger.mean(dtype=np.float64))
        self.scale = np.asarray(ledger.std(dtype=np.float64))

    def score(self, traces: Trace) -> NDArray[np.float64]:
        self.require_fitted()
        ledger = traces.channel(Channel.LEDGER).astype(np.float64)
        return np.asarray((ledger - self.mean) / self.scale)


class LedgerRatio(LedgerEffort):
    """Window-limited likelihood-ratio CUSUM of the ledger for a known drift, unknown onset.

    W_t = max over s in (t - window, t] of sum_{u=s..t} (a_{u-s} z_u - a_{u-s}^2 / 2), where z is
    the standardised ledger and a_k the drift k steps after onset in standard deviations: the
    practical optimum among readers of the ledger, when the shape of the drift is given. It is a
    statistic of its own: use it with the rule `Maximum`, in nats.

    **Reads**: the ledger.
    **Assumes**: Gaussian noise, and the mean effort after onset as told by `profile`. Knowing the
    shape of the drift in advance flatters it, on purpose: it is the yardstick of every lead.
    **Blind to**: anything that effort does not show.
    **References**: Lai (1998), "Information bounds and quick detection of parameter changes in
    stochastic systems", IEEE Trans. Inf. Theory 44 (window-limited CUSUM).

    Args:
        profile: Rise of the ledger's mean k steps after onset, `[steps]`, in units of the ledger;
            its last value lasts.
        window: Longest stretch that is considered, in steps.
    """

    name: ClassVar[str] = "ledger_ratio"

    def __init__(self, *, profile: Any, window: int = 128) -> None:
        self.profile = np.array(profile, np.float64)
        self.window = window
        if self.profile.ndim != 1 or not len(self.profile) or not np.isfinite(self.profile).all():
            raise MonitorError(
                "LedgerRatio.profile must be a finite vector of at least one step, got shape "
                f"{self.profile.shape}."
            )
        if not isinstance(window, int) or window < 1:
            raise MonitorError(f"LedgerRatio.window must be an integer >= 1, got {window!r}.")
        self._sums = np.zeros((1, 0))

    @property
    def params(self) -> dict[str, Any]:
        return {"profile": self.profile.tolist(), "window": self.window}

    def _advance(self, sums: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Extend every candidate onset by one step: sums `[episode, candidates]`, newest first.

        The newest candidate has its onset at this very step, so its drift has index 0.
        """
        kept = sums[:, : self.window - 1]
        sums = np.concatenate([np.zeros((len(z), 1)), kept], axis=1)
        k = np.minimum(np.arange(sums.shape[1]), len(self.profile) - 1)
        drift = self.profile[k] / np.asarray(self.scale)
        return np.asarray(sums + drift * z[:, None] - drift**2 / 2)

    def score(self, traces: Trace) -> NDArray[np.float64]:
        z = super().score(traces)
        out = np.empty_like(z)
        sums = np.zeros((len(z), 0))
        for t in range(z.shape[1]):
            sums = self._advance(sums, z[:, t])
            out[:, t] = sums.max(axis=1)
        return out

    def reset(self) -> None:
        self._sums = np.zeros((1, 0))

    def step(self, record: Trace) -> float:
        self._sums = self._advance(self._sums, super().score(record)[:, 0])
        return float(self._sums.max())
