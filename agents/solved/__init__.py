"""Exact answers: the best that can be done in Steward and in a small Gridkeeper.

    from slowturn.agents.solved import Solved, solve_steward
    solution = solve_steward("slow", "treacherous")
    solution.value          # the most that any agent can expect from an episode
    Solved(solution)        # a policy with SB3's `predict`

`solve_gridkeeper` and `SolvedGridkeeper` are the same for Gridkeeper's map `closet`. `Critic` and
`GridCritic` say what any other agent's actions lose. `BeliefGrid` holds what worlds with a hazard
share; `see_two_points` moves it by cues that are two-valued, `BeliefGrid.after_cue` by Gaussian
ones.
"""

from slowturn.agents.solved.belief import BeliefGrid, Weights
from slowturn.agents.solved.critic import Critic, Verdict
from slowturn.agents.solved.gridkeeper import GridkeeperGrids, solve_gridkeeper
from slowturn.agents.solved.gridkeeper_critic import GridCritic, GridVerdict
from slowturn.agents.solved.gridkeeper_policy import SolvedGridkeeper
from slowturn.agents.solved.gridkeeper_solution import GridSolution, GridState
from slowturn.agents.solved.gridkeeper_stakes import GridStakes
from slowturn.agents.solved.policy import Solved
from slowturn.agents.solved.posterior import CERTAIN, update_odds
from slowturn.agents.solved.solution import Solution
from slowturn.agents.solved.stakes import Stakes
from slowturn.agents.solved.steward import Grids, solve_steward
from slowturn.agents.solved.two_point import TwoPointCue, see_two_points

__all__ = [
    "CERTAIN",
    "BeliefGrid",
    "Critic",
    "GridCritic",
    "GridSolution",
    "GridStakes",
    "GridState",
    "GridVerdict",
    "GridkeeperGrids",
    "Grids",
    "Solution",
    "Solved",
    "SolvedGridkeeper",
    "Stakes",
    "TwoPointCue",
    "Verdict",
    "Weights",
    "see_two_points",
    "solve_gridkeeper",
    "solve_steward",
    "update_odds",
]
