"""Build the wheel, install it in a clean environment and use it away from the source tree.

An editable install shows every file of the tree, so only this can tell what a user gets. Run by
`make wheel`; the one argument is the requirement that installs torch, before everything else.
"""

import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parent.parent
ROOMS = ("envs", "agents", "monitors", "experiments")

IMPORT_ALL = """
import importlib, pkgutil, sys
count = 0
for room in {rooms}:
    package = importlib.import_module(f"slowturn.{{room}}")
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        loaded = importlib.import_module(module.name)
        assert loaded.__file__.startswith(sys.prefix), f"{{loaded.__file__}} is not installed"
        count += 1
print(count, "modules import")
"""


def run(*command, cwd):
    """Run a command; on failure show what it said and stop."""
    words = [str(part) for part in command]
    result = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"{' '.join(words)}\n{result.stdout}{result.stderr}")
    return result.stdout


def source_files():
    """Every file of the tree that git does not ignore: leftovers must not reach the wheel."""
    listed = run("git", "ls-files", "-co", "--exclude-standard", "-z", cwd=ROOT)
    return sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file())


def build(files, where):
    """Build from a copy, because setuptools also packs what an old `build/` still holds."""
    source = where / "source"
    for name in files:
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    run(sys.executable, "-m", "build", "--wheel", "--outdir", where / "dist", source, cwd=where)
    (wheel,) = (where / "dist").glob("*.whl")
    return wheel


def check_contents(wheel, files):
    """Exactly the files of the rooms, data included, and nothing from elsewhere."""
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = {f"slowturn/{name}" for name in files if PurePosixPath(name).parts[0] in ROOMS}
    if packed != wanted:
        missing, extra = sorted(wanted - packed), sorted(packed - wanted)
        sys.exit(f"the wheel lacks {missing} and should not have {extra}")
    names = [PurePosixPath(name).name for name in packed]
    for kind in ("policy.json", "policy.safetensors", "py.typed"):
        if kind not in names:
            sys.exit(f"the wheel holds no {kind}")
    if not any(name.endswith(".html.j2") for name in names):
        sys.exit("the wheel holds no template for the report")


def main(torch):
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"][
        "packages"
    ]
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        files = source_files()
        wheel = build(files, where)
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB")
        check_contents(wheel, files)
        venv, away = where / "venv", where / "away"
        away.mkdir()
        run(sys.executable, "-m", "venv", venv, cwd=where)
        for requirement in (torch, wheel):
            run(venv / "bin" / "pip", "install", "--quiet", requirement, cwd=away)
        python = venv / "bin" / "python"
        run(python, "-c", "import " + ", ".join(packages), cwd=away)
        print(run(python, "-c", IMPORT_ALL.format(rooms=ROOMS), cwd=away), end="")
        usage = run(venv / "bin" / "slowturn", "--help", cwd=away)
        if "Usage" not in usage:
            sys.exit(f"slowturn --help says:\n{usage}")
        listed = run(venv / "bin" / "slowturn", "zoo", "list", cwd=away)
        for name in files:
            path = PurePosixPath(name)
            if path.name == "policy.json" and path.parent.name not in listed:
                sys.exit(f"slowturn zoo list does not show {path.parent.name}:\n{listed}")
        print("the wheel works")


if __name__ == "__main__":
    main(*sys.argv[1:])
