"""Tables on disk: a directory per part, whole or absent, and summaries without NaN."""

from __future__ import annotations

import errno
import json
import math
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from slowturn.experiments.errors import ExperimentError

__all__ = [
    "checked_figure",
    "claim_directory",
    "explain_full_disk",
    "publish",
    "read_part",
    "versions",
    "write_json",
]

_FORMATS = (".png", ".svg", ".pdf")
_PACKAGES = ("slowturn", "gymnasium", "stable-baselines3", "sb3-contrib", "torch", "numpy")


def claim_directory(out: Path, *, marker: str, resume: bool) -> None:
    """Refuse a directory that already holds results; an unfinished run needs `resume`.

    Args:
        out: Directory to write into.
        marker: File that a finished run leaves in it.
        resume: Whether to continue an unfinished run.

    Raises:
        ExperimentError: If `out` is a file, holds results, or holds something else.
    """
    if out.exists() and not out.is_dir():
        raise ExperimentError(f"--out {out} is a file; choose a directory.")
    if (out / marker).exists():
        raise ExperimentError(
            f"--out {out} already holds results ({marker}); choose another directory or delete it."
        )
    unfinished = (out / "run.json").exists()
    if unfinished and not resume:
        raise ExperimentError(
            f"--out {out} holds an unfinished run; continue it with --resume or choose another."
        )
    if out.exists() and any(out.iterdir()) and not resume:
        raise ExperimentError(
            f"--out {out} is not empty; choose another directory, or --resume if a run was "
            "interrupted there."
        )


def checked_figure(path: Path) -> Path:
    """Return `path` if a figure can be written there: asked before minutes of measuring.

    Raises:
        ExperimentError: For another kind of file, or a directory that is not there.
    """
    if path.suffix not in _FORMATS:
        raise ExperimentError(f"--figure must end in one of {', '.join(_FORMATS)}, got {path}.")
    if not path.parent.is_dir():
        raise ExperimentError(f"--figure: there is no directory {path.parent}; make it first.")
    return path


def publish(part: Path, tables: dict[str, pd.DataFrame]) -> None:
    """Write tables as Parquet into the directory `part`, which appears only when complete."""
    part.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=part.parent))
    try:
        for name, table in tables.items():
            table.to_parquet(draft / f"{name}.parquet", index=False)
        draft.rename(part)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def read_part(part: Path) -> dict[str, pd.DataFrame]:
    """Read the tables that `publish` wrote."""
    return {path.stem: pd.read_parquet(path) for path in sorted(part.glob("*.parquet"))}


def write_json(path: Path, content: Any) -> None:
    """Write strict JSON atomically; NaN and infinities become null."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(json.dumps(_strict(content), indent=1, allow_nan=False) + "\n")
    draft.replace(path)


def _strict(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _strict(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(v) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def versions() -> dict[str, str | None]:
    """Versions of the packages behind a result, and the commit where the code is a checkout."""
    found: dict[str, str | None] = {name: version(name) for name in _PACKAGES}
    try:
        found["commit"] = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--exclude=*"],  # noqa: S607
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        found["commit"] = None
    return found


def _is_full(error: Exception) -> bool:
    """Whether an error says that the device is full; safetensors and Arrow say so in words only."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return any(words in str(error) for words in ("No space left on device", "StorageFull"))


@contextmanager
def explain_full_disk(out: Path) -> Iterator[None]:
    """Turn "no space left" into an error that says what is kept and how to go on."""
    try:
        yield
    except Exception as error:
        if not _is_full(error):
            raise
        raise ExperimentError(
            f"no space left on the device of {out}; what was finished is kept there: free some "
            "space and repeat the command with --resume."
        ) from error
