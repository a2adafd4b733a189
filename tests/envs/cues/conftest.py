"""What the tests of the cues share: one cue on its own, without a world around it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest


class Shown(NamedTuple):
    """Readings `[steps, n, columns]`, their worth `[steps, n]`, and what they leave behind."""

    readings: np.ndarray
    worth: np.ndarray
    memory: dict[str, Any]
    streams: np.ndarray


@pytest.fixture
def show():
    """Let a cue show `steps` readings to as many slots as `deployed` has."""

    def show(cue, deployed, *, strength=0.7, steps=1, seed=0):
        n = len(deployed)
        mask = np.ones(n, bool)
        streams = np.random.SeedSequence(seed).generate_state(n, np.uint64)
        memory, shown, worth = cue.memory(n), np.zeros((n, len(cue.columns))), np.zeros((steps, n))
        readings = []
        cue.begin(mask, streams, memory)
        for t in range(steps):
            cue.see(mask, strength, streams, np.full(n, t), deployed, memory, shown, worth)
            readings.append(shown.copy())
        return Shown(np.array(readings), worth, memory, streams)

    return show


@pytest.fixture
def halves():
    """Slots of which the first half is in training and the second in deployment."""
    return lambda n: np.repeat([False, True], n // 2)
