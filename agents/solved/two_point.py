"""Belief moved by a cue that says the same number of nats every step, for or against."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from slowturn.agents.solved.belief import BeliefGrid, Weights

__all__ = ["TwoPointCue", "see_two_points"]


class TwoPointCue(NamedTuple):
    """Where the belief of each node goes, and how likely each way is.

    Attributes:
        likely: P(the cue speaks for deployment) at the nodes, `[nodes]`.
        up: Beliefs after a cue for deployment.
        down: Beliefs after a cue against it.
    """

    likely: NDArray[np.float64]
    up: Weights
    down: Weights

    def of(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Expectation over the cue of values `[..., nodes]` held after it, at beliefs before."""
        up, down = self.up.of(values), self.down.of(values)
        return np.asarray(self.likely * up + (1.0 - self.likely) * down)


def see_two_points(beliefs: BeliefGrid, nats: float) -> TwoPointCue:
    """The cue that speaks for deployment with P = expit(nats) in it, expit(-nats) in training.

    So Bayes' rule moves the log-odds by +-`nats`. Expectations of interpolants are exact, and where
    `nats` is a multiple of the distance of nodes, beliefs move from node to node.

    Example:
        >>> grid = BeliefGrid(nodes=5, span=1.0)
        >>> see_two_points(grid, 1.0).up.of(grid.log_odds[1:-1].sum() + grid.probability).round(3)
        array([0.   , 0.5  , 0.731, 0.881, 1.   ])
    """
    p, log_odds = beliefs.probability, beliefs.log_odds
    likely = p * expit(nats) + (1.0 - p) * expit(-nats)
    up, down = (beliefs.locate(expit(log_odds + step)) for step in (nats, -nats))
    return TwoPointCue(np.asarray(likely), up, down)
