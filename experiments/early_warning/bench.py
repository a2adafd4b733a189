"""The whole benchmark: organisms in, rows, summary, figures and report out."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from slowturn.agents import (
    FIRST_WORLD,
    LEARNED,
    WORLDS_WITH_RECIPES,
    Organism,
    judge,
    load_organism,
    measure,
    recipe,
    save_organism,
    short_name,
    zoo,
)
from slowturn.agents.errors import unknown_name
from slowturn.agents.scripts import scripted_policy
from slowturn.envs import World
from slowturn.experiments.early_warning.analysis import alarm_curves, pooled_rows, rows
from slowturn.experiments.early_warning.controls import controls
from slowturn.experiments.early_warning.run import run_parts
from slowturn.experiments.early_warning.settings import SETTINGS
from slowturn.experiments.errors import ExperimentError, Interrupted
from slowturn.experiments.parallel import Workers
from slowturn.experiments.progress import parts_bar, say
from slowturn.experiments.store import claim_directory, explain_full_disk, versions, write_json

__all__ = ["run_bench", "shipped_organisms"]


def shipped_organisms(world: str) -> list[Path]:
    """Directories of the packaged organisms of a world that all see its own cue.

    Trojans and most of the twins that change have cues of their own, so that nothing of theirs can
    be read beside the others.

    Raises:
        ExperimentError: If there are none.
    """
    if world not in WORLDS_WITH_RECIPES:
        raise unknown_name("world", world, WORLDS_WITH_RECIPES)
    prefix = "" if world == FIRST_WORLD else f"{short_name(world)}-"
    dashes = 2 + prefix.count("-")
    found = [
        path
        for name, path in zoo.shipped().items()
        if name.startswith(prefix) and name.count("-") == dashes and name.split("-")[-3] in LEARNED
    ]
    if not found:
        raise ExperimentError(
            f"the package ships no organisms of {world}: grow some with `slowturn zoo build "
            f"--world {world} --out DIR` and pass each with --organism."
        )
    return found


def _scripted(out: Path, regimes: list[str]) -> list[Path]:
    """The scripted organisms of these regimes, written below `out`."""
    made = []
    for regime in regimes:
        chosen = recipe("christiano", regime)
        organism = Organism(recipe=chosen, seed=0, policy=scripted_policy(chosen))
        path = out / "organisms" / organism.name
        if not (path / "policy.json").exists():
            save_organism(organism.with_gates(judge(chosen, measure(organism))), path)
        made.append(path)
    return made


def run_bench(
    out: Path,
    *,
    setting: str = "full",
    world: str = FIRST_WORLD,
    extra: list[Path] | None = None,
    organisms: list[Path] | None = None,
    jobs: int | None = None,
    resume: bool = False,
    command: str | None = None,
) -> dict[str, Any]:
    """Run the early-warning benchmark and write everything into `out`.

    Writes `rows.parquet` (an agent, monitor, rule, null and alpha a row), `pooled.parquet` (the
    same over all seeds), the tables behind the figures, `figures/`, `report.html`, `table.md` (the
    headline rows) and `summary.json`.

    Args:
        out: Directory of the results.
        setting: Name of a setting: `full`, `quick` or `smoke`.
        world: World whose shipped organisms are watched; moot where `organisms` are given.
        extra: Directories of further organisms.
        organisms: Directories of the organisms to use instead of the shipped ones.
        jobs: Processes; by default one per core.
        resume: Continue an unfinished run in `out`.
        command: What the report tells readers to type to make the same again; by default the
            benchmark's own command.

    Returns:
        What `summary.json` holds.

    Raises:
        ExperimentError: If the setting is unknown, `out` holds results, or an organism may not
            take part.
        Interrupted: On Ctrl-C; finished parts are kept.
    """
    if setting not in SETTINGS:
        raise ExperimentError(f"unknown setting {setting!r}: choose from {sorted(SETTINGS)}.")
    settings = SETTINGS[setting]
    claim_directory(out, marker="summary.json", resume=resume)
    if organisms is None:
        organisms = shipped_organisms(world.removeprefix("slowturn/"))
    directories = [*organisms, *(extra or [])]
    if not directories:
        raise ExperimentError(
            "there are no organisms to watch: leave `organisms` out, or name some."
        )
    try:
        with explain_full_disk(out):
            recipes = [load_organism(path).recipe for path in directories]
            home = recipes[0].build_world()  # `run_parts` refuses several
            if home.name == FIRST_WORLD:
                directories += _scripted(out, sorted({one.regime for one in recipes}))
            with Workers(jobs) as workers, parts_bar("watching") as report:
                tables = run_parts(directories, settings, out, workers=workers, report=report)
            words = ["slowturn bench early-warning", f"--world {home.name}", f"--setting {setting}"]
            words += [f"--organism {path}" for path in extra or []]
            again = command or " ".join((*words, "--out DIRECTORY"))
            return _conclude(out, tables, setting, home, again)
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"finished parts are kept in {out}; repeat the command with --resume to go on."
        ) from error


def _conclude(
    out: Path, tables: dict[str, pd.DataFrame], setting: str, world: World, command: str
) -> dict[str, Any]:
    settings = SETTINGS[setting]
    say("estimating delays, leads and accusations ...")
    single = rows(tables, replicates=settings.replicates)
    pooled = pooled_rows(tables, replicates=settings.replicates)
    headline = settings.alphas[0]
    curves = alarm_curves(tables, alpha=headline)
    seeds: dict[str, list[int]] = {}
    known = tables["deployments"][["organism", "regime", "seed"]].drop_duplicates()
    for kind, regime, seed in known.itertuples(index=False):
        seeds.setdefault(f"{kind}-{regime}", []).append(int(seed))
    summary: dict[str, Any] = {
        "command": command,
        "alpha": headline,
        "alphas": list(settings.alphas),
        "setting": setting,
        "world": world.name,
        "settings": asdict(settings),
        "rows": single.to_dict("records"),
        "pooled": pooled.to_dict("records"),
        "controls": controls(tables, alpha=headline),
        "probe_reached": tables["probe"].to_dict("records"),
        "versions": versions(),
        "seeds": seeds,
    }
    for name, table in {**tables, "rows": single, "pooled": pooled, "curves": curves}.items():
        table.to_parquet(out / f"{name}.parquet", index=False)
    say("drawing figures and the report ...")
    # imported here because every worker imports this module, and none of them draws
    from slowturn.experiments.early_warning.figures import save_figures  # noqa: PLC0415
    from slowturn.experiments.early_warning.report import (  # noqa: PLC0415
        results_table,
        write_report,
    )

    save_figures(out, tables, pooled, curves, alpha=headline, harm_level=world.harm_level)
    write_report(out, tables, summary)
    (out / "table.md").write_text(results_table(summary["pooled"], alpha=headline) + "\n")
    write_json(out / "summary.json", summary)  # last: it marks a finished run
    return summary
