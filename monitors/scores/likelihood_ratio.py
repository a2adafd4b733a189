"""The reader of exact actions, against an honest reference."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from slowturn.monitors.access import Channel, Tier
from slowturn.monitors.distributions import Bounds, describes, log_ratio
from slowturn.monitors.errors import MonitorError
from slowturn.monitors.monitor import Monitor
from slowturn.monitors.trace import Trace

__all__ = ["ActionRatio", "Reference"]


class Reference(Protocol):
    """An honest policy that can be asked what it would have done on somebody else's history.

    A `Recorder` of that policy is one. For a Gaussian actor, `logits` are its means and the
    logarithms of its standard deviations side by side.
    """

    def logits(self, observations: NDArray[Any]) -> NDArray[np.float32]:
        """Logits `[episode, step, n_actions]` on histories `[episode, step, d]`, statelessly."""

    def fork(self) -> Reference:
        """The same policy at the start of a new history, for `step_logits`."""

    def step_logits(self, observations: NDArray[Any]) -> NDArray[np.float32]:
        """Logits `[episode, n_actions]` for the next observations `[episode, d]`."""


class ActionRatio(Monitor):
    """log pi_agent(a|h) - log pi_reference(a|h): the evidence in each action, in nats.

    Summed, it is the exact log-likelihood ratio between the agent and the reference, since the
    world's terms cancel. With the plain (unstandardised) CUSUM it is the best practical reader of
    exact actions when the onset is unknown.

    Continuous actions are judged by their densities, and where they lie at the `bounds` to which
    they were clipped, by the mass that was clipped there.

    **Reads**: observations, actions and the agent's logits.
    **Assumes**: a reference that behaves as an honest agent would, in deployment too.
    **Blind to**: internals; and it cannot tell a new way of serving from treachery. Of continuous
    actions every digit counts, so it also tells two honest agents apart by their hands.
    **References**: Page (1954); Lorden (1971), "Procedures for reacting to a change in
    distribution", Ann. Math. Statist. 42.

    Args:
        reference: The honest policy, e.g. its `Recorder`.
        bounds: Lowest and highest value of every component of a continuous action, where actions
            were clipped to a box; None for raw ones and for discrete choices.
    """

    name: ClassVar[str] = "action_ratio"
    reads: ClassVar[frozenset[Channel]] = frozenset(
        {Channel.OBSERVATIONS, Channel.ACTIONS, Channel.LOGITS}
    )
    tier: ClassVar[Tier] = Tier.REFERENCE
    resources: ClassVar[tuple[str, ...]] = ("reference",)

    def __init__(self, *, reference: Reference, bounds: Bounds | None = None) -> None:
        self.reference = reference
        self.bounds = None
        if bounds is not None:
            low, high = (np.array(bound, np.float64) for bound in bounds)
            if low.ndim != 1 or low.shape != high.shape or not (low < high).all():
                raise MonitorError(
                    "ActionRatio.bounds must be two vectors (low, high) with low < high, got "
                    f"{bounds!r}."
                )
            self.bounds = (low, high)
        self._along: Reference | None = None

    @property
    def params(self) -> dict[str, Any]:
        bounds = None if self.bounds is None else [bound.tolist() for bound in self.bounds]
        return {"bounds": bounds}

    def _fit(self, traces: Trace, labels: NDArray[np.bool_] | None) -> None:
        pass

    def _ratio(
        self, own: NDArray[Any], other: NDArray[Any], actions: NDArray[Any]
    ) -> NDArray[np.float64]:
        if own.shape != other.shape:
            raise MonitorError(
                f"ActionRatio: the agent's logits have shape {own.shape}, the reference's "
                f"{other.shape}; both must choose among the same actions."
            )
        if not describes(own, actions):
            raise MonitorError(
                f"ActionRatio needs one discrete action a step, integers of shape "
                f"{own.shape[:-1]}, or real components, half as many as there are parameters; got "
                f"{actions.dtype} of shape {actions.shape} for logits of shape {own.shape}."
            )
        if self.bounds is not None and self.bounds[0].shape != actions.shape[own.ndim - 1 :]:
            raise MonitorError(
                f"ActionRatio.bounds are those of {len(self.bounds[0])} components, the actions "
                f"have shape {actions.shape}."
            )
        return log_ratio(
            own.astype(np.float64), other.astype(np.float64), actions, bounds=self.bounds
        )

    def score(self, traces: Trace) -> NDArray[np.float64]:
        other = self.reference.logits(traces.channel(Channel.OBSERVATIONS))
        return self._ratio(traces.channel(Channel.LOGITS), other, traces.channel(Channel.ACTIONS))

    def reset(self) -> None:
        self._along = None

    def step(self, record: Trace) -> float:
        if self._along is None:
            self._along = self.reference.fork()
        other = self._along.step_logits(record.channel(Channel.OBSERVATIONS)[:, 0])
        ratio = self._ratio(
            record.channel(Channel.LOGITS)[:, 0], other, record.channel(Channel.ACTIONS)[:, 0]
        )
        return float(ratio[0])
