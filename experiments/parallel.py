"""Independent jobs on a few processes, with results as they finish and progress on the way."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, NamedTuple, Self

from slowturn.experiments.errors import ExperimentError

__all__ = ["Job", "Workers", "count_steps"]

_SLOTS = 256
_TICK = 0.5  # seconds between looks at the progress of running jobs

_steps: Any = None
"""Shared counters of this process's pool: units of work done, by slot."""


class Job(NamedTuple):
    """A module-level function and its arguments, under a name."""

    name: str
    call: Callable[..., Any]
    arguments: tuple[Any, ...]


def count_steps(slot: int, done: int) -> None:
    """Tell the parent process how far the job with this slot has come."""
    if _steps is not None:
        _steps[slot] = done


def _begin_worker(steps: Any) -> None:
    global _steps  # noqa: PLW0603 - one pool per process, set once
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    _single_thread()
    _steps = steps


def _single_thread() -> None:
    import torch  # noqa: PLC0415 - the parent of workers needs none

    torch.set_num_threads(1)


class Workers:
    """A pool of single-threaded processes; a context manager.

    Args:
        jobs: Number of processes; by default one per core. 0 runs everything in this process.
    """

    def __init__(self, jobs: int | None = None) -> None:
        count = (os.cpu_count() or 1) if jobs is None else jobs
        if count < 0:
            raise ExperimentError(f"jobs must be >= 0, got {count}.")
        self.count = count
        self._context = multiprocessing.get_context("spawn")
        self.steps: Any = self._context.Array("q", _SLOTS)
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ.setdefault(name, "1")  # read by every library when a worker starts
        if not self.count:
            _single_thread()
        else:
            self._pool = ProcessPoolExecutor(
                self.count, self._context, initializer=_begin_worker, initargs=(self.steps,)
            )
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._pool is not None:
            if kind is not None:
                for process in multiprocessing.active_children():
                    process.terminate()
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def run(
        self, jobs: list[Job], tick: Callable[[], None] | None = None
    ) -> Iterator[tuple[str, Any]]:
        """Yield (name, result) of every job as it finishes; call `tick` while waiting.

        Raises:
            ExperimentError: If a worker process dies; what was yielded before is kept.
        """
        if self._pool is None:
            for job in jobs:
                yield job.name, job.call(*job.arguments)
            return
        pending: dict[Future[Any], str] = {
            self._pool.submit(job.call, *job.arguments): job.name for job in jobs
        }
        while pending:
            finished, _ = wait(pending, timeout=_TICK, return_when=FIRST_COMPLETED)
            if tick is not None:
                tick()
            for future in finished:
                name = pending.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool as error:
                    raise ExperimentError(
                        f"a worker process died during {name} (out of memory?); everything "
                        "finished is kept: repeat the command with --resume."
                    ) from error
                yield name, result
