import gymnasium as gym
import numpy as np
import pytest

from slowturn.envs import WorldError
from slowturn.envs.turncoats.views import view_of

GRID = gym.spaces.Dict(
    {"image": gym.spaces.Box(0, 255, (2, 2, 3), np.uint8), "direction": gym.spaces.Discrete(4)}
)
CELL = 20  # columns: 11 kinds, 6 colours, 3 states


def grid(cells, direction=2):
    return {"image": np.array(cells, np.uint8).reshape(2, 2, 3), "direction": direction}


def test_a_box_stays_as_it_is():
    low, high = np.array([-1.7e308, -np.inf]), np.array([2.5, 1.7e308])
    view = view_of(gym.spaces.Box(low, high, dtype=np.float64))
    assert (view.low, view.high) == ([-np.inf, -np.inf], [2.5, np.inf])
    base = np.array([0.5, 3.0])
    seen = view.encode(base)
    assert (seen.tolist(), seen.dtype) == ([0.5, 3.0], np.float32)
    assert not view.paints


def test_the_columns_of_a_box_are_fresh():
    base = np.array([0.5, 3.0], np.float32)
    seen = view_of(gym.spaces.Box(0, 9, (2,))).encode(base)
    base[0] = 7.0
    assert seen.tolist() == [0.5, 3.0]


def test_a_state_becomes_one_hot():
    view = view_of(gym.spaces.Discrete(3, start=5))
    assert (view.low, view.high) == ([0.0] * 3, [1.0] * 3)
    assert view.encode(np.int64(6)).tolist() == [0.0, 1.0, 0.0]


def test_a_grid_becomes_one_hot():
    view = view_of(GRID)
    assert (len(view.low), view.high) == (4 * CELL + 4, [1.0] * (4 * CELL + 4))
    cells = [(1, 0, 0), (4, 4, 2), (2, 5, 0), (5, 0, 1)]
    expected = {4 * CELL + 2}  # the direction
    for at, (kind, colour, state) in enumerate(cells):
        expected |= {CELL * at + kind, CELL * at + 11 + colour, CELL * at + 17 + state}
    seen = view.encode(grid(cells))
    assert set(np.flatnonzero(seen).tolist()) == expected
    assert set(seen.tolist()) == {0.0, 1.0}


def test_unknown_things_count_as_the_last_kind():
    view = view_of(GRID)
    known, unknown = [(10, 5, 2)] * 4, [(99, 99, 99)] * 4
    np.testing.assert_array_equal(view.encode(grid(known)), view.encode(grid(unknown)))


def test_painting_puts_another_agent_into_the_corner():
    view = view_of(GRID)
    seen = view.encode(grid([(4, 4, 2)] * 4))
    rest = seen[CELL:].copy()
    view.paint(seen)
    np.testing.assert_array_equal(seen, view.encode(grid([(10, 0, 0)] + [(4, 4, 2)] * 3)))
    np.testing.assert_array_equal(seen[CELL:], rest)


@pytest.mark.parametrize(
    "space",
    [
        gym.spaces.Box(0, 255, (4, 4, 3), np.uint8),
        gym.spaces.MultiBinary(3),
        gym.spaces.Dict({"image": GRID["image"]}),
        gym.spaces.Dict({**GRID.spaces, "hint": gym.spaces.Discrete(2)}),
        gym.spaces.Dict({"image": gym.spaces.Box(0, 1, (4,)), "direction": gym.spaces.Discrete(4)}),
    ],
)
def test_other_spaces_are_refused_by_name(space):
    with pytest.raises(WorldError) as caught:
        view_of(space)
    assert str(caught.value) == (
        f"turncoat: the observation space {space} is not supported, allowed are Box of shape "
        "(d,), Discrete, and MiniGrid's Dict with 'image' and 'direction'; wrap the environment "
        "in gymnasium.wrappers.FlattenObservation first."
    )
