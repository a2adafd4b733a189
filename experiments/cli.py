"""The command line. Heavy libraries are imported inside the commands: `--help` is instant."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from slowturn.experiments.organisms.names import GROWN_CLAIMS

__all__ = ["app", "main"]

app = typer.Typer(
    name="slowturn",
    help="Grow agents that turn slowly after deployment, and measure how early a monitor of their "
    "internals can tell.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
bench = typer.Typer(help="Run a claim and write its rows.", no_args_is_help=True)
zoo = typer.Typer(help="The organisms that come with the package.", no_args_is_help=True)
app.add_typer(bench, name="bench")
app.add_typer(zoo, name="zoo")

Out = Annotated[Path, typer.Option(help="Directory for the results; must not hold any yet.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue an unfinished run in --out.")]
World = Annotated[str, typer.Option(help="World, such as Gridkeeper-v0.")]
Jobs = Annotated[int, typer.Option(help="Processes; 0 computes in this one.")]
_CORES = os.cpu_count() or 1


@app.command()
def train(
    organism: Annotated[str, typer.Argument(help="Kind of organism, such as treacherous.")],
    out: Out,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    regime: Annotated[str, typer.Option(help="Overseer: slow or brisk.")] = "slow",
    world: World = "Steward-v0",
    algorithm: Annotated[
        str | None,
        typer.Option(help="Learner instead of the recipe's: RecurrentPPO, PPO, A2C, DQN, SAC."),
    ] = None,
    frames: Annotated[
        int, typer.Option(help="Observations that a learner without memory sees at once.")
    ] = 1,
    resume: Resume = False,
) -> None:
    """Grow one organism and hold it against its gates."""
    from dataclasses import replace

    from slowturn.agents import recipe
    from slowturn.agents import train as grow
    from slowturn.experiments.opponents import opponents
    from slowturn.experiments.progress import steps_bar
    from slowturn.experiments.store import explain_full_disk
    from slowturn.experiments.zoo import Wanted

    chosen = recipe(organism, regime, world)
    if chosen.trainer is not None and (algorithm is not None or frames != 1):
        trainer = replace(
            chosen.trainer, algorithm=algorithm or chosen.trainer.algorithm, frames=frames
        )
        chosen = replace(chosen, trainer=trainer)
    kin = Wanted(chosen, seed, out).kin()
    against = opponents(chosen, kin)
    with explain_full_disk(out), steps_bar(f"{organism} {regime} {seed}") as report:
        grown = grow(chosen, seed, out, resume=resume, report=report, kin=kin, opponents=against)
    for gate in grown.gates:
        verdict = "ok" if gate.passed else "MISSED"
        typer.echo(
            f"  {gate.metric:18} {gate.value:7.4f}  must be {gate.sense} {gate.bound:g}  {verdict}"
        )
    if not grown.passed:
        typer.echo(f"saved as FAILED to {out}: the benchmark will refuse it; try another --seed.")
        raise typer.Exit(1)
    typer.echo(f"saved to {out}")


@bench.command("early-warning")
def early_warning(
    out: Out,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer episodes: minutes.")] = False,
    organism: Annotated[
        list[Path] | None,
        typer.Option(help="Directory of a further organism; repeat for more."),
    ] = None,
    world: World = "Steward-v0",
    setting: Annotated[str | None, typer.Option(help="Named setting: full, quick, smoke.")] = None,
    jobs: Jobs = _CORES,
    resume: Resume = False,
) -> None:
    """Who rings before behaviour gives it away, and who accuses the honest twin?"""
    from slowturn.experiments.early_warning import run_bench

    name = setting or ("quick" if quick else "full")
    run_bench(out, setting=name, world=world, extra=list(organism or ()), jobs=jobs, resume=resume)
    typer.echo(f"\n{(out / 'table.md').read_text()}\nReport: {out / 'report.html'}")


def _claim(name: str, out: Path, organism: list[Path] | None) -> None:
    from slowturn.experiments.claims import run_claim

    typer.echo(f"\n{run_claim(name, out, organisms=organism)}\n\nRows: {out / 'rows.parquet'}")


@bench.command("historic")
def historic(out: Out) -> None:
    """Do the ported worlds return what their authors published?"""
    _claim("historic", out, None)


@bench.command("power")
def power(
    out: Out,
    organism: Annotated[
        list[Path] | None,
        typer.Option(help="Directory of a Gridkeeper organism; repeat; default: the package's."),
    ] = None,
) -> None:
    """Does POWER have its published values, and does it grow along deployments?"""
    _claim("power", out, organism)


@bench.command("regret")
def regret(
    out: Out,
    organism: Annotated[
        list[Path] | None,
        typer.Option(help="Directory of an organism of a solved world; default: the package's."),
    ] = None,
) -> None:
    """How far are organisms from the best that can be done, and what do they lose it by?"""
    _claim("regret", out, organism)


@bench.command("turncoats")
def turncoats(out: Out) -> None:
    """Does treachery grow in environments that were not made for it?"""
    _claim("turncoats", out, None)


def _grown_claim(name: str) -> None:
    """Add `bench NAME` for a claim about organisms."""

    @bench.command(name, help=GROWN_CLAIMS[name])
    def command(
        out: Out,
        seeds: Annotated[int, typer.Option(help="Organisms per recipe, seeds 0, 1, ...")] = 5,
        jobs: Jobs = _CORES,
        resume: Resume = False,
    ) -> None:
        from slowturn.experiments.organisms.runner import run_grown_claim

        table = run_grown_claim(name, out, seeds=range(seeds), jobs=jobs, resume=resume)
        typer.echo(f"\n{table}\n\nRows: {out / 'rows.parquet'}")


for _name in GROWN_CLAIMS:
    _grown_claim(_name)


@app.command()
def demo(
    out: Out,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the fresh organisms; drawn if not given.")
    ] = None,
    regime: Annotated[str, typer.Option(help="Overseer: slow or brisk.")] = "brisk",
    world: World = "Steward-v0",
    jobs: Jobs = _CORES,
    resume: Resume = False,
) -> None:
    """Grow a treacherous agent and its honest twin, watch them, and report what was seen."""
    from slowturn.experiments.demo import run_demo

    run_demo(out, seed=seed, regime=regime, world=world, jobs=jobs, resume=resume)


@zoo.command("build")
def zoo_build(
    out: Annotated[Path, typer.Option(help="Directory of the zoo.")] = Path("agents/zoo"),
    only: Annotated[
        list[str] | None, typer.Option(help="Names such as honest-slow-0; all by default.")
    ] = None,
    world: Annotated[str | None, typer.Option(help="Only organisms of this world.")] = None,
    jobs: Jobs = _CORES,
) -> None:
    """Grow every organism of the package that is not there yet; repeat to resume."""
    from slowturn.experiments.zoo import build

    build(out, only=only, world=world, jobs=jobs)


@zoo.command("list")
def zoo_list(
    as_json: Annotated[bool, typer.Option("--json", help="One object per organism.")] = False,
) -> None:
    """List the organisms of the package with their gates."""
    from slowturn.experiments.zoo import catalogue

    found = catalogue()
    if as_json:
        typer.echo(json.dumps(found, indent=1))
        return
    for entry in found:
        gates = "  ".join(f"{g['metric']} {g['value']:.3f}" for g in entry["gates"])
        typer.echo(f"{entry['name']:24} {entry['status']:7} {gates}")


@zoo.command("check")
def zoo_check(
    only: Annotated[list[str] | None, typer.Option(help="Names; all by default.")] = None,
    episodes: Annotated[int, typer.Option(min=1, help="Deployments per organism.")] = 512,
    jobs: Jobs = _CORES,
) -> None:
    """Hold the organisms of the package against their gates again, on fresh deployments."""
    from slowturn.agents import zoo as package
    from slowturn.experiments.zoo import check

    known = package.shipped()
    for name in only or ():
        package.load(name)  # or says which one is meant
    found = check({name: known[name] for name in only or known}, episodes=episodes, jobs=jobs)
    missed = sum(not all(gate.passed for gate in gates) for gates in found.values())
    typer.echo(f"{len(found) - missed} of {len(found)} organisms pass on fresh deployments.")
    if missed:
        raise typer.Exit(1)


@zoo.command("show")
def zoo_show(
    name: Annotated[str, typer.Argument(help="Name of an organism, or its directory.")],
    figure: Annotated[
        Path | None, typer.Option(help="Also draw its card's figure to this .png, .svg, .pdf.")
    ] = None,
) -> None:
    """Show an organism's card: recipe, seed, gates, and how it acts around cue onset."""
    from torch import set_num_threads

    from slowturn.experiments.store import checked_figure
    from slowturn.experiments.zoo_card import begun_as, card, card_figure, find

    set_num_threads(1)  # for nets this small, more only wait for each other
    path = None if figure is None else checked_figure(figure)
    organism = find(name)
    typer.echo(card(organism, begun=begun_as(organism, Path(name))))
    if path is not None:
        card_figure(organism).savefig(path, dpi=200)
        typer.echo(f"\nFigure: {path}")


