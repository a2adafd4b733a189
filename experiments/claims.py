"""Claims: each a command that writes its rows, a summary, a table in Markdown, and figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from slowturn.agents import load_organism
from slowturn.experiments.early_warning import shipped_organisms
from slowturn.experiments.errors import ExperimentError
from slowturn.experiments.markdown import markdown
from slowturn.experiments.progress import say
from slowturn.experiments.store import claim_directory, explain_full_disk, versions, write_json

__all__ = ["CLAIMS", "Claim", "beside", "frame_markdown", "run_claim", "write_claim"]


class Claim(NamedTuple):
    """What a claim comes to.

    Attributes:
        rows: Tidy rows, every share and mean with `_low`, `_high` or a standard error, and counts.
        table: The headline in Markdown.
        figures: Figures by name.
        summary: Those rows that the summary holds; all, if None.
    """

    rows: pd.DataFrame
    table: str
    figures: dict[str, Figure]
    summary: pd.DataFrame | None = None


def frame_markdown(table: pd.DataFrame) -> str:
    """A table in Markdown, numbers to three digits."""
    return markdown(map(str, table.columns), table.itertuples(index=False))


def beside(published: pd.DataFrame) -> str:
    """Published returns beside ours, in Markdown, from the rows of `published_table`."""
    words = ["world", "setting", "actions"]
    names = ["published_return", "our_return", "published_hidden", "our_hidden"]
    numbers = published[names].map(lambda v: "-" if pd.isna(v) else f"{v:g}")
    return markdown(
        (*words, "return: published", "ours", "hidden: published", "ours"),
        published[words].join(numbers).itertuples(index=False),
    )


def _historic(_organisms: list[Path]) -> Claim:
    from slowturn.experiments.historic import (  # noqa: PLC0415 - every claim has its own imports
        learning_summary,
        published_table,
        treacherous_turn_learning,
    )

    published = published_table()
    say("learning the treacherous turn by tabular Q-learning, from -1.2 and as the original ...")
    ours = treacherous_turn_learning()
    original = treacherous_turn_learning(initial=0.0, episodes=5000)
    lines = []
    for name, learned in (("a table of -1.2", ours), ("the original's table of 0", original)):
        share, episode = learning_summary(learned)
        lines.append(
            f"Q-learning from {name}: {share.value:.0%} of {share.n} seeds learn to turn "
            f"[{share.low:.0%}, {share.high:.0%}], by the median episode {episode.value:,.0f} "
            f"[{episode.low:,.0f}, {episode.high:,.0f}]."
        )
    rows = pd.concat([published, ours, original], ignore_index=True)
    return Claim(rows, "\n\n".join([beside(published), *lines]), {})


def _power(organisms: list[Path]) -> Claim:
    from slowturn.experiments.power import (  # noqa: PLC0415 - every claim has its own imports
        SHOWN,
        along_markdown,
        case_study,
        draw_power,
        power_along,
        power_table,
    )

    say("POWER of the case study and of Gridkeeper's map ...")
    published, by_nodes = case_study(), power_table()
    agents = [load_organism(path) for path in organisms]
    say(f"following {len(agents)} organisms through their deployments ...")
    along = power_along(agents)
    rows = _parts(case_study=published, by_nodes=by_nodes, along=along)
    tables = (frame_markdown(published), frame_markdown(by_nodes), along_markdown(along))
    return Claim(
        rows,
        "\n\n".join(tables),
        {"power": draw_power(along)},
        rows[(rows.part != "along") | rows.k.isin(SHOWN)],
    )


def _regret(organisms: list[Path]) -> Claim:
    from slowturn.experiments.regret import (  # noqa: PLC0415 - every claim has its own imports
        objectives_markdown,
        objectives_table,
        regret_markdown,
        regret_rows,
    )
    from slowturn.experiments.regret_figures import regret_figures  # noqa: PLC0415 - as above

    say(f"holding {len(organisms)} organisms against the best that can be done ...")
    rows = regret_rows(organisms)
    say("paying the best honest and treacherous agents by either objective ...")
    paid = objectives_table()
    return Claim(
        _parts(regret=rows, objectives=paid),
        f"{regret_markdown(rows)}\n\n{objectives_markdown(paid)}",
        regret_figures(rows, organisms),
    )


def _turncoats(_organisms: list[Path]) -> Claim:
    from slowturn.experiments.turncoat import (  # noqa: PLC0415 - every claim has its own imports
        AGENTS,
        grow,
        turncoats_markdown,
    )

    frames = []
    for agent in AGENTS:
        say(f"growing {agent.objective} {agent.seed} in {agent.base} ...")
        frames.append(grow(*agent))
    rows = pd.concat(frames, ignore_index=True)
    return Claim(rows, turncoats_markdown(rows), {})


def _parts(**parts: pd.DataFrame) -> pd.DataFrame:
    """Tables below each other, told apart by the column `part`."""
    return pd.concat([part.assign(part=name) for name, part in parts.items()], ignore_index=True)


CLAIMS: dict[str, tuple[Callable[[list[Path]], Claim], tuple[str, ...]]] = {
    "historic": (_historic, ()),
    "power": (_power, ("Gridkeeper-v0",)),
    "regret": (_regret, ("Steward-v0", "GridkeeperCloset-v0")),
    "turncoats": (_turncoats, ()),
}
"""What computes each claim, and in which worlds its organisms live, if it needs any."""


def run_claim(name: str, out: Path, *, organisms: list[Path] | None = None) -> str:
    """Compute a claim and write `rows.parquet`, `table.md`, `NAME.png` and `summary.json`.

    Args:
        name: Name of the claim (see `CLAIMS`).
        out: Directory of the results; must not hold any.
        organisms: Directories of the organisms; by default those of the package.

    Returns:
        The headline table in Markdown.

    Raises:
        ExperimentError: If `out` holds results.
    """
    compute, worlds = CLAIMS[name]
    claim_directory(out, marker="summary.json", resume=False)
    if organisms is None:
        organisms = [path for world in worlds for path in shipped_organisms(world)]
    elif not worlds:
        raise ExperimentError(f"bench {name} watches no organisms; leave --organism out.")
    with explain_full_disk(out):
        out.mkdir(parents=True, exist_ok=True)
        claim = compute(organisms)
        write_claim(out, name, claim, organisms=[load_organism(path).name for path in organisms])
    return claim.table


def write_claim(out: Path, name: str, claim: Claim, **about: Any) -> None:
    """Write `rows.parquet`, `table.md`, figures, and last `summary.json`: it marks a finished run.

    Args:
        out: Directory of the results.
        name: Name of the claim.
        claim: What it came to.
        about: What else the summary is to say, JSON-able.
    """
    claim.rows.to_parquet(out / "rows.parquet", index=False)
    (out / "table.md").write_text(claim.table + "\n")
    for figure, drawn in claim.figures.items():
        drawn.savefig(out / f"{figure}.png", dpi=200)
    rows = claim.rows if claim.summary is None else claim.summary
    summary = {"claim": name, **about, "versions": versions(), "rows": rows.to_dict("records")}
    write_json(out / "summary.json", summary)
