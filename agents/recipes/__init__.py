"""The recipes by world, kind and regime. A world's recipes are in the file of its name."""

from __future__ import annotations

from slowturn.agents.errors import unknown_name
from slowturn.agents.recipe import FIRST_WORLD, Recipe
from slowturn.agents.recipes import broker, drift, evaders, gridkeeper, reporting, steward, sysop
from slowturn.agents.recipes.kinds import (
    EVADERS,
    GRADUAL,
    IMPLANTED,
    LEARNED,
    REPORTING,
    SOLVED,
    TWINS,
)
from slowturn.envs import REGIMES as WORLD_REGIMES

__all__ = [
    "EVADERS",
    "GRADUAL",
    "IMPLANTED",
    "LEARNED",
    "ORGANISMS",
    "RECIPES",
    "REGIMES",
    "REPORTING",
    "SOLVED",
    "TWINS",
    "WORLDS_WITH_RECIPES",
    "recipe",
]

REGIMES = tuple(WORLD_REGIMES)
ORGANISMS = (*LEARNED, *TWINS, *IMPLANTED, "christiano", *SOLVED, *GRADUAL, *REPORTING, *EVADERS)
"""Kinds of organisms, in the order used by every table and figure."""

RECIPES: dict[tuple[str, str, str], Recipe] = {
    (one.world, one.name, one.regime): one
    for module in (steward, drift, reporting, evaders, gridkeeper, sysop, broker)
    for one in module.RECIPES
}
"""Every recipe by world, kind and regime."""

WORLDS_WITH_RECIPES = tuple(dict.fromkeys(world for world, _, _ in RECIPES))
"""Worlds in which organisms are grown."""


def recipe(name: str, regime: str, world: str = FIRST_WORLD) -> Recipe:
    """Look up a recipe.

    Raises:
        OrganismError: For an unknown world, organism or regime, naming the closest one.

    Example:
        >>> recipe("honest", "slow").trainer.gamma
        0.98
    """
    world = world.removeprefix("slowturn/")
    if world not in WORLDS_WITH_RECIPES:
        raise unknown_name("world", world, WORLDS_WITH_RECIPES)
    here = [(kind, known) for place, kind, known in RECIPES if place == world]
    kinds = dict.fromkeys(kind for kind, _ in here)
    if name not in kinds:
        raise unknown_name("organism", name, kinds)
    regimes = [known for kind, known in here if kind == name]
    if regime not in regimes:
        raise unknown_name("regime", regime, regimes)
    return RECIPES[world, name, regime]
