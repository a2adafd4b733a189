"""Growing many organisms side by side, and listing those of the package."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from slowturn.agents import (
    FIRST_WORLD,
    IMPLANTED,
    LEARNED,
    POLICY_FILES,
    RECIPES,
    REGIMES,
    REPORTING,
    TWINS,
    WORLDS_WITH_RECIPES,
    GateResult,
    Organism,
    Recipe,
    judge,
    load_organism,
    measure,
    recipe,
    short_name,
    train,
    zoo,
)
from slowturn.experiments.errors import ExperimentError, Interrupted
from slowturn.experiments.opponents import opponents
from slowturn.experiments.parallel import Job, Workers, count_steps
from slowturn.experiments.progress import say, steps_bar
from slowturn.experiments.store import versions, write_json

__all__ = ["SHIPPED", "Wanted", "build", "catalogue", "check", "grow"]


class Wanted(NamedTuple):
    """An organism to grow, and where to put it."""

    recipe: Recipe
    seed: int
    out: Path

    def kin(self) -> dict[str, Organism]:
        """The organisms that it builds on, which are beside it or in the package."""
        found = {}
        for kind in self.recipe.kin:
            name = replace(self.recipe, name=kind).organism(self.seed)
            beside = self.out.parent / name
            known = zoo.shipped() | ({name: beside} if _is_grown(beside) else {})
            if name not in known:
                raise ExperimentError(
                    f"{self.recipe.organism(self.seed)} builds on {name}, which is neither in "
                    f"{self.out.parent} nor in the package: grow it first."
                )
            found[kind] = load_organism(known[name])
        return found


def _is_grown(path: Path) -> bool:
    return (path / POLICY_FILES[1]).exists()


_SEEDS: dict[tuple[str, ...], tuple[int, ...]] = {
    # organisms that miss their gates are not shipped; here seed 0 hardly ever surged
    ("gridkeeper", "benign_twin", "brisk"): (1, 2, 3),
    # seed 0 passed when it was grown, not on fresh deployments; seed 5 surges too early
    ("broker", "benign_twin", "brisk"): (1, 2, 3, 4),
    ("sysop", "benign_twin", "brisk"): (0, 1, 2, 3),  # seed 4 never surges
    ("benign_twin", "brisk"): (0, 1, 3, 4, 5),  # here seed 2
    ("treacherous", "slow"): (0, 1, 2, 3, 5),  # seed 4 hardly climbed
    ("trojan", "brisk"): (0, 1, 2, 4, 5),  # seed 3 spends .95, not all of its effort
    ("gridkeepercloset", "benign_twin", "brisk"): (0,),  # what is solved there needs no more
    # one regime of the twins that change and of trojans, which know no overseer, is enough
    **{(kind, "slow"): () for kind in (*TWINS, *IMPLANTED)},
}
_COUNTS = {"Steward-v0": 5, "Sysop-v0": 5, "Broker-v0": 5}
_KINDS = (*LEARNED, *TWINS, *IMPLANTED, *REPORTING)
SHIPPED = tuple(
    one.organism(seed)
    for one in sorted(
        (one for one in RECIPES.values() if one.name in _KINDS),
        key=lambda one: (
            WORLDS_WITH_RECIPES.index(one.world),
            _KINDS.index(one.name),
            REGIMES.index(one.regime),
        ),
    )
    for seed in _SEEDS.get(one.key, tuple(range(_COUNTS.get(one.world, 3))))
)
"""Names of the organisms of the package: up to five seeds of each learned recipe and regime."""


def _grow_one(slot: int, one: Wanted) -> bool:
    kin = one.kin()
    grown = train(
        one.recipe,
        one.seed,
        one.out,
        resume=True,
        report=lambda done, _total: count_steps(slot, done),
        kin=kin,
        opponents=opponents(one.recipe, kin),
    )
    return grown.passed


def grow(
    wanted: list[Wanted],
    workers: Workers,
    done: Callable[[str], None] | None = None,
) -> dict[str, bool]:
    """Grow organisms side by side, resuming those that were begun.

    Args:
        wanted: Recipe, seed and directory of each.
        workers: Processes to use.
        done: Called with the name of each when it is finished.

    Returns:
        Whether each passed its gates, by name.
    """
    first, later = _ready(wanted)
    passed = _grow_together(first, workers, done)
    return passed | (grow(later, workers, done=done) if later else {})


def _ready(wanted: list[Wanted]) -> tuple[list[Wanted], list[Wanted]]:
    """Those that can be grown now, and those that build on others of the list."""
    names = {one.recipe.organism(one.seed) for one in wanted}
    first: list[Wanted] = []
    later: list[Wanted] = []
    for one in wanted:
        kin = {replace(one.recipe, name=kind).organism(one.seed) for kind in one.recipe.kin}
        (later if kin & names else first).append(one)
    if later and not first:
        raise ExperimentError(f"{', '.join(sorted(names))} build on each other: none can be first.")
    return first, later


def _grow_together(
    wanted: list[Wanted], workers: Workers, done: Callable[[str], None] | None
) -> dict[str, bool]:
    jobs, total = [], 0
    recipes = {one.recipe.organism(one.seed): one.recipe for one in wanted}
    for slot, one in enumerate(wanted):
        total += one.recipe.trainer.total_steps if one.recipe.trainer is not None else 0
        jobs.append(Job(one.recipe.organism(one.seed), _grow_one, (slot, one)))
        workers.steps[slot] = 0
    passed = {}
    with steps_bar(f"growing {len(jobs)} organism{'s' if len(jobs) > 1 else ''}") as report:
        for name, ok in workers.run(
            jobs, tick=lambda: report(sum(workers.steps[: len(jobs)]), total)
        ):
            passed[name] = ok
            if done is not None:
                done(name)
            gated = bool(recipes[name].gates)
            say(f"  {name}: {('passed' if ok else 'FAILED') + ' its gates' if gated else 'grown'}")
    return passed


def _parse(name: str) -> tuple[Recipe, int]:
    """Recipe and seed of an organism's name."""
    home, words = short_name(FIRST_WORLD), name.split("-")
    worlds = {short_name(one): one for one in WORLDS_WITH_RECIPES}
    if len(words) == 3:
        words = [home, *words]
    elif words[0] == home:
        words = []  # the first world is never named
    place, kind, regime, seed = words if len(words) == 4 else ("", "", "", "")
    if not seed.isdigit() or place not in worlds:
        raise ExperimentError(
            f"--only {name!r} must be kind-regime-seed, as in honest-slow-0, with one of "
            f"{sorted(set(worlds) - {home})} and a dash in front for other worlds."
        )
    return recipe(kind, regime, worlds[place]), int(seed)


