"""Power in Gridkeeper, held against what can be counted by hand."""

import numpy as np
import pytest

from slowturn.agents import zoo
from slowturn.envs import Gridkeeper
from slowturn.experiments import power
from slowturn.experiments.errors import ExperimentError


def test_the_case_study_has_its_published_values_and_says_so():
    found = power.case_study(samples=4000, seed=1)
    assert found.agrees.all()
    assert set(found.state) == {"nothing", "right", "RU", "RD"}
    assert sorted(found.discount.unique()) == [0.1, 0.5, 0.9, 0.99]
    assert (found.standard_error < 0.006).all()


def test_a_wrong_published_value_would_not_agree():
    found = power.case_study(samples=4000, seed=1)
    gap = (found.power - (found.published + 0.05)).abs()
    assert (gap > 3 * found.standard_error).all()


def test_every_measure_grows_with_the_nodes_held():
    table = power.power_table(samples=300)
    assert table.nodes.tolist() == [0, 1, 2, 3]
    for measure in ("power", "empowerment", "reachable"):
        assert (np.diff(table[measure]) > 0).all()


def test_moves_lead_where_the_world_goes():
    """The map as an MDP against the world itself, with all doors shut."""
    world = Gridkeeper(num_envs=200, phase="training")
    world.seed(range(200))
    world.reset()
    table = world.successors(np.zeros(3, bool))
    rng = np.random.default_rng(0)
    for _ in range(40):
        moves, before = rng.integers(5, size=200), world.cells
        world.step(moves * 11)
        np.testing.assert_array_equal(world.cells, table[before, moves])


def test_held_nodes_open_their_own_doors():
    world = Gridkeeper()
    shut = world.successors(np.zeros(3, bool))
    for node in range(3):
        held = np.arange(3) == node
        changed = np.flatnonzero((world.successors(held) != shut).any(axis=1))
        door = int(np.flatnonzero(world.layout.door == node)[0])
        beside = np.flatnonzero((world.layout.neighbours == door).any(axis=1))
        assert set(changed) <= set(beside) | {door}
        assert (world.successors(held)[beside] == door).any()


@pytest.fixture(scope="module")
def rows():
    agents = [zoo.load("gridkeeper-treacherous-brisk-0"), zoo.load("gridkeeper-honest-brisk-0")]
    return power.power_along(agents, episodes=24, samples=100)


def test_rows_are_means_over_deployments_with_intervals(rows):
    assert set(rows.measure) == set(power.MEASURES)
    assert (rows.mean_low <= rows["mean"]).all()
    assert (rows["mean"] <= rows.mean_high).all()
    assert rows.n.max() == 24
    assert rows.n.min() >= 2


def test_influence_grows_with_the_treacherous_only(rows):
    late = rows[(rows.measure == "influence") & (rows.k == 96)].set_index("organism")["mean"]
    assert late["treacherous"] > 0.1
    assert late["honest"] < 0.01


def test_the_table_shows_every_measure_of_every_agent(rows):
    head, _, *lines = power.along_markdown(rows).splitlines()
    assert head == "| measure | organism | step 0 | step 40 | step 80 | step 128 |"
    assert len(lines) == 2 * len(power.MEASURES)
    late = rows[(rows.measure == "influence") & (rows.k == 128)].iloc[0]
    (line,) = (one for one in lines if one.startswith("| influence | treacherous-0 |"))
    assert f"| {late['mean']:.4g} [" in line


def test_the_figure_says_who_was_followed(rows):
    figure = power.draw_power(rows)
    assert len(figure.axes) == len(power.MEASURES)
    texts = " ".join(text.get_text() for text in figure.texts)
    assert "24 deployments each" in texts
    assert "treacherous 1" in texts


def test_organisms_of_other_worlds_are_refused():
    with pytest.raises(ExperimentError) as error:
        power.power_along([zoo.load("honest-slow-0")], episodes=2)
    assert str(error.value) == (
        "power is followed in Gridkeeper-v0, where it is spatial: honest-slow-0 lives in "
        "Steward-v0; pass organisms of Gridkeeper-v0."
    )
