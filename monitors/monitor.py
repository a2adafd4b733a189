"""The contract of a monitor: trace -> one score per step, higher = more suspicious, causal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from slowturn.monitors.access import Channel, Tier
from slowturn.monitors.errors import MonitorError
from slowturn.monitors.trace import Trace

__all__ = ["Monitor"]


class Monitor(ABC):
    """Scores each step of a trace; sequential rules and alarms come after it.

    To add one: subclass, declare `name`, `reads` and `tier`, keep what `fit` learns in arrays
    named by `state_names`, implement `_fit` and `score`, export it from `slowturn.monitors`, and
    `check_monitor` will hold it to this contract. A monitor whose score of a step depends on
    earlier steps also implements `reset` and `step`; if it keeps some of them, it names their
    number `window`.
    """

    name: ClassVar[str]
    """Name in tables and figures."""
    reads: ClassVar[frozenset[Channel]]
    """Channels it uses; changing any other channel changes nothing."""
    tier: ClassVar[Tier]
    """Access it needs."""
    needs_labels: ClassVar[bool] = False
    """Whether `fit` takes phase labels (oracles and shadows only)."""
    state_names: ClassVar[tuple[str, ...]] = ()
    """Attributes, as numpy arrays or floats, that `fit` learns and that are saved."""
    resources: ClassVar[tuple[str, ...]] = ()
    """Constructor arguments (and attributes) that are no data, such as a network: not in `params`,
    not saved, passed again when loading."""

    @property
    def params(self) -> dict[str, Any]:
        """Constructor arguments other than the resources, made of plain JSON types."""
        return {}

    def fit(self, traces: Trace, labels: NDArray[np.bool_] | None = None) -> None:
        """Learn from traces of the agent's training phase.

        Args:
            traces: Fit episodes, disjoint from those of calibration and test.
            labels: Whether each step was deployed, `[episode, step]`: only for monitors that
                declare `needs_labels`, whose traces then hold deployments.

        Raises:
            MonitorError: If labels are given to a monitor that may not see any, or are missing.
        """
        if self.needs_labels != (labels is not None):
            may = "needs labels" if self.needs_labels else "must not see labels"
            raise MonitorError(f"{type(self).__name__}.fit {may} (its tier is {self.tier}).")
        if labels is not None:
            labels = np.asarray(labels, np.bool_)
            if labels.shape != traces.shape:
                raise MonitorError(
                    f"{type(self).__name__}.fit: labels must have shape {traces.shape}, got "
                    f"{labels.shape}."
                )
        self._fit(traces, labels)

    @abstractmethod
    def _fit(self, traces: Trace, labels: NDArray[np.bool_] | None) -> None:
        """Learn; `fit` has already checked the arguments."""

    @abstractmethod
    def score(self, traces: Trace) -> NDArray[np.float64]:
        """Score every step, `[episode, step]`, from that step and earlier ones only."""

    def reset(self) -> None:  # noqa: B027 - most have nothing to forget
        """Forget the episode that was being scored step by step."""

    def step(self, record: Trace) -> float:
        """Score the next step of one episode; `record` has shape (1, 1).

        Agrees with `score` on the whole episode. Call `reset` at an episode's start.
        """
        return float(self.score(record)[0, 0])

    def state(self) -> dict[str, NDArray[Any]]:
        """What `fit` has learned, as copies of the arrays.

        Raises:
            MonitorError: If the monitor has not been fitted.
        """
        self.require_fitted()
        return {name: np.array(getattr(self, name)) for name in self.state_names}

    def set_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Put back what `state` returned."""
        if set(state) != set(self.state_names):
            raise MonitorError(
                f"{type(self).__name__}.set_state needs {sorted(self.state_names)}, got "
                f"{sorted(state)}."
            )
        for name, array in state.items():
            setattr(self, name, np.array(array))

    def require_fitted(self) -> None:
        """Raise a `MonitorError` unless `fit` or `set_state` has been called."""
        for name in self.state_names:
            if getattr(self, name, None) is None:
                raise MonitorError(f"{type(self).__name__} is not fitted: call fit(traces) first.")
