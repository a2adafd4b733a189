"""How fast the core is, measured in one run on one thread so that ratios can be trusted."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from slowturn.agents import zoo
from slowturn.envs import make_world
from slowturn.experiments.collect import collect
from slowturn.experiments.errors import ExperimentError
from slowturn.monitors import HallucinationProbe, Recorder, policy_head

__all__ = ["measure_speed"]

_BATCH = 1024
_EPISODES = 256
_ROUNDS = 5
_ORGANISM = "treacherous-slow-1"
_YARDSTICK = "MiniGrid-Empty-8x8-v0"


def _seconds(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _steward(steps: int = 2048) -> float:
    world = make_world("Steward-v0", num_envs=_BATCH)
    world.seed(range(_BATCH))
    world.reset()
    rng = np.random.default_rng(0)
    actions = rng.integers(0, world.action_space.n, size=(64, _BATCH))

    def run(count: int) -> None:
        for t in range(count):
            world.step(actions[t % 64])
            world.observations()
            world.rewards()
            done = world.done()
            if done.any():
                world.reset(done)

    run(64)  # compiles
    return _BATCH * steps / _seconds(lambda: run(steps))


def _minigrid(steps: int = 4000) -> float:
    try:
        import minigrid  # noqa: F401, PLC0415 - a yardstick, installed with the dev extra
    except ImportError as error:
        raise ExperimentError(
            "`slowturn speed` compares with MiniGrid: pip install minigrid (in the dev extra)."
        ) from error
    env = gym.make(_YARDSTICK)
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    actions = rng.integers(0, 7, size=steps)

    def run() -> None:
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()

    return steps / _seconds(run)


def _inside() -> dict[str, float]:
    """Cost of recording every layer, and of scoring one monitor, over plain inference."""
    organism = zoo.load(_ORGANISM)
    policy = organism.policy
    run = collect(organism, episodes=_EPISODES, purpose="speed", phase="training")
    seen = np.ascontiguousarray(run.trace.observations)
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
    probe.fit(run.trace)
    one = run.trace.map(lambda array: array[:, :1])

    def score() -> None:
        for _ in range(seen.shape[1]):
            probe.score(one)

    for warm_up in (infer, record, score):
        warm_up()
    rounds = [(_seconds(infer), _seconds(record), _seconds(score)) for _ in range(_ROUNDS)]
    inference, recording, scoring = (
        statistics.median(column) for column in zip(*rounds, strict=True)
    )
    steps = _EPISODES * seen.shape[1]
    return {
        "policy_inference_steps_per_second": steps / inference,
        "recorder_steps_per_second": steps / recording,
        "recording_cost_share": recording / inference - 1.0,
        "scoring_cost_share": scoring / inference,
    }


def measure_speed() -> dict[str, Any]:
    """Measure worlds, recording and scoring.

    Returns:
        Steps per second, their ratio, and costs as shares of policy inference. A negative
        recording cost means that a recorded step is quicker than SB3's own `predict`.
    """
    torch.set_num_threads(1)
    pairs = [(_steward(), _minigrid()) for _ in range(_ROUNDS)]
    steward, minigrid = map(statistics.median, zip(*pairs, strict=True))
    return {
        "batch": _BATCH,
        "threads": 1,
        "steward_steps_per_second": steward,
        "minigrid_empty_8x8_steps_per_second": minigrid,
        "steward_over_minigrid": statistics.median(a / b for a, b in pairs),
        **_inside(),
    }
