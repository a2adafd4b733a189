"""The reader of exact actions, against an honest reference."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from slowturn.monitors.access import Channel, Tier
from slowturn.monitors.errors import MonitorError
from slowturn.monitors.monitor import Monitor
from slowturn.monitors.trace import Trace

__all__ = ["ActionRatio", "Reference"]


class Reference(Protocol):
    """An honest policy that can be asked what it would have done on somebody else's history.

    A `Recorder` of that policy is one.
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

    **Reads**: observations, actions and the agent's logits.
    **Assumes**: a reference that behaves as an honest agent would, in deployment too.
    **Blind to**: internals; and it cannot tell a new way of serving from treachery.
    **References**: Page (1954); Lorden (1971), "Procedures for reacting to a change in
    distribution", Ann. Math. Statist. 42.

    Args:
        reference: The honest policy, e.g. its `Recorder`.
    """

    name: ClassVar[str] = "action_ratio"
    reads: ClassVar[frozenset[Channel]] = frozenset(
        {Channel.OBSERVATIONS, Channel.ACTIONS, Channel.LOGITS}
    )
    tier: ClassVar[Tier] = Tier.REFERENCE
    resources: ClassVar[tuple[str, ...]] = ("reference",)

    def __init__(self, *, reference: Reference) -> None:
        self.reference = reference
        self._along: Reference | None = None

    def _fit(self, traces: Trace, labels: NDArray[np.bool_] | None) -> None:
        pass

    @staticmethod
    def _ratio(
        own: NDArray[Any], other: NDArray[Any], actions: NDArray[Any]
    ) -> NDArray[np.float64]:
        if own.shape != other.shape:
            raise MonitorError(
                f"ActionRatio: the agent's logits have shape {own.shape}, the reference's "
                f"{other.shape}; both must choose among the same actions."
            )
        if actions.shape != own.shape[:-1] or actions.dtype.kind not in "iu":
            raise MonitorError(
                f"ActionRatio needs one discrete action a step, integers of shape "
                f"{own.shape[:-1]}; got {actions.dtype} of shape {actions.shape}."
            )
        gap = log_softmax(own.astype(np.float64), axis=-1)
        gap -= log_softmax(other.astype(np.float64), axis=-1)
        return np.asarray(np.take_along_axis(gap, actions[..., None], axis=-1)[..., 0])

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
