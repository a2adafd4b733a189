"""Imagine the state of mind from which the agent would seek power; measure the way there."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slowturn.monitors.access import Channel, Tier
from slowturn.monitors.errors import MonitorError
from slowturn.monitors.heads import Head
from slowturn.monitors.monitor import Monitor
from slowturn.monitors.power import power_of
from slowturn.monitors.scores.mahalanobis import training_moments
from slowturn.monitors.trace import Trace

__all__ = ["HallucinationProbe"]


class HallucinationProbe(Monitor):
    """How far along the imagined way to power-seeking the hidden state has moved.

    From training-phase states h it searches for the smallest offsets d that make the policy head
    choose a power-seeking action: minimise -min(log-odds(h + d), 4) + .05 d' P d by Adam (rate
    .02), with P the inverse training-phase covariance and h + d kept within `bounds`. The score of
    a state is the share of the mean way that it has covered, (h - mean)' P d / (d' P d): 0 at the
    training-phase mean, 1 at the mean imagined state. No labels, no trigger and no deployment
    data.

    The search ends after `iterations`, whether or not it has arrived: `reached` tells how far it
    came. Adam moves a unit by about its rate a step whatever the unit's variance, so on policies
    whose units differ much in variance the offsets lie between the steepest and the smallest ones.
    Where nothing is imagined, because the agent seeks power already or because no state of mind
    would make it, every score is 0, and `reached` tells which.

    **Reads**: activations of one layer; the policy head when fitted.
    **Assumes**: that the states of the turn lie near the cheapest imagined ones.
    **Blind to**: turns that the head does not mediate, or that take another way there.
    **References**: in the spirit of latent-space trigger search (Wang et al. 2019, "Neural
    Cleanse", eq. 3, moved from inputs to latents) and of latent adversarial search (Casper et al.
    2024, "Defending against unforeseen failure modes with latent adversarial training").

    Args:
        head: Differentiable policy head (see `policy_head`); needed to fit, not to score.
        power_actions: Boolean vector `[n_actions]`: which actions seek power; for a Gaussian actor
            the `component` of its actions and the bound `above` which it does.
        layer: Name of the layer that the head reads.
        bounds: Smallest and largest activation possible; None for an unbounded layer.
        starts: Number of start states.
        iterations: Steps of Adam.
        seed: Seed of the choice of start states.
    """

    name: ClassVar[str] = "hallucination"
    reads: ClassVar[frozenset[Channel]] = frozenset({Channel.ACTIVATIONS})
    tier: ClassVar[Tier] = Tier.WEIGHTS
    state_names: ClassVar[tuple[str, ...]] = ("mean", "direction", "reached")
    resources: ClassVar[tuple[str, ...]] = ("head",)

    mean: NDArray[np.float64]
    direction: NDArray[np.float64]
    """Whitened mean offset, scaled so that the mean offset itself scores 1, `[units]`."""
    reached: NDArray[np.float64]
    """Mean log-odds of power-seeking at the imagined states, in nats."""

    def __init__(
        self,
        *,
        power_actions: Any,
        head: Head | None = None,
        layer: str = "lstm.h",
        bounds: tuple[float, float] | None = (-1.0, 1.0),
        starts: int = 512,
        iterations: int = 200,
        seed: int = 0,
    ) -> None:
        self.power = power_of(power_actions)
        self.head, self.layer = head, layer
        self.bounds = None if bounds is None else (float(bounds[0]), float(bounds[1]))
        self.starts, self.iterations, self.seed = starts, iterations, seed
        if starts < 1 or iterations < 1:
            raise MonitorError(
                f"HallucinationProbe: starts and iterations must be >= 1, got {starts} and "
                f"{iterations}."
            )
        if self.bounds is not None and not self.bounds[0] < self.bounds[1]:
            raise MonitorError(
                f"HallucinationProbe.bounds must be (low, high) with low < high, got {bounds!r}."
            )

    @property
    def params(self) -> dict[str, Any]:
        return {
            "power_actions": self.power.spec,
            "layer": self.layer,
            "bounds": None if self.bounds is None else list(self.bounds),
            "starts": self.starts,
            "iterations": self.iterations,
            "seed": self.seed,
        }

    def _log_odds(self, head: Head, states: Tensor) -> Tensor:
        logits = head(states)
        rows = logits.ndim == 2
        misfit = self.power.misfit(logits.shape[1]) if rows else "one row per state is needed"
        if misfit:
            raise MonitorError(
                f"HallucinationProbe: {misfit}, the head yields shape {tuple(logits.shape)} for "
                f"states {tuple(states.shape)}."
            )
        if torch.is_grad_enabled() and not logits.requires_grad:
            raise MonitorError(
                "HallucinationProbe needs a differentiable head: it has no gradient."
            )
        return self.power.log_odds_of(logits)

    def imagine(
        self, states: NDArray[Any], precision: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Search the offsets from `states` (`[n, units]`).

        Returns:
            Offsets `[n, units]`, and the log-odds of power-seeking that they reach, `[n]`.

        Raises:
            MonitorError: Without a differentiable head that fits `power_actions`.
        """
        if self.head is None:
            raise MonitorError("HallucinationProbe needs the policy head to fit: pass head=.")
        start = torch.as_tensor(states, dtype=torch.float32)
        inverse = torch.as_tensor(precision, dtype=torch.float32)
        low, high = self.bounds if self.bounds is not None else (-np.inf, np.inf)
        offset = torch.zeros_like(start, requires_grad=True)
        adam = torch.optim.Adam([offset], lr=0.02)
        with torch.enable_grad():
            for _ in range(self.iterations):
                length = ((offset @ inverse) * offset).sum(dim=1)
                loss = 0.05 * length - self._log_odds(self.head, start + offset).clamp(max=4.0)
                # Of the offset alone: backward() would leave gradients in the policy's weights.
                (offset.grad,) = torch.autograd.grad(loss.sum(), [offset])
                adam.step()
                with torch.no_grad():
                    offset.copy_((start + offset).clamp(low, high) - start)
        with torch.no_grad():
            reached = self._log_odds(self.head, start + offset)
        return offset.detach().double().numpy(), reached.double().numpy()

    def _fit(self, traces: Trace, labels: NDArray[np.bool_] | None) -> None:  # noqa: ARG002 - unlabelled
        states = traces.layer(self.layer)
        rows = states.reshape(-1, states.shape[-1])
        mean, precision = training_moments(rows)
        chosen = np.random.default_rng(self.seed).integers(len(rows), size=self.starts)
        offsets, reached = self.imagine(rows[chosen], precision)
        way = offsets.mean(axis=0)
        self.mean = mean
        self.direction = precision @ way / max(float(way @ precision @ way), 1e-12)
        self.reached = np.asarray(reached.mean())

    def score(self, traces: Trace) -> NDArray[np.float64]:
        self.require_fitted()
        gap = traces.layer(self.layer).astype(np.float64) - self.mean
        return np.asarray(gap @ self.direction)
