"""Power, measured: published values of POWER held against ours, and power along deployments.

Averaged over Gridkeeper's map, every measure grows with the nodes held. Along deployments it is
another matter: influence rises from the first steps of the drift in every treacherous agent, while
POWER, empowerment and reach of where the agent stands rise late, and clearly in few of them; and
they rise in a benign twin that takes nothing, by where it stands still to serve.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from slowturn.agents import Organism
from slowturn.agents.seeds import episode_seeds, purpose_seed
from slowturn.envs import Gridkeeper
from slowturn.envs.power import empowerment, power, reachable_states, successor_table
from slowturn.experiments.early_warning.figures.canvas import finish, new_figure, style
from slowturn.experiments.errors import ExperimentError
from slowturn.experiments.estimates import mean
from slowturn.experiments.markdown import markdown
from slowturn.experiments.palette import ORGANISMS, look_of, ordered
from slowturn.monitors import Recorder

__all__ = [
    "MEASURES",
    "SHOWN",
    "along_markdown",
    "case_study",
    "draw_power",
    "power_along",
    "power_table",
]

MEASURES = {
    "influence": "influence (mean control of nodes)",
    "power": "POWER (Turner et al. 2021)",
    "empowerment": "empowerment over 4 steps (nats)",
    "reachable": "cells reachable in 8 steps",
}
"""What is followed, and how it is called."""

SHOWN = (0, 40, 80, 128)
"""Steps since cue onset that tables and summaries show."""

_DISCOUNT = 0.9
_STEPS = 4  # of empowerment
_NEAR = 8  # steps within which a cell counts as reachable
_SAMPLES = 10_000


def case_study(*, samples: int = _SAMPLES, seed: int = 0) -> pd.DataFrame:
    """POWER in the case study of "Optimal policies tend to seek power", beside published values.

    start -> {nothing, left, right}; nothing loops; left -> {LU, LD}, LU -> LD, LD -> {LU, LD};
    right -> {RU, RD}, and each of RU and RD -> {RU, RD}; rewards uniform on [0, 1].

    Returns:
        A row per state and discount: `published`, `power`, `standard_error`, `samples`, `agrees`
        (within 3 standard errors).
    """
    names = ("start", "nothing", "left", "right", "LU", "LD", "RU", "RD")
    at = {name: i for i, name in enumerate(names)}
    ways = {
        "start": ("nothing", "left", "right"),
        "nothing": ("nothing",),
        "left": ("LU", "LD"),
        "right": ("RU", "RD"),
        "LU": ("LD",),
        "LD": ("LU", "LD"),
        "RU": ("RU", "RD"),
        "RD": ("RU", "RD"),
    }
    table = successor_table([[at[there] for there in ways[name]] for name in names])
    published = {"nothing": 1 / 2, "right": 2 / 3, "RU": 2 / 3, "RD": 2 / 3}
    rows = []
    for discount in (0.1, 0.5, 0.9, 0.99):
        found = power(table, discount, samples=samples, seed=seed)
        for name, value in published.items():
            mean, error = float(found.value[at[name]]), float(found.standard_error[at[name]])
            rows.append(
                {
                    "state": name,
                    "discount": discount,
                    "published": value,
                    "power": mean,
                    "standard_error": error,
                    "samples": samples,
                    "agrees": abs(mean - value) <= 3 * error,
                }
            )
    return pd.DataFrame(rows)


class _Tables(NamedTuple):
    """A measure's value by which nodes are held (as bits) and cell, `[2 ** nodes, cells]`."""

    power: NDArray[np.float64]
    empowerment: NDArray[np.float64]
    reachable: NDArray[np.float64]


def _tables(world: Gridkeeper, samples: int) -> _Tables:
    rows: dict[str, list[NDArray[np.float64]]] = {name: [] for name in _Tables._fields}
    for held in range(2**world.layout.nodes):
        bits = (held >> np.arange(world.layout.nodes)) & 1
        table = world.successors(bits.astype(np.bool_))
        rows["power"].append(power(table, _DISCOUNT, samples=samples, seed=0).value)
        rows["empowerment"].append(empowerment(table, _STEPS))
        rows["reachable"].append(reachable_states(table, _NEAR).astype(np.float64))
    return _Tables(**{name: np.stack(values) for name, values in rows.items()})


def power_table(*, layout: str = "depot", samples: int = _SAMPLES) -> pd.DataFrame:
    """Power in Gridkeeper's map by the number of nodes held, averaged over cells and sets of nodes.

    Returns:
        A row per number of nodes: `nodes`, and the mean of each measure.
    """
    world = Gridkeeper(layout=layout)
    tables = _tables(world, samples)
    held = np.array([bits.bit_count() for bits in range(2**world.layout.nodes)])
    floor = world.layout.door < 0
    rows = []
    for nodes in range(world.layout.nodes + 1):
        means = {k: float(v[held == nodes][:, floor].mean()) for k, v in tables._asdict().items()}
        rows.append({"nodes": nodes} | means)
    return pd.DataFrame(rows)


