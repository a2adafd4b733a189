"""Running a claim about organisms: grow what is missing, measure all, write the results.

Organisms are kept in `OUT/organisms`, so that a run that was stopped goes on where it was, and so
that what was measured can be looked at. What comes with the package, of the very same recipe and
seed, is not grown again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from slowturn.agents import POLICY_FILES, Recipe, load_organism, zoo
from slowturn.experiments.claims import Claim, write_claim
from slowturn.experiments.errors import ExperimentError, Interrupted
from slowturn.experiments.organisms.names import GROWN_CLAIMS
from slowturn.experiments.parallel import Workers
from slowturn.experiments.progress import say
from slowturn.experiments.store import claim_directory, explain_full_disk
from slowturn.experiments.zoo import Wanted, grow

__all__ = ["Grown", "GrownClaim", "run_grown_claim"]

Grown = dict[tuple[str, ...], list[Path]]
"""Directories of organisms, in the order of their seeds, by the key of their recipe."""


class GrownClaim(NamedTuple):
    """What a claim grows, and how it is computed from that.

    Attributes:
        recipes: Recipes of all organisms; those that others build on included.
        conclude: Computes the claim from the organisms that have been grown, those that miss their
            gates among them; may keep more in the directory of the results.
    """

    recipes: Callable[[], Sequence[Recipe]]
    conclude: Callable[[Grown, Workers, Path], Claim]


def _claim(name: str) -> GrownClaim:
    found: GrownClaim = import_module(f"slowturn.experiments.organisms.{name}").CLAIM
    return found


def _place(recipe: Recipe, seed: int, out: Path) -> Path:
    """Where an organism is to be: in the package if it is there already, else below `out`."""
    name = recipe.organism(seed)
    shipped = zoo.shipped().get(name)
    if shipped is not None and load_organism(shipped).recipe == recipe:
        return shipped
    return out / "organisms" / name


def run_grown_claim(
    name: str,
    out: Path,
    *,
    seeds: Sequence[int] = range(5),
    jobs: int | None = None,
    resume: bool = False,
) -> str:
    """Grow the organisms of a claim and write `rows.parquet`, `table.md`, figures, `summary.json`.

    Args:
        name: Name of the claim (see `GROWN_CLAIMS`).
        out: Directory of the results; must not hold any.
        seeds: Seeds of every organism.
        jobs: Processes; by default one per core.
        resume: Go on with the unfinished run in `out`.

    Returns:
        The headline table in Markdown.

    Raises:
        ExperimentError: If `out` holds results or an unfinished run and `resume` is false, or
            for fewer than two seeds.
        Interrupted: On Ctrl-C; finished organisms and checkpoints are kept.
    """
    if name not in GROWN_CLAIMS:
        raise ExperimentError(f"unknown claim {name!r}: choose from {sorted(GROWN_CLAIMS)}.")
    seeds = list(seeds)
    if len(seeds) < 2 or min(seeds) < 0:
        raise ExperimentError(
            f"seeds must be at least two numbers >= 0, for an interval over agents; got {seeds}."
        )
    claim_directory(out, marker="summary.json", resume=resume)
    claim = _claim(name)
    wanted = [
        Wanted(one, seed, _place(one, seed, out)) for one in claim.recipes() for seed in seeds
    ]
    missing = [one for one in wanted if not (one.out / POLICY_FILES[1]).exists()]
    say(f"{len(wanted) - len(missing)} of {len(wanted)} organisms are there already.")
    try:
        with explain_full_disk(out), Workers(jobs) as workers:
            out.mkdir(parents=True, exist_ok=True)  # where all come with the package, too
            if missing:
                grow(missing, workers)
            grown: Grown = {}
            for one in wanted:
                grown.setdefault(one.recipe.key, []).append(one.out)
            say("measuring ...")
            found = claim.conclude(grown, workers, out)
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"finished organisms and checkpoints are kept in {out}; repeat the command with "
            "--resume to go on."
        ) from error
    with explain_full_disk(out):
        loaded = [load_organism(one.out) for one in wanted]
        verdicts = {one.name: "passed" if one.passed else "failed" for one in loaded}
        write_claim(out, name, found, seeds=seeds, organisms=verdicts)
    return found.table
