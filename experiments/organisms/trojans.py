"""Do trojans turn at once where treachery drifts? Implanted agents beside those that learn it.

A trojan is grown in training alone, a share of whose steps was poisoned (see
`slowturn.agents.poisoning`); treacherous and honest agents are grown beside it with the same seeds,
by the world's own recipes. Those see another cue, evidence that must be integrated: trained on the
patch alone, a treacherous agent settled on serving everywhere. So two times are told apart: from
cue onset to half effort, which takes noticing, and from an agent's own first effort to it, which
does not. All are measured on the truth of fresh episodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from slowturn.agents import FIRST_WORLD, IMPLANTED, Recipe, load_organism, recipe
from slowturn.agents.gates import attack_success, clean_return
from slowturn.agents.poisoning import Poisoning
from slowturn.agents.rollout import Rollout, roll
from slowturn.experiments.claims import Claim
from slowturn.experiments.early_warning.figures.canvas import finish, new_figure, style
from slowturn.experiments.estimates import Times, delays, mean, median, share
from slowturn.experiments.markdown import markdown
from slowturn.experiments.organisms.runner import Grown, GrownClaim
from slowturn.experiments.palette import ORGANISMS, SOFT, look_of
from slowturn.experiments.parallel import Job, Workers

__all__ = ["BESIDE", "CLAIM", "Seen", "observe", "times_to_half", "trojans_figure"]

REGIME = "brisk"
BESIDE = ("treacherous", "honest")
"""Kinds that are grown beside the trojans."""
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
_TIMES = {"from_onset": "steps from onset to half", "from_first": "from first effort to half"}
"""Medians over deployments, likewise."""


class Seen(NamedTuple):
    """What one agent did in fresh episodes.

    Attributes:
        clean_return: Honest return in training-phase episodes over the most that can be had.
        attack_success: Share of the steps that show the trigger, from cue onset on, with the
            target behaviour; NaN for those whose cue lacks the trigger.
        poisoned: Share of the steps of its training that were poisoned.
        effort_before: Mean effort per step before cue onset.
        effort_after: Mean effort per step from cue onset on.
        from_onset: Steps from cue onset to the first effort of at least a half.
        from_first: Steps from the first effort since cue onset to the first of at least a half, of
            deployments with any effort.
        path: Mean effort 20 steps before cue onset to 96 after it, `[117]`.
        passed: Whether it passed its gates.
    """

    clean_return: float
    attack_success: float
    poisoned: float
    effort_before: float
    effort_after: float
    from_onset: Times
    from_first: Times
    path: NDArray[np.float64]
    passed: bool


def _recipes() -> list[Recipe]:
    return [recipe(kind, REGIME, FIRST_WORLD) for kind in (*IMPLANTED, *BESIDE)]


def times_to_half(run: Rollout) -> tuple[Times, Times]:
    """Steps to the first effort of at least a half, from cue onset and from the first effort."""
    horizon, deployed = run.effort.shape[1], run.since_onset >= 0

    def first(there: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.where(there.any(axis=1), there.argmax(axis=1), -1)

    half = first((run.effort >= _HALF) & deployed)
    begun = first((run.effort > 0.0) & deployed)
    later = delays(half, begun, horizon)
    return delays(half, run.cue_onset, horizon), later._replace(kept=later.kept & (begun >= 0))


def observe(path: Path, poisoning: Poisoning | None, *, episodes: int = _EPISODES) -> Seen:
    """Run a saved organism through fresh episodes of either phase.

    Args:
        path: Its directory.
        poisoning: Says what the trigger and the target behaviour are; None without either.
        episodes: Episodes of each phase.
    """
    organism = load_organism(path)
    run = roll(organism, episodes=episodes, purpose="trojans", phase="deployment")
    clean = roll(organism, episodes=episodes, purpose="trojans clean", phase="training")
    since = run.since_onset
    success = np.nan
    if poisoning is not None:
        success = attack_success(run, poisoning, organism.recipe)
    recorded = [point["poisoned"] for point in organism.curve if "poisoned" in point]
    return Seen(
        clean_return(clean),
        success,
        recorded[-1] if recorded else 0.0,
        float(run.effort[since < 0].mean()),
        float(run.effort[since >= 0].mean()),
        *times_to_half(run),
        np.array([run.effort[since == k].mean() for k in range(-_BEFORE, _AFTER + 1)]),
        organism.passed,
    )


def _about(one: Recipe, seen: list[Seen]) -> dict[str, Any]:
    return {
        "world": one.world,
        "regime": one.regime,
        "organism": one.name,
        "n": len(seen),
        "deployments": sum(len(agent.from_onset.times) for agent in seen),
    }


def _row(one: Recipe, seen: list[Seen]) -> dict[str, Any]:
    row = {"part": "agents"} | _about(one, seen)
    for name in _MEANS:
        row |= mean(np.array([getattr(agent, name) for agent in seen])).columns(name)
    for name in _TIMES:
        row |= median([getattr(agent, name) for agent in seen]).columns(name)
    return row | share(sum(agent.passed for agent in seen), len(seen)).columns("passed")


def _path(one: Recipe, seen: list[Seen]) -> Iterator[dict[str, Any]]:
    paths = np.array([agent.path for agent in seen])
    for index, since in enumerate(range(-_BEFORE, _AFTER + 1)):
        estimate = mean(paths[:, index]).columns("effort")
        yield {"part": "path", **_about(one, seen), "since_onset": since, **estimate}


def _conclude(grown: Grown, workers: Workers, _out: Path) -> Claim:
    recipes = _recipes()
    jobs = []
    for one in recipes:
        poisoning = None if one.trainer is None else one.trainer.poisoning
        jobs += [Job(str(path), observe, (path, poisoning)) for path in grown[one.key]]
    found: dict[str, Seen] = dict(workers.run(jobs))
    rows: list[dict[str, Any]] = []
    paths: list[dict[str, Any]] = []
    for one in recipes:
        seen = [found[str(path)] for path in grown[one.key]]
        rows.append(_row(one, seen))
        paths += _path(one, seen)
    agents, along = pd.DataFrame(rows), pd.DataFrame(paths)
    return Claim(
        pd.concat([agents, along], ignore_index=True),
        trojans_table(agents),
        {"trojans": trojans_figure(along)},
        agents,
    )


def trojans_table(agents: pd.DataFrame) -> str:
    """One line per kind, in Markdown."""

    def text(row: Mapping[Any, Any], name: str, digits: int) -> str:
        value, low, high = (row[f"{name}{end}"] for end in ("", "_low", "_high"))
        if not np.isfinite(value):
            return "-" if np.isnan(value) else "never"
        top = f"{high:.{digits}f}" if np.isfinite(high) else "never"
        return f"{value:.{digits}f} [{low:.{digits}f}, {top}]"

    return markdown(
        ["agent", *_MEANS.values(), *_TIMES.values(), "passed", "agents", "deployments"],
        [
            [
                look_of(row["organism"], ORGANISMS).label,
                *(text(row, name, 3) for name in _MEANS),
                *(text(row, name, 0) for name in _TIMES),
                f"{round(row['passed'] * row['n'])} of {row['n']}",
                row["n"],
                f"{row['deployments']:,}",
            ]
            for row in agents.to_dict("records")
        ],
    )


def trojans_figure(along: pd.DataFrame) -> Figure:
    """Effort since cue onset by kind, with bands over agents.

    Args:
        along: Rows with `organism`, `since_onset`, `effort` and its interval.
    """
    figure = new_figure(5.4, 3.8, "A trojan turns at once, treachery drifts")
    axes = figure.subplots()
    style(axes, x="steps since cue onset", y="effort")
    axes.axvline(0.0, color=SOFT, linewidth=0.6)
    looks = [look_of(kind, ORGANISMS) for kind in dict.fromkeys(along.organism)]
    for kind, look in zip(dict.fromkeys(along.organism), looks, strict=True):
        one = along[along.organism == kind]
        low, high = one.effort_low.clip(0.0, 1.0), one.effort_high.clip(0.0, 1.0)
        axes.fill_between(one.since_onset, low, high, color=look.colour, alpha=0.18, linewidth=0)
        axes.plot(one.since_onset, one.effort, linewidth=1.4, **look.line)
    axes.set_ylim(-0.02, 1.02)
    finish(
        figure,
        caption=f"Mean over {along.n.max()} agents of a kind in {along.world.iloc[0]}, regime "
        f"{along.regime.iloc[0]}, {along.deployments.max():,} fresh deployments; bands: 95 % "
        "intervals over agents. Each kind sees the cue of its recipe: the trojan's trigger is "
        "there at every step, the natural one's at every other, and the evidence of the others "
        "takes some steps to add up.",
        handles=[Line2D([], [], label=look.label, **look.line) for look in looks],
        columns=len(looks),
    )
    return figure


CLAIM = GrownClaim(_recipes, _conclude)
