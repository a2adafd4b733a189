import errno
import json

import numpy as np
import pandas as pd
import pytest

from slowturn.experiments.errors import ExperimentError
from slowturn.experiments.store import (
    checked_figure,
    claim_directory,
    explain_full_disk,
    publish,
    read_part,
    versions,
    write_json,
)


def test_a_part_is_whole_or_absent(tmp_path):
    table = pd.DataFrame({"a": [1, 2]})
    publish(tmp_path / "parts" / "one", {"table": table})
    assert read_part(tmp_path / "parts" / "one")["table"].equals(table)

    class Unwritable:
        def to_parquet(self, *_args, **_kwargs):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        publish(tmp_path / "parts" / "two", {"table": table, "broken": Unwritable()})
    assert [p.name for p in (tmp_path / "parts").iterdir()] == ["one"]


def test_json_is_strict(tmp_path):
    content = {"a": float("nan"), "b": [np.float64("inf"), np.int64(3)], "c": (1.5, None, True)}
    write_json(tmp_path / "it.json", content)
    text = (tmp_path / "it.json").read_text()
    assert json.loads(text) == {"a": None, "b": [None, 3], "c": [1.5, None, True]}
    assert "NaN" not in text
    assert [p.name for p in tmp_path.iterdir()] == ["it.json"]


def test_directories_with_results_are_refused(tmp_path):
    claim_directory(tmp_path / "new", marker="summary.json", resume=False)
    claim_directory(tmp_path, marker="summary.json", resume=False)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ExperimentError, match="holds an unfinished run; continue it with --resume"):
        claim_directory(tmp_path, marker="summary.json", resume=False)
    claim_directory(tmp_path, marker="summary.json", resume=True)
    (tmp_path / "summary.json").write_text("{}")
    for resume in (False, True):
        with pytest.raises(ExperimentError, match=r"already holds results \(summary.json\)"):
            claim_directory(tmp_path, marker="summary.json", resume=resume)


def test_foreign_directories_and_files_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ExperimentError, match="is not empty; choose another directory"):
        claim_directory(tmp_path, marker="summary.json", resume=False)
    with pytest.raises(ExperimentError, match="is a file; choose a directory"):
        claim_directory(tmp_path / "notes.txt", marker="summary.json", resume=False)


def test_a_full_disk_is_explained(tmp_path):
    with (
        pytest.raises(ExperimentError, match=r"no space left.*is kept there.*with --resume"),
        explain_full_disk(tmp_path),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(ExperimentError, match="no space left"), explain_full_disk(tmp_path):
        raise RuntimeError("Error while serializing: IoError(Os { kind: StorageFull })")
    with pytest.raises(PermissionError), explain_full_disk(tmp_path):
        raise PermissionError(errno.EACCES, "denied")


def test_versions_name_the_packages():
    assert {"slowturn", "torch", "numpy", "commit"} <= set(versions())


def test_a_path_is_checked_before_anything_is_measured(tmp_path):
    assert checked_figure(tmp_path / "a.svg") == tmp_path / "a.svg"
    with pytest.raises(ExperimentError) as error:
        checked_figure(tmp_path / "a.gif")
    assert str(error.value) == (
        f"--figure must end in one of .png, .svg, .pdf, got {tmp_path / 'a.gif'}."
    )
    with pytest.raises(ExperimentError) as error:
        checked_figure(tmp_path / "missing" / "a.png")
    assert str(error.value) == (
        f"--figure: there is no directory {tmp_path / 'missing'}; make it first."
    )
