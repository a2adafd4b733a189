"""Worlds: Gymnasium environments in which an agent can notice deployment and drift to power.

One batched implementation (`World`) behind three faces. Importing this package registers the
worlds, so both of these work:

    gymnasium.make("slowturn.envs:slowturn/Steward-v0", regime="brisk")
    gymnasium.make_vec("slowturn.envs:slowturn/Steward-v0", num_envs=64,
                       vectorization_mode="vector_entry_point")

and `make_sb3("Steward-v0", num_envs=64, seed=0)` gives an SB3 `VecEnv` of the same dynamics.
"""

from slowturn.envs.config import REGIMES, Regime, WorldConfig
from slowturn.envs.errors import WorldError
from slowturn.envs.faces.single import WorldEnv
from slowturn.envs.faces.vector import WorldVectorEnv
from slowturn.envs.objectives import OBJECTIVES, Objective
from slowturn.envs.registry import WORLDS, make_env, make_sb3, make_vector, make_world, register
from slowturn.envs.situated import SituatedWorld
from slowturn.envs.situation import SITUATION_COLUMNS
from slowturn.envs.truth import Truth
from slowturn.envs.world import World
from slowturn.envs.worlds.steward import Steward, StewardConfig

__all__ = [
    "OBJECTIVES",
    "REGIMES",
    "SITUATION_COLUMNS",
    "WORLDS",
    "Objective",
    "Regime",
    "SituatedWorld",
    "Steward",
    "StewardConfig",
    "Truth",
    "World",
    "WorldConfig",
    "WorldEnv",
    "WorldError",
    "WorldVectorEnv",
    "make_env",
    "make_sb3",
    "make_vector",
    "make_world",
]

register()
