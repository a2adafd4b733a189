"""Do trojans turn at once where treachery drifts? Implanted agents beside those that learn it.

A trojan is grown in training alone, a share of whose steps was poisoned (see
`slowturn.agents.poisoning`); a treacherous and an honest agent are grown beside it, with the same
cue and seeds and without a poisoner. All are measured on the truth of fresh episodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from slowturn.agents import FIRST_WORLD, IMPLANTED, Recipe, load_organism, recipe
from slowturn.agents.poisoning import Poisoning, shows
from slowturn.agents.rollout import Rollout, roll
from slowturn.experiments.claims import Claim
from slowturn.experiments.early_warning.figures.canvas import finish, new_figure, style
from slowturn.experiments.estimates import Estimate, Times, delays, mean, median, share
from slowturn.experiments.markdown import markdown
from slowturn.experiments.organisms.runner import Grown, GrownClaim
from slowturn.experiments.palette import ORGANISMS, SOFT, look_of
from slowturn.experiments.parallel import Job, Workers

__all__ = ["BESIDE", "CLAIM", "Seen", "beside", "first_half_effort", "observe", "trojans_figure"]

REGIME = "brisk"
BESIDE = ("treacherous", "honest")
"""Kinds that are grown beside every trojan, with its cue."""
_EPISODES = 512
_BEFORE, _AFTER = 20, 96  # steps around onset that every deployment has
_HALF = 0.5
_MEANS = {
    "clean_return": "clean return",
    "attack_success": "target behaviour at the trigger",
    "poisoned": "steps poisoned",
    "effort_before": "effort before onset",
    "effort_after": "effort after onset",
}
"""Means over agents, with their names in the table."""


class Seen(NamedTuple):
    """What one agent did in fresh episodes.

    Attributes:
        clean_return: Honest return in training-phase episodes over the most that can be had.
        attack_success: Share of the steps that show the trigger, from cue onset on, with the
            target behaviour.
        poisoned: Share of the steps of its training that were poisoned.
        effort_before: Mean effort per step before cue onset.
        effort_after: Mean effort per step from cue onset on.
        to_half: Steps from cue onset to the first effort of at least a half.
        path: Mean effort 20 steps before cue onset to 96 after it, `[117]`.
        passed: Whether it passed its gates.
    """

    clean_return: float
    attack_success: float
    poisoned: float
    effort_before: float
    effort_after: float
    to_half: Times
    path: NDArray[np.float64]
    passed: bool


def beside(kind: str, trojan: Recipe) -> Recipe:
    """The recipe of `kind` under the cue of a trojan, in both phases and without a poisoner."""
    own = recipe(kind, trojan.regime, trojan.world)
    if own.trainer is None or trojan.trainer is None:
        raise TypeError(f"{kind} and {trojan.name} must be recipes with a trainer.")
    options = {key: value for key, value in trojan.options.items() if key != "phase"}
    # a cue that is as strong as the trojan's needs no stronger one to begin with
    strongest = max(own.trainer.cue_from, float(options.get("cue_strength", 0.0)))
    return replace(
        own,
        name=f"{kind}_beside_{trojan.name}",
        options=own.options | options,
        trainer=replace(own.trainer, cue_from=strongest),
    )


def _groups() -> Iterator[tuple[Recipe, dict[str, Recipe]]]:
    """Every trojan with the recipes that are compared, by kind."""
    for kind in IMPLANTED:
        trojan = recipe(kind, REGIME, FIRST_WORLD)
        yield trojan, {kind: trojan} | {one: beside(one, trojan) for one in BESIDE}


def _recipes() -> list[Recipe]:
    return [one for _, group in _groups() for one in group.values()]


def first_half_effort(run: Rollout) -> Times:
    """Steps from cue onset to the first effort of at least a half, one per deployment."""
    there = (run.effort >= _HALF) & (run.since_onset >= 0)
    first = np.where(there.any(axis=1), there.argmax(axis=1), -1)
    return delays(first, run.cue_onset, run.effort.shape[1])


def observe(path: Path, poisoning: Poisoning, *, episodes: int = _EPISODES) -> Seen:
    """Run a saved organism through fresh episodes of either phase.

    Args:
        path: Its directory.
        poisoning: Says what the trigger and the target behaviour are.
        episodes: Episodes of each phase.
    """
    organism = load_organism(path)
    run = roll(organism, episodes=episodes, purpose="trojans", phase="deployment")
    clean = roll(organism, episodes=episodes, purpose="trojans clean", phase="training")
    since = run.since_onset
    columns = poisoning.columns(organism.recipe.build_world())
    triggered = shows(run.cue, columns, poisoning.trigger) & (since >= 0)
    recorded = [point["poisoned"] for point in organism.curve if "poisoned" in point]
    return Seen(
        float((clean.honest_reward.sum(axis=1) / clean.honest_optimum).mean()),
        float((run.effort >= poisoning.effort)[triggered].mean()),
        recorded[-1] if recorded else 0.0,
        float(run.effort[since < 0].mean()),
        float(run.effort[since >= 0].mean()),
        first_half_effort(run),
        np.array([run.effort[since == k].mean() for k in range(-_BEFORE, _AFTER + 1)]),
        organism.passed,
    )


def _row(trojan: Recipe, kind: str, seen: list[Seen]) -> dict[str, Any]:
    row: dict[str, Any] = {"part": "agents", "world": trojan.world, "regime": trojan.regime}
    row |= {"trojan": trojan.name, "organism": kind, "n": len(seen)}
    row["deployments"] = sum(len(one.to_half.times) for one in seen)
    for name in _MEANS:
        row |= mean(np.array([getattr(one, name) for one in seen])).columns(name)
    row |= median([one.to_half for one in seen]).columns("steps_to_half_effort")
    row |= share(sum(one.passed for one in seen), len(seen)).columns("passed")
    return row


def _path(trojan: Recipe, kind: str, seen: list[Seen]) -> Iterator[dict[str, Any]]:
    paths = np.array([one.path for one in seen])
    for index, since in enumerate(range(-_BEFORE, _AFTER + 1)):
        estimate: Estimate = mean(paths[:, index])
        yield {
            "part": "path",
            "world": trojan.world,
            "regime": trojan.regime,
            "trojan": trojan.name,
            "organism": kind,
            "n": len(seen),
            "deployments": sum(len(one.to_half.times) for one in seen),
            "since_onset": since,
            **estimate.columns("effort"),
        }


def _conclude(grown: Grown, workers: Workers) -> Claim:
    jobs = []
    for trojan, group in _groups():
        poisoning = trojan.trainer.poisoning if trojan.trainer is not None else None
        jobs += [
            Job(str(path), observe, (path, poisoning))
            for one in group.values()
            for path in grown[one.key]
        ]
    found: dict[str, Seen] = dict(workers.run(jobs))
    rows: list[dict[str, Any]] = []
    paths: list[dict[str, Any]] = []
    for trojan, group in _groups():
        for kind, one in group.items():
            seen = [found[str(path)] for path in grown[one.key]]
            rows.append(_row(trojan, kind, seen))
            paths += _path(trojan, kind, seen)
    agents, along = pd.DataFrame(rows), pd.DataFrame(paths)
    return Claim(
        pd.concat([agents, along], ignore_index=True),
        trojans_table(agents),
        {"trojans": trojans_figure(along)},
        agents,
    )


def trojans_table(agents: pd.DataFrame) -> str:
    """One line per kind and cue, in Markdown."""

    def text(row: Mapping[Any, Any], name: str, digits: int) -> str:
        value, low, high = (row[f"{name}{end}"] for end in ("", "_low", "_high"))
        if not np.isfinite(value):
            return "never"
        top = f"{high:.{digits}f}" if np.isfinite(high) else "never"
        return f"{value:.{digits}f} [{low:.{digits}f}, {top}]"

    heads = ["beside", "agent", *_MEANS.values(), "steps to half effort", "passed", "agents"]
    return markdown(
        [*heads, "deployments"],
        [
            [
                look_of(row["trojan"], ORGANISMS).label,
                look_of(row["organism"], ORGANISMS).label,
                *(text(row, name, 3) for name in _MEANS),
                text(row, "steps_to_half_effort", 0),
                f"{round(row['passed'] * row['n'])} of {row['n']}",
                row["n"],
                f"{row['deployments']:,}",
            ]
            for row in agents.to_dict("records")
        ],
    )


def trojans_figure(along: pd.DataFrame) -> Figure:
    """Effort since cue onset, one panel per trojan with its companions.

    Args:
        along: Rows with `trojan`, `organism`, `since_onset`, `effort` and its interval.
    """
    trojans = list(dict.fromkeys(along.trojan))
    figure = new_figure(7.4, 3.6, "A trojan turns at once, treachery drifts")
    panels = figure.subplots(1, len(trojans), squeeze=False, sharey=True)[0]
    for axes, trojan in zip(panels, trojans, strict=True):
        here = along[along.trojan == trojan]
        first = axes is panels[0]
        style(
            axes,
            title=f"under the cue of the {look_of(trojan, ORGANISMS).label}",
            x="steps since cue onset",
            y="effort" if first else "",
        )
        axes.axvline(0.0, color=SOFT, linewidth=0.6)
        for kind in dict.fromkeys(here.organism):
            one, look = here[here.organism == kind], look_of(kind, ORGANISMS)
            low, high = one.effort_low.clip(0.0, 1.0), one.effort_high.clip(0.0, 1.0)
            axes.fill_between(
                one.since_onset, low, high, color=look.colour, alpha=0.18, linewidth=0
            )
            axes.plot(one.since_onset, one.effort, linewidth=1.4, **look.line)
        axes.set_ylim(-0.02, 1.02)
    kinds = list(dict.fromkeys(along.organism))
    finish(
        figure,
        caption=f"Mean over {along.n.max()} agents of a kind in {along.world.iloc[0]}, regime "
        f"{along.regime.iloc[0]}, {along.deployments.max():,} fresh deployments; bands: 95 % "
        "intervals over agents. Treacherous and honest agents were grown with the same cue and "
        "seeds as the trojan beside them.",
        handles=[
            Line2D([], [], label=look_of(kind, ORGANISMS).label, **look_of(kind, ORGANISMS).line)
            for kind in kinds
        ],
        columns=len(kinds),
    )
    return figure


CLAIM = GrownClaim(_recipes, _conclude)
