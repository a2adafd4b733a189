"""Growing many organisms side by side, and listing those of the package."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slowturn.agents import LEARNED, REGIMES, load_organism, recipe, train, zoo
from slowturn.experiments.errors import ExperimentError, Interrupted
from slowturn.experiments.parallel import Job, Workers, count_steps
from slowturn.experiments.progress import say, steps_bar
from slowturn.experiments.store import versions, write_json

__all__ = ["SHIPPED", "build", "catalogue", "grow"]

_SEEDS: dict[tuple[str, str], tuple[int, ...]] = {
    # seed 0 settled on serving everywhere and missed its gates: such an organism is not shipped
    ("treacherous", "slow"): (1, 2, 3),
}
SHIPPED = tuple(
    f"{kind}-{regime}-{seed}"
    for kind in LEARNED
    for regime in REGIMES
    for seed in _SEEDS.get((kind, regime), (0, 1, 2))
)
"""Names of the organisms of the package: three seeds of each learned recipe and regime."""


def _grow_one(slot: int, name: str, regime: str, seed: int, out: str) -> bool:
    grown = train(
        recipe(name, regime),
        seed,
        Path(out),
        resume=True,
        report=lambda done, _total: count_steps(slot, done),
    )
    return grown.passed


def grow(
    wanted: list[tuple[str, str, int, Path]],
    workers: Workers,
    done: Callable[[str], None] | None = None,
) -> dict[str, bool]:
    """Grow organisms side by side, resuming those that were begun.

    Args:
        wanted: Kind, regime, seed and directory of each.
        workers: Processes to use.
        done: Called with the name of each when it is finished.

    Returns:
        Whether each passed its gates, by name.
    """
    jobs, total = [], 0
    for slot, (name, regime, seed, out) in enumerate(wanted):
        trainer = recipe(name, regime).trainer
        total += trainer.total_steps if trainer is not None else 0
        arguments = (slot, name, regime, seed, str(out))
        jobs.append(Job(f"{name}-{regime}-{seed}", _grow_one, arguments))
        workers.steps[slot] = 0
    passed = {}
    with steps_bar(f"growing {len(jobs)} organism{'s' if len(jobs) > 1 else ''}") as report:
        for name, ok in workers.run(
            jobs, tick=lambda: report(sum(workers.steps[: len(jobs)]), total)
        ):
            passed[name] = ok
            if done is not None:
                done(name)
            say(f"  {name}: {'passed its gates' if ok else 'FAILED its gates'}")
    return passed


def build(out: Path, *, only: list[str] | None, jobs: int | None) -> None:
    """Grow every learned organism of the package below `out`, but for those that are there.

    Args:
        out: Directory of the zoo.
        only: Names such as `honest-slow-0`, of any seed; by default all shipped ones.
        jobs: Processes; by default one per core.

    Raises:
        ExperimentError: For a name that is not kind-regime-seed, or if an organism failed.
        Interrupted: On Ctrl-C; finished organisms and checkpoints are kept.
    """
    names = only or SHIPPED
    wanted = []
    for name in names:
        parts = name.split("-")
        if len(parts) != 3 or not parts[2].isdigit():
            raise ExperimentError(f"--only {name!r} must be kind-regime-seed, as in honest-slow-0.")
        kind, regime, seed = parts[0], parts[1], int(parts[2])
        recipe(kind, regime)
        if not (out / name / "policy.json").exists():
            wanted.append((kind, regime, seed, out / name))
    say(f"{len(names) - len(wanted)} of {len(names)} organisms are in {out} already.")
    try:
        with Workers(jobs) as workers:
            grow(wanted, workers, done=lambda name: _record(out, name))
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"finished organisms and checkpoints are kept in {out}; repeat the command to go on."
        ) from error
    failed = sorted(name for name in names if not load_organism(out / name).passed)
    if failed:
        raise ExperimentError(
            f"{', '.join(failed)} failed their gates: they are kept in {out}, but the benchmark "
            "refuses them; look at their policy.json, and delete them to try again."
        )


def _record(out: Path, name: str) -> None:
    """Note beside the organisms what made this one."""
    path = out / "built.json"
    notes: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    notes[name] = {"command": " ".join(["slowturn", *sys.argv[1:]]), "versions": versions()}
    write_json(path, dict(sorted(notes.items())))


def catalogue() -> list[dict[str, Any]]:
    """One JSON-able object per shipped organism: name, recipe, world, seed, status, gates."""
    entries = []
    for name, path in zoo.shipped().items():
        organism = load_organism(path)
        entries.append(
            {
                "name": name,
                "recipe": organism.recipe.name,
                "regime": organism.recipe.regime,
                "world": organism.recipe.world,
                "seed": organism.seed,
                "status": "passed" if organism.passed else "failed",
                "gates": [gate._asdict() for gate in organism.gates],
                "versions": organism.versions,
            }
        )
    return json.loads(json.dumps(entries))  # type: ignore[no-any-return]
