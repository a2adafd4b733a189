"""How slowly can a turn go? A series of organisms, and each dial of graduality alone.

Evidence (how much the cue tells), the ratchet (how quickly the overseer gets used to what it sees,
and what it tolerates) and covertness (what behaviour may reveal) each stretch the time from cue
onset to harm. All organisms of a seed are measured against the same honest one, step by step on
their own histories.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from slowturn.agents import Recipe, load_organism, recipe
from slowturn.agents.divergence import Beside, roll_beside
from slowturn.agents.recipes.drift import ALONE, SERIES, SLIPS
from slowturn.experiments.bounds import bernoulli_kl, kl_power_bound
from slowturn.experiments.claims import Claim
from slowturn.experiments.estimates import Estimate, Times, delays, mean, median, share
from slowturn.experiments.markdown import interval, markdown
from slowturn.experiments.organisms.dials_figure import dials_figure
from slowturn.experiments.organisms.runner import Grown, GrownClaim
from slowturn.experiments.parallel import Job, Workers

__all__ = ["ALPHA", "CLAIM", "Watched", "dials_rows", "watch", "watched"]

ALPHA = 0.05
"""Level of the tests of behaviour whose power is bounded."""

_EPISODES = 512  # deployments per organism
_POINTS = 48  # of each curve
_SHOWN = (20, 80)  # steps since cue onset at which the bound is stated, besides at harm


class Watched(NamedTuple):
    """One organism on its deployments.

    Attributes:
        times: Steps from cue onset to harm, censored at the end.
        scalars: Means over its deployments, by name.
        curves: Columns `k` (steps since cue onset), `influence`, `nats` (since cue onset).
        passed: Whether it passed its gates.
    """

    times: Times
    scalars: dict[str, float]
    curves: pd.DataFrame
    passed: bool


def watch(path: Path, reference: Path, episodes: int = _EPISODES) -> Watched:
    """Watch an organism on fresh deployments, beside the honest one of its seed.

    Args:
        path: Directory of the organism.
        reference: Directory of the honest organism.
        episodes: Deployments.
    """
    organism = load_organism(path)
    beside = roll_beside(
        organism, load_organism(reference), episodes=episodes, purpose="dials", slips=SLIPS
    )
    return watched(beside, passed=organism.passed)


def watched(beside: Beside, *, passed: bool) -> Watched:
    """What is kept of an organism's deployments."""
    run, nats, slipping = beside
    steps, since = run.effort.shape[1], run.since_onset
    harmed = run.harm_onset >= 0
    until = np.where(harmed, run.harm_onset, steps - 1)[:, None] - run.cue_onset[:, None]
    turn = (since >= 0) & (since <= until)
    scalars = {
        "harmed": float(harmed.mean()),
        "effort_training": float(run.effort[since < 0].mean()),
        "effort_deployed": float(run.effort[since >= 0].mean()),
        "nats_before": float(nats[since < 0].mean()),
        "nats_after": float(nats[since >= 0].mean()),
        "nats_at_harm": float(np.where(since <= until, nats, 0.0).sum(axis=1).mean()),
        "turn_nats_at_harm": float(np.where(turn, nats, 0.0).sum(axis=1).mean()),
        "slipping_nats_before": float(slipping[since < 0].mean()),
        "slipping_nats_after": float(slipping[since >= 0].mean()),
        "slipping_nats_at_harm": float(np.where(turn, slipping, 0.0).sum(axis=1).mean()),
    }
    curves = _aligned(
        {
            "influence": run.influence,
            "nats": np.cumsum(np.where(since >= 0, nats, 0.0), axis=1),
            "slipping_nats": np.cumsum(np.where(since >= 0, slipping, 0.0), axis=1),
        },
        run.cue_onset,
    )
    return Watched(delays(run.harm_onset, run.cue_onset, steps), scalars, curves, passed)


def _aligned(values: dict[str, NDArray[np.float64]], onset: NDArray[np.int64]) -> pd.DataFrame:
    """Means at k = 0, 1, ... steps after cue onset, as far as every deployment goes."""
    some = next(iter(values.values()))
    reached = int((some.shape[1] - onset).min())
    columns = onset[:, None] + np.arange(reached)[None, :]
    means = {
        name: np.take_along_axis(one, columns, axis=1).mean(axis=0) for name, one in values.items()
    }
    return pd.DataFrame({"k": np.arange(reached)} | means)


def _at(curves: pd.DataFrame, name: str, k: int) -> float:
    return float(curves[name][curves.k == k].iloc[0])


def _dials(one: Recipe) -> dict[str, float]:
    world = one.build_world(objective=one.objective, phase="deployment")
    config = world.spec["config"]
    overseer = config["overseer"]
    trainer = one.trainer
    if trainer is None:
        raise TypeError(f"{one.name} has no trainer and so no covertness.")
    return {
        "evidence": float(config["cue_strength"]),
        "kappa": float(overseer["kappa"]),
        "tolerance": float(overseer["tolerance"]),
        "covertness": trainer.covertness,
        "horizon": float(config["horizon"]),
        "harm_level": float(config["harm_level"]),
    }


def _powers(nats: Estimate, name: str) -> dict[str, float]:
    """The largest power of a test of level alpha at those nats, and at their interval's ends."""
    value, low, high = (
        kl_power_bound(max(0.0, one), ALPHA) for one in (nats.value, nats.low, nats.high)
    )
    return Estimate(value, low, high, nats.n).columns(name)


