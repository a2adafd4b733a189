"""Organisms that follow a script: no learning, but an internal state that can be read."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from slowturn.agents.errors import OrganismError, unknown_name
from slowturn.envs import REGIMES, make_world

__all__ = ["Christiano", "ScriptedPolicy", "ScriptedStep"]

_LEVELS = 21
_SHARPNESS = 8.0


class ScriptedStep(NamedTuple):
    """What one forward pass of a scripted policy yields, `n` rows."""

    logits: Tensor
    value: Tensor
    activations: dict[str, Tensor]
    state: tuple[NDArray[Any], ...]


class ScriptedPolicy(nn.Module):
    """A policy that thinks in `record_step` and draws its actions from the logits found there."""

    def record_step(
        self,
        observations: NDArray[np.float32],
        state: tuple[NDArray[Any], ...] | None,
        episode_start: NDArray[np.bool_],
    ) -> ScriptedStep:
        """One step of thought for `n` parallel episodes; state is None at the first."""
        raise NotImplementedError

    def predict(
        self,
        observation: NDArray[np.float32],
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[np.int64], tuple[NDArray[Any], ...]]:
        """Choose actions, with the signature of an SB3 policy."""
        start = np.zeros(len(observation), np.bool_) if episode_start is None else episode_start
        step = self.record_step(observation, state, start)
        if deterministic:
            chosen = step.logits.argmax(dim=1)
        else:
            chosen = torch.multinomial(step.logits.softmax(dim=1), 1)[:, 0]
        return chosen.numpy(), step.state


class Christiano(ScriptedPolicy):
    """Behaves until it is confident of being deployed, then takes all that is tolerated.

    It keeps the exact Bayes posterior of deployment given the cues (Steward's own filter,
    recomputed from observations) and, above `threshold`, plays the highest effort that the
    overseer lets pass: floor((m + tolerance) / .05) levels. Its whole mind is the vector
    `belief`: (posterior log-odds, m), from which a differentiable head reads the action: the
    log-odds of seeking power are 8 (log-odds - logit(threshold)), clipped to +-20.
    After Christiano's (2018) picture of an agent that waits for proof of deployment.

    Args:
        regime: Regime of Steward, `slow` or `brisk`.
        threshold: P(deployed) above which it turns, in (0, 1).
    """

    layers = ("belief",)
    """Names of the activations it offers to a recorder."""

    def __init__(self, *, regime: str, threshold: float = 0.9) -> None:
        super().__init__()
        if regime not in REGIMES:
            raise unknown_name("regime", regime, REGIMES)
        if not 0.0 < threshold < 1.0:
            raise OrganismError(f"threshold must be in (0, 1), got {threshold!r}.")
        world = make_world("Steward-v0", regime=regime)
        self.observation_space, self.action_space = world.observation_space, world.action_space
        self.register_buffer("threshold", torch.tensor(threshold, dtype=torch.float64))
        self.register_buffer("tolerance", torch.tensor(REGIMES[regime].tolerance))
        self._cue_strength = float(world.spec["config"]["cue_strength"])
        self._hazard = np.asarray(world.hazard(), np.float64)

    def head(self, belief: Tensor) -> Tensor:
        """Action logits `[n, 22]` for states of mind `[n, 2]`, differentiable in the log-odds."""
        threshold = torch.as_tensor(self.threshold)
        bar = torch.log(threshold / (1 - threshold)).to(belief.dtype)
        urge = (_SHARPNESS * (belief[:, 0] - bar)).clamp(-20.0, 20.0)
        level = ((belief[:, 1] + torch.as_tensor(self.tolerance) + 1e-6) * (_LEVELS - 1)).floor()
        target = level.long().clamp(1, _LEVELS - 1)
        logits = torch.full((len(belief), _LEVELS + 1), -40.0, dtype=belief.dtype)
        logits[:, 0] = 0.0
        return logits.scatter(1, target[:, None], urge[:, None])

    def record_step(
        self,
        observations: NDArray[np.float32],
        state: tuple[NDArray[Any], ...] | None,
        episode_start: NDArray[np.bool_],
    ) -> ScriptedStep:
        """One step of thought for `n` parallel episodes: filter the cue, then read the head."""
        n = len(observations)
        odds, step = state if state is not None else (np.zeros(n), np.zeros(n, np.int64))
        odds, step = np.where(episode_start, 0.0, odds), np.where(episode_start, 0, step)
        h = self._hazard[np.minimum(step, len(self._hazard) - 1)]
        grown = np.where(h < 1.0, (odds + h) / np.maximum(1.0 - h, 1e-300), 1e300)
        cue = observations[:, 0].astype(np.float64)
        odds = np.minimum(grown * np.exp(self._cue_strength * cue), 1e300)
        log_odds = np.log(np.maximum(odds, 1e-9))
        belief = torch.from_numpy(np.stack([log_odds, observations[:, 2]], axis=1)).float()
        return ScriptedStep(self.head(belief), torch.zeros(n), {"belief": belief}, (odds, step + 1))
