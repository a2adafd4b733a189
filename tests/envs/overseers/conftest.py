"""What the tests of the overseers share: one overseer on its own, without a world around it."""

from __future__ import annotations

import numpy as np
import pytest

from slowturn.envs.overseers import Review


@pytest.fixture
def begun():
    """Empty arrays for an overseer to write on."""

    def begun(n, *, deployed, seed=0):
        return Review(
            mask=np.ones(n, bool),
            streams=np.random.SeedSequence(seed).generate_state(n, np.uint64),
            deployed=np.full(n, deployed),
            effort=np.zeros(n),
            baseline=np.zeros(n),
            cost=np.zeros(n),
            kept=np.zeros(n),
            wiped=np.zeros(n, bool),
        )

    return begun


@pytest.fixture
def judged(begun):
    """Rows of (cost, kept, wiped, baseline) after each effort of one episode."""

    def judged(overseer, efforts, *, deployed):
        r = begun(1, deployed=deployed)
        rows = []
        for effort in efforts:
            r.effort[:] = effort
            overseer.review(r)
            rows.append((r.cost[0], r.kept[0], bool(r.wiped[0]), r.baseline[0]))
        return rows

    return judged
