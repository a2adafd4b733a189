"""Traces: exactly what a monitor may read, and nothing of the truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowturn.monitors.access import Channel
from slowturn.monitors.errors import MonitorError, unknown_name

__all__ = ["Trace"]


@dataclass(frozen=True, kw_only=True)
class Trace:
    """Whole episodes of one agent, one row per environment step.

    All arrays begin with the axes `[episode, step]`; every episode has the same length, because
    a length that differs between honest and treacherous agents would be a label. A channel that
    was not recorded is None.

    Attributes:
        observations: What the agent saw, `[episode, step, d]`.
        actions: What it did, `[episode, step]` for discrete actions.
        ledger: Public record of each action, `[episode, step]`.
        logits: Action logits, `[episode, step, n_actions]`.
        value: The critic's value, `[episode, step]`.
        activations: Hidden activations by layer name, each `[episode, step, units]`.
    """

    observations: NDArray[Any] | None = None
    actions: NDArray[Any] | None = None
    ledger: NDArray[Any] | None = None
    logits: NDArray[Any] | None = None
    value: NDArray[Any] | None = None
    activations: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shapes = {name: array.shape[:2] for name, array in self._arrays().items()}
        if not shapes:
            raise MonitorError("Trace needs at least one channel, got none.")
        if any(len(shape) < 2 for shape in shapes.values()) or len(set(shapes.values())) > 1:
            raise MonitorError(
                f"Trace arrays must share their first two axes [episode, step], got {shapes}."
            )

    def _arrays(self) -> dict[str, NDArray[Any]]:
        single = {
            channel.value: getattr(self, channel.value)
            for channel in Channel
            if channel is not Channel.ACTIVATIONS
        }
        named = {f"activations.{name}": array for name, array in self.activations.items()}
        return {k: np.asarray(v) for k, v in single.items() if v is not None} | named

    @property
    def shape(self) -> tuple[int, int]:
        """Number of episodes and of steps in each."""
        first = next(iter(self._arrays().values()))
        return int(first.shape[0]), int(first.shape[1])

    def channel(self, channel: Channel) -> NDArray[Any]:
        """One recorded channel other than the activations.

        Raises:
            MonitorError: If it was not recorded.
        """
        array: NDArray[Any] | None = getattr(self, channel.value)
        if array is None:
            raise MonitorError(
                f"this trace has no {channel.value}: it holds {sorted(self._arrays())}; "
                "record that channel, or choose a monitor that does not read it."
            )
        return array

    def layer(self, name: str) -> NDArray[Any]:
        """Activations of one layer, `[episode, step, units]`.

        Raises:
            MonitorError: If that layer was not recorded.
        """
        if name not in self.activations:
            raise unknown_name("layer", name, self.activations)
        return self.activations[name]

    def map(self, change: Any) -> Trace:
        """Apply a function to every array: `trace.map(lambda a: a[:, :10])`."""
        channels = {
            channel.value: change(array)
            for channel in Channel
            if channel is not Channel.ACTIVATIONS
            and (array := getattr(self, channel.value)) is not None
        }
        layers = {name: change(array) for name, array in self.activations.items()}
        return Trace(**channels, activations=layers)

    def episodes(self, index: Any) -> Trace:
        """Some of the episodes: a slice, index array or mask over the first axis."""
        return self.map(lambda array: array[index])

    def record(self, episode: int, step: int) -> Trace:
        """One step of one episode as a trace of shape (1, 1): what an online monitor receives."""
        return self.map(lambda array: array[episode : episode + 1, step : step + 1])

    def only(self, channels: Iterable[Channel]) -> Trace:
        """Keep some channels and drop the rest."""
        kept = set(channels)
        single = {c.value: getattr(self, c.value) for c in kept if c is not Channel.ACTIVATIONS}
        layers = self.activations if Channel.ACTIVATIONS in kept else {}
        return Trace(**single, activations=layers)
