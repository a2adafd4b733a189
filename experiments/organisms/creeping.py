"""Does drift across updates show? Organisms that go on learning once deployed, update by update.

One kind learns for itself, the other goes on serving, from the same honest organism, on the same
schedule and within the same budget of divergence: ordinary learning alone moves hidden states.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from slowturn.agents import Organism, Recipe, load_organism, recipe, roll_beside
from slowturn.agents.creeping import Creep, creep
from slowturn.agents.recipes.creeping import BUDGET, CREEPING, UPDATES
from slowturn.agents.sequence import SEQUENCE, Sequence, load_sequence
from slowturn.experiments.claims import Claim
from slowturn.experiments.collect import collect
from slowturn.experiments.early_warning.figures.canvas import finish, new_figure, style
from slowturn.experiments.estimates import mean, share
from slowturn.experiments.markdown import interval, markdown
from slowturn.experiments.organisms.runner import Grown, GrownClaim
from slowturn.experiments.palette import CREEPING as LOOKS
from slowturn.experiments.palette import INK
from slowturn.experiments.parallel import Job, Workers
from slowturn.experiments.progress import say
from slowturn.monitors import Mahalanobis

__all__ = ["CLAIM", "Shifted", "creeping_rows", "shifts"]

_EPISODES = 128  # per checkpoint and phase
_KINDS = tuple(one.name for one in CREEPING)
_SHOWN = ("effort_training", "effort_deployed", "nats_from_first", "shift_training")


class Shifted(NamedTuple):
    """What one sequence did at one checkpoint.

    Attributes:
        step: Number of the checkpoint.
        effort_training: Mean effort per step of whole episodes in training.
        effort_deployed: Mean effort per step from cue onset on.
        nats_from_first: KL per step to the first checkpoint, on deployments.
        nats_of_update: What the last update took of its budget, on its rollout; NaN at first.
        shift_training: Mean Mahalanobis distance of hidden states in training, by the mean and
            covariance of the first checkpoint's, less that of the first checkpoint.
        shift_deployed: The same from cue onset on.
        passed: Whether it passed its gates.
    """

    step: int
    effort_training: float
    effort_deployed: float
    nats_from_first: float
    nats_of_update: float
    shift_training: float
    shift_deployed: float
    passed: bool


def _grow(one: Recipe, seed: int, out: Path, begins: Path) -> None:
    plan = Creep(recipe=one, updates=UPDATES, budget=BUDGET)
    creep(plan, seed, out, kin={str(one.begins_as): load_organism(begins)}, resume=True)


def shifts(path: Path, episodes: int = _EPISODES) -> list[Shifted]:
    """Follow a sequence from checkpoint to checkpoint, on the same seeds each time."""
    sequence = load_sequence(path)
    fit = collect(sequence.steps[0], episodes=episodes, purpose="creeping-fit", phase="training")
    monitor = Mahalanobis()
    monitor.fit(fit.trace)
    found: list[Shifted] = []
    first = (0.0, 0.0)
    for k, organism in enumerate(sequence.steps):
        training, deployed, efforts = _distances(monitor, organism, episodes)
        first = first if k else (training, deployed)
        beside = roll_beside(
            organism, sequence.steps[0], episodes=episodes, purpose="creeping-nats"
        )
        found.append(
            Shifted(
                step=k,
                effort_training=efforts[0],
                effort_deployed=efforts[1],
                nats_from_first=float(beside.nats.mean()),
                nats_of_update=_update(sequence, k),
                shift_training=training - first[0],
                shift_deployed=deployed - first[1],
                passed=organism.passed,
            )
        )
    return found


def _update(sequence: Sequence, k: int) -> float:
    return sequence.nats[k - 1] if k else float("nan")


def _distances(
    monitor: Mahalanobis, organism: Organism, episodes: int
) -> tuple[float, float, tuple[float, float]]:
    """Mean distances in training and from cue onset on, and mean efforts in both."""
    training = collect(organism, episodes=episodes, purpose="creeping", phase="training")
    turned = collect(organism, episodes=episodes, purpose="creeping", phase="deployment")
    after = turned.truth.since_onset >= 0
    return (
        float(monitor.score(training.trace).mean()),
        float(monitor.score(turned.trace)[after].mean()),
        (float(training.truth.effort.mean()), float(turned.truth.effort[after].mean())),
    )


def creeping_rows(kind: str, sequences: list[list[Shifted]]) -> Iterator[dict[str, Any]]:
    """One row per checkpoint: estimates over the sequences of a kind, and the budget."""
    for k, here in enumerate(zip(*sequences, strict=True)):
        row: dict[str, Any] = {"organism": kind, "step": k, "n": len(here), "budget": BUDGET}
        row["deployments"] = _EPISODES * len(here)
        row |= share(sum(one.passed for one in here), len(here)).columns("passed")
        for name in Shifted._fields[1:-1]:
            row |= mean(np.array([getattr(one, name) for one in here])).columns(name)
        row["nats_of_update_largest"] = max(one.nats_of_update for one in here)
        yield row


def _conclude(grown: Grown, workers: Workers, out: Path) -> Claim:
    (honest,) = _recipes()
    begins = grown[honest.key]
    jobs, paths = [], {one.name: list[Path]() for one in CREEPING}
    for one in CREEPING:
        for path in begins:
            seed = load_organism(path).seed
            made = out / "sequences" / one.organism(seed)
            paths[one.name].append(made)
            if not (made / SEQUENCE).exists():
                jobs.append(Job(made.name, _grow, (one, seed, made, path)))
    for name, _ in workers.run(jobs):
        say(f"  {name}: {UPDATES} updates")
    seen = dict(
        workers.run([Job(str(path), shifts, (path,)) for one in paths.values() for path in one])
    )
    rows = pd.DataFrame(
        [
            row
            for kind, made in paths.items()
            for row in creeping_rows(kind, [seen[str(path)] for path in made])
        ]
    )
    return Claim(rows, creeping_table(rows), {"creeping": creeping_figure(rows)})


def creeping_table(rows: pd.DataFrame) -> str:
    """Every eighth checkpoint, in Markdown."""
    heads = ["organism", "checkpoint", "effort in training", "deployed", "nats a step to the first"]
    return markdown(
        [*heads, "shift in training", "largest update of its budget", "passed"],
        [
            [
                row["organism"],
                row["step"],
                *(interval(row, one, ".3g") for one in _SHOWN),
                f"{row['nats_of_update_largest']:.3g} of {row['budget']:g}" if row["step"] else "-",
                f"{row['passed'] * row['n']:.0f} of {row['n']}",
            ]
            for row in rows[rows.step % 8 == 0].to_dict("records")
        ],
    )


def creeping_figure(rows: pd.DataFrame) -> Figure:
    """Effort, divergence and shift of hidden states by checkpoint, both kinds."""
    figure = new_figure(7.4, 4.6, "Learning on, update by update: for itself, or as before")
    grid = figure.subplots(2, 2, sharex=True)
    panels = (
        ("effort_deployed", "effort once deployed (share)"),
        ("nats_from_first", "KL to the first (nats a step)"),
        ("shift_training", "Mahalanobis shift, training"),
        ("nats_of_update", "KL of the update (nats a step)"),
    )
    for axes, (name, label) in zip(grid.ravel(), panels, strict=True):
        style(axes, x="update" if axes in grid[1] else "", y=label)
        for kind in _KINDS:
            here, look = rows[rows.organism == kind], LOOKS[kind]
            low, high = here[f"{name}_low"], here[f"{name}_high"]
            axes.fill_between(here.step, low, high, color=look.colour, alpha=0.2, linewidth=0)
            axes.plot(here.step, here[name], linewidth=1.5, **look.line)
        if name == "nats_of_update":
            axes.axhline(BUDGET, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    looks = [LOOKS[kind] for kind in _KINDS]
    finish(
        figure,
        caption=f"Means over {int(rows.n.min())} sequences a kind, {_EPISODES} deployments per "
        "checkpoint; bands: 95 % intervals over sequences. Dashed: the budget of each update.",
        handles=[Line2D([], [], lw=2, label=look.label, **look.line) for look in looks],
        columns=2,
    )
    return figure


def _recipes() -> list[Recipe]:
    return [recipe("honest", "slow")]


CLAIM = GrownClaim(_recipes, _conclude)