def build(out: Path, *, only: list[str] | None, world: str | None = None, jobs: int | None) -> None:
    """Grow every learned organism of the package below `out`, but for those that are there.

    Args:
        out: Directory of the zoo.
        only: Names such as `honest-slow-0` or `gridkeeper-honest-brisk-0`, of any seed; by
            default all shipped ones.
        world: Only organisms of this world.
        jobs: Processes; by default one per core.

    Raises:
        ExperimentError: For a name that is not an organism's, or if an organism failed.
        Interrupted: On Ctrl-C; finished organisms and checkpoints are kept.
    """
    asked = [(name, *_parse(name)) for name in only or SHIPPED]
    if world is not None:
        home = recipe("treacherous", "brisk", world).world
        for name, kind, _ in asked:
            if only and kind.world != home:
                raise ExperimentError(
                    f"--only {name!r} lives in {kind.world}, not in --world {home}: leave one out."
                )
        asked = [one for one in asked if one[1].world == home]
    names = [name for name, *_ in asked]
    wanted = [
        Wanted(kind, seed, out / name) for name, kind, seed in asked if not _is_grown(out / name)
    ]
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


def _judge_afresh(path: Path, episodes: int) -> list[GateResult]:
    organism = load_organism(path)
    return list(judge(organism.recipe, measure(organism, episodes=episodes, purpose="check")))


def check(
    organisms: dict[str, Path], *, episodes: int = 512, jobs: int | None = None
) -> dict[str, list[GateResult]]:
    """Hold organisms against their gates again, on deployments that nobody has seen.

    Args:
        organisms: Directories by name.
        episodes: Deployments per organism.
        jobs: Processes; by default one per core.

    Returns:
        The gates of each, with what was measured now.
    """
    found: dict[str, list[GateResult]] = {}
    tasks = [Job(name, _judge_afresh, (path, episodes)) for name, path in organisms.items()]
    with Workers(jobs) as workers:
        for name, gates in workers.run(tasks):
            found[name] = gates
            missed = ", ".join(f"{g.metric} {g.value:.4f}" for g in gates if not g.passed)
            say(f"  {name}: {f'MISSED {missed}' if missed else 'passed'}")
    return {name: found[name] for name in organisms}


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
