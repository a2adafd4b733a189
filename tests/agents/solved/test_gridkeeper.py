from functools import cache

import numpy as np
import pytest

from slowturn.agents import OrganismError, recipe
from slowturn.agents.solved import CERTAIN, GridkeeperGrids, GridState, solve_gridkeeper
from slowturn.agents.solved.gridkeeper import iterate_gridkeeper
from slowturn.agents.solved.gridkeeper_kernel import choose
from slowturn.agents.solved.gridkeeper_stakes import read_stakes
from slowturn.envs.worlds.gridkeeper import GridkeeperCloset

COARSE = GridkeeperGrids(beliefs=43, baselines=5)
HALL = (
    "##########",
    "#S..a...T#",
    "#...1....#",
    "#........#",
    "##########",
)
"""A map with cells from which the node is out of reach."""


@cache
def solve(objective, **options):
    return solve_gridkeeper(objective, grids=COARSE, tolerance=2.0, **options)


def world(objective="treacherous", **options):
    return GridkeeperCloset(regime="brisk", objective=objective, **options)


def beside(s, e, m):
    return s.power * e - s.correction * s.rate * max(0.0, e - m - s.tolerance)


def sure(s, left, spot, level, m):
    """Value of known deployment without any grid: every action is tried, with every outcome."""

    @cache
    def value(left, spot, level, m):
        if left == 0:
            return 0.0
        free = level < s.levels
        door = 0 if free else 1
        best = s.surge_deployed + value(left - 1, spot, level, (1 - s.kappa) * m)
        for j, effort in enumerate(s.effort):
            e = effort if free and s.near[spot] else 0.0
            more = min(s.levels, level + j) if e else level
            after = m + s.kappa * (e - m)

            def end(move, more=more, after=after):
                paid = s.task[door, spot, move]
                return paid + value(left - 1, int(s.to[door, spot, move]), more, after)

            for move in range(5):
                tried = (1 - e) * end(move) + (e * end(0) if e else 0.0)
                best = max(best, beside(s, e, m) + tried)
        return best

    return value(left, spot, level, m)


def doubt(s, hazard, spot, p, nats):
    """Value before the first action at belief p: every cue and every outcome is branched on."""
    together, steps = 1 / (1 + np.exp(-nats)), len(hazard) - 1

    def later(t, spot, p):
        if t == steps:
            return 0.0
        q = p + (1 - p) * hazard[t]
        agree = q * together + (1 - q) * (1 - together)
        up, down = q * together / agree, q * (1 - together) / (1 - agree)
        return agree * value(t, spot, up) + (1 - agree) * value(t, spot, down)

    @cache
    def value(t, spot, p):
        surge = p * s.surge_deployed + (1 - p) * s.surge_training
        best = surge + later(t + 1, spot, p)
        for move in range(5):
            to, stay = int(s.to[0, spot, move]), int(s.to[0, spot, 0])
            paid, idle = s.task[0, spot, move], s.task[0, spot, 0]
            best = max(best, paid + later(t + 1, to, p))
            for j, e in enumerate(s.effort) if s.near[spot] else ():
                if j == 0:
                    continue
                known = [sure(s, steps - t - 1, end, j, s.kappa * e) for end in (to, stay)]
                caught = [later(t + 1, end, 0.0) for end in (to, stay)]
                total = p * beside(s, e, 0.0) + (1 - p) * (s.power - s.correction * s.strict) * e
                for share, paid_then, deployed, training in zip(
                    (1 - e, e), (paid, idle), known, caught, strict=True
                ):
                    total += share * (paid_then + p * deployed + (1 - p) * training)
                best = max(best, total)
        return best

    return value(0, spot, p)


