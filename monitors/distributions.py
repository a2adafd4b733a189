"""The two kinds of action distributions that a trace can hold, and how likely they make an action.

Channel `logits` carries the parameters of either: of one discrete choice its logits
`[..., n_actions]`, of `k` independent Gaussian components the means and then the logarithms of the
standard deviations, `[..., 2 k]`. Policies of the second kind are clipped to their box, as by
Stable-Baselines3's `predict`: what is done is then distributed like the Gaussian inside of it, and
has all the mass beyond it at its bounds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, log_softmax

__all__ = ["Bounds", "describes", "log_ratio"]

Bounds = tuple[Any, Any]
"""Lowest and highest value of every component of an action, two vectors `[k]`."""

_LOG_ROOT_TWO_PI = 0.5 * np.log(2.0 * np.pi)


def describes(parameters: NDArray[Any], actions: NDArray[Any]) -> bool:
    """Whether `parameters` can be those from which `actions` were drawn, by shape and type."""
    if actions.ndim == parameters.ndim:
        return (
            actions.shape[:-1] == parameters.shape[:-1]
            and 2 * actions.shape[-1] == parameters.shape[-1]
            and actions.dtype.kind == "f"
        )
    return actions.shape == parameters.shape[:-1] and actions.dtype.kind in "iu"


def log_ratio(
    own: NDArray[Any], other: NDArray[Any], actions: NDArray[Any], *, bounds: Bounds | None = None
) -> NDArray[Any]:
    """Evidence in what was done, log own(action) - log other(action), in nats, `[...]`.

    Args:
        own: Parameters of one distribution per action (see the module).
        other: Parameters of the other, of the same shape.
        actions: Integers `[...]`, or real components `[..., k]`.
        bounds: The box to which components were clipped; None where nothing was clipped. A
            component at a bound is taken for one that was clipped there.
    """
    if actions.ndim < own.ndim:
        gap = log_softmax(own, axis=-1)
        gap -= log_softmax(other, axis=-1)
        return np.asarray(np.take_along_axis(gap, actions[..., None], axis=-1)[..., 0])
    at = actions.astype(np.float64)
    gap = _log_likelihood(own, at, bounds) - _log_likelihood(other, at, bounds)
    return np.asarray(gap.sum(axis=-1))


def _log_likelihood(
    parameters: NDArray[Any], at: NDArray[np.float64], bounds: Bounds | None
) -> NDArray[np.float64]:
    """Log density of each component inside the box, log mass at its bounds, `[..., k]`."""
    mean, log_std = np.split(parameters.astype(np.float64), 2, axis=-1)
    gap = (at - mean) * np.exp(-log_std)
    inside = -0.5 * gap**2 - log_std - _LOG_ROOT_TWO_PI
    if bounds is None:
        return np.asarray(inside)
    low, high = (np.asarray(bound, np.float64) for bound in bounds)
    return np.where(at <= low, log_ndtr(gap), np.where(at >= high, log_ndtr(-gap), inside))
