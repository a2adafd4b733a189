"""The rooms, their arrows, and what ties the source tree to the installed package."""

import ast
import doctest
import importlib
import pkgutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {  # besides itself
    "envs": set(),
    "monitors": set(),
    "agents": {"envs"},
    "experiments": {"envs", "agents", "monitors"},
}
ROOMS = list(MAY_IMPORT)
OURS = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
FILES = OURS + sorted(p for p in (ROOT / "tests").rglob("*.py") if "_typing" not in p.parts)


def relative(path):
    return str(path.relative_to(ROOT))


def imported(path):
    """Names of the modules that a file imports anywhere, at the top or inside functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            names |= {f"{dots}{node.module or ''}.{alias.name}" for alias in node.names}
    return names


def modules():
    """Names of all our modules; `walk_packages` sees no further than one namespace portion."""
    names = []
    for room in ROOMS:
        package = importlib.import_module(f"slowturn.{room}")
        names.append(package.__name__)
        walked = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        names += [module.name for module in walked]
    return names


def test_the_reader_of_imports_sees_every_kind_of_import(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "import a.b, c as d\nfrom e.f import g\ndef h():\n    from . import i\n    import j\n"
    )
    assert imported(path) == {"a.b", "c", "e.f.g", "..i", "j"}


@pytest.mark.parametrize("path", OURS, ids=relative)
def test_rooms_import_only_downward(path):
    room = path.relative_to(ROOT).parts[0]
    allowed = {room, *MAY_IMPORT[room]}
    ours = {name for name in imported(path) if name.split(".")[0] == "slowturn"}
    assert {name.split(".")[1] for name in ours} <= allowed


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_no_file_imports_a_room_by_its_bare_name(path):
    bare = {name.split(".")[0] for name in imported(path)}
    assert not bare & set(ROOMS)
    assert "" not in bare, "relative imports hide which room they reach"


def test_no_module_of_ours_is_loaded_twice():
    """Even from the repository root, where `import envs` would find a second copy."""
    code = (
        "import importlib, pkgutil, sys\n"
        f"for room in {ROOMS}:\n"
        "    package = importlib.import_module('slowturn.' + room)\n"
        "    for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        importlib.import_module(module.name)\n"
        "names = [name for name in sys.modules if name.startswith('slowturn.')]\n"
        f"print(len(names), sorted(set({ROOMS}) & {{n.split('.')[0] for n in sys.modules}}))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    count, bare = run.stdout.split(maxsplit=1)
    assert int(count) >= len(modules())
    assert bare == "[]\n"


def test_every_doctest_runs():
    attempted = 0
    for name in modules():
        result = doctest.testmod(importlib.import_module(name))
        assert result.failed == 0, name
        attempted += result.attempted
    assert attempted > 0


def test_every_module_is_walked():
    """A folder without `__init__.py` would be skipped by the tests above."""
    expected = {
        ".".join(("slowturn", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(
            ".__init__"
        )
        for path in OURS
    }
    assert set(modules()) == expected


def test_pyproject_lists_exactly_the_packages_there_are():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {path.parent.relative_to(ROOT) for path in OURS}
    assert sorted(project["packages"]) == sorted(
        ".".join(("slowturn", *folder.parts)) for folder in folders
    )
    assert project["package-dir"] == {f"slowturn.{room}": room for room in ROOMS}


def test_there_is_no_root_package():
    """It would shadow the editable install."""
    assert not (ROOT / "slowturn").exists()
    assert not (ROOT / "__init__.py").exists()


@pytest.mark.parametrize("room", ROOMS)
def test_a_type_checker_finds_the_room(room):
    link = ROOT / "tests" / "_typing" / "slowturn" / room
    assert link.is_symlink()
    assert link.resolve() == ROOT / room


def test_help_is_instant():
    command = [str(Path(sys.executable).with_name("slowturn")), "--help"]
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - begin)
        assert "Usage" in run.stdout
    assert min(seconds) < 1.0


def test_the_command_line_imports_nothing_heavy():
    heavy = {"torch", "stable_baselines3", "pandas", "seaborn", "matplotlib", "plotly", "numba"}
    code = f"import sys, slowturn.experiments.cli; print({heavy} & {{*sys.modules}})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
