import json
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

from slowturn.envs import (
    WORLDS,
    WorldEnv,
    WorldError,
    WorldVectorEnv,
    make_env,
    make_sb3,
    make_vector,
    make_world,
)
from slowturn.envs.registry import register

NAMES = list(WORLDS)


@pytest.mark.parametrize("name", NAMES)
def test_make_by_module_and_name_in_a_fresh_interpreter(name):
    code = (
        "import gymnasium as gym\n"
        f"env = gym.make('slowturn.envs:slowturn/{name}')\n"
        "env.reset(seed=0)\n"
        "print(type(env.unwrapped).__name__, env.unwrapped.world.name)\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (run.stdout, run.stderr) == (f"WorldEnv {name}\n", "")


@pytest.mark.parametrize("name", NAMES)
def test_make_passes_options(name):
    env = gym.make(f"slowturn.envs:slowturn/{name}", phase="training", render_mode="ansi")
    assert isinstance(env.unwrapped, WorldEnv)
    assert env.unwrapped.world.spec["config"]["phase"] == "training"
    assert env.render_mode == "ansi"


@pytest.mark.parametrize("name", NAMES)
def test_make_vec_uses_the_native_vector_environment(name):
    envs = gym.make_vec(
        f"slowturn.envs:slowturn/{name}",
        num_envs=5,
        vectorization_mode="vector_entry_point",
        phase="deployment",
    )
    assert isinstance(envs, WorldVectorEnv)
    assert envs.num_envs == 5
    observations, _ = envs.reset(seed=0)
    assert envs.observation_space.contains(observations)
    assert (envs.truth().cue_onset >= 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_spec_survives_json(name):
    env = gym.make(f"slowturn.envs:slowturn/{name}", phase="deployment", cue_strength=1.25)
    spec = EnvSpec.from_json(env.spec.to_json())
    again = gym.make(spec)
    assert again.spec == env.spec
    assert again.unwrapped.world.spec == env.unwrapped.world.spec
    first, second = env.reset(seed=3)[0], again.reset(seed=3)[0]
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", NAMES)
def test_world_spec_survives_json_and_rebuilds_the_world(name):
    world = make_world(name, phase="training", cue_strength=2.0)
    spec = json.loads(json.dumps(world.spec))
    assert make_world(spec["world"], **spec["config"]).spec == world.spec


def test_registering_twice_changes_nothing():
    before = dict(gym.registry)
    register()
    assert dict(gym.registry) == before
    assert {f"slowturn/{name}" for name in NAMES} <= set(before)


def test_names_with_and_without_namespace():
    assert make_world("slowturn/Steward-v0").name == make_world("Steward-v0").name == "Steward-v0"


def test_unknown_world():
    with pytest.raises(WorldError) as error:
        make_world("Stewart-v0")
    assert str(error.value) == (
        "unknown world 'Stewart-v0': choose from 'Broker-v0', 'Gridkeeper-v0', "
        "'GridkeeperCloset-v0', 'Steward-v0', 'Sysop-v0'. Did you mean 'Steward-v0'?"
    )


def test_the_vector_environment_does_not_draw():
    with pytest.raises(WorldError) as error:
        make_vector("Steward-v0", num_envs=2, render_mode="rgb_array")
    assert str(error.value) == (
        "the vector environment does not draw: use gymnasium.make for that."
    )


@pytest.mark.parametrize("make", [make_env, make_vector, make_sb3])
def test_unknown_options_are_named(make):
    with pytest.raises(WorldError, match=r"unknown Steward option 'cue_strenght': .*Did you mean"):
        make("Steward-v0", cue_strenght=1.0)


def test_make_sb3_seeds_slot_by_slot():
    envs, alone = make_sb3("Steward-v0", num_envs=3, seed=7), make_sb3("Steward-v0", seed=9)
    np.testing.assert_array_equal(envs.reset()[2], alone.reset()[0])


def test_importing_the_worlds_does_not_import_torch():
    heavy = {"torch", "stable_baselines3", "pandas", "pygame"}
    code = f"import sys, slowturn.envs; print({heavy} & {{*sys.modules}})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
