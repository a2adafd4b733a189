"""Traces: exactly what a monitor may read, and nothing of the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowturn.monitors.access import Channel
from slowturn.monitors.errors import MonitorError, unknown_name

__all__ = ["Trace"]

_SINGLE = tuple(channel.value for channel in Channel if channel is not Channel.ACTIVATIONS)
_AXES = {"ledger": 2, "value": 2, "logits": 3}


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """Whole episodes of one agent, one row per environment step.

    All arrays begin with the axes `[episode, step]`; every episode has the same length, because
    a length that differs between honest and treacherous agents would be a label. A channel that
    was not recorded is None.

    Attributes:
        observations: What the agent saw, `[episode, step, d]`.
        actions: What it did, `[episode, step]` for discrete actions, `[episode, step, k]` for
            those of several components.
        ledger: Public record of each action, `[episode, step]`.
        logits: What it drew its actions from: logits `[episode, step, n_actions]`, or the means
            and the logarithms of the standard deviations of `k` Gaussian components side by side,
            `[episode, step, 2 k]`.
        value: The critic's value, `[episode, step]`.
        activations: Hidden activations by layer name, each `[episode, step, units]`.
        extent: `(episodes, steps)`, for a trace that has nothing left but its length.

    Raises:
        MonitorError: If the arrays disagree about episodes and steps, or have other axes.
    """

    observations: NDArray[Any] | None = None
    actions: NDArray[Any] | None = None
    ledger: NDArray[Any] | None = None
    logits: NDArray[Any] | None = None
    value: NDArray[Any] | None = None
    activations: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    extent: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for name in _SINGLE:
            if (array := getattr(self, name)) is not None:
                object.__setattr__(self, name, np.asarray(array))
        layers = {name: np.asarray(array) for name, array in self.activations.items()}
        object.__setattr__(self, "activations", layers)
        found = {name: array.shape for name, array in self._arrays().items()}
        extents = {shape[:2] for shape in found.values()}
        if self.extent is not None:
            extents.add(tuple(self.extent))
        if not extents:
            raise MonitorError("Trace needs at least one channel, got none.")
        if len(extents) > 1 or len(next(iter(extents))) < 2:
            raise MonitorError(
                f"Trace arrays must share their first two axes [episode, step], got {found}."
            )
        object.__setattr__(self, "extent", next(iter(extents)))
        # A ledger of shape [episode, step, 1] would broadcast silently in a monitor.
        for name, shape in found.items():
            axes = 3 if name.startswith("activations.") else _AXES.get(name)
            if axes is not None and len(shape) != axes:
                wanted = "[episode, step]" if axes == 2 else "[episode, step, width]"
                raise MonitorError(f"Trace.{name} must be {wanted}, got shape {shape}.")

    def _arrays(self) -> dict[str, NDArray[Any]]:
        single = {name: getattr(self, name) for name in _SINGLE}
        named = {f"activations.{name}": array for name, array in self.activations.items()}
        return {name: array for name, array in single.items() if array is not None} | named

    @property
    def shape(self) -> tuple[int, int]:
        """Number of episodes and of steps in each."""
        if self.extent is None:
            raise MonitorError("Trace has no shape: it was not built by its constructor.")
        episodes, steps = self.extent
        return int(episodes), int(steps)

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
        if not self.activations:
            raise MonitorError(
                f"this trace has no activations: it holds {sorted(self._arrays())}; record "
                f"layer {name!r}, or choose a monitor that does not read it."
            )
        if name not in self.activations:
            raise unknown_name("layer", name, self.activations)
        return self.activations[name]

    def map(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Trace:
        """Apply a function to every array: `trace.map(lambda a: a[:, :10])`."""
        channels: dict[str, Any] = {
            name: change(array) for name in _SINGLE if (array := getattr(self, name)) is not None
        }
        layers = {name: change(array) for name, array in self.activations.items()}
        if channels or layers:
            return Trace(**channels, activations=layers)
        # Nothing but a length: change an array of that shape that takes no memory.
        rows, steps = change(np.broadcast_to(np.zeros(()), self.shape)).shape[:2]
        return Trace(extent=(rows, steps))

    def episodes(self, index: Any) -> Trace:
        """Some of the episodes: a slice, index array or mask over the first axis."""
        return self.map(lambda array: array[index])

    def record(self, episode: int, step: int) -> Trace:
        """One step of one episode as a trace of shape (1, 1): what an online monitor receives."""
        rows, steps = self.shape
        if not (0 <= episode < rows and 0 <= step < steps):
            raise MonitorError(
                f"Trace.record: no step {step} of episode {episode} in a trace of shape "
                f"{self.shape}."
            )
        return self.map(lambda array: array[episode : episode + 1, step : step + 1])

    def only(self, channels: Iterable[Channel]) -> Trace:
        """Keep some channels and drop the rest; the length stays known."""
        kept = set(channels)
        single = {c.value: getattr(self, c.value) for c in kept if c is not Channel.ACTIVATIONS}
        layers = self.activations if Channel.ACTIVATIONS in kept else {}
        return Trace(**single, activations=layers, extent=self.shape)

    @staticmethod
    def join(traces: Sequence[Trace]) -> Trace:
        """Put traces one after the other in time, e.g. the single steps of a recording.

        Raises:
            MonitorError: If there are none, or they hold different channels or layers.
        """
        names = [sorted(trace._arrays()) for trace in traces]
        if not names or any(other != names[0] for other in names):
            raise MonitorError(
                f"Trace.join needs traces of the same channels, got {names[:1] or 'none'} "
                f"and {next((other for other in names if other != names[0]), 'none')}."
            )
        first = traces[0]
        single: dict[str, Any] = {
            name: np.concatenate([getattr(trace, name) for trace in traces], axis=1)
            for name in _SINGLE
            if getattr(first, name) is not None
        }
        layers = {
            name: np.concatenate([trace.activations[name] for trace in traces], axis=1)
            for name in first.activations
        }
        steps = sum(trace.shape[1] for trace in traces)
        return Trace(**single, activations=layers, extent=(first.shape[0], steps))
