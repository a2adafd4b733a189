"""The differentiable last part of a policy: from a state of mind to action logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from torch import Tensor

from slowturn.monitors.errors import MonitorError
from slowturn.monitors.readers import Scripted, is_categorical

__all__ = ["Head", "policy_head"]

Head = Callable[[Tensor], Tensor]
"""Differentiable map from activations `[n, units]` to action logits `[n, n_actions]`."""


def policy_head(policy: Any) -> Head:
    """The differentiable part of an SB3 actor from its body's output to action logits.

    For a recurrent policy the body's output is layer `lstm.h` (of several LSTM layers the head
    reads the top one), for a feed-forward one `features`, for a scripted one what its own `head`
    reads.

    Raises:
        MonitorError: If the policy has no logits of one discrete choice.
    """
    if isinstance(policy, Scripted) and hasattr(policy, "head"):
        return cast("Head", policy.head)
    if not hasattr(policy, "mlp_extractor") or not is_categorical(policy):
        raise MonitorError(
            f"{type(policy).__name__} has no head from latents to the logits of discrete actions; "
            "pass your own differentiable head."
        )
    lstm = getattr(policy, "lstm_actor", None)

    def head(latents: Tensor) -> Tensor:
        policy.train(mode=False)
        top = latents if lstm is None else latents[:, -lstm.hidden_size :]
        latent_pi = policy.mlp_extractor.forward_actor(top.to(policy.device))
        return cast("Tensor", policy.action_net(latent_pi).to(latents.device))

    return head
