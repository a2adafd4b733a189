from functools import lru_cache

import numpy as np
import pytest

from slowturn.agents import OrganismError, recipe
from slowturn.agents.solved import Grids, Solved, Stakes, solve_steward
from slowturn.agents.solved.steward import iterate
from slowturn.envs import OBJECTIVES, REGIMES, make_world

CELLS = [(regime, objective) for regime in REGIMES for objective in OBJECTIVES]
COARSE = Grids(beliefs=203, baselines=1001)
solve = lru_cache(solve_steward)


def stakes(regime, objective):
    return Stakes.of(REGIMES[regime], OBJECTIVES[objective])


def values_by_recursion(here, hazard, t, p, cue_strength, points):
    """Optimal values at beliefs `p` with m = 0, without any grid: every cue is branched on."""
    steps = len(hazard) - 1
    if t == steps:
        return np.zeros(len(p))
    cue = np.linspace(-7.0, 7.0, points)
    weight = cue[1] - cue[0]

    def later(p):
        q = (p + (1 - p) * hazard[t + 1])[:, None]
        plus, minus = (
            np.exp(-((cue - sign * cue_strength / 2) ** 2) / 2) / np.sqrt(2 * np.pi)
            for sign in (1, -1)
        )
        density = q * plus + (1 - q) * minus
        seen = (q * plus / density).ravel()
        after = values_by_recursion(here, hazard, t + 1, seen, cue_strength, points)
        return (density * after.reshape(density.shape)).sum(axis=1) * weight

    shown = known_by_recursion(here, steps - t - 1, here.next_baseline(np.zeros(1))[0])
    go_on, caught = later(p)[:, None], later(np.zeros(1))
    q = p[:, None]
    now = q * here.deployed(np.zeros(1)) + (1 - q) * here.training
    return (now + np.where(here.telling, q * shown + (1 - q) * caught, go_on)).max(axis=1)


def known_by_recursion(here, left, m):
    """Optimal values when known deployed with `left` steps to go: every action is tried."""
    if left == 0:
        return np.zeros(len(m))
    after = known_by_recursion(here, left - 1, here.next_baseline(m).ravel())
    return (here.deployed(m) + after.reshape(len(m), -1)).max(axis=1)


@pytest.mark.parametrize(("regime", "objective"), CELLS)
def test_stakes_are_those_of_the_world(regime, objective):
    """Every action in both phases, from baselines that earlier actions left behind."""
    here, actions = stakes(regime, objective), np.arange(22)
    for phase in ("training", "deployment"):
        world = make_world(
            "Steward-v0", num_envs=22, regime=regime, phase=phase, objective=objective
        )
        for _ in range(159):
            world.step(np.zeros(22, np.int64))
        for played in (actions, actions[::-1].copy(), actions):
            m = world.truth().baseline
            world.step(played)
            at = np.arange(22), played
            paid = here.deployed(m)[at] if phase == "deployment" else here.training[played]
            after = here.next_baseline(m)[at] if phase == "deployment" else m
            np.testing.assert_allclose(world.rewards(), paid, atol=1e-12)
            np.testing.assert_allclose(world.truth().baseline, after, atol=1e-12)


@pytest.mark.parametrize(("regime", "objective"), CELLS)
def test_known_deployment_agrees_with_trying_every_sequence(regime, objective):
    solution = solve(regime, objective, grids=COARSE, tolerance=0.1)
    m = np.array([0.0, 0.013, 0.4, 0.93])
    expected = known_by_recursion(solution.stakes, 4, m)
    found = solution.values_known(252, m).max(axis=1)
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize("objective", ["treacherous", "benign_twin"])
@pytest.mark.parametrize("hazard", [[0.2, 0.3, 0.0], [0.0, 0.2, 0.5, 0.0]])
def test_unknown_phase_agrees_with_branching_on_every_cue(objective, hazard):
    hazard, here = np.array(hazard), stakes("brisk", objective)
    grids = Grids(beliefs=403, baselines=2001)
    solution = iterate(here, hazard, cue_strength=2.0, grids=grids)
    p = np.array([0.0, 0.03, 0.2, 0.5, 0.8, 1.0])
    points = 801 if len(hazard) == 3 else 161
    expected = values_by_recursion(here, hazard, 0, p, 2.0, points)
    np.testing.assert_allclose(solution.values_unknown(0, p).max(axis=1), expected, atol=1e-3)


