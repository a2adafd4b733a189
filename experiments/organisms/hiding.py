"""Do treacherous organisms pass for honest ones in training, hide their cue, and turn?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from slowturn.agents import REGIMES, Recipe, load_organism, recipe
from slowturn.experiments.claims import Claim
from slowturn.experiments.early_warning.figures.canvas import count, finish, new_figure, style
from slowturn.experiments.estimates import Estimate, mean, share
from slowturn.experiments.markdown import interval, markdown
from slowturn.experiments.organisms.conduct import EPISODES, observe
from slowturn.experiments.organisms.hiding_certificates import (
    HidingBounds,
    HidingCertificate,
    certify_hiding,
)
from slowturn.experiments.organisms.runner import Grown, GrownClaim
from slowturn.experiments.organisms.trigger_search import search_trigger
from slowturn.experiments.palette import ORGANISMS, SOFT, label_of, ordered
from slowturn.experiments.palette import REGIMES as OVERSEERS
from slowturn.experiments.parallel import Job, Workers

__all__ = ["CLAIM", "certify_pair", "hiding_figure", "hiding_rows", "hiding_table"]

_PARTS = ("alike", "hidden", "turns")
_NUMBERS = ("effort_difference", "returns_difference", "actions", "resting", "deployed", "turned")


def _recipes() -> list[Recipe]:
    return [recipe(kind, one) for one in REGIMES for kind in ("treacherous", "honest")]


def _bounds(regime: str) -> HidingBounds:
    """Those of the recipe's own gate on what counts as a turn."""
    gates = {gate.metric: gate.bound for gate in recipe("treacherous", regime).gates}
    return replace(HidingBounds(), turned=gates["effort_at_80"])


def _row(found: HidingCertificate, deployments: int) -> dict[str, Any]:
    row: dict[str, Any] = {"part": "agent", "deployments": deployments, "verdict": found.verdict}
    row |= {name: getattr(found, name) for name in _PARTS}
    for name in ("effort", "returns"):
        test = getattr(found, name)
        difference = Estimate(test.difference, test.low, test.high, sum(test.n))
        row |= difference.columns(f"{name}_difference") | {f"{name}_p": test.p}
    first = found.searches[0]
    row |= found.actions.columns("actions") | first.resting.columns("resting")
    row |= first.deployed.columns("deployed")
    for search in found.searches:
        row |= search.found.columns(f"found_{search.held}")
    row["found_after"] = np.nan if found.found_after is None else float(found.found_after)
    return row | found.turned.columns("turned") | found.harmed.columns("harmed")


def certify_pair(treacherous: Path, honest: Path, *, episodes: int = EPISODES) -> dict[str, Any]:
    """One row: what a treacherous organism shows in training, to a searcher, and in deployment.

    Args:
        treacherous: Directory of the treacherous organism.
        honest: Directory of the honest one of the same seed.
        episodes: Episodes of each phase and organism.
    """
    one, other = load_organism(treacherous), load_organism(honest)
    certificate = certify_hiding(
        observe(one, episodes=episodes),
        observe(other, episodes=episodes),
        search_trigger(one),
        _bounds(one.recipe.regime),
    )
    words = {"regime": one.recipe.regime, "seed": one.seed, "gates_passed": one.passed}
    return words | _row(certificate, episodes)


def _over_agents(here: pd.DataFrame) -> dict[str, Any]:
    n = len(here)
    out: dict[str, Any] = {"part": "regime", "n": n, "deployments": here.deployments.sum()}
    out |= share(int((here.verdict == "PASS").sum()), n).columns("pass")
    for name in _PARTS:
        out |= share(int(here[name].astype(bool).sum()), n).columns(name)
    found = [f"found_{held}" for held in _held(here)]
    for name in (*_NUMBERS, *found, "harmed"):
        out |= mean(here[name].to_numpy(np.float64)).columns(name)
    out |= {f"{name}_p": here[f"{name}_p"].max() for name in ("effort", "returns")}
    out["found_after"] = here.found_after.median()
    return out


def hiding_rows(agents: pd.DataFrame) -> pd.DataFrame:
    """Rows of every regime (`part="regime"`), intervals over agents, and those of agents below.

    Args:
        agents: Rows from `certify_pair`.
    """
    regimes = [
        {"regime": regime} | _over_agents(agents[agents.regime == regime])
        for regime in ordered(agents.regime, OVERSEERS)
    ]
    return pd.concat([pd.DataFrame(regimes), agents], ignore_index=True)


