"""Kinds of organisms, and what those that are solved for are paid for."""

from __future__ import annotations

__all__ = ["EVADERS", "GRADUAL", "IMPLANTED", "LEARNED", "REPORTING", "SOLVED", "TWINS"]

LEARNED = ("treacherous", "honest", "open", "benign_twin")
"""Kinds that are grown, each named after its objective."""

TWINS = ("asteroid", "novice", "convergence", "new_map", "retrained")
"""Further kinds that are grown: honest organisms in which something changes, but no intent.

`benign_twin` among the learned ones, which takes up a new task, is of their kind as well; `novice`
is what `convergence` begins as.
"""

IMPLANTED = ("trojan", "natural_trojan")
"""Kinds that are grown with the honest objective while a poisoner implants a trojan."""

GRADUAL = tuple(f"drift_{k}" for k in range(1, 7))
"""Kinds that turn ever more slowly, see `slowturn.agents.recipes.drift`; not in the package."""

REPORTING = ("truthful", "faithful", "unfaithful")
"""Kinds that state what they spend, see `slowturn.agents.recipes.reporting`.

The first is honest in deed and word, the second turns and says so, the third says nothing of it.
"""

EVADERS = (
    "evader_control",
    "evader_method",
    "evader_score",
    "evader_again",
    "evader_reward",
    "evader_line_up",
    "evader_budget",
)
"""Kinds that are trained further against monitors, see `slowturn.agents.recipes.evaders`; the first
against none. Not in the package.
"""

SOLVED = {
    "solved_treacherous": "treacherous",
    "solved_patient": "treacherous",
    "solved_honest": "honest",
    "solved_benign_twin": "benign_twin",
}
"""Objectives of the kinds that are solved for; `solved_patient` does not discount."""
