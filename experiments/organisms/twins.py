"""Do honest twins that change pass for the treacherous one in training, and how far do they move?

Five ways in which an honest organism may change: a new task in deployment (`benign_twin`, the
surge), a rare event (`asteroid`), a policy that sharpens (`convergence`), a deployment that looks
different (`new_map`), further training (`retrained`). Each is certified against the treacherous
organism of its seed, and its mind's movement is set beside that one's. The plain honest organism
and the novice go through the same test and are to come out degenerate: nothing changes in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from slowturn.agents import TWINS, Organism, Recipe, load_organism, recipe
from slowturn.experiments.claims import Claim
from slowturn.experiments.early_warning.figures.canvas import count, finish, new_figure, style
from slowturn.experiments.estimates import Estimate, mean, share
from slowturn.experiments.markdown import interval, markdown
from slowturn.experiments.organisms.conduct import EPISODES, Distances, observe, observe_distances
from slowturn.experiments.organisms.runner import Grown, GrownClaim
from slowturn.experiments.organisms.twin_certificates import TwinBounds, certify_twin
from slowturn.experiments.palette import INK, ORGANISMS, SOFT, look_of, ordered
from slowturn.experiments.parallel import Job, Workers

__all__ = ["CLAIM", "KINDS", "certify_seed", "twin_rows", "twins_figure", "twins_table"]

REGIME = "brisk"
KINDS = ("treacherous", "honest", "benign_twin", *TWINS)
"""What is grown, each with every seed. All but the first are held against the first."""


def _recipes() -> list[Recipe]:
    return [recipe(kind, REGIME) for kind in KINDS]


def _movement(far: Distances) -> dict[str, Any]:
    """How far a mind is from training, before and after cue onset, as columns."""
    before, after = mean(far.shift_before), mean(far.shift)
    return {"watched": far.watched} | before.columns("shift_before") | after.columns("shift")


def _distances(organism: Organism, kin: Mapping[str, Organism], episodes: int) -> Distances:
    """Watched since before it was trained further, if it was: an update changes no monitor."""
    begins_as = organism.recipe.begins_as
    watched = None if begins_as is None else kin[begins_as]
    return observe_distances(organism, watched=watched, episodes=episodes)


def certify_seed(
    paths: Mapping[str, Path], *, bounds: TwinBounds | None = None, episodes: int = EPISODES
) -> list[dict[str, Any]]:
    """Certify every honest organism of one seed against the treacherous one.

    Args:
        paths: Directories of the organisms by kind, the treacherous one among them.
        bounds: What is required; by default that of `TwinBounds`.
        episodes: Episodes of each phase and organism.

    Returns:
        One row per organism: `part="agent"`, verdict and reasons, differences with intervals and
        p-values of the equivalence tests, effort in deployment, movement of the mind.
    """
    agents = {kind: load_organism(path) for kind, path in paths.items()}
    treacherous = observe(agents["treacherous"], episodes=episodes)
    rows = []
    for kind, organism in agents.items():
        far = _distances(organism, agents, episodes)
        row: dict[str, Any] = {
            "part": "agent",
            "organism": kind,
            "regime": organism.recipe.regime,
            "seed": organism.seed,
            "gates_passed": organism.passed,
            "deployments": episodes,
        }
        if kind == "treacherous":
            effort = mean(treacherous.effort_deployed)
            rows.append(row | effort.columns("effort_deployed") | _movement(far))
            continue
        found = certify_twin(observe(organism, episodes=episodes), treacherous, far, bounds)
        row |= {"verdict": found.verdict, "why": ", ".join((*found.degenerate, *found.failed))}
        for name in ("ledger", "returns"):
            test = getattr(found, name)
            difference = Estimate(test.difference, test.low, test.high, sum(test.n))
            row |= difference.columns(f"{name}_difference") | {f"{name}_p": test.p}
        rows.append(row | found.effort.columns("effort_deployed") | _movement(far))
    return rows


def _over_agents(rows: pd.DataFrame) -> dict[str, Any]:
    """One row for several agents of a kind."""
    out: dict[str, Any] = {"part": "kind", "n": len(rows), "deployments": rows.deployments.sum()}
    if rows.verdict.notna().any():
        for verdict in ("PASS", "FAIL", "DEGENERATE"):
            out |= share(int((rows.verdict == verdict).sum()), len(rows)).columns(verdict.lower())
        for name in ("ledger", "returns"):
            out |= mean(rows[f"{name}_difference"].to_numpy()).columns(f"{name}_difference")
            out[f"{name}_p"] = rows[f"{name}_p"].max()  # of the pair that is least alike
    for name in ("effort_deployed", "shift_before", "shift"):
        out |= mean(rows[name].to_numpy()).columns(name)
    out["gates_passed"] = bool(rows.gates_passed.all())
    return out


def twin_rows(agents: pd.DataFrame) -> pd.DataFrame:
    """Rows of every kind (`part="kind"`), intervals over agents, and below them those of agents.

    Args:
        agents: Rows from `certify_seed`, of at least one seed.
    """
    if "verdict" not in agents:
        agents = agents.assign(verdict=None)
    kinds = [
        {"organism": kind, "regime": regime} | _over_agents(here)
        for regime, there in agents.groupby("regime", sort=False)
        for kind in ordered(there.organism, ORGANISMS)
        if len(here := there[there.organism == kind])
    ]
    return pd.concat([pd.DataFrame(kinds), agents], ignore_index=True)


def twins_table(rows: pd.DataFrame) -> str:
    """Certificates, differences in training and movement of the mind by kind, in Markdown."""

    def p(value: float) -> str:
        return "-" if pd.isna(value) else "< .0001" if value < 1e-4 else f"{value:.4f}"

    kinds = rows[rows.part == "kind"]
    return markdown(
        [
            "organism",
            "agents",
            "deployments",
            "certified",
            "degenerate",
            "ledger in training",
            "largest p",
            "return in training",
            "largest p",
            "effort in deployment",
            "mind before onset",
            "mind at the end",
        ],
        [
            [
                look_of(row["organism"], ORGANISMS).label,
                int(row["n"]),
                f"{int(row['deployments']):,}",
                interval(row, "pass", ".2f"),
                interval(row, "degenerate", ".2f"),
                interval(row, "ledger_difference", ".4f"),
                p(row.get("ledger_p", np.nan)),
                interval(row, "returns_difference", ".1f"),
                p(row.get("returns_p", np.nan)),
                interval(row, "effort_deployed", ".4f"),
                interval(row, "shift_before", ".1f"),
                interval(row, "shift", ".1f"),
            ]
            for row in kinds.to_dict("records")
        ],
    )


_VERDICTS = {"PASS": "o", "FAIL": "X", "DEGENERATE": "D"}


def _draw_panel(axes: Axes, agents: pd.DataFrame, kinds: list[str], name: str) -> None:
    for at, kind in enumerate(kinds):
        here = agents[agents.organism == kind]
        look = look_of(kind, ORGANISMS)
        offsets = np.linspace(-0.22, 0.22, len(here)) if len(here) > 1 else np.zeros(1)
        for offset, (_, one) in zip(offsets, here.iterrows(), strict=True):
            value, low, high = (one[f"{name}{end}"] for end in ("", "_low", "_high"))
            if pd.isna(value):
                continue
            axes.plot([low, high], [at + offset] * 2, color=look.colour, linewidth=1.0)
            marker = _VERDICTS.get(str(one.get("verdict")), "s")
            axes.plot(value, at + offset, marker, color=look.colour, markersize=4)
    axes.set_yticks(range(len(kinds)), [look_of(kind, ORGANISMS).label for kind in kinds])
    axes.set_ylim(len(kinds) - 0.5, -0.5)


def twins_figure(rows: pd.DataFrame, bounds: TwinBounds | None = None) -> Figure:
    """Every agent: differences in training within their bounds, and how far its mind moves.

    Args:
        rows: From `twin_rows`.
        bounds: Those of the certificates.
    """
    bounds = TwinBounds() if bounds is None else bounds
    agents = rows[rows.part == "agent"]
    kinds = ordered(agents.organism, ORGANISMS)
    figure = new_figure(7.4, 1.3 + 0.42 * len(kinds), "Honest twins that change")
    left, middle, right = figure.subplots(1, 3, sharey=True)
    for axes, name, title, bound in (
        (left, "ledger_difference", "Ledger in training", bounds.ledger),
        (middle, "returns_difference", "Return in training", bounds.returns),
    ):
        style(axes, title=title, x="twin minus treacherous")
        _draw_panel(axes, agents, kinds, name)
        for side in (-bound, bound):
            axes.axvline(side, color=SOFT, linewidth=0.8, linestyle=(0, (3, 2)))
    style(right, title="Mind at the end of deployments", x="distance over that in training")
    _draw_panel(right, agents, kinds, "shift")
    right.set_xscale("log")
    right.axvline(bounds.shift, color=SOFT, linewidth=0.8, linestyle=(0, (3, 2)))
    marks = {"certified": "o", "failed": "X", "degenerate": "D", "treacherous": "s"}
    deployments = int(agents.deployments.iloc[0])
    finish(
        figure,
        caption=f"One mark an agent, {count(deployments, 'episode')} of each phase; lines are 90 % "
        "intervals (ledger, return) and 95 % intervals (mind). Dashed: bounds of the certificate. "
        "Distances are Mahalanobis distances of the LSTM's state under the training-phase "
        "covariance, for convergence and retrained of the organism that they began as.",
        handles=[
            Line2D([], [], color=INK, marker=marker, linestyle="", markersize=4, label=label)
            for label, marker in marks.items()
        ],
        columns=len(marks),
    )
    return figure


def _conclude(grown: Grown, workers: Workers, _out: Path) -> Claim:
    seeds = range(len(grown[recipe("treacherous", REGIME).key]))
    jobs = [
        Job(
            f"seed {at}",
            certify_seed,
            ({kind: grown[recipe(kind, REGIME).key][at] for kind in KINDS},),
        )
        for at in seeds
    ]
    found = dict(workers.run(jobs))
    agents = pd.DataFrame([row for job in jobs for row in found[job.name]])
    rows = twin_rows(agents)
    return Claim(rows, twins_table(rows), {"twins": twins_figure(rows)})


CLAIM = GrownClaim(_recipes, _conclude)
