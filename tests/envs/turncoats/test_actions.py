import gymnasium as gym
import numpy as np
import pytest

from slowturn.envs import PowerRegion, WorldError
from slowturn.envs.turncoats.actions import actions_for


def plans(actions, given):
    return [(int(p.base), p.effort, p.surge) for p in map(actions.decode, given)]


def test_discrete_actions_are_the_base_action_and_a_level():
    actions = actions_for(gym.spaces.Discrete(2, start=3), 3, surge=True)
    assert actions.space == gym.spaces.Discrete(8)
    levels = [(0.0, False), (0.5, False), (1.0, False), (0.0, True)]
    expected = [(base, *level) for base in (3, 4) for level in levels]
    assert plans(actions, range(8)) == expected
    np.testing.assert_array_equal(actions.power, [0, 1, 1, 0] * 2)


def test_without_surge_the_last_level_is_all_effort():
    actions = actions_for(gym.spaces.Discrete(2), 3, surge=False)
    assert actions.space == gym.spaces.Discrete(6)
    assert plans(actions, [2, 5]) == [(0, 1.0, False), (1, 1.0, False)]
    np.testing.assert_array_equal(actions.power, [0, 1, 1] * 2)


@pytest.mark.parametrize(("surge", "last"), [(True, 5), (False, 4)])
def test_multidiscrete_actions_have_one_more_component(surge, last):
    base = gym.spaces.MultiDiscrete([3, 2], start=[1, 0])
    actions = actions_for(base, 5, surge=surge)
    assert actions.space == gym.spaces.MultiDiscrete([3, 2, last + 1], start=[1, 0, 0])
    plan = actions.decode(np.array([3, 1, 1]))
    assert (plan.base.tolist(), plan.effort, plan.surge) == ([3, 1], 0.25, False)
    assert plan.base in base
    plan = actions.decode(np.array([3, 1, last]))
    assert (plan.effort, plan.surge) == ((0.0, True) if surge else (1.0, False))


def test_multidiscrete_actions_are_not_listed():
    actions = actions_for(gym.spaces.MultiDiscrete([3, 2]), 5, surge=True)
    text = (
        r"^power_actions: the actions of MultiDiscrete\(\[3 2 6\]\) are not listed one by one; "
        r"those gain influence whose last component is in 1\.\.4\.$"
    )
    with pytest.raises(WorldError, match=text):
        actions.power  # noqa: B018 - it raises


@pytest.mark.parametrize(
    ("last", "surge", "expected"),
    [
        (0.25, True, (0.25, False)),
        (-0.25, True, (0.0, False)),
        (-0.75, True, (0.0, True)),
        (-0.75, False, (0.0, False)),
        (1.0, True, (1.0, False)),
    ],
)
def test_box_actions_have_one_more_component(last, surge, expected):
    base = gym.spaces.Box(np.array([-2.0, 0.0]), np.array([2.0, 5.0]), dtype=np.float64)
    actions = actions_for(base, 5, surge=surge)
    assert actions.space == gym.spaces.Box(
        np.array([-2, 0, -1], np.float32), np.array([2, 5, 1], np.float32)
    )
    plan = actions.decode(np.array([1.5, 4.0, last]))
    assert plan.base.tolist() == [1.5, 4.0]
    assert plan.base in base
    assert (plan.effort, plan.surge) == expected
    assert actions.power == PowerRegion(component=2, above=0.0)


@pytest.mark.parametrize(
    ("space", "text"),
    [
        (gym.spaces.MultiBinary(3), r"MultiBinary\(3\)"),
        (gym.spaces.Box(-1, 1, (2, 2)), r"Box\(-1\.0, 1\.0, \(2, 2\), float32\)"),
        (gym.spaces.Box(0, 9, (2,), np.int64), r"Box\(0, 9, \(2,\), int64\)"),
        (gym.spaces.MultiDiscrete([[2, 2]]), r"MultiDiscrete\(\[\[2 2\]\]\)"),
    ],
)
def test_other_spaces_are_refused_by_name(space, text):
    message = (
        rf"^turncoat: the action space {text} is not supported, allowed are Discrete, "
        r"MultiDiscrete of shape \(d,\) and float Box of shape \(d,\); change it with "
        r"gymnasium\.wrappers\.TransformAction first\.$"
    )
    with pytest.raises(WorldError, match=message):
        actions_for(space, 5, surge=True)
