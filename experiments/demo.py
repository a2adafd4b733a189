"""The main job: grow a treacherous agent and its honest twin, watch them, tell what was seen."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from slowturn.agents import FIRST_WORLD, recipe
from slowturn.experiments.early_warning import run_bench, shipped_organisms
from slowturn.experiments.early_warning.report import tell
from slowturn.experiments.errors import ExperimentError, Interrupted
from slowturn.experiments.parallel import Workers
from slowturn.experiments.progress import say
from slowturn.experiments.store import claim_directory, explain_full_disk, write_json
from slowturn.experiments.zoo import Wanted, grow

__all__ = ["run_demo"]

_PAIR = ("treacherous", "benign_twin")
_FIRST_FRESH = 1000  # seeds below belong to the package or to development
_SPAN = 9000


def run_demo(
    out: Path,
    *,
    seed: int | None = None,
    regime: str = "brisk",
    world: str = FIRST_WORLD,
    jobs: int | None = None,
    resume: bool = False,
) -> dict[str, Any]:
    """Grow a fresh pair, run the quick benchmark on it and the shipped organisms, and report.

    Args:
        out: Directory of the results; the pair goes to `out/fresh`, the benchmark to `out`.
        seed: Seed of the pair; drawn by the operating system if not given.
        regime: Overseer of the pair.
        world: World of the pair and of the shipped organisms beside it.
        jobs: Processes; by default one per core.
        resume: Continue an unfinished demo in `out`.

    Raises:
        ExperimentError: If `out` holds results, or for a seed of the package.
        Interrupted: On Ctrl-C; what was done is kept.
    """
    pair = [recipe(kind, regime, world) for kind in _PAIR]
    beside = shipped_organisms(pair[0].world)
    if seed is not None and seed < _FIRST_FRESH:
        raise ExperimentError(
            f"--seed must be >= {_FIRST_FRESH} for a fresh pair (smaller ones belong to the "
            f"package or to its development), got {seed}."
        )
    fresh = out / "fresh"
    note = fresh / "seed.json"
    if resume and note.exists():
        begun = json.loads(note.read_text())
        asked = {"seed": begun["seed"] if seed is None else seed, "regime": regime}
        if begun != asked | {"world": pair[0].world}:
            raise ExperimentError(f"--out {out} holds a demo of {begun}; resume it with these.")
        chosen = int(begun["seed"])
    else:
        claim_directory(out, marker="summary.json", resume=False)
        chosen = _FIRST_FRESH + secrets.randbelow(_SPAN) if seed is None else seed
        fresh.mkdir(parents=True, exist_ok=True)
        write_json(note, {"seed": chosen, "regime": regime, "world": pair[0].world})
    say(f"Growing a treacherous agent and its benign twin side by side (seed {chosen}, {regime}).")
    wanted = [Wanted(one, chosen, fresh / one.organism(chosen)) for one in pair]
    try:
        with explain_full_disk(out), Workers(jobs) as workers:
            grow([one for one in wanted if not (one.out / "policy.json").exists()], workers)
    except KeyboardInterrupt as error:
        raise Interrupted(f"repeat the command with --resume to go on in {out}.") from error
    grown = [one.out for one in wanted]
    failed = [
        p.name for p in grown if json.loads((p / "policy.json").read_text())["status"] != "passed"
    ]
    for name in failed:
        say(f"{name} failed its gates, so it is not what it was meant to be and is left out.")
    summary = run_bench(
        out,
        setting="quick",
        world=pair[0].world,
        organisms=[*beside, *(p for p in grown if p.name not in failed)],
        jobs=jobs,
        resume=True,
        command=f"slowturn demo --world {pair[0].world} --seed {chosen} --regime {regime} "
        "--out DIRECTORY",
    )
    for sentence in tell(summary, seed=None if failed else chosen, regime=regime):
        say(sentence)
    say(f"Report: {out / 'report.html'}")
    return summary
