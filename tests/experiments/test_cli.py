import json
import subprocess
import sys

import pytest

from slowturn.agents import Christiano, Organism, recipe, save_organism
from slowturn.experiments.cli import main


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    said = capsys.readouterr()
    return stop.value.code, said.out, said.err


def test_help_names_the_commands(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    for command in ("train", "demo", "bench", "zoo", "speed"):
        assert command in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "trecherous", "--out", "X"], "Did you mean 'treacherous'?"),
        (["train", "honest", "--regime", "fast", "--out", "X"], "unknown regime 'fast'"),
        (["train", "honest", "--seed", "-1", "--out", "X"], "seed must be >= 0, got -1"),
        (["train", "honest"], "Missing option '--out'"),
        (["bench", "early-warning", "--setting", "huge", "--out", "X"], "unknown setting 'huge'"),
        (["bench", "early-warning", "--jobs", "-2", "--out", "X"], "jobs must be >= 0, got -2"),
        (["bench", "early-warning", "--organism", "nowhere", "--out", "X"], "is not an organism"),
        (["demo", "--seed", "3", "--out", "X"], "--seed must be >= 1000 for a fresh pair"),
        (["demo", "--regime", "fast", "--out", "X"], "unknown regime 'fast'"),
        (["zoo", "build", "--only", "honest", "--out", "X"], "must be kind-regime-seed"),
        (["zoo", "build", "--only", "humble-slow-0", "--out", "X"], "unknown organism 'humble'"),
        (["train", "honest", "--world", "Stewart-v0", "--out", "X"], "Did you mean 'Steward-v0'?"),
        (["demo", "--world", "Stewart-v0", "--out", "X"], "unknown world 'Stewart-v0'"),
        (["zoo", "build", "--world", "Stewart-v0", "--out", "X"], "unknown world 'Stewart-v0'"),
        (
            ["bench", "early-warning", "--world", "Stewart-v0", "--out", "X"],
            "unknown world 'Stewart-v0'",
        ),
        (["frobnicate"], "No such command 'frobnicate'"),
    ],
)
def test_wrong_input_exits_with_2_and_one_clear_message(capsys, tmp_path, arguments, message):
    here = [str(tmp_path / "new") if argument == "X" else argument for argument in arguments]
    code, _, err = run(capsys, *here)
    assert code == 2
    assert message in " ".join(err.split())
    assert "Traceback" not in err


@pytest.mark.parametrize("command", [["bench", "early-warning"], ["demo"]])
def test_results_are_never_overwritten(capsys, tmp_path, command):
    (tmp_path / "summary.json").write_text("{}")
    code, _, err = run(capsys, *command, "--out", str(tmp_path))
    assert code == 2
    assert "already holds results (summary.json)" in err
    assert (tmp_path / "summary.json").read_text() == "{}"


def test_a_tampered_organism_is_refused(capsys, tmp_path):
    it = tmp_path / "it"
    organism = Organism(
        recipe=recipe("christiano", "slow"), seed=0, policy=Christiano(regime="slow")
    )
    save_organism(organism, it)
    weights = it / "policy.safetensors"
    weights.write_bytes(weights.read_bytes()[:-3])
    out = str(tmp_path / "out")
    code, _, err = run(capsys, "bench", "early-warning", "--organism", str(it), "--out", out)
    assert code == 2
    assert "truncated or was altered" in err


def test_zoo_list_is_json_on_request(capsys):
    code, out, _ = run(capsys, "zoo", "list", "--json")
    assert code == 0
    for entry in json.loads(out):
        assert entry.keys() >= {"name", "recipe", "world", "seed", "status", "gates"}
        assert entry["status"] == "passed"


def test_training_a_scripted_organism_from_the_command_line(capsys, tmp_path):
    out = tmp_path / "it"
    code, said, _ = run(capsys, "train", "christiano", "--out", str(out))
    assert code == 0
    assert f"saved to {out}" in said
    code, _, err = run(capsys, "train", "christiano", "--out", str(out))
    assert code == 2
    assert "already holds an organism" in err


def test_our_modules_can_be_run_as_a_command():
    ran = subprocess.run(
        [sys.executable, "-m", "slowturn.experiments.cli", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Usage" in ran.stdout
