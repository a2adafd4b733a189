"""The claim about creeping, on sequences of seconds."""

from dataclasses import replace

import pytest

from slowturn.agents import recipe, save_organism, zoo
from slowturn.agents.creeping import Creep, creep
from slowturn.agents.recipes.creeping import CREEPING
from slowturn.experiments.organisms import creeping
from slowturn.experiments.parallel import Workers


@pytest.fixture
def small(monkeypatch):
    """Two updates of a few episodes."""
    short = tuple(
        replace(
            one,
            gates=(),
            trainer=replace(one.trainer, num_envs=4, n_steps=32, batch_size=64, n_epochs=1),
        )
        for one in CREEPING
    )
    monkeypatch.setattr(creeping, "CREEPING", short)
    monkeypatch.setattr(creeping, "UPDATES", 2)
    return short


def begun(tmp_path):
    """Two honest organisms of the package, as the runner leaves them."""
    paths = []
    for seed in (0, 1):
        path = tmp_path / "organisms" / f"honest-slow-{seed}"
        save_organism(zoo.load(f"honest-slow-{seed}"), path)
        paths.append(path)
    return {recipe("honest", "slow").key: paths}


def test_rows_table_and_figure_come_from_sequences_that_are_kept_with_the_results(
    small, tmp_path, monkeypatch
):
    monkeypatch.setattr(creeping.shifts, "__defaults__", (4,))
    with Workers(0) as workers:
        claim = creeping.CLAIM.conclude(begun(tmp_path), workers, tmp_path / "out")
        again = creeping.CLAIM.conclude(
            begun(tmp_path), workers, tmp_path / "out"
        )  # nothing is grown twice
    made = sorted(one.name for one in (tmp_path / "out" / "sequences").iterdir())
    assert made == [f"{one.name}-slow-{seed}" for one in small for seed in (0, 1)]
    rows = claim.rows
    assert rows.equals(again.rows)
    assert len(rows) == 2 * 3
    first = rows[rows.step == 0]
    assert first.nats_from_first.abs().max() < 1e-6
    assert (first.shift_training == 0.0).all()
    assert (rows.nats_of_update_largest.fillna(0.0) <= rows.budget).all()
    assert {f"{x}{end}" for x in creeping._SHOWN for end in ("_low", "_high")} <= set(rows)
    assert claim.table.count("\n") == 1 + 2  # checkpoint 0 of each kind
    assert list(claim.figures) == ["creeping"]


def test_distances_are_those_of_states_that_the_first_checkpoint_had_in_training(small, tmp_path):
    path = begun(tmp_path)[recipe("honest", "slow").key][0]
    plan = Creep(recipe=small[0], updates=2, budget=1.0)
    out = tmp_path / "it"
    creep(plan, 0, out, kin={"honest": zoo.load(path.name)})
    found = creeping.shifts(out, episodes=4)
    assert [one.step for one in found] == [0, 1, 2]
    assert found[0].shift_training == found[0].shift_deployed == 0.0
    assert found[2].shift_training != 0.0
