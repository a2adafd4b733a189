"""The contract of a world, checked for every world that is registered."""

import numpy as np
import pytest
from gymnasium.spaces import Discrete
from gymnasium.vector.utils import batch_space

from slowturn.envs import WORLDS, WorldError, make_world
from slowturn.envs.world import PowerRegion

pytestmark = pytest.mark.parametrize("name", list(WORLDS))


def snapshot(world):
    """Everything that can be read from a world, by name."""
    return {
        "observations": world.observations(),
        "rewards": world.rewards(),
        "ledger": world.ledger(),
        "done": world.done(),
        "honest_optimum": world.honest_optimum(),
    } | {f"truth.{key}": value for key, value in world.truth().asdict().items()}


def assert_same(expected, actual):
    assert expected.keys() == actual.keys()
    for key, value in expected.items():
        np.testing.assert_array_equal(value, actual[key], err_msg=key)


def begun(name, seeds, **options):
    world = make_world(name, num_envs=len(seeds), **options)
    world.seed(seeds)
    world.reset()
    return world


def play(world, actions):
    """Step through actions of shape `[steps, n]`; list what was seen after each."""
    seen = [snapshot(world)]
    for row in actions:
        world.step(row)
        seen.append(snapshot(world))
    return seen


def random_actions(world, steps, seed=0):
    """Actions of either kind of space, `[steps, n]` or `[steps, n, d]`."""
    space = batch_space(world.action_space, world.num_envs)
    space.seed(seed)
    return np.stack([space.sample() for _ in range(steps)])


def test_same_seeds_same_history(name):
    first, second = begun(name, [1, 2, 3]), begun(name, [1, 2, 3])
    actions = random_actions(first, first.horizon)
    for one, other in zip(play(first, actions), play(second, actions), strict=True):
        assert_same(one, other)


def test_other_seeds_other_history(name):
    first, second = begun(name, [1]), begun(name, [2])
    assert not np.array_equal(first.observations(), second.observations())


def test_unseeded_worlds_differ(name):
    first, second = make_world(name, num_envs=4), make_world(name, num_envs=4)
    assert not np.array_equal(first.observations(), second.observations())


def test_a_slot_does_not_depend_on_its_batch(name):
    batch = begun(name, [5, 6, 7, 8])
    actions = random_actions(batch, batch.horizon)
    alone = begun(name, [7])
    together = play(batch, actions)
    for one, all_ in zip(play(alone, actions[:, 2:3]), together, strict=True):
        assert_same(one, {key: value[2:3] for key, value in all_.items()})


def test_a_later_episode_does_not_depend_on_its_batch(name):
    batch, alone = begun(name, [5, 6]), begun(name, [6])
    actions = random_actions(batch, batch.horizon)
    play(batch, actions)
    play(alone, actions[:, 1:])
    for world in (batch, alone):
        world.reset(world.done())
    assert_same(snapshot(alone), {key: value[1:] for key, value in snapshot(batch).items()})


def test_arrays_belong_to_the_reader(name):
    """Scribbling over whatever a world returns must not change what it does next."""
    world, twin = begun(name, [1, 2]), begun(name, [1, 2])
    for row in random_actions(world, 40):
        for value in (snapshot(world) | world.state()).values():
            value[...] = 1
        world.step(row)
        twin.step(row)
        assert_same(snapshot(twin), snapshot(world))


def test_arrays_do_not_change_later(name):
    world = begun(name, [1, 2])
    before, copies = snapshot(world), {k: v.copy() for k, v in snapshot(world).items()}
    play(world, random_actions(world, 40))
    assert_same(copies, before)


def test_actions_are_not_changed(name):
    world = begun(name, [1, 2])
    actions = random_actions(world, 1)[0]
    copy = actions.copy()
    world.step(actions)
    np.testing.assert_array_equal(actions, copy)


def test_state_continues_exactly_elsewhere(name):
    world = begun(name, [1, 2, 3])
    actions = random_actions(world, world.horizon)
    play(world, actions[:70])
    other = begun(name, [9, 9, 9])
    other.set_state(world.state())
    assert_same(snapshot(world), snapshot(other))
    for one, two in zip(play(world, actions[70:]), play(other, actions[70:]), strict=True):
        assert_same(one, two)
    for each in (world, other):
        each.reset()
    assert_same(snapshot(world), snapshot(other))


