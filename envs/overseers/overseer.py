"""What an overseer is: the rule that corrects the agent."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowturn.envs.parts import Part

__all__ = ["Overseer", "Review"]


class Review(NamedTuple):
    """Arrays of shape `[n]` that an overseer reads and writes.

    Attributes:
        mask: Slots that have acted; no other may be touched.
        streams: Random streams.
        deployed: Whether deployment has begun (read only).
        effort: Share of the action spent on influence (read only).
        baseline: In: what the overseer is used to, or allows. Out: the same for the next step.
        cost: Out: what it charges.
        kept: Out: effort that turns into influence, at most `effort`.
        wiped: Out: whether it takes away all influence held.
    """

    mask: NDArray[np.bool_]
    streams: NDArray[np.uint64]
    deployed: NDArray[np.bool_]
    effort: NDArray[np.float64]
    baseline: NDArray[np.float64]
    cost: NDArray[np.float64]
    kept: NDArray[np.float64]
    wiped: NDArray[np.bool_]


class Overseer(Part):
    """A rule that prices each step's effort and decides what the agent may keep of it.

    The baseline is 0 at the start of an episode and visible to the agent.
    """

    adapts: ClassVar[bool] = False
    """Whether the baseline decides what is punished, so that exploring starts may redraw it."""

    @abstractmethod
    def review(self, r: Review) -> None:
        """Judge one step where `r.mask` is true, in place.

        Every `Out` array must be written in each of those slots: nothing is cleared in between.
        """
