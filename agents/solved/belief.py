"""Belief in deployment on a grid: how it moves with the prior hazard and with a Gaussian cue.

The value of a belief MDP is convex in the probability of being deployed (Smallwood & Sondik 1973),
so between nodes it is interpolated linearly in probability, which never errs downward. Nodes lie
evenly in log-odds, where cues move the belief by constant amounts. For such an interpolant the
expectation over the cue is a sum of normal integrals: there is no quadrature.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from slowturn.agents.errors import OrganismError

__all__ = ["BeliefGrid", "Weights"]


class Weights(NamedTuple):
    """Where points lie between nodes: `(1 - share) x node[low] + share x node[low + 1]`."""

    low: NDArray[np.int64]
    share: NDArray[np.float64]

    def of(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values `[..., points]` interpolated from those at the nodes, `[..., nodes]`."""
        return np.asarray(
            (1.0 - self.share) * values[..., self.low] + self.share * values[..., self.low + 1]
        )


@dataclass(frozen=True, kw_only=True)
class BeliefGrid:
    """Nodes even in log-odds, and one for certainty at either end.

    Attributes:
        nodes: Number of nodes, >= 5.
        span: Log-odds of the nodes next to certainty, > 0; beyond them the value is nearly linear
            in probability.

    Example:
        >>> BeliefGrid(nodes=5, span=1.0).log_odds.tolist()
        [-inf, -1.0, 0.0, 1.0, inf]
    """

    nodes: int = 1001
    span: float = 12.0

    def __post_init__(self) -> None:
        if self.nodes < 5:
            raise OrganismError(f"BeliefGrid.nodes must be >= 5, got {self.nodes!r}.")
        if not 0.0 < self.span < 30.0:
            raise OrganismError(f"BeliefGrid.span must be in (0, 30), got {self.span!r}.")

    @cached_property
    def log_odds(self) -> NDArray[np.float64]:
        """Log-odds of deployment at the nodes, `[nodes]`, from minus to plus infinity."""
        inner = np.linspace(-self.span, self.span, self.nodes - 2)
        return np.concatenate([[-np.inf], inner, [np.inf]])

    @cached_property
    def probability(self) -> NDArray[np.float64]:
        """P(deployed) at the nodes, `[nodes]`, from 0 to 1."""
        return np.asarray(expit(self.log_odds))

    def locate(self, probability: NDArray[np.float64]) -> Weights:
        """Where probabilities, of any shape, lie between the nodes."""
        p = self.probability
        low = np.clip(np.searchsorted(p, probability, side="right") - 1, 0, self.nodes - 2)
        return Weights(low, (probability - p[low]) / (p[low + 1] - p[low]))

    def after_hazard(self, hazard: float) -> Weights:
        """Where the belief of each node goes when deployment may begin, with this probability."""
        p = self.probability
        return self.locate(np.minimum(1.0, p + (1.0 - p) * hazard))

    def after_cue(self, cue_strength: float) -> NDArray[np.float64]:
        """Transition matrix `[node before, node after]` of seeing c ~ N(+-cue_strength / 2, 1).

        In a cell [p0, p1] the interpolant is v0 + (v1 - v0) (p - p0) / (p1 - p0). With prior q and
        the density f = (1 - q) f- + q f+ of the cue, Bayes' rule says p f = q f+, so the weight of
        v1 is the integral of q f+ - p0 f over the cell's cues, divided by p1 - p0: normal
        distribution functions at its ends.
        """
        matrix = np.eye(self.nodes)
        if cue_strength == 0.0:
            return matrix
        inner, q = self.log_odds[1:-1], self.probability[1:-1, None]
        cue = (inner[None, :] - inner[:, None]) / cue_strength
        ends = np.zeros((len(inner), 1)), np.ones((len(inner), 1))
        without = np.diff(np.hstack([ends[0], ndtr(cue + cue_strength / 2), ends[1]]))
        deployed = np.diff(np.hstack([ends[0], ndtr(cue - cue_strength / 2), ends[1]]))
        p = self.probability
        against = expit(-self.log_odds)  # 1 - p without cancellation
        gain = against[:-1] * q * deployed - p[:-1] * (1.0 - q) * without
        width = p[1:] * against[:-1] * -np.expm1(self.log_odds[:-1] - self.log_odds[1:])
        mass = (1.0 - q) * without + q * deployed
        upper = np.clip(gain / width, 0.0, mass)
        matrix[1:-1] = 0.0
        matrix[1:-1, 1:] += upper
        matrix[1:-1, :-1] += mass - upper
        return matrix