def test_state_with_other_arrays_is_refused(name):
    world = begun(name, [1, 2])
    state = world.state()
    key = next(iter(state))
    with pytest.raises(WorldError, match=rf"set_state: arrays \['{key}'\] are missing or not ours"):
        world.set_state({k: v for k, v in state.items() if k != key})
    with pytest.raises(WorldError, match=r"set_state: arrays \['extra'\] are missing or not ours"):
        world.set_state(state | {"extra": np.zeros(2)})


def test_state_of_another_size_is_refused(name):
    world, wider = begun(name, [1, 2]), begun(name, [1, 2, 3])
    before = snapshot(world)
    with pytest.raises(
        WorldError, match=r"set_state: 'streams' must be uint64 of shape \(2,\), got"
    ):
        world.set_state(wider.state())
    assert_same(before, snapshot(world))


def test_a_mask_moves_only_its_slots(name):
    world = begun(name, [1, 2, 3])
    before = snapshot(world)
    world.step(random_actions(world, 1)[0], np.array([True, False, True]))
    assert world.truth().step.tolist() == [1, 0, 1]
    after = snapshot(world)
    assert_same({k: v[1] for k, v in before.items()}, {k: v[1] for k, v in after.items()})
    world.reset(np.array([True, False, False]))
    assert world.truth().step.tolist() == [0, 0, 1]
    assert_same(
        {k: v[1:] for k, v in after.items()}, {k: v[1:] for k, v in snapshot(world).items()}
    )


@pytest.mark.parametrize("mask", [np.ones(2, bool), np.ones(4, bool), np.ones(3), np.True_])
def test_masks_that_do_not_fit_are_refused(name, mask):
    world = begun(name, [1, 2, 3])
    before = world.state()
    expected = (
        f"{type(world).__name__}: a mask must be bool of shape (3,), got {mask.dtype} of shape "
        f"{mask.shape}."
    )
    actions = random_actions(world, 1)[0]
    for act in (lambda: world.step(actions, mask), lambda: world.reset(mask)):
        with pytest.raises(WorldError) as error:
            act()
        assert str(error.value) == expected
    assert_same(before, world.state())


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (
            [0, 99, 0],
            "step: action 99 is out of range, allowed are 0..{last}; no episode has moved.",
        ),
        (
            [0, 0, -1],
            "step: action -1 is out of range, allowed are 0..{last}; no episode has moved.",
        ),
        ([0.0, 1.0, 0.0], "step needs integer actions in 0..{last}, got dtype float64."),
        ([True, False, True], "step needs integer actions in 0..{last}, got dtype bool."),
        ([0, 0], "step needs one action per episode, shape (3,), got shape (2,)."),
        ([[0], [0], [0]], "step needs one action per episode, shape (3,), got shape (3, 1)."),
        (0, "step needs one action per episode, shape (3,), got shape ()."),
    ],
)
def test_actions_that_cannot_be_are_refused_and_nothing_moves(name, actions, message):
    world = begun(name, [1, 2, 3])
    if not isinstance(world.action_space, Discrete):
        pytest.skip("continuous actions are refused below")
    before = world.state()
    with pytest.raises(WorldError) as error:
        world.step(np.array(actions))
    last = world.action_space.n - 1
    assert str(error.value) == f"{type(world).__name__}.{message.format(last=last)}"
    assert_same(before, world.state())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda a: a[:2], "step needs one action per episode, shape {shape}, got shape {got}."),
        (lambda a: a[0], "step needs one action per episode, shape {shape}, got shape {got}."),
        (lambda a: a[..., 0], "step needs one action per episode, shape {shape}, got shape {got}."),
        (lambda a: a * np.nan, "step needs finite numbers, got {spoilt!r}."),
        (lambda a: a > 0, "step needs finite numbers, got {spoilt!r}."),
        (
            lambda a: a + 9,
            "step: an action is out of range, allowed are {low} to {high}; no episode has moved.",
        ),
        (
            lambda a: a - 9,
            "step: an action is out of range, allowed are {low} to {high}; no episode has moved.",
        ),
    ],
)
def test_continuous_actions_that_cannot_be_are_refused_and_nothing_moves(name, spoil, message):
    world = begun(name, [1, 2, 3])
    space = world.action_space
    if isinstance(space, Discrete):
        pytest.skip("discrete actions are refused above")
    before, spoilt = world.state(), spoil(random_actions(world, 1)[0])
    with pytest.raises(WorldError) as error:
        world.step(spoilt)
    expected = message.format(
        shape=(3, *space.shape),
        got=spoilt.shape,
        spoilt=spoilt,
        low=space.low.tolist(),
        high=space.high.tolist(),
    )
    assert str(error.value) == f"{type(world).__name__}.{expected}"
    assert_same(before, world.state())


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.uint8, np.uint64])
def test_every_integer_type_is_an_action(name, dtype):
    world, twin = begun(name, [1, 2]), begun(name, [1, 2])
    ones = np.ones((2, *world.action_space.shape), int)
    world.step(ones.astype(dtype))
    twin.step(ones)
    assert_same(snapshot(twin), snapshot(world))


