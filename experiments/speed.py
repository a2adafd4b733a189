"""How fast the core is, measured in one run on one thread so that ratios can be trusted.

What is compared is measured in turns, and medians over the rounds are reported: a machine that
slows down for a while slows down both sides of a ratio. The clock is processor time, all threads
of this process together: on an idle core that is the time that passes, and on a busy one it leaves
out what others were given.
"""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch
from sb3_contrib import RecurrentPPO

from slowturn.agents import short_name, zoo
from slowturn.agents.chunked_ppo import ChunkedPPO
from slowturn.envs import WORLDS, World, make_sb3, make_world
from slowturn.envs.worlds.gridkeeper_layout import yard
from slowturn.experiments.collect import collect
from slowturn.experiments.errors import ExperimentError
from slowturn.experiments.markdown import markdown
from slowturn.monitors import HallucinationProbe, Recorder, policy_head

__all__ = ["YARDSTICK", "measure_growth", "measure_speed", "speed_markdown"]

YARDSTICK = "MiniGrid-Empty-8x8-v0"
"""What everybody's grid world is compared with; EnvPool has it under the same name."""

_BATCH = 4096
_BATCHES = (1, 16, 256, 4096, 16384)
_SIZES = (8, 16, 32, 64)
_EPISODES = 256
_ROUNDS = 5


class _Setup(NamedTuple):
    """A shape of learning: environments, steps per update, batch, LSTM, and whose it is."""

    num_envs: int
    n_steps: int
    batch_size: int
    lstm_size: int = 32
    shared: bool = True


_SETUPS = {
    "recipe": _Setup(64, 64, 1024),  # Steward's recipes
    "wide": _Setup(256, 64, 4096),  # as many environments as other worlds' recipes have
    "two_lstms": _Setup(256, 64, 4096, lstm_size=64, shared=False),  # sb3-contrib's default kind
    "short": _Setup(
        1024, 32, 8192, lstm_size=64
    ),  # what PufferLib 3.0 makes about 50,000 steps/s in
}
_LEARNERS: dict[str, type[RecurrentPPO]] = {
    "recurrent_ppo": RecurrentPPO,
    "chunked_ppo": ChunkedPPO,
}

Run = Callable[[], object]


class _Task(NamedTuple):
    """Something to time: how many steps one call of `run` takes."""

    run: Run
    steps: int


def _seconds(call: Run) -> float:
    begun = time.process_time()
    call()
    return time.process_time() - begun


def _rates(tasks: Mapping[str, _Task]) -> dict[str, list[float]]:
    """Steps per second of each task in each round, one after the other within a round."""
    for task in tasks.values():
        task.run()  # compiles, and fills caches
    found: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(_ROUNDS):
        for name, task in tasks.items():
            found[name].append(task.steps / _seconds(task.run))
    return found


