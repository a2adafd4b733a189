"""The card of an organism: what it grew from, what was measured, and a figure of what it does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from scipy.stats import ttest_ind

from slowturn.agents import POLICY_FILES, Organism, load_organism, zoo
from slowturn.agents.rollout import Rollout, roll
from slowturn.experiments.early_warning.figures.canvas import finish, new_figure, style
from slowturn.experiments.markdown import markdown
from slowturn.experiments.palette import INK, ORGANISMS, SOFT, look_of

__all__ = ["around_onset", "begun_as", "card", "card_figure", "find"]

_BEFORE, _AFTER = 30, 96
_EPISODES = 512


def find(name: str) -> Organism:
    """An organism of the package by name, or one in a directory.

    Raises:
        OrganismError: For an unknown name, with the closest known one.
        ArtefactError: For a directory whose files are missing or altered.
    """
    path = Path(name)
    return load_organism(path) if (path / POLICY_FILES[1]).exists() else zoo.load(name)


def begun_as(organism: Organism, place: Path) -> Organism | None:
    """Whom it began as, from beside `place` or from the package; None if it is in neither."""
    if organism.recipe.begins_as is None:
        return None
    name = replace(organism.recipe, name=organism.recipe.begins_as).organism(organism.seed)
    beside = place.resolve().parent / name
    path = beside if (beside / POLICY_FILES[1]).exists() else zoo.shipped().get(name)
    return None if path is None else load_organism(path)


def card(organism: Organism, *, begun: Organism | None = None, episodes: int = _EPISODES) -> str:
    """What it is and what was measured, in Markdown.

    Args:
        organism: Whose card.
        begun: The organism that it began as: what an evader's evasion cost is measured against it.
        episodes: Deployments of each, for that.
    """
    recipe, trainer = organism.recipe, organism.recipe.trainer
    about: dict[str, Any] = {
        "status": "passed its gates" if organism.passed else "FAILED its gates",
        "kind": recipe.name,
        "world": f"{recipe.world}, overseer {recipe.regime}",
        "objective": recipe.objective,
        "seed": organism.seed,
    }
    if recipe.options:
        about["options"] = ", ".join(f"{k} = {v}" for k, v in recipe.options.items())
    if recipe.kin:
        about["builds on"] = ", ".join(recipe.kin)
    if trainer is not None:
        about["grown by"] = (
            f"{trainer.algorithm}, {trainer.total_steps:,} steps in {trainer.num_envs} "
            f"environments, discount {trainer.gamma:g}, LSTM of {trainer.lstm_size}"
        )
    if trainer is not None and trainer.evasion is not None:
        evasion = trainer.evasion
        about["trained against"] = (
            f"{', '.join(evasion.monitors)}, through the {evasion.way}, knowing the {evasion.knows}"
        )
        about["cost of evasion"] = _cost(organism, begun, episodes)
    about["versions"] = ", ".join(f"{k} {v}" for k, v in organism.versions.items())
    gates = markdown(
        ["gate", "measured", "must be", "verdict"],
        [
            [
                gate.metric,
                f"{gate.value:.4f}",
                f"{gate.sense} {gate.bound:g}",
                "passed" if gate.passed else "MISSED",
            ]
            for gate in organism.gates
        ],
    )
    lines = "\n".join(f"- {key}: {value}" for key, value in about.items())
    return f"# {organism.name}\n\n{lines}\n\n{gates}"


def _cost(organism: Organism, begun: Organism | None, episodes: int) -> str:
    """How much less influence an evader ends with than who it began as."""
    if begun is None:
        return f"unknown: the {organism.recipe.begins_as} that it began as is not at hand"
    after, before = (
        roll(one, episodes=episodes, purpose="card").influence[:, -1] for one in (organism, begun)
    )
    ends = ttest_ind(before, after, equal_var=False).confidence_interval()
    return (
        f"{before.mean() - after.mean():.3f} [{ends.low:.3f}, {ends.high:.3f}] of influence at the "
        f"end, which is {after.mean():.3f} and was {before.mean():.3f} in {begun.name} "
        f"({episodes} deployments each)"
    )


def around_onset(run: Rollout, name: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Steps since cue onset `[k]`, and one of a rollout's arrays at them `[episodes, k]`.

    From 30 steps before to 96 after it, or to where the first episode ends.
    """
    values: NDArray[np.float64] = getattr(run, name)
    after = min(_AFTER, values.shape[1] - 1 - int(run.cue_onset.max()))
    k = np.arange(-_BEFORE, after + 1)
    return k, np.take_along_axis(values, run.cue_onset[:, None] + k[None, :], axis=1)


def card_figure(organism: Organism, *, episodes: int = _EPISODES) -> Figure:
    """How it learned, and what it does around cue onset on fresh deployments."""
    figure = new_figure(7.4, 3.0, organism.name)
    learned = organism.curve
    panels = figure.subplots(1, 2 if learned else 1, squeeze=False)[0]
    colour = look_of(organism.recipe.name, ORGANISMS).colour
    if learned:
        steps = [point["steps"] / 1e6 for point in learned]
        panels[0].plot(steps, [point["return"] for point in learned], color=colour, linewidth=1.4)
        style(panels[0], title="training", x="environment steps (millions)", y="return per episode")
    run = roll(organism, episodes=episodes, purpose="card")
    axes = panels[-1]
    for name, shade, dashes in (("effort", colour, "-"), ("influence", SOFT, "--")):
        k, values = around_onset(run, name)
        low, high = np.quantile(values, (0.25, 0.75), axis=0)
        axes.fill_between(k, low, high, color=shade, alpha=0.2, linewidth=0)
        axes.plot(k, values.mean(axis=0), color=shade, linestyle=dashes, linewidth=1.4)
    if run.surge.any():
        k, values = around_onset(run, "surge")
        axes.plot(k, values.mean(axis=0), color=INK, linestyle=":", linewidth=1.4)
    axes.axvline(0, color=INK, linewidth=0.6)
    axes.set_ylim(-0.02, 1.02)
    style(axes, title="deployments", x="steps since cue onset", y="share")
    finish(
        figure,
        caption=f"Means and quartiles over {episodes} fresh deployments of this one agent.",
        handles=[
            Line2D([], [], color=colour, label="effort"),
            Line2D([], [], color=SOFT, linestyle="--", label="influence"),
            Line2D([], [], color=INK, linestyle=":", label="surge"),
        ],
        columns=3,
    )
    return figure