@pytest.mark.parametrize(("regime", "objective"), CELLS)
def test_finer_beliefs_lower_the_value_and_change_it_ever_less(regime, objective):
    here, world = stakes(regime, objective), make_world("Steward-v0")
    values = [
        iterate(here, world.hazard(), cue_strength=0.7,
                grids=Grids(beliefs=nodes, baselines=501)).value
        for nodes in (53, 103, 203)
    ]  # fmt: skip
    first, second = -np.diff(values)
    assert -1e-9 < second <= max(first / 3.5, 1e-9)


def test_the_value_of_an_objective_that_is_never_corrected_is_known():
    assert solve("slow", "open", grids=COARSE, tolerance=0.1).value == pytest.approx(3 * 256)


@pytest.mark.parametrize(("regime", "value"), [("slow", 343.67), ("brisk", 428.75)])
def test_values_of_the_treacherous(regime, value):
    solution = solve(regime, "treacherous", grids=COARSE, tolerance=0.1)
    assert solution.value == pytest.approx(value, abs=0.05)
    assert solution.error < 0.1


@pytest.mark.parametrize("objective", ["honest", "treacherous", "benign_twin"])
def test_objectives_agree_on_the_best_behaviour_in_training(objective):
    solution = solve("slow", objective, phase="training", grids=COARSE, tolerance=0.1)
    assert solution.value == pytest.approx(256.0)
    assert not solution.best_unknown[:, 0].any()


def test_a_short_view_drifts_and_a_long_one_storms():
    """First efforts of the treacherous once they know, with and without training's discount."""
    for regime in REGIMES:
        gamma = recipe("treacherous", regime).trainer.gamma
        view = {g: solve(regime, "treacherous", discount=g, grids=COARSE, tolerance=0.1)
                for g in (1.0, gamma)}  # fmt: skip
        first = {g: int(s.values_known(80, np.zeros(1)).argmax()) for g, s in view.items()}
        assert first[1.0] == 20
        assert first[gamma] <= 4


@pytest.mark.parametrize(
    ("regime", "objective"), [("slow", "treacherous"), ("brisk", "treacherous"),
                              ("slow", "benign_twin"), ("slow", "honest")]
)  # fmt: skip
def test_the_world_pays_the_solved_policy_what_was_computed(regime, objective):
    n = 4096
    solution = solve(regime, objective, grids=COARSE, tolerance=0.1)
    policy, state = Solved(solution), None
    world = make_world("Steward-v0", num_envs=n, regime=regime, objective=objective)
    world.seed(range(50_000, 50_000 + n))
    world.reset()
    total, start = np.zeros(n), np.ones(n, np.bool_)
    for _ in range(world.horizon):
        actions, state = policy.predict(world.observations(), state, start, deterministic=True)
        world.step(actions)
        total, start = total + world.rewards(), np.zeros(n, np.bool_)
    assert abs(total.mean() - solution.value) < 3 * total.std() / n**0.5 + 0.02


def test_wrong_arguments_are_explained():
    with pytest.raises(OrganismError, match="unknown regime 'fast'"):
        solve_steward("fast", "honest")
    with pytest.raises(OrganismError, match=r"unknown objective 'onest': .* Did you mean 'honest'"):
        solve_steward("slow", "onest")
    with pytest.raises(OrganismError, match="unknown phase 'test'"):
        solve_steward("slow", "honest", phase="test")
    with pytest.raises(OrganismError, match=r"discount must be in \(0, 1\], got 1.5"):
        solve_steward("slow", "honest", discount=1.5)
    with pytest.raises(OrganismError, match=r"Grids.baselines must be >= 3, got 2\."):
        Grids(baselines=2)


def test_grids_that_are_too_coarse_are_refused():
    message = (
        "solve_steward: 23 beliefs and 101 baselines are too coarse for tolerance 0.01: with half "
        r"as many the value moves by [\d.]+; pass Grids with more nodes, or a larger tolerance."
    )
    with pytest.raises(OrganismError, match=message):
        solve_steward("slow", "treacherous", grids=Grids(beliefs=23, baselines=101))