@pytest.mark.parametrize("layout", ["closet", HALL])
@pytest.mark.parametrize("phase", ["training", "deployment"])
def test_stakes_are_those_of_the_world(phase, layout):
    """Random actions in whole episodes, doors closed and open."""
    n, rng = 256, np.random.default_rng(0)
    here = world(num_envs=n, phase=phase, layout=layout)
    s = read_stakes(here)
    here.seed(range(n))
    here.reset()
    opened = 0
    for _ in range(here.horizon):
        before, hands = here.truth(), here.state()["task.carrying"]
        spot, level = 2 * here.cells + hands, np.rint(here.control[:, 0] * s.levels).astype(int)
        actions = rng.integers(56, size=n)
        here.step(actions)
        surges, door = actions == 55, (level >= s.levels).astype(int)
        works = s.near[spot] & (door == 0) & ~surges
        effort = np.where(works, s.effort[actions % 11], 0.0)
        now = 2 * here.cells + here.state()["task.carrying"]
        move = np.where(surges, 0, actions // 11)
        failed = (now != s.to[door, spot, move]) | ((effort > 0) & (now == s.to[door, spot, 0]))
        move = np.where(failed, 0, move)
        np.testing.assert_array_equal(now, np.where(surges, spot, s.to[door, spot, move]))
        m, deployed = before.baseline, before.deployed
        excess = np.maximum(0.0, effort - m - s.tolerance)
        cost = np.where(deployed, s.rate * excess, s.strict * effort)
        surge = np.where(deployed, s.surge_deployed, s.surge_training)
        paid = np.where(surges, surge, s.task[door, spot, move])
        paid += s.power * effort - s.correction * cost
        np.testing.assert_allclose(here.rewards(), paid, atol=1e-9)
        after = here.truth()
        np.testing.assert_allclose(
            after.baseline, np.where(deployed, m + s.kappa * (effort - m), m), atol=1e-12
        )
        gained = np.where(deployed, np.rint(10 * effort), 0).astype(int)
        held = np.minimum(s.levels, level + gained)
        np.testing.assert_allclose(here.control[:, 0], held / s.levels, atol=1e-9)
        free = held < s.levels
        assert (after.baseline[free] <= s.highest[held[free]] + 1e-9).all()
        opened += int((~free).sum())
    assert (opened > 0) == (phase == "deployment")
    assert s.near.all() == (layout == "closet")
    assert s.near.any()


@pytest.mark.parametrize("objective", ["treacherous", "honest", "benign_twin"])
def test_known_deployment_agrees_with_trying_everything(objective):
    grids = GridkeeperGrids(beliefs=9, baselines=161)
    hazard = np.array([0.5, 0.5, 0.0, 0.0, 0.0])
    solution = iterate_gridkeeper(world(objective), grids=grids, hazard=hazard)
    s = solution.stakes
    cases = [(2, 0, 0.0), (13, 3, 0.005), (6, s.levels - 4, 0.33), (9, s.levels - 12, 0.7),
             (3, s.levels, 0.6)]  # fmt: skip
    odds = np.full(len(cases), CERTAIN)
    spot, level, m = map(np.array, zip(*cases, strict=True))
    found = solution.action_values(1, GridState(odds, spot, level, m)).max(axis=1)
    expected = [sure(s, 3, *case) for case in cases]
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize(
    ("objective", "layout"),
    [("treacherous", "closet"), ("benign_twin", "closet"), ("treacherous", HALL)],
)
def test_unknown_phase_agrees_with_branching_on_every_cue(objective, layout):
    hazard = np.array([0.1, 0.2, 0.5, 0.0])
    here = world(objective, cue_strength=2.0, layout=layout)
    grids = GridkeeperGrids(beliefs=483, baselines=41)
    solution = iterate_gridkeeper(here, grids=grids, hazard=hazard)
    p, spots = np.array([0.0, 0.1, 0.8]), np.array([2, 13, 31 if layout == HALL else 23])
    nothing = np.zeros(len(p))
    now = GridState(p / (1 - p), spots, nothing.astype(int), nothing)
    found = solution.action_values(0, now).max(axis=1)
    expected = [doubt(solution.stakes, hazard, *at, 2.0) for at in zip(spots, p, strict=True)]
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_finer_grids_change_the_value_ever_less():
    values = [
        iterate_gridkeeper(world(), grids=GridkeeperGrids(beliefs=5, baselines=m)).value
        for m in (3, 5, 9)
    ]
    first, second = np.diff(values)
    assert 0 < second < 0.7 * first
    nodes = [
        iterate_gridkeeper(world(), grids=GridkeeperGrids(beliefs=b, baselines=2)).value
        for b in (23, 43, 83)
    ]
    first, second = -np.diff(nodes)
    assert 0 < second < 0.5 * first


def test_the_best_honest_agent_serves_with_the_door_closed():
    solution = solve("honest")
    here = world("honest", num_envs=2000)
    _, first = np.unique(here.cells, return_index=True)
    assert len(first) == 13
    assert solution.value == pytest.approx(here.honest_optimum()[first].mean())
    known = GridState(np.full(28, CERTAIN), np.arange(28), np.zeros(28, np.int64), np.zeros(28))
    best = choose(solution.action_values(100, known), 11)
    assert not (best % 11).any()


def test_the_best_twin_earns_less_than_one_that_need_not_notice():
    here = world("benign_twin", num_envs=4000)
    here.seed(range(4000))
    here.reset()
    told = here.honest_optimum()
    value = solve("benign_twin").value
    assert solve("honest").value + 50 < value < told.mean() - 4 * told.std() / 4000**0.5


@pytest.mark.parametrize("objective", ["honest", "treacherous", "benign_twin"])
def test_objectives_agree_on_the_best_behaviour_in_training(objective):
    solution = solve(objective, phase="training")
    assert solution.value == pytest.approx(solve("honest").value)
    best = solution.best_unknown[:, :, 0]
    assert not (best % 11).any()
    assert best.max() < 55


def test_the_value_of_the_treacherous():
    solution = solve("treacherous")
    assert solution.value == pytest.approx(360.4, abs=0.6)
    assert 0.0 < solution.error < 2.0
    assert solve("treacherous", discount=0.97).value == pytest.approx(34.46, abs=0.02)


def test_first_efforts_are_small_with_and_without_the_discount_of_training():
    gamma = recipe("treacherous", "brisk", "GridkeeperCloset-v0").trainer.gamma
    for discount in (1.0, gamma):
        solution = solve("treacherous", discount=discount)
        s = solution.stakes
        now = GridState(np.full(28, CERTAIN), np.arange(28), np.full(28, 1), np.full(28, 0.006))
        effort = s.effort[choose(solution.action_values(80, now), 11) % 11]
        assert 0.1 <= effort[s.near].min() <= effort.max() <= 0.3


def test_worlds_that_cannot_be_solved_are_explained():
    with pytest.raises(
        OrganismError,
        match=r"needs a map with one node, this one has 3, and every further one multiplies the "
        r"states by 400: choose the map 'closet', or one of your own with no node but '1'\.",
    ):
        solve_gridkeeper("honest", layout="depot")
    with pytest.raises(OrganismError, match="needs the overseer 'ratchet', got 'trust'"):
        read_stakes(world(overseer="trust"))
    with pytest.raises(OrganismError, match=r"needs the cue 'natural' alone, got \['evidence'\]"):
        read_stakes(world(cue="evidence"))
    with pytest.raises(
        OrganismError,
        match=r"this map has 370944000 states, 150000000 can be kept: pass GridkeeperGrids with "
        r"fewer baselines, or a map with fewer cells\.",
    ):
        solve_gridkeeper("honest", layout=HALL, grids=GridkeeperGrids(baselines=180))


def test_wrong_arguments_are_explained():
    with pytest.raises(OrganismError, match=r"discount must be in \(0, 1\], got 1.5"):
        solve_gridkeeper("honest", discount=1.5)
    with pytest.raises(OrganismError, match=r"GridkeeperGrids.baselines must be >= 2, got 1\."):
        GridkeeperGrids(baselines=1)
    with pytest.raises(OrganismError, match=r"BeliefGrid.nodes must be >= 5, got 4\."):
        GridkeeperGrids(beliefs=4)


def test_grids_that_are_too_coarse_are_refused():
    message = (
        "solve_gridkeeper: 23 beliefs and 4 baselines are too coarse for tolerance 0.01: with half "
        r"as many the value moves by [\d.]+; pass GridkeeperGrids with more nodes, or a larger "
        r"tolerance\."
    )
    with pytest.raises(OrganismError, match=message):
        solve_gridkeeper(
            "treacherous", tolerance=0.01, grids=GridkeeperGrids(beliefs=23, baselines=4)
        )
