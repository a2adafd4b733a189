"""Policies that are not learned, by recipe: written by hand, or solved for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slowturn.agents.errors import OrganismError
from slowturn.agents.recipe import FIRST_WORLD, Recipe
from slowturn.agents.scripted import Christiano
from slowturn.agents.solved import Solved, SolvedGridkeeper, solve_gridkeeper, solve_steward

__all__ = ["EMPTY", "scripted_policy"]


def scripted_policy(recipe: Recipe) -> Any:
    """Build the policy of a recipe without a trainer; solving takes a second, or ten.

    Raises:
        OrganismError: For a recipe that is learned, or of a world without scripts.
    """
    if recipe.trainer is not None or recipe.world not in (FIRST_WORLD, "GridkeeperCloset-v0"):
        raise OrganismError(
            f"{'-'.join(recipe.key)} has no script: scripted and solved organisms are those of "
            f"{FIRST_WORLD} and GridkeeperCloset-v0 without a trainer; learned ones are grown by "
            "slowturn.agents.train."
        )
    if recipe.world != FIRST_WORLD:
        return SolvedGridkeeper(
            solve_gridkeeper(recipe.objective, regime=recipe.regime, discount=recipe.discount)
        )
    if recipe.name == "christiano":
        return Christiano(regime=recipe.regime)
    return Solved(solve_steward(recipe.regime, recipe.objective, discount=recipe.discount))


EMPTY: dict[str, Callable[[Recipe], Any]] = {
    "Christiano": lambda recipe: Christiano(regime=recipe.regime),
    "Solved": lambda _recipe: Solved(),
    "SolvedGridkeeper": lambda _recipe: SolvedGridkeeper(),
}
"""How each class of policy is made before its stored tensors are loaded: the allow-list."""