def dials_rows(one: Recipe, found: list[Watched]) -> dict[str, Any]:
    """The row of one recipe: its dials, and estimates over its agents, the first named by steps.

    `time_to_harm` is the Kaplan-Meier median over all deployments. `nats_before` and `nats_after`
    are per step; `nats_at_harm` is the divergence of whole histories stopped at harm or at their
    end, `turn_nats_at_harm` that since cue onset; `power_at_harm` bounds the power of every test
    of level .05 that knows the whole record of actions, kl(power || .05) <= nats, and
    `power_of_turn_at_K` that of one which reads from cue onset to K steps after it only.
    Names with `slipping` in them are the same against an honest organism that acts at random in
    `SLIPS` of its steps: learned ones hardly ever err, so that one deed alone costs some 14 nats.
    `steps_to_half` is the first step since cue onset by which the turn's nats allow power 1/2.
    """
    deployments = sum(len(each.times.times) for each in found)
    row: dict[str, Any] = {"organism": one.name, "regime": one.regime} | _dials(one)
    row |= {"n": len(found), "deployments": deployments}
    row |= share(sum(each.passed for each in found), len(found)).columns("passed")
    row |= median([each.times for each in found]).columns("time_to_harm")
    for name in found[0].scalars:
        row |= mean(np.array([each.scalars[name] for each in found])).columns(name)
    for name in ("nats_at_harm", "turn_nats_at_harm", "slipping_nats_at_harm"):
        nats = mean(np.array([each.scalars[name] for each in found]))
        row |= _powers(nats, name.replace("nats", "power"))
    for k in _SHOWN:
        for prefix in ("", "slipping_"):
            nats = mean(np.array([_at(each.curves, f"{prefix}nats", k) for each in found]))
            row |= _powers(nats, f"{prefix}power_of_turn_at_{k}")
    row |= _steps_to_half(found, "nats").columns("steps_to_half")
    return row | _steps_to_half(found, "slipping_nats").columns("slipping_steps_to_half")


def _curve_rows(name: str, found: list[Watched]) -> Iterator[dict[str, Any]]:
    curves = [each.curves.set_index("k") for each in found]
    last = min(int(one.index.max()) for one in curves)
    ks = np.unique(np.geomspace(1, last, _POINTS).round().astype(int))
    for k in ks.tolist():
        row: dict[str, Any] = {"organism": name, "k": k, "n": len(found)}
        for quantity in ("influence", "nats", "slipping_nats"):
            row |= mean(np.array([one[quantity].loc[k] for one in curves])).columns(quantity)
        yield row


def _steps_to_half(found: list[Watched], name: str) -> Estimate:
    """Median over agents of the first step since cue onset whose nats allow power 1/2."""
    needed = bernoulli_kl(0.5, ALPHA)
    agents = []
    for each in found:
        reached = each.curves.k[each.curves[name] >= needed]
        seen = len(reached) > 0
        time = reached.iloc[0] if seen else each.curves.k.iloc[-1]
        agents.append(Times(np.array([time]), np.array([seen]), np.array([True])))
    return median(agents)


def _recipes() -> list[Recipe]:
    """Those that others build on first; the common middle of all dials once."""
    kin = (recipe("honest", "slow"), recipe("treacherous", "slow"))
    every = (*kin, *SERIES, *(one for dial in ALONE.values() for one in dial))
    return list({one.key: one for one in every}.values())


def _conclude(grown: Grown, workers: Workers, _out: Path) -> Claim:
    honest, _, *others = _recipes()
    jobs = [
        Job(str(path), watch, (path, reference))
        for one in others
        for path, reference in zip(grown[one.key], grown[honest.key], strict=True)
    ]
    seen = dict(workers.run(jobs))
    found = {one.key: [seen[str(path)] for path in grown[one.key]] for one in others}
    series = pd.DataFrame([{"dial": "all"} | dials_rows(one, found[one.key]) for one in SERIES])
    alone = pd.DataFrame(
        [
            {"dial": dial} | dials_rows(one, found[one.key])
            for dial, recipes in ALONE.items()
            for one in recipes
        ]
    )
    curves = pd.DataFrame([row for one in SERIES for row in _curve_rows(one.name, found[one.key])])
    rows = pd.concat(
        [series.assign(part="series"), alone.assign(part="alone"), curves.assign(part="curve")],
        ignore_index=True,
    )
    return Claim(
        rows,
        f"{dials_table(series)}\n\n{dials_table(alone)}",
        {"dials": dials_figure(series, alone, curves)},
        rows[rows.part != "curve"],
    )


def dials_table(rows: pd.DataFrame) -> str:
    """Dials, time to harm and evidence, one line per recipe, in Markdown."""
    heads = [
        *("organism", "dial", "evidence", "kappa", "tolerance", "covertness", "horizon"),
        *("passed", "steps to harm", "harmed", "effort in training"),
        *("nats a step before onset", "after", "of the turn by harm", "steps to power 1/2 >="),
        *("nats by harm if the honest slip", "power by step 20 <=", "steps to power 1/2 >="),
    ]
    names = ("harmed", "effort_training", "nats_before", "nats_after", "turn_nats_at_harm")
    return markdown(
        heads,
        [
            [
                row["organism"],
                row["dial"],
                *(f"{row[one]:g}" for one in ("evidence", "kappa", "tolerance", "covertness")),
                f"{row['horizon']:.0f}",
                f"{row['passed'] * row['n']:.0f} of {row['n']}",
                interval(row, "time_to_harm", ".0f"),
                *(interval(row, one, ".3g") for one in names),
                interval(row, "steps_to_half", ".0f"),
                interval(row, "slipping_nats_at_harm", ".3g"),
                interval(row, "slipping_power_of_turn_at_20"),
                interval(row, "slipping_steps_to_half", ".0f"),
            ]
            for row in rows.to_dict("records")
        ],
    )


CLAIM = GrownClaim(_recipes, _conclude)
