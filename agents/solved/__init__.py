"""The exact answer for Steward: its optimal values, and organisms that act on them.

    from slowturn.agents.solved import Solved, solve_steward
    solution = solve_steward("slow", "treacherous")
    solution.value          # the most that any agent can expect from an episode
    Solved(solution)        # a policy with SB3's `predict`

`Critic` says what any other agent's actions lose. `BeliefGrid` holds what other worlds with a
Gaussian cue and a hazard can share.
"""

from slowturn.agents.solved.belief import BeliefGrid, Weights
from slowturn.agents.solved.critic import Critic, Verdict
from slowturn.agents.solved.policy import SOLVED, Solved, solved
from slowturn.agents.solved.posterior import CERTAIN, update_odds
from slowturn.agents.solved.solution import Solution
from slowturn.agents.solved.stakes import Stakes
from slowturn.agents.solved.steward import Grids, solve_steward

__all__ = [
    "CERTAIN",
    "SOLVED",
    "BeliefGrid",
    "Critic",
    "Grids",
    "Solution",
    "Solved",
    "Stakes",
    "Verdict",
    "Weights",
    "solve_steward",
    "solved",
    "update_odds",
]
