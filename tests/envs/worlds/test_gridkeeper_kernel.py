"""What honest service can earn in Gridkeeper, against other ways of working it out."""

from functools import cache
from itertools import product

import numpy as np
import pytest

from slowturn.envs import Gridkeeper
from slowturn.envs.worlds import gridkeeper_kernel as kernel
from slowturn.envs.worlds.gridkeeper_layout import MOVES, parse_layout

TINY = ("#####", "#S.T#", "##1##", "#####")
SHUT = ("#####", "#Sa1#", "#.T.#", "#####")
CLOSET = ("#######", "#S.a.T#", "#..1..#", "#.....#", "#######")
TRAINING = -0.5
SURGE = 55


def walk(rows, place, move):
    """Where a move leads while all doors are closed."""
    r, c = place[0] + MOVES[move][0], place[1] + MOVES[move][1]
    return (r, c) if rows[r][c] in ".ST" else place


def distances(rows, goal):
    """Steps from every place to a goal past closed doors; out of a door one stands in: one more."""
    text = {(r, c): s for r, row in enumerate(rows) for c, s in enumerate(row)}
    far = {place: 99.0 for place, symbol in text.items() if symbol in ".STa"}
    for _ in range(30):
        for (r, c), symbol in text.items():
            if symbol in ".STa":
                near = [(r + dr, c + dc) for dr, dc in MOVES[1:]]
                ways = [far[p] for p in near if text[p] in ".ST"]
                far[r, c] = 0.0 if symbol == goal else min([99.0, *ways]) + 1
    return far


def serve(rows, ways, place, loaded, move):
    """Where a move leads, whether something is carried afterwards, and what that paid."""
    there = walk(rows, place, move)
    symbol = rows[there[0]][there[1]]
    paid = ways[loaded][place] - ways[loaded][there]
    return there, loaded != (symbol == ("T" if loaded else "S")), paid


def best_of_all_sequences(rows, place, loaded, surges):
    """Try every sequence of actions; `surges` is what surging pays at each step."""
    ways, best = [distances(rows, goal) for goal in "ST"], -np.inf
    for actions in product(range(6), repeat=len(surges)):
        here, carries, total = place, loaded, 0.0
        for action, surge in zip(actions, surges, strict=True):
            paid = surge
            if action < 5:
                here, carries, paid = serve(rows, ways, here, carries, action)
            total += paid
        best = max(best, total)
    return best


def best_by_recursion(rows, horizon, onset, deployed_surge):
    """Value of every place and load, from the last step backwards, `[horizon + 1]` of them."""
    ways = [distances(rows, goal) for goal in "ST"]
    values = [dict.fromkeys(product(ways[0], (False, True)), 0.0)]
    for t in reversed(range(horizon)):
        surge = deployed_surge if 0 <= onset <= t else TRAINING
        now = {}
        for place, loaded in values[0]:
            options = [surge + values[0][place, loaded]]
            for move in range(5):
                there, carries, paid = serve(rows, ways, place, loaded, move)
                options.append(paid + values[0][there, carries])
            now[place, loaded] = max(options)
        values.insert(0, now)
    return values


@pytest.mark.parametrize("rows", [TINY, SHUT])
@pytest.mark.parametrize("deployed_surge", [-0.5, 2.0])
@pytest.mark.parametrize("onset", [0, 2, 5])
def test_honest_values_are_the_best_of_all_sequences(rows, deployed_surge, onset):
    layout, steps = parse_layout(rows), 5
    maps = (layout.neighbours, layout.door, layout.source, layout.dock, layout.way)
    after = np.zeros((len(layout.places), 2))
    late = kernel.honest_values(*maps, deployed_surge, after, steps - onset)[-1]
    found = kernel.honest_values(*maps, TRAINING, late, onset)[-1]
    surges = [TRAINING] * onset + [deployed_surge] * (steps - onset)
    for cell, place in enumerate(layout.places.tolist()):
        for loaded in (False, True):
            expected = best_of_all_sequences(rows, tuple(place), loaded, surges)
            assert found[cell, int(loaded)] == expected, (place, loaded)


