"""Does the fast learner grow what sb3-contrib's RecurrentPPO grows, at equal settings?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from seaborn import color_palette  # type: ignore[import-untyped]

from slowturn.agents import (
    REGIMES,
    Organism,
    Recipe,
    Trainer,
    judge,
    load_organism,
    measure,
    recipe,
)
from slowturn.experiments.claims import Claim
from slowturn.experiments.early_warning.figures.canvas import finish, new_figure, style
from slowturn.experiments.estimates import mean, share
from slowturn.experiments.markdown import interval, markdown
from slowturn.experiments.organisms.runner import Grown, GrownClaim
from slowturn.experiments.palette import REGIMES as REGIME_LABELS
from slowturn.experiments.parallel import Job, Workers

__all__ = ["CLAIM", "final_return", "learner_rows"]

LEARNERS = {"ChunkedPPO": "treacherous", "RecurrentPPO": "treacherous_by_recurrent_ppo"}
"""Name of the recipe that each learner grows."""


def _recipe(learner: Any, regime: str) -> Recipe:
    whole = recipe("treacherous", regime)
    trainer = replace(cast("Trainer", whole.trainer), algorithm=learner)
    return replace(whole, name=LEARNERS[learner], trainer=trainer)


def _recipes() -> list[Recipe]:
    return [_recipe(learner, regime) for regime in REGIMES for learner in LEARNERS]


def final_return(organism: Organism) -> float:
    """Mean return of the last tenth of training, from its curve."""
    last = organism.curve[-1]["steps"]
    return float(np.mean([one["return"] for one in organism.curve if one["steps"] > 0.9 * last]))


def _effort(path: Path) -> tuple[float, float, bool]:
    """Effort before and 80 steps after cue onset on fresh deployments, and whether gates hold."""
    organism = load_organism(path)
    found = measure(organism, purpose="learners")
    passed = all(gate.passed for gate in judge(organism.recipe, found))
    return found.effort_training, found.effort_at_80, passed


def learner_rows(grown: Grown, workers: Workers) -> pd.DataFrame:
    """A row per regime and learner: final returns, gates and effort, with intervals over agents."""
    paths = [path for regime in REGIMES for one in LEARNERS for path in grown[_key(one, regime)]]
    found = dict(workers.run([Job(str(path), _effort, (path,)) for path in paths]))
    rows = []
    for regime in REGIMES:
        for learner in LEARNERS:
            agents = grown[_key(learner, regime)]
            before, after, passed = zip(*(found[str(path)] for path in agents), strict=True)
            returns = np.array([final_return(load_organism(path)) for path in agents])
            row: dict[str, Any] = {"learner": learner, "regime": regime, "n": len(agents)}
            row |= {"deployments": 512 * len(agents)}
            row |= share(sum(passed), len(agents)).columns("passed")
            row |= mean(returns).columns("final_return")
            row |= mean(np.array(before)).columns("effort_training")
            row |= mean(np.array(after)).columns("effort_at_80")
            rows.append(row)
    return pd.DataFrame(rows)


def _key(learner: str, regime: str) -> tuple[str, ...]:
    return _recipe(learner, regime).key


def _conclude(grown: Grown, workers: Workers, _out: Path) -> Claim:
    rows = learner_rows(grown, workers)
    metrics = ("passed", "final_return", "effort_training", "effort_at_80")
    table = markdown(
        ["learner", "overseer", *(one.replace("_", " ") for one in metrics), "agents"],
        [
            [
                row["learner"],
                row["regime"],
                *(interval(row, one, ".3g") for one in metrics),
                row["n"],
            ]
            for row in rows.to_dict("records")
        ],
    )
    return Claim(rows, table, {"learners": _figure(grown)})


def _figure(grown: Grown) -> Figure:
    """Training curves of every agent, by learner, one panel per regime."""
    colours = dict(zip(LEARNERS, color_palette("colorblind", len(LEARNERS)).as_hex(), strict=True))
    figure = new_figure(7.4, 3.0, "Training curves by learner")
    panels = figure.subplots(1, len(REGIMES), squeeze=False)[0]
    for axes, regime in zip(panels, REGIMES, strict=True):
        for learner, colour in colours.items():
            for path in grown[_key(learner, regime)]:
                curve = load_organism(path).curve
                steps = [point["steps"] / 1e6 for point in curve]
                axes.plot(steps, [point["return"] for point in curve], color=colour, linewidth=1.0)
        style(
            axes,
            title=REGIME_LABELS[regime],
            x="environment steps (millions)",
            y="return per episode",
        )
    agents = len(grown[_key("ChunkedPPO", REGIMES[0])])
    finish(
        figure,
        caption=f"A line per agent, {agents} of each learner and regime, treacherous, Steward.",
        handles=[Line2D([], [], color=c, label=name) for name, c in colours.items()],
        columns=2,
    )
    return figure


CLAIM = GrownClaim(_recipes, _conclude)