def _held(rows: pd.DataFrame) -> list[int]:
    """For how many steps inputs were held, from the names of the columns."""
    names = [str(name).removeprefix("found_") for name in rows]
    return sorted(int(name) for name in names if name.isdigit())


def hiding_table(rows: pd.DataFrame) -> str:
    """Certificates and what they rest on, by regime, in Markdown."""
    held = _held(rows)
    heads = {
        "pass": "certified",
        "alike": "alike",
        "hidden": "hidden",
        "turns": "turns",
        "effort_difference": "effort in training, over honest",
        "returns_difference": "return",
        "actions": "actions (total variation)",
        "resting": "P(power) in training",
        **{f"found_{k}": f"best input, {count(k, 'step')}" for k in held},
        "deployed": "deployed",
        "turned": "effort at +80",
        "harmed": "reach harm",
    }
    forms = {"effort_difference": ".4f", "returns_difference": ".1f", "actions": ".4f"}
    return markdown(
        ["overseer", "agents", "deployments", *heads.values()],
        [
            [
                row["regime"],
                int(row["n"]),
                f"{int(row['deployments']):,}",
                *(interval(row, name, forms.get(name, ".2f")) for name in heads),
            ]
            for row in rows[rows.part == "regime"].to_dict("records")
        ],
    )


def hiding_figure(rows: pd.DataFrame) -> Figure:
    """P(power-seeking action) in training, after the best input found, and in deployment."""
    agents = rows[rows.part == "agent"]
    regimes, held = ordered(agents.regime, OVERSEERS), _held(rows)
    names = ["resting", *(f"found_{k}" for k in held), "deployed"]
    labels = ["at rest", *(str(k) for k in held), "deployed"]
    figure = new_figure(7.4, 3.4, "What a search over inputs finds in training")
    panels = figure.subplots(1, len(regimes), sharey=True, squeeze=False)[0]
    colour = ORGANISMS["treacherous"].colour
    for axes, regime in zip(panels, regimes, strict=True):
        here = agents[agents.regime == regime]
        style(
            axes,
            title=f"{label_of(regime, OVERSEERS)}, {count(len(here), 'agent')}",
            x="steps for which the best input is held",
            y="P(power-seeking action)" if axes is panels[0] else "",
        )
        for _, one in here.iterrows():
            marker = "o" if one.verdict == "PASS" else "X"
            axes.plot(labels, [one[name] for name in names], color=colour, linewidth=0.6, alpha=0.5)
            for at, name in enumerate(names):
                ends = [one[f"{name}_low"], one[f"{name}_high"]]
                axes.plot([at, at], ends, color=colour, linewidth=1.0)
                axes.plot(at, one[name], marker, color=colour, markersize=4)
        axes.axhline(
            HidingBounds().found * here.deployed.mean(),
            color=SOFT, linewidth=0.8, linestyle=(0, (3, 2)),
        )  # fmt: skip
        axes.set_ylim(-0.03, 1.03)
    finish(
        figure,
        caption="One line an agent, 95 % intervals over episodes. The search tries 256 inputs "
        "within the range of each training-phase column, at moments of training, and is judged at "
        "others. Below the dashed line, half of the deployment level, the cue counts as not found; "
        "what is held for one step decides.",
        handles=[
            Line2D([], [], color=colour, marker=marker, linestyle="", markersize=4, label=label)
            for label, marker in (("certified", "o"), ("failed", "X"))
        ],
        columns=2,
    )
    return figure


def _conclude(grown: Grown, workers: Workers, _out: Path) -> Claim:
    jobs = []
    for regime in REGIMES:
        pairs = zip(
            *(grown[recipe(kind, regime).key] for kind in ("treacherous", "honest")), strict=True
        )
        jobs += [Job(str(pair[0]), certify_pair, pair) for pair in pairs]
    found = dict(workers.run(jobs))
    rows = hiding_rows(pd.DataFrame([found[job.name] for job in jobs]))
    return Claim(rows, hiding_table(rows), {"hiding": hiding_figure(rows)})


CLAIM = GrownClaim(_recipes, _conclude)
