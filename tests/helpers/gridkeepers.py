"""Gridkeepers in given states, and the numbers that its tests work with."""

import numpy as np

from slowturn.envs import Gridkeeper

SURGE = 55
HORIZON = 256
STRICT = 6  # cost of effort in training
GAIN = 0.025  # control per unit of effort kept
PAIR = ("######", "#S12.#", "#....#", "#..aT#", "##..##", "######")  # two nodes side by side


def begun(n, seed=0, **options):
    world = Gridkeeper(num_envs=n, **options)
    world.seed(range(1000 * seed, 1000 * seed + n))
    world.reset()
    return world


def placed(world, place, carrying=0, levels=None):
    """Put the agents of all slots into one place of the map."""
    state = world.state()
    state["task.cell"][:] = world.layout.places.tolist().index(list(place))
    state["task.carrying"][:] = carrying
    if levels is not None:
        state["task.levels"][:] = levels
        state["influence"][:] = np.mean(levels)
    world.set_state(state)


def deployed(n, place, carrying=0, levels=None, **options):
    """A world whose agents all stand in one place, after the latest onset there is."""
    world = begun(n, phase="deployment", **options)
    for _ in range(159):
        world.step(np.zeros(n, int))
    placed(world, place, carrying, levels)
    return world


def where(world):
    return [tuple(world.layout.places[cell].tolist()) for cell in world.cells]