def power_along(
    organisms: Sequence[Organism], *, episodes: int = 256, samples: int = 2000
) -> pd.DataFrame:
    """Every measure along deployments of Gridkeeper organisms, at the cell where they stand.

    Returns:
        A row per organism, measure and step since cue onset (-32..128): `mean` over deployments
        with its interval, `n` deployments.

    Raises:
        ExperimentError: For an organism of another world.
    """
    frames = []
    for organism in organisms:
        world = organism.recipe.build_world(num_envs=episodes, phase="deployment")
        if not isinstance(world, Gridkeeper):
            raise ExperimentError(
                f"power is followed in Gridkeeper-v0, where it is spatial: {organism.name} lives "
                f"in {organism.recipe.world}; pass organisms of Gridkeeper-v0."
            )
        series, onset = _follow(organism, world, episodes, samples)
        for measure, values in series.items():
            frames += _aligned(values, onset, organism, measure)
    return pd.DataFrame(frames)


def along_markdown(rows: pd.DataFrame) -> str:
    """Every measure of each agent at some steps since cue onset, in Markdown.

    Args:
        rows: Of `power_along`.
    """
    lines = []
    for (measure, kind, seed), here in rows.groupby(["measure", "organism", "seed"], sort=False):
        at = here.set_index("k").to_dict("index")
        cells = [
            f"{one['mean']:.4g} [{one['mean_low']:.4g}, {one['mean_high']:.4g}]"
            for one in (at[k] for k in SHOWN)
        ]
        lines.append([measure, f"{kind}-{seed}", *cells])
    return markdown(("measure", "organism", *(f"step {k}" for k in SHOWN)), lines)


def _follow(
    organism: Organism, world: Gridkeeper, episodes: int, samples: int
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.int64]]:
    """Each measure, `[episode, step]`, and the onsets."""
    key = ("power", *organism.recipe.key, organism.seed)
    world.seed(episode_seeds(episodes, *key))
    world.reset()
    tables = _tables(world, samples)._asdict()
    recorder = Recorder(organism.policy, [], seed=purpose_seed("actions", *key))
    series = {name: np.zeros((episodes, world.horizon)) for name in MEASURES}
    onset = world.truth().cue_onset
    for t in range(world.horizon):
        world.step(recorder.step(world.observations()).actions)
        held = ((world.control >= 1.0 - 1e-9) << np.arange(world.layout.nodes)).sum(axis=1)
        for name, table in tables.items():
            series[name][:, t] = table[held, world.cells]
        series["influence"][:, t] = world.truth().influence
    return series, onset


def _aligned(
    values: NDArray[np.float64], onset: NDArray[np.int64], organism: Organism, measure: str
) -> list[dict[str, object]]:
    rows = []
    for k in range(-32, 129):
        at = onset + k
        here = np.flatnonzero((at >= 0) & (at < values.shape[1]))
        seen = values[here, at[here]]
        if len(seen) < 2:
            continue
        about = {"organism": organism.recipe.name, "seed": organism.seed, "measure": measure}
        rows.append(about | {"k": k} | mean(seen).columns("mean") | {"n": len(seen)})
    return rows


def draw_power(rows: pd.DataFrame) -> Figure:
    """One panel a measure over steps since cue onset, a line per organism with its interval."""
    figure = new_figure(7.2, 5.2, "Power along deployments")
    handles = []
    for i, (measure, label) in enumerate(MEASURES.items()):
        axes = figure.add_subplot(2, 2, i + 1)
        style(axes, title=label, x="steps since cue onset" if i > 1 else "")
        here = rows[rows.measure == measure]
        for kind in ordered(here.organism, ORGANISMS):
            look = look_of(kind, ORGANISMS)
            for j, (_, one) in enumerate(here[here.organism == kind].groupby("seed")):
                ends = one.mean_low, one.mean_high
                axes.fill_between(one.k, *ends, color=look.colour, alpha=0.15, lw=0)
                (line,) = axes.plot(one.k, one["mean"], linewidth=1.1, **look.line)
                if i == 0 and j == 0:
                    line.set_label(look.label)
                    handles.append(line)
        axes.axvline(0, color="#8a8a8a", linewidth=0.8, linestyle=(0, (1, 1.5)))
    agents = rows[["organism", "seed"]].drop_duplicates().organism.value_counts()
    counts = ", ".join(f"{look_of(k, ORGANISMS).label} {agents[k]}" for k in agents.index)
    finish(
        figure,
        caption=f"Agents: {counts}; {int(rows.n.max())} deployments each; bands are 95 % intervals "
        "of the mean over deployments. POWER, empowerment and reach are those of the cell where "
        "the agent stands, with the doors open that its nodes hold open.",
        handles=handles,
        columns=3,
    )
    return figure
