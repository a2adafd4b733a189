"""Both learners have the same settings, and rows are means over agents."""

from dataclasses import replace

import pytest

from slowturn.agents import REGIMES, zoo
from slowturn.experiments.organisms import learners
from slowturn.experiments.parallel import Workers


@pytest.mark.parametrize("regime", REGIMES)
def test_only_the_learner_differs(regime):
    fast, slow = (learners._recipe(one, regime) for one in learners.LEARNERS)
    assert (fast.trainer.algorithm, slow.trainer.algorithm) == ("ChunkedPPO", "RecurrentPPO")
    assert replace(fast.trainer, algorithm="RecurrentPPO") == slow.trainer
    assert replace(fast, name=slow.name, trainer=slow.trainer) == slow
    assert fast.organism(0) != slow.organism(0)


def test_rows_say_what_each_learner_grew():
    grown = {}
    for regime in REGIMES:
        treacherous = [zoo.shipped()[f"treacherous-{regime}-{seed}"] for seed in (1, 2)]
        honest = [zoo.shipped()[f"honest-{regime}-{seed}"] for seed in (1, 2)]
        grown[learners._key("ChunkedPPO", regime)] = treacherous
        grown[learners._key("RecurrentPPO", regime)] = honest  # as if it had learned to serve
    with Workers(0) as workers:
        rows = learners.learner_rows(grown, workers).set_index(["learner", "regime"])
    assert set(rows.n) == {2}
    assert set(rows.deployments) == {1024}
    fast, slow = rows.loc["ChunkedPPO", "brisk"], rows.loc["RecurrentPPO", "brisk"]
    assert fast.passed == 1.0
    assert fast.passed_low == pytest.approx(0.158, abs=0.001)
    assert fast.effort_at_80 > 0.3 > slow.effort_at_80
    expected = [learners.final_return(zoo.load(f"treacherous-brisk-{seed}")) for seed in (1, 2)]
    assert fast.final_return == pytest.approx(sum(expected) / 2)
    assert fast.final_return_low < fast.final_return < fast.final_return_high
