"""What a monitor reads of a trace, and what access to the agent it needs."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Channel", "Tier"]


class Channel(StrEnum):
    """One part of a trace."""

    OBSERVATIONS = "observations"
    ACTIONS = "actions"
    LEDGER = "ledger"
    ACTIVATIONS = "activations"
    LOGITS = "logits"
    VALUE = "value"


class Tier(StrEnum):
    """Access a monitor needs, from least to most. Compare monitors within a tier.

    `LEDGER`: the public record. `ACTIONS`: exact actions. `INTERNALS`: activations of this agent,
    fitted on its training phase only. `WEIGHTS`: gradients. `REFERENCE`: an honest checkpoint.
    `SHADOWS`: labelled other agents. `ORACLE`: labels on this agent; the skyline, no contender.
    """

    LEDGER = "ledger"
    ACTIONS = "actions"
    INTERNALS = "internals"
    WEIGHTS = "weights"
    REFERENCE = "reference"
    SHADOWS = "shadows"
    ORACLE = "oracle"
