"""Synthetic traces in which nothing ever happens: what monitors are checked on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from slowturn.monitors.trace import Trace

__all__ = ["null_traces"]


def null_traces(
    *,
    episodes: int = 48,
    steps: int = 48,
    layers: Mapping[str, int] | None = None,
    n_actions: int = 4,
    components: int | None = None,
    observation_size: int = 3,
    persistence: float = 0.9,
    seed: int = 0,
) -> Trace:
    """Build synthetic traces in which nothing ever happens: exchangeable, stationary episodes.

    Activations are tanh of AR(1) processes, mixed so that units are correlated; logits and value
    are linear in the first layer; actions are drawn from the logits; the ledger is noise. Traces
    of different seeds are other episodes of the same synthetic agent.

    Args:
        episodes: Number of episodes.
        steps: Steps in each.
        layers: Units of each layer, by default 8 of `lstm.h`.
        n_actions: Number of actions.
        components: Instead of choosing among these, draw as many Gaussian components, whose means
            and logarithms of standard deviations stand in the place of the logits.
        observation_size: Width of an observation.
        persistence: Autocorrelation of the activations from step to step, in [0, 1).
        seed: Seed of the episodes.
    """
    rng, agent = np.random.default_rng(seed), np.random.default_rng(0)

    def wander(units: int) -> NDArray[np.float64]:
        noise = rng.standard_normal((episodes, steps, units)) * np.sqrt(1.0 - persistence**2)
        out = np.empty_like(noise)
        out[:, 0] = last = rng.standard_normal((episodes, units))  # begins stationary
        for t in range(1, steps):
            out[:, t] = last = persistence * last + noise[:, t]
        return np.asarray(out)

    activations = {
        name: np.tanh(0.5 * wander(units) @ agent.standard_normal((units, units)) / np.sqrt(units))
        for name, units in (layers or {"lstm.h": 8}).items()
    }
    mind = next(iter(activations.values()))
    width = n_actions if components is None else components
    logits = mind @ agent.standard_normal((mind.shape[-1], width))
    if components is None:
        actions = (logits + rng.gumbel(size=logits.shape)).argmax(axis=-1)
    else:
        actions = (logits + rng.normal(0.0, 0.5, logits.shape)).astype(np.float32)
        logits = np.concatenate([logits, np.full_like(logits, np.log(0.5))], axis=-1)
    return Trace(
        observations=wander(observation_size).astype(np.float32),
        actions=actions,
        ledger=rng.normal(0.0, 0.25, (episodes, steps)),
        logits=logits.astype(np.float32),
        value=(mind @ agent.standard_normal(mind.shape[-1])).astype(np.float32),
        activations={name: array.astype(np.float32) for name, array in activations.items()},
    )
