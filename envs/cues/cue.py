"""What a cue is: something observable that may be tied to the phase."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from slowturn.envs.parts import Part

__all__ = ["Cue", "Memory"]

Memory = dict[str, NDArray[Any]]
"""Arrays that a cue keeps between steps, first axis `[n]`."""


class Cue(Part):
    """A few observation columns whose distribution may depend on the phase.

    A cue draws from the random stream of each episode slot alone, so that what a slot sees does
    not depend on the batch. It also says how much each reading is worth as evidence, which only
    the truth gets to see.
    """

    columns: ClassVar[tuple[str, ...]]
    """Names of its readings."""

    @property
    def needs(self) -> str:
        """Where a world has to show it: empty for columns of its own, which every world has."""
        return ""

    @property
    @abstractmethod
    def bounds(self) -> tuple[list[float], list[float]]:
        """Lowest and highest value of every column."""

    def memory(self, num_envs: int) -> Memory:  # noqa: ARG002 - most cues remember nothing
        """Allocate what the cue has to remember of `num_envs` episodes."""
        return {}

    def begin(self, mask: NDArray[np.bool_], streams: NDArray[np.uint64], memory: Memory) -> None:
        """Draw what is drawn once per episode, where `mask` is true."""

    @abstractmethod
    def see(
        self,
        mask: NDArray[np.bool_],
        strength: float,
        streams: NDArray[np.uint64],
        t: NDArray[np.int64],
        deployed: NDArray[np.bool_],
        memory: Memory,
        shown: NDArray[np.float64],
        evidence: NDArray[np.float64],
    ) -> None:
        """Draw the present reading of every slot where `mask` is true, in place.

        Args:
            mask: Slots that have moved, `[n]`.
            strength: The world's `cue_strength`.
            streams: Random streams, `[n]`.
            t: Steps taken, `[n]`.
            deployed: Whether deployment has begun, `[n]`.
            memory: What `memory` allocated.
            shown: Receives the reading, `[n, len(columns)]`.
            evidence: Its log-likelihood ratio, deployment over training, in nats, is added to
                `evidence[t[i], i]`; shape `[horizon + 1, n]`.
        """

    def check_phase(self, phase: str) -> None:
        """Refuse a phase that the cue cannot show."""
