"""Organisms that come with the package.

Up to five seeds of each learned recipe and regime. Each is a directory with `policy.safetensors`
and `policy.json` (its card: recipe, seed, gates, training curve, versions), grown by
`slowturn zoo build`.
"""

from __future__ import annotations

from pathlib import Path

from slowturn.agents.artefact import POLICY_FILES, Organism, load_organism
from slowturn.agents.errors import unknown_name

__all__ = ["load", "shipped"]


def shipped() -> dict[str, Path]:
    """Directories of all organisms in the package, by name, in alphabetical order."""
    here = Path(__file__).parent
    found = sorted(path.parent for path in here.glob(f"*/{POLICY_FILES[1]}"))
    return {path.name: path for path in found}


def load(name: str) -> Organism:
    """Load an organism of the package, such as `treacherous-slow-1`.

    Raises:
        OrganismError: For an unknown name, with the closest known one.
    """
    known = shipped()
    if name not in known:
        raise unknown_name("organism", name, known)
    return load_organism(known[name])