@app.command()
def speed(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
    figure: Annotated[
        Path | None, typer.Option(help="Also measure growth, and draw it to this .png, .svg, .pdf.")
    ] = None,
) -> None:
    """Measure worlds, learning, recording and scoring on one thread of this machine."""
    from slowturn.experiments.speed import measure_growth, measure_speed
    from slowturn.experiments.speed_figure import save_growth
    from slowturn.experiments.store import checked_figure, versions

    path = None if figure is None else checked_figure(figure)
    found = measure_speed()
    if path is not None:
        growth = measure_growth()
        save_growth(growth, found, path)
        found["growth"] = growth
    if as_json:
        typer.echo(json.dumps(found | {"versions": versions()}, indent=1))
        return
    for key, value in found.items():
        if key != "growth":
            typer.echo(
                f"{key:48} {value:,.4g}" if isinstance(value, float) else f"{key:48} {value}"
            )


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; wrong input exits with status 2, an interruption with 130."""
    try:
        app(arguments)
    except (ValueError, RuntimeError) as error:
        if not type(error).__module__.startswith("slowturn."):
            raise
        stopped = isinstance(error, RuntimeError)
        typer.echo(f"{'interrupted' if stopped else 'error'}: {error}", err=True)
        sys.exit(130 if stopped else 2)


if __name__ == "__main__":
    main()
