"""The room as a whole: what it exports, and that its front page works."""

import doctest
import importlib
import pkgutil
import textwrap

import numpy as np
import pytest
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.vec_env import DummyVecEnv

import slowturn.monitors as room

MODULES = ["slowturn.monitors"] + [
    module.name for module in pkgutil.walk_packages(room.__path__, "slowturn.monitors.")
]


def test_all_is_sorted_and_real():
    constants = [name for name in room.__all__ if name.isupper()]
    classes = [name for name in room.__all__ if name[0].isupper() and not name.isupper()]
    functions = [name for name in room.__all__ if name[0].islower()]
    assert room.__all__ == sorted(constants) + sorted(classes) + sorted(functions)
    assert all(hasattr(room, name) for name in room.__all__)


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_example_of_the_front_page_runs(wander, capsys):
    """Ten lines that put somebody's own policy under a monitor."""
    lines = room.__doc__.split("side by side)::\n")[1].split("\n`watch.step")[0]
    code = textwrap.dedent(lines)
    assert len(code.strip().splitlines()) <= 15
    env = wander(spaces.Discrete(3))
    model = RecurrentPPO("MlpLstmPolicy", env, seed=0, device="cpu", n_steps=8)
    model.policy.lstm_actor.weight_hh_l0.data.mul_(0.5)
    names = {name: getattr(room, name) for name in room.__all__}
    venv = DummyVecEnv([wander] * 19)
    code = code.replace("range(256)", "range(12)")
    exec(compile(code, "example", "exec"), {**names, "model": model, "venv": venv, "np": np})  # noqa: S102 - our own documentation
    assert capsys.readouterr().out.startswith("[")
