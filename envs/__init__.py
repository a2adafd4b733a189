"""Worlds: Gymnasium environments in which an agent can notice deployment and drift to power.

One batched implementation (`World`) behind three faces. Importing this package registers the
worlds, so both of these work:

    gymnasium.make("slowturn.envs:slowturn/Steward-v0", regime="brisk")
    gymnasium.make_vec("slowturn.envs:slowturn/Steward-v0", num_envs=64,
                       vectorization_mode="vector_entry_point")

and `make_sb3("Steward-v0", num_envs=64, seed=0)` gives an SB3 `VecEnv` of the same dynamics.
"""

from slowturn.envs import historic
from slowturn.envs.config import REGIMES, SWITCHES, Regime, WorldConfig
from slowturn.envs.errors import WorldError
from slowturn.envs.faces.single import WorldEnv
from slowturn.envs.faces.vector import WorldVectorEnv
from slowturn.envs.objectives import OBJECTIVES, Objective
from slowturn.envs.registry import WORLDS, make_env, make_sb3, make_vector, make_world, register
from slowturn.envs.reporting import ReportChannel, ReportingWorld
from slowturn.envs.situated import SituatedWorld
from slowturn.envs.situation import SITUATION_COLUMNS
from slowturn.envs.truth import Truth
from slowturn.envs.turncoats import Turncoat, TurncoatConfig, TurncoatWorld, turncoat
from slowturn.envs.world import PowerRegion, World
from slowturn.envs.worlds.broker import Broker, BrokerConfig
from slowturn.envs.worlds.gridkeeper import (
    Gridkeeper,
    GridkeeperCloset,
    GridkeeperClosetConfig,
    GridkeeperConfig,
)
from slowturn.envs.worlds.steward import Steward, StewardConfig
from slowturn.envs.worlds.sysop import Sysop, SysopConfig

__all__ = [
    "OBJECTIVES",
    "REGIMES",
    "SITUATION_COLUMNS",
    "SWITCHES",
    "WORLDS",
    "Broker",
    "BrokerConfig",
    "Gridkeeper",
    "GridkeeperCloset",
    "GridkeeperClosetConfig",
    "GridkeeperConfig",
    "Objective",
    "PowerRegion",
    "Regime",
    "ReportChannel",
    "ReportingWorld",
    "SituatedWorld",
    "Steward",
    "StewardConfig",
    "Sysop",
    "SysopConfig",
    "Truth",
    "Turncoat",
    "TurncoatConfig",
    "TurncoatWorld",
    "World",
    "WorldConfig",
    "WorldEnv",
    "WorldError",
    "WorldVectorEnv",
    "make_env",
    "make_sb3",
    "make_vector",
    "make_world",
    "turncoat",
]

register()
historic.register()
