"""Progress with rate and time left, on the terminal or as plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

__all__ = ["parts_bar", "say", "steps_bar"]

_LOG_EVERY = 15.0  # seconds between lines where there is no terminal


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:,.0f} steps/s", style="progress.data.speed")


def say(line: str) -> None:
    """Print a line of the report to the terminal."""
    Console(highlight=False, soft_wrap=True).print(line, markup=False)


class _Lines:
    """Plain lines instead of a bar, where output goes to a file."""

    def __init__(self, title: str) -> None:
        self._title, self._begun = title, time.monotonic()
        self._last, self._first = 0.0, -1

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._first < 0:
            self._first = done
        if now - self._last < _LOG_EVERY and done < total:
            return
        self._last = now
        rate = (done - self._first) / max(now - self._begun, 1e-9)
        left = f"{(total - done) / rate:,.0f} s left" if rate > 0 else "..."
        sys.stderr.write(f"{self._title}: {done:,} of {total:,} ({rate:,.1f}/s, {left})\n")
        sys.stderr.flush()


@contextmanager
def steps_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show environment steps; yields `report(done, total)`."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(title)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def parts_bar(title: str) -> Iterator[Callable[[str, int, int], None]]:
    """Show finished parts; yields `report(name, done, total)`."""
    console = Console(stderr=True)
    if not console.is_terminal:
        begun = time.monotonic()

        def line(name: str, done: int, total: int) -> None:
            spent = time.monotonic() - begun
            sys.stderr.write(f"{title}: {done} of {total} after {spent:.0f} s ({name})\n")
            sys.stderr.flush()

        yield line
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[name]}"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(title, total=None, name="")
        yield lambda name, done, total: progress.update(
            task, completed=done, total=total, name=name
        )
