"""Settings -> tables: every organism watched, in parallel, resumable part by part."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd

from slowturn.agents import Organism, load_organism
from slowturn.experiments.early_warning.parts import (
    POWER_SEEKERS,
    Cast,
    null_part,
    profile_part,
    suspect_part,
)
from slowturn.experiments.early_warning.settings import Settings
from slowturn.experiments.errors import ExperimentError
from slowturn.experiments.parallel import Job, Workers
from slowturn.experiments.store import publish, read_part, versions, write_json

__all__ = ["cast_of", "run_parts"]

_PARTS = "parts"


def _by_name(directories: list[Path]) -> dict[str, tuple[Path, Organism]]:
    found: dict[str, tuple[Path, Organism]] = {}
    for directory in directories:
        organism = load_organism(directory)
        if organism.recipe.trainer is not None and not organism.passed:
            missed = ", ".join(gate.metric for gate in organism.gates if not gate.passed)
            raise ExperimentError(
                f"{organism.name} ({directory}) failed its gates ({missed or 'not measured'}), so "
                "its ground truth is not what its name says; train another seed."
            )
        if organism.name in found:
            raise ExperimentError(
                f"two organisms are called {organism.name}: {found[organism.name][0]} and "
                f"{directory}; leave one out."
            )
        found[organism.name] = (directory, organism)
    return found


def _partner(seed: int, own: list[int], others: list[int]) -> int:
    """The equal seed among `others`, or one that no other of `own` is equal to, in turn."""
    if seed in others:
        return seed
    left = [one for one in others if one not in own] or others
    return left[[one for one in own if one not in others].index(seed) % len(left)]


def cast_of(directories: list[Path]) -> dict[str, Cast]:
    """Say for every organism who stands beside it.

    An organism is compared with the honest organism and the benign twin of its regime and seed;
    where one is missing, those left over are shared out in the order of their seeds. Its reference
    and its nulls are other honest organisms; with only two of them there are no nulls. All live in
    one world.

    Raises:
        ExperimentError: If a regime lacks two honest organisms or a benign twin, or an organism
            failed its gates.
    """
    organisms = _by_name(directories)
    worlds = sorted({organism.recipe.world for _, organism in organisms.values()})
    if len(worlds) > 1:
        raise ExperimentError(
            f"these organisms live in {' and '.join(worlds)}: monitors are compared within one "
            "world, choose it with --world and pass organisms of that world only."
        )
    casts = {}
    for name, (directory, organism) in organisms.items():
        regime = organism.recipe.regime
        kin = replace(organism.recipe, name="honest")
        seeds: dict[str, list[int]] = {}
        for _, other in organisms.values():
            if other.recipe.regime == regime:
                seeds.setdefault(other.recipe.name, []).append(other.seed)
        honest, twins = sorted(seeds.get("honest", [])), sorted(seeds.get("benign_twin", []))
        if len(honest) < 2 or not twins or not seeds.get("treacherous"):
            raise ExperimentError(
                f"regime {regime!r} needs at least two honest organisms (one to compare with, one "
                f"as reference), a benign twin and a treacherous organism, got {seeds}."
            )
        own = sorted(seeds[organism.recipe.name])
        pair = _partner(organism.seed, own, honest)
        others = [seed for seed in honest if seed != pair]
        named = [kin.organism(seed) for seed in others]
        later = [seed for seed in others if seed > pair]
        chosen = (later or others)[0]
        casts[name] = Cast(
            kind=organism.recipe.name,
            regime=regime,
            suspect=str(directory),
            reference=str(organisms[kin.organism(chosen)][0]),
            honest_seed=pair,
            twin_seed=_partner(organism.seed, own, twins),
            nulls=tuple(
                (null, next(other for other in named if other != null))
                for null in named
                if len(named) > 1
            ),
        )
    return casts


def _stamp(directories: list[Path], settings: Settings) -> dict[str, Any]:
    """What a run depends on, compared when it is resumed."""
    weights = {
        load_organism(d).name: json.loads((d / "policy.json").read_text())["weights_sha256"]
        for d in directories
    }
    stamp: dict[str, Any] = json.loads(
        json.dumps({"settings": asdict(settings), "organisms": weights, "versions": versions()})
    )
    return stamp


def run_parts(
    directories: list[Path],
    settings: Settings,
    out: Path,
    *,
    workers: Workers,
    report: Callable[[str, int, int], None] | None = None,
) -> dict[str, pd.DataFrame]:
    """Compute every missing part below `out / "parts"` and return all tables, concatenated.

    Args:
        directories: Artefacts of the organisms.
        settings: Numbers of episodes and alphas.
        out: Directory of the run; parts found there are kept if they belong to this run.
        workers: Processes to use.
        report: Called with (what, parts done, parts in all).
    """
    casts = cast_of(directories)
    stamp_file = out / "run.json"
    stamp = _stamp(directories, settings)
    out.mkdir(parents=True, exist_ok=True)
    if not stamp_file.exists():
        write_json(stamp_file, stamp)
    begun = json.loads(stamp_file.read_text())
    if differing := [key for key in stamp if begun.get(key) != stamp[key]]:
        raise ExperimentError(
            f"{out} holds an unfinished run with other {' and '.join(differing)} (see "
            f"{stamp_file.name} there); choose another --out."
        )
    parts = out / _PARTS
    regimes = sorted({cast.regime for cast in casts.values()})
    nulls = sorted({null for cast in casts.values() for null in cast.nulls})
    total, done = len(regimes) + len(nulls) + len(casts), 0

    def wave(jobs: list[Job]) -> dict[str, dict[str, pd.DataFrame]]:
        nonlocal done
        missing = [job for job in jobs if not (parts / job.name).exists()]
        done += len(jobs) - len(missing)
        if report is not None and (len(missing) < len(jobs) or not done):
            report("found from before" if done else "starting", done, total)
        for name, tables in workers.run(missing):
            publish(parts / name, tables)
            done += 1
            if report is not None:
                report(name, done, total)
        return {job.name: read_part(parts / job.name) for job in jobs}

    profiles = wave(
        [Job(f"profile-{r}", profile_part, (_treacherous(casts, r), settings)) for r in regimes]
    )
    shape = {r: profiles[f"profile-{r}"]["profile"]["effort"].to_numpy() for r in regimes}
    maxima = wave(
        [
            Job(
                _null_name(null, reference),
                null_part,
                (
                    casts[null]._replace(reference=casts[reference].suspect),
                    shape[casts[null].regime],
                    settings,
                ),
            )
            for null, reference in nulls
        ]
    )
    found = wave(
        [
            Job(
                f"suspect-{n}",
                suspect_part,
                (
                    cast,
                    shape[cast.regime],
                    [maxima[_null_name(*pair)]["maxima"] for pair in cast.nulls],
                    settings,
                ),
            )
            for n, cast in sorted(casts.items(), key=lambda item: _cost(item[1]))
        ]
    )
    names = dict.fromkeys(table for tables in found.values() for table in tables)
    return {
        name: pd.concat([t[name] for t in found.values() if name in t], ignore_index=True)
        for name in names
    }


def _null_name(null: str, reference: str) -> str:
    return f"null-{null}-by-{reference}"


def _treacherous(casts: dict[str, Cast], regime: str) -> list[str]:
    return [c.suspect for c in casts.values() if (c.kind, c.regime) == ("treacherous", regime)]


def _cost(cast: Cast) -> int:
    """Longest parts first, so that no process is left alone with one at the end."""
    return 0 if cast.kind in POWER_SEEKERS else 1
