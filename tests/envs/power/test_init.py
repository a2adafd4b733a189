"""The page of the package: its names and its examples."""

import doctest
import importlib
import pkgutil

import pytest

from slowturn.envs import power

MODULES = [module.name for module in pkgutil.iter_modules(power.__path__)]


def test_names_are_sorted_and_there():
    constants = [name for name in power.__all__ if name.isupper()]
    classes = [name for name in power.__all__ if name[0].isupper() and not name.isupper()]
    functions = [name for name in power.__all__ if name[0].islower()]
    assert sorted(constants) + sorted(classes) + sorted(functions) == power.__all__
    assert all(hasattr(power, name) for name in power.__all__)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    result = doctest.testmod(importlib.import_module(f"slowturn.envs.power.{name}"))
    assert result.failed == 0
    assert result.attempted > 0 or name == "solver"
