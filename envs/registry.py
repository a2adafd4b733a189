"""The worlds by name, and the functions that make each of their faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium as gym

from slowturn.envs.errors import WorldError, unknown_name
from slowturn.envs.faces.single import WorldEnv
from slowturn.envs.faces.vector import WorldVectorEnv
from slowturn.envs.reporting import ReportChannel, ReportingWorld
from slowturn.envs.situated import SituatedWorld
from slowturn.envs.world import World
from slowturn.envs.worlds.broker import Broker
from slowturn.envs.worlds.gridkeeper import Gridkeeper, GridkeeperCloset
from slowturn.envs.worlds.steward import Steward
from slowturn.envs.worlds.sysop import Sysop

if TYPE_CHECKING:
    from slowturn.envs.faces.sb3 import WorldVecEnv

__all__ = ["WORLDS", "make_env", "make_sb3", "make_vector", "make_world", "register"]

WORLDS: dict[str, type[World]] = {
    world.name: world for world in (Steward, Gridkeeper, GridkeeperCloset, Sysop, Broker)
}
"""Every world by its registered name, without the `slowturn/` namespace."""


def make_world(name: str, *, num_envs: int = 1, **options: Any) -> World:
    """Build the batched dynamics of a world by name, such as `Steward-v0`.

    Args:
        name: Registered name, with or without the `slowturn/` namespace.
        num_envs: Number of parallel episodes.
        options: Options of the world, and of the channel in which its agents report what they
            spend (see `ReportChannel`): there is one if `reports` is not 0.

    Raises:
        WorldError: For an unknown name or an option out of range.
    """
    bare = name.removeprefix("slowturn/")
    if bare not in WORLDS:
        raise unknown_name("world", bare, WORLDS)
    channel = {one: options.pop(one) for one in ReportChannel.NAMES if one in options}
    world = WORLDS[bare](num_envs=num_envs, **options)
    if type(reports := channel.get("reports", 0)) is int and reports == 0:
        if channel.get("audits") is not None:
            raise WorldError("audits needs a report channel: add reports=5, or leave audits out.")
        return world
    if not isinstance(world, SituatedWorld):
        raise WorldError(
            f"reports must be 0 in {bare}: only worlds that are built on SituatedWorld can report."
        )
    return ReportingWorld(world, ReportChannel(**channel))


def make_env(world: str, *, render_mode: str | None = None, **options: Any) -> WorldEnv:
    """Build the `gymnasium.Env` of a world; what `gymnasium.make` calls."""
    return WorldEnv(make_world(world, **options), render_mode=render_mode)


def make_vector(
    world: str, *, num_envs: int = 1, render_mode: str | None = None, **options: Any
) -> WorldVectorEnv:
    """Build the native `VectorEnv` of a world; what `gymnasium.make_vec` calls."""
    if render_mode is not None:
        raise WorldError("the vector environment does not draw: use gymnasium.make for that.")
    return WorldVectorEnv(make_world(world, num_envs=num_envs, **options))


def make_sb3(
    world: str, *, num_envs: int = 1, seed: int | None = None, **options: Any
) -> WorldVecEnv:
    """Build the Stable-Baselines3 `VecEnv` of a world; slot `i` is seeded with `seed + i`."""
    from slowturn.envs.faces.sb3 import WorldVecEnv  # noqa: PLC0415 - imports torch, slowly

    env = WorldVecEnv(make_world(world, num_envs=num_envs, **options))
    if seed is not None:
        env.seed(seed)
    return env


def register() -> None:
    """Register every world with Gymnasium, once."""
    for name in WORLDS:
        identifier = f"slowturn/{name}"
        if identifier not in gym.registry:
            gym.register(
                id=identifier,
                entry_point="slowturn.envs.registry:make_env",
                vector_entry_point="slowturn.envs.registry:make_vector",
                kwargs={"world": name},
            )