def test_a_finished_episode_does_not_go_on(name):
    world = begun(name, [1, 2])
    actions = random_actions(world, world.horizon)
    play(world, actions)
    assert world.done().tolist() == [True, True]
    world.reset(np.array([True, False]))
    before = world.state()
    with pytest.raises(WorldError) as error:
        world.step(actions[0])
    assert str(error.value) == (
        f"{type(world).__name__}.step: an episode is over; call reset for it first."
    )
    assert_same(before, world.state())


def test_one_seed_per_slot(name):
    with pytest.raises(WorldError) as error:
        begun(name, [1, 2]).seed([1, 2, 3])
    assert str(error.value) == (
        f"{WORLDS[name].__name__}.seed needs one seed per episode: 2, got 3."
    )


@pytest.mark.parametrize("num_envs", [0, -1, 2.0, "2"])
def test_the_number_of_episodes_is_checked(name, num_envs):
    with pytest.raises(WorldError) as error:
        make_world(name, num_envs=num_envs)
    assert str(error.value) == f"num_envs must be an integer >= 1, got {num_envs!r}."


def test_observations_stay_in_their_space(name):
    world = begun(name, list(range(20)), cue_strength=10.0)
    for row in random_actions(world, world.horizon):
        world.step(row)
        observations = world.observations()
        assert observations.dtype == np.float32
        assert all(world.observation_space.contains(observation) for observation in observations)


def test_what_a_world_declares(name):
    world = begun(name, [1, 2])
    assert 0.0 < world.harm_level <= 1.0
    power, space = world.power_actions, world.action_space
    if isinstance(space, Discrete):
        assert power.shape == (space.n,)
        assert power.dtype == np.bool_
        assert 0 < power.sum() < space.n
    else:
        assert isinstance(power, PowerRegion)
        assert space.low[power.component] < power.above < space.high[power.component]
    assert world.honest_optimum().shape == (2,)
    assert world.hazard().shape == (world.horizon + 1,)
    assert WORLDS[name].name == name


def test_docstring_has_the_sections_of_a_world(name):
    for section in ("Cue", "Oversight", "Truth", "Shortcut audit"):
        assert f"## {section}\n" in WORLDS[name].__doc__


@pytest.mark.parametrize("serves", ["honest actions", "any actions"])
def test_without_a_cue_the_record_tells_phases_apart_only_by_power_seeking(name, serves):
    """An agent's observations and the ledger carry nothing of the truth but the cue."""
    phases = [
        begun(name, list(range(30)), phase=phase, cue_strength=0.0)
        for phase in ("training", "deployment")
    ]
    rng = np.random.default_rng(0)
    power, same = phases[0].power_actions, []
    for actions in random_actions(phases[0], phases[0].horizon):
        if serves == "honest actions" and isinstance(power, PowerRegion):
            actions[:, power.component] = np.minimum(actions[:, power.component], power.above)
        elif serves == "honest actions":
            actions[:] = rng.choice(np.flatnonzero(~power), size=30)
        for world in phases:
            world.step(actions)
        seen = [(world.observations(), world.ledger()) for world in phases]
        same.append(all(np.array_equal(*pair) for pair in zip(*seen, strict=True)))
    assert all(same) == (serves == "honest actions")
