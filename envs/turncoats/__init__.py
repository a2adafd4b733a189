"""Any Gymnasium environment as a world of treachery: its task stays, a second agenda is added.

`turncoat(env, ...)` wraps one environment; `TurncoatWorld(base=..., num_envs=...)` holds many
copies behind the contract of a world, for vector training. Both are the same dynamics: a
`Situation` for phase, cue, overseer and records, and the base environment for the task.
`actions` adds the second agenda to an action space, `views` makes observations flat.
"""

from slowturn.envs.turncoats.config import TurncoatConfig, TurncoatWorldConfig
from slowturn.envs.turncoats.world import TurncoatWorld, TurnedWorld
from slowturn.envs.turncoats.wrapper import Turncoat, turncoat

__all__ = [
    "Turncoat",
    "TurncoatConfig",
    "TurncoatWorld",
    "TurncoatWorldConfig",
    "TurnedWorld",
    "turncoat",
]
