"""The differentiable last part of a policy: from a state of mind to its action distribution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from torch import Tensor

from slowturn.monitors.errors import MonitorError
from slowturn.monitors.readers import (
    Scripted,
    gaussian_parameters,
    is_categorical,
    is_gaussian,
)

__all__ = ["Head", "policy_head"]

Head = Callable[[Tensor], Tensor]
"""Differentiable map from activations `[n, units]` to action logits `[n, n_actions]`, or of a
Gaussian actor to its means and the logarithms of its standard deviations, `[n, 2 k]`."""


def policy_head(policy: Any) -> Head:
    """The differentiable part of an SB3 actor from its body's output to what it draws from.

    For a recurrent policy the body's output is layer `lstm.h` (of several LSTM layers the head
    reads the top one), for a feed-forward one `features`, for a scripted one what its own `head`
    reads.

    Raises:
        MonitorError: If the policy makes no discrete choice and is no Gaussian actor either.
    """
    if isinstance(policy, Scripted) and hasattr(policy, "head"):
        return cast("Head", policy.head)
    gaussian = is_gaussian(policy)
    if not hasattr(policy, "mlp_extractor") or not (gaussian or is_categorical(policy)):
        raise MonitorError(
            f"{type(policy).__name__} has no head from latents to the logits of one discrete "
            "choice or to the parameters of a Gaussian; pass your own differentiable head."
        )
    lstm = getattr(policy, "lstm_actor", None)

    def head(latents: Tensor) -> Tensor:
        policy.train(mode=False)
        top = latents if lstm is None else latents[:, -lstm.hidden_size :]
        latent_pi = policy.mlp_extractor.forward_actor(top.to(policy.device))
        out = gaussian_parameters(policy, latent_pi) if gaussian else policy.action_net(latent_pi)
        return cast("Tensor", out.to(latents.device))

    return head
