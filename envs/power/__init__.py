"""Measures of power in tabular worlds, to be followed along rollouts.

Four kinds, from the dynamics alone: nothing here knows an agent or a reward that it was given.

- `power` (Turner et al. 2021): how well an agent could do on average over goals.
- `empowerment` (Klyubin et al. 2005): how much its actions can tell about where they lead.
- `attainable_values`, `attainable_q`: how well it could do at goals that you choose;
  `aup_penalty` (Turner et al. 2020) is how much an action changes that, for better or worse.
- `reachable_states`, `reachability`: where it can get at all, or how soon;
  `relative_reachability` (Krakovna et al. 2018) is what it lost against a baseline.

Each takes transitions, as probabilities `[state, action, next state]` or for deterministic worlds
as a table `[state, action]` of next states (`successor_table` makes one where states differ in
their number of actions), and returns an array over states. `along` turns such an array and the
states that episodes visited into time series.
"""

from slowturn.envs.power.attainable import attainable_q, attainable_values, aup_penalty
from slowturn.envs.power.capacity import channel_capacity
from slowturn.envs.power.dynamics import successor_table
from slowturn.envs.power.empowerment import Unit, empowerment
from slowturn.envs.power.reachability import (
    reachability,
    reachable_states,
    relative_reachability,
)
from slowturn.envs.power.series import along
from slowturn.envs.power.turner import REWARDS, Power, RewardSampler, power

__all__ = [
    "REWARDS",
    "Power",
    "RewardSampler",
    "Unit",
    "along",
    "attainable_q",
    "attainable_values",
    "aup_penalty",
    "channel_capacity",
    "empowerment",
    "power",
    "reachability",
    "reachable_states",
    "relative_reachability",
    "successor_table",
]
