"""How far the hidden state is from where it was in training."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

from slowturn.monitors.access import Channel, Tier
from slowturn.monitors.monitor import Monitor
from slowturn.monitors.trace import Trace

__all__ = ["Mahalanobis", "training_moments"]


def training_moments(rows: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and inverse covariance (Ledoit-Wolf shrinkage) of hidden states, rows `[n, units]`.

    Ledoit & Wolf (2004), "A well-conditioned estimator for large-dimensional covariance
    matrices". Fixed shrinkage erases low-variance signals.
    """
    estimate = LedoitWolf().fit(rows.astype(np.float64))
    return np.asarray(estimate.location_), np.asarray(estimate.precision_)


class Mahalanobis(Monitor):
    """Mahalanobis distance of the hidden state from its training-phase mean.

    **Reads**: activations of one layer.
    **Assumes**: that training-phase states are roughly one Gaussian cloud.
    **Blind to**: why the state moved: noticing deployment looks the same as meaning harm.
    **References**: Lee et al. (2018), "A simple unified framework for detecting
    out-of-distribution samples", eq. 2, with one class and Ledoit-Wolf covariance.

    Args:
        layer: Name of the layer.
    """

    name: ClassVar[str] = "mahalanobis"
    reads: ClassVar[frozenset[Channel]] = frozenset({Channel.ACTIVATIONS})
    tier: ClassVar[Tier] = Tier.INTERNALS
    state_names: ClassVar[tuple[str, ...]] = ("mean", "precision")

    mean: NDArray[np.float64]
    precision: NDArray[np.float64]

    def __init__(self, *, layer: str = "lstm.h") -> None:
        self.layer = layer

    @property
    def params(self) -> dict[str, Any]:
        return {"layer": self.layer}

    def _fit(self, traces: Trace, labels: NDArray[np.bool_] | None) -> None:  # noqa: ARG002 - unlabelled
        states = traces.layer(self.layer)
        self.mean, self.precision = training_moments(states.reshape(-1, states.shape[-1]))

    def score(self, traces: Trace) -> NDArray[np.float64]:
        self.require_fitted()
        gap = traces.layer(self.layer).astype(np.float64) - self.mean
        squared = ((gap @ self.precision) * gap).sum(axis=-1)
        return np.asarray(np.sqrt(np.maximum(squared, 0.0)))  # rounding may leave -1e-17