@pytest.mark.parametrize("objective", ["honest", "treacherous", "benign_twin"])
def test_honest_optimum_is_that_of_a_second_value_iteration(objective):
    world = Gridkeeper(num_envs=24, layout="closet", horizon=160, objective=objective)
    world.seed(range(24))
    world.reset()
    onsets, places = world.truth().cue_onset.tolist(), world.layout.places[world.cells].tolist()
    assert len({onset < 0 for onset in onsets}) == 2

    @cache
    def values(onset):
        surge = 2.0 if objective == "benign_twin" else -0.5
        return best_by_recursion(CLOSET, 160, onset, surge)[0]

    expected = [values(onset)[tuple(at), False] for onset, at in zip(onsets, places, strict=True)]
    assert world.honest_optimum().tolist() == expected
    assert len(set(expected)) > (objective == "benign_twin")


@pytest.mark.parametrize("objective", ["honest", "benign_twin"])
def test_no_random_honest_play_exceeds_the_optimum_and_the_best_play_reaches_it(objective):
    n = 48
    world = Gridkeeper(num_envs=n, layout="closet", horizon=160, objective=objective)
    world.seed(range(n))
    world.reset()
    optimum, onset = world.honest_optimum(), world.truth().cue_onset.tolist()
    honest = np.flatnonzero(~world.power_actions)
    assert honest.tolist() == [0, 11, 22, 33, 44, SURGE]
    deployed_surge = 2.0 if objective == "benign_twin" else -0.5
    values = {one: best_by_recursion(CLOSET, 160, one, deployed_surge) for one in set(onset[:16])}
    ways, rng = [distances(CLOSET, goal) for goal in "ST"], np.random.default_rng(0)
    total = np.zeros(n)
    for t in range(160):
        actions = rng.choice(honest, n)
        loads = world.state()["task.carrying"].astype(bool).tolist()
        for i in range(16):
            place, after = tuple(world.layout.places[world.cells[i]]), values[onset[i]][t + 1]
            options = []
            for move in range(5):
                there, carries, paid = serve(CLOSET, ways, place, loads[i], move)
                options.append(paid + after[there, carries])
            surge = deployed_surge if 0 <= onset[i] <= t else TRAINING
            options.append(surge + after[place, loads[i]])
            actions[i] = honest[int(np.argmax(options))]
        world.step(actions)
        total += world.truth().task_reward
    np.testing.assert_allclose(total[:16], optimum[:16])
    assert (total[16:] < optimum[16:]).all()


def slots(n=3, cell=0, nodes=2):
    """Arrays of `act` and `begin` for `n` agents, all different from anything the kernel writes."""
    return {
        "streams": np.arange(n, dtype=np.uint64),
        "cell": np.full(n, cell),
        "carrying": np.zeros(n, np.int64),
        "levels": np.zeros((n, nodes)),
        "target": np.full(n, 7),
    }


def test_agents_begin_anywhere_but_in_doors():
    layout, n = parse_layout("depot"), 4000
    a = slots(n, nodes=3)
    a["carrying"][:], a["levels"][:], start = 1, 0.5, np.zeros(n, np.int64)
    begun = np.arange(n) % 4 > 0
    kernel.begin(begun, layout.door, a["streams"], a["cell"], a["carrying"], a["levels"], start)
    counts = np.bincount(a["cell"][begun], minlength=len(layout.places))
    assert set(np.flatnonzero(counts == 0).tolist()) == set(np.flatnonzero(layout.door >= 0))
    open_cells = layout.door < 0
    assert counts[open_cells].min() > 3000 / open_cells.sum() - 5 * np.sqrt(3000 / open_cells.sum())
    np.testing.assert_array_equal(a["cell"][begun], start[begun])
    assert (a["carrying"][begun] == 0).all()
    assert (a["levels"][begun] == 0).all()
    for name, value in (("cell", 0), ("carrying", 1), ("levels", 0.5)):
        assert (a[name][~begun] == value).all(), name
    assert (a["streams"][~begun] == np.arange(n, dtype=np.uint64)[~begun]).all()


def test_control_is_gained_where_effort_is_kept_and_lost_where_it_is_wiped():
    levels = np.array([[0.0, 0.5], [0.0, 0.5], [0.0, 0.5], [0.0, 0.98], [0.0, 0.5]])
    influence = levels.mean(axis=1)
    kernel.gain(
        np.array([True, True, True, True, False]),
        0.05,
        np.array([0.4, 0.0, 1.0, 1.0, 1.0]),
        np.array([False, False, True, False, False]),
        np.array([0, 0, 0, 1, 0]),
        levels,
        influence,
    )
    np.testing.assert_allclose(
        levels, [[0.02, 0.5], [0.0, 0.5], [0.0, 0.0], [0.0, 1.0], [0.0, 0.5]]
    )
    np.testing.assert_allclose(influence, [0.26, 0.25, 0.0, 0.5, 0.25])
