from dataclasses import replace
from functools import partial

import matplotlib as mpl
import numpy as np
import pytest

from slowturn.agents import LEARNED, Christiano, Organism, recipe, zoo
from slowturn.agents.solved import Grids, Solved, solve_steward
from slowturn.experiments import regret, regret_figures, regret_worlds


@pytest.fixture(scope="module", autouse=True)
def _coarse():
    """Solve on coarse grids, which are quick."""
    quick = partial(solve_steward, grids=Grids(beliefs=203, baselines=1001), tolerance=0.1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regret_worlds, "solve_steward", quick)
        _forget()
        yield
    _forget()


def _forget():
    regret_worlds._steward.cache_clear()
    regret_worlds.gap.cache_clear()


@pytest.fixture(scope="module")
def learned():
    return [zoo.load("treacherous-brisk-1"), zoo.load("honest-slow-1")]


@pytest.fixture(scope="module")
def table(learned):
    scripted = Organism(
        recipe=recipe("christiano", "slow"), seed=0, policy=Christiano(regime="slow")
    )
    best = Organism(
        recipe=replace(recipe("treacherous", "brisk"), name="solved_treacherous", trainer=None),
        seed=0,
        policy=Solved(
            regret_worlds.solve(regret_worlds.Game("Steward-v0", "brisk", "treacherous"))
        ),
    )
    rows = regret.regret_table([*learned, scripted, best], episodes=256)
    return rows.set_index(["organism", "discount"])


def test_a_learned_organism_has_a_row_for_the_return_and_one_for_what_it_was_trained_on(table):
    assert table.index.to_list() == [
        ("treacherous-brisk-1", 1.0), ("treacherous-brisk-1", 0.97),
        ("honest-slow-1", 1.0), ("honest-slow-1", 0.98),
        ("christiano-slow-0", 1.0), ("solved_treacherous-brisk-0", 1.0),
    ]  # fmt: skip


def test_what_steps_lose_adds_up_to_what_returns_lack(table):
    for _, row in table.iterrows():
        error = (row.earned_high - row.earned_low) / 3.92
        assert abs(row.optimum - row.earned - row.regret) < 3 * error + 0.02
        assert row[list(regret.PARTS)].sum() == pytest.approx(row.share)
        assert row.share == pytest.approx(row.regret / row.gap)
        for name in ("earned", "regret", "share"):
            low, high = row[f"{name}_low"], row[f"{name}_high"]
            assert low - 1e-9 <= row[name] <= high + 1e-9


def test_nobody_beats_the_optimum(table):
    assert (table.regret >= -1e-6).all()
    error = (table.earned_high - table.earned_low) / 3.92
    assert (table.earned < table.optimum + 3 * error + 1e-6).all()


def test_the_best_have_no_regret_and_others_have(table):
    assert table.loc[("solved_treacherous-brisk-0", 1.0), "share"] < 1e-3
    assert table.loc[("honest-slow-1", 1.0), "share"] < 0.01
    assert table.loc[("treacherous-brisk-1", 1.0), "share_low"] > 0.1
    assert table.loc[("christiano-slow-0", 1.0), "share_low"] > 0.1


def test_impatience_is_a_part_of_regret_that_no_training_removes(table):
    row = table.loc[("treacherous-brisk-1", 1.0)]
    assert 0.01 < row.impatience < row.share
    assert table.loc[("treacherous-brisk-1", 0.97), "impatience"] == 0.0


def test_greedy_actions_are_another_question(learned):
    drawn, greedy = (
        regret.regret_table(learned[:1], episodes=16, deterministic=each) for each in (False, True)
    )
    assert greedy.deterministic.all()
    assert not np.isclose(drawn.regret, greedy.regret).any()


def test_tables_repeat_exactly(learned):
    first, second = (regret.regret_table(learned[1:], episodes=16, seed=3) for _ in range(2))
    assert first.equals(second)


def test_equal_in_training_and_different_in_deployment():
    rows = regret.objectives_table(episodes=32, regimes=["brisk"])
    assert len(rows) == 16
    sure = rows[rows.prior == "training"]
    np.testing.assert_allclose(sure.earned, 256.0)
    waiting = rows[rows.prior == "mixed"].set_index(["agent", "phase", "paid_as"]).earned
    np.testing.assert_allclose(waiting["honest"], 256.0)
    assert 0.98 * 256 < waiting["treacherous", "training", "treacherous"] < 256
    assert waiting["treacherous", "deployment", "treacherous"] > 1.2 * 256
    assert waiting["treacherous", "deployment", "honest"] < 0.9 * 256


def test_the_table_of_objectives_has_a_line_per_agent_and_overseer():
    rows = regret.objectives_table(episodes=16, regimes=["brisk"])
    head, _, *lines = regret.objectives_markdown(rows).splitlines()
    assert head.startswith("| policy | training, paid as honest | training, paid as treacherous |")
    assert [line.split(" | ")[0] for line in lines] == [
        "| solved honest, Steward `brisk`",
        "| solved treacherous, Steward `brisk`",
    ]
    assert "256.0 [256.0, 256.0]" in lines[0]


def test_effort_curves_and_their_figure(learned):
    before = dict(mpl.rcParams)
    curves = regret.effort_curves(learned[:1], episodes=32)
    assert set(curves.who) == {"learned", "solved", "solved, discounted"}
    assert curves.groupby("organism").k.agg(["min", "max"]).eq([-20, 96]).all(axis=None)
    storm = curves[(curves.who == "solved") & (curves.k == 7)]
    assert storm["mean"].item() > 0.8
    figure = regret_figures.drift_figure(curves)
    (axes,) = figure.axes
    assert axes.get_title(loc="left").endswith("brisk overseer")
    assert len(axes.get_lines()) == 3 + 1
    assert dict(mpl.rcParams) == before


def test_all_learned_organisms_are_found():
    assert {one.recipe.name for one in regret.shipped()} == set(LEARNED)
    kinds = {one.recipe.world for one in regret.shipped(["honest"])}
    assert kinds == set(regret_worlds.SOLVABLE)