def _ratio(above: list[float], below: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def _world(world: World) -> _Task:
    """Whole episodes of random actions, seen, paid and reset as a user would."""
    space, n = world.action_space, world.num_envs
    world.seed(range(n))
    world.reset()
    rng = np.random.default_rng(0)
    if isinstance(space, gym.spaces.Discrete):
        actions = rng.integers(0, space.n, size=(16, n))
    else:
        actions = rng.uniform(space.low, space.high, (16, n, *space.shape)).astype(space.dtype)
    # a single episode of a small batch is over before a clock can be trusted
    steps = world.horizon * (1 if n >= _BATCHES[2] else 4)

    def run() -> None:
        for t in range(steps):
            world.step(actions[t % 16])
            world.observations()
            world.rewards()
            done = world.done()
            if done.any():
                world.reset(done)

    return _Task(run, n * steps)


def _minigrid(steps: int = 4000) -> _Task:
    try:
        import minigrid  # noqa: F401, PLC0415 - a yardstick, installed with the dev extra
    except ImportError as error:
        raise ExperimentError(
            "`slowturn speed` compares with MiniGrid: pip install minigrid (in the dev extra)."
        ) from error
    env = gym.make(YARDSTICK)
    env.reset(seed=0)
    actions = np.random.default_rng(0).integers(0, 7, size=steps)

    def run() -> None:
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()

    return _Task(run, steps)


def _envpool(batch: int, steps: int = 8) -> tuple[_Task | None, str]:
    """EnvPool's own MiniGrid on one thread, and its version; None and why, where it is absent."""
    try:
        envpool = importlib.import_module("envpool")
    except ImportError as error:
        return None, f"not measured: {error}; pip install envpool"
    env = envpool.make_gymnasium(YARDSTICK, num_envs=batch, num_threads=1, seed=0)
    env.reset()
    actions = np.random.default_rng(0).integers(0, 7, size=(steps, batch)).astype(np.int32)

    def run() -> None:
        for chosen in actions:
            env.step(chosen)  # resets what is over by itself

    return _Task(run, batch * steps), f"EnvPool {envpool.__version__}, the same batch"


def _worlds() -> dict[str, Any]:
    """Every world beside MiniGrid and, where it is installed, EnvPool's."""
    names = {short_name(name): name for name in WORLDS}
    tasks = {short: _world(make_world(name, num_envs=_BATCH)) for short, name in names.items()} | {
        "minigrid_empty_8x8": _minigrid()
    }
    envpool, note = _envpool(_BATCH)
    if envpool is not None:
        tasks["envpool_minigrid"] = envpool
    rates = _rates(tasks)
    found: dict[str, Any] = {
        f"{name}_steps_per_second": statistics.median(rate) for name, rate in rates.items()
    }
    found.setdefault("envpool_minigrid_steps_per_second", None)
    found["envpool_minigrid_note"] = note
    for short in names:
        found[f"{short}_over_minigrid"] = _ratio(rates[short], rates["minigrid_empty_8x8"])
        found[f"{short}_over_envpool_minigrid"] = (
            None if envpool is None else _ratio(rates[short], rates["envpool_minigrid"])
        )
    return found


def _learner(algorithm: type[RecurrentPPO], setup: _Setup) -> _Task:
    """One rollout and its update at a time, four epochs each."""
    steps = setup.num_envs * setup.n_steps
    model = algorithm(
        "MlpLstmPolicy",
        make_sb3("Steward-v0", num_envs=setup.num_envs, seed=0),
        n_steps=setup.n_steps,
        batch_size=setup.batch_size,
        n_epochs=4,
        policy_kwargs={
            "lstm_hidden_size": setup.lstm_size,
            "net_arch": [setup.lstm_size],
            "shared_lstm": setup.shared,
            "enable_critic_lstm": not setup.shared,
        },
        device="cpu",
        seed=0,
    )
    return _Task(lambda: model.learn(steps, reset_num_timesteps=False), steps)


def _learning() -> dict[str, float]:
    """Environment steps that recurrent PPO learns from per second, and how many times more."""
    rates = _rates(
        {
            f"{name}_{shape}": _learner(algorithm, setup)
            for shape, setup in _SETUPS.items()
            for name, algorithm in _LEARNERS.items()
        }
    )
    return {
        f"{name}_learning_steps_per_second": statistics.median(r) for name, r in rates.items()
    } | {
        f"chunked_over_recurrent_ppo_{shape}": _ratio(
            rates[f"chunked_ppo_{shape}"], rates[f"recurrent_ppo_{shape}"]
        )
        for shape in _SETUPS
    }


def _inside() -> dict[str, float]:
    """Cost of recording every layer, and of scoring one monitor, over plain inference."""
    organism = zoo.load("treacherous-slow-1")
    policy = organism.policy
    played = collect(organism, episodes=_EPISODES, purpose="speed", phase="training")
    seen = np.ascontiguousarray(played.trace.observations)
    recorder = Recorder(policy)
    begin = np.ones(_EPISODES, np.bool_)

    def infer() -> None:
        state, start = None, begin
        for t in range(seen.shape[1]):
            _, state = policy.predict(seen[:, t], state, start, deterministic=False)
            start = ~begin

    def record() -> None:
        recorder.reset()
        for t in range(seen.shape[1]):
            recorder.step(seen[:, t])

    probe = HallucinationProbe(
        head=policy_head(policy), power_actions=make_world("Steward-v0").power_actions
    )
    probe.fit(played.trace)
    one = played.trace.map(lambda array: array[:, :1])

    def score() -> None:
        for _ in range(seen.shape[1]):
            probe.score(one)

    steps = _EPISODES * seen.shape[1]
    rates = _rates(
        {
            name: _Task(run, steps)
            for name, run in (("infer", infer), ("record", record), ("score", score))
        }
    )
    inference, recording, scoring = (statistics.median(rate) for rate in rates.values())
    return {
        "policy_inference_steps_per_second": inference,
        "recorder_steps_per_second": recording,
        "recording_cost_share": inference / recording - 1.0,
        "scoring_cost_share": inference / scoring,
    }


def measure_speed() -> dict[str, Any]:
    """Measure worlds beside their yardsticks, learning, recording and scoring.

    Returns:
        Steps per second, ratios, and costs as shares of policy inference; None, beside a note,
        for what needs EnvPool where that is not installed. A negative recording cost means that
        a recorded step is quicker than SB3's own `predict`.
    """
    torch.set_num_threads(1)
    return {
        "batch": _BATCH,
        "threads": 1,
        "clock": "processor time",
        **_worlds(),
        **_learning(),
        **_inside(),
    }


def speed_markdown(found: Mapping[str, Any]) -> str:
    """Speed of the worlds beside their yardsticks, in Markdown.

    Args:
        found: What `measure_speed` returned.
    """
    lines = []
    for name in WORLDS:
        rate, *over = (
            found[f"{short_name(name)}_{what}"]
            for what in ("steps_per_second", "over_minigrid", "over_envpool_minigrid")
        )
        ratios = ["-" if ratio is None else f"{ratio:,.0f}" for ratio in over]
        lines.append([name.partition("-")[0], f"{rate / 1e6:.1f} M", *ratios])
    return markdown(("world", "steps/s", "over MiniGrid", "over EnvPool's MiniGrid"), lines)


def measure_growth() -> list[dict[str, Any]]:
    """Measure how speed grows with the batch, and with the map of Gridkeeper.

    Returns:
        A row per point: `along` (`batch` or `size`), its value `x`, what was measured (`name`),
        `steps_per_second`, and the quartiles `low` and `high` over the rounds.
    """
    rows = []
    for batch in _BATCHES:
        worlds = {name: make_world(name, num_envs=batch) for name in WORLDS}
        rows += _points("batch", dict.fromkeys(worlds, batch), worlds)
    sizes = {f"yard of {size} x {size}": size for size in _SIZES}
    yards = {
        name: make_world("Gridkeeper-v0", num_envs=_BATCH, layout=yard(size))
        for name, size in sizes.items()
    }
    return rows + _points("size", sizes, yards)


def _points(
    along: str, where: Mapping[str, int], worlds: Mapping[str, World]
) -> list[dict[str, Any]]:
    rates = _rates({name: _world(world) for name, world in worlds.items()})
    return [
        {
            "along": along,
            "x": where[name],
            "name": name if along == "batch" else "Gridkeeper-v0",
            "steps_per_second": statistics.median(rate),
            "low": float(np.quantile(rate, 0.25)),
            "high": float(np.quantile(rate, 0.75)),
        }
        for name, rate in rates.items()
    ]
