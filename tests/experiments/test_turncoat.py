import numpy as np
import pandas as pd
import pytest

from slowturn.envs import WorldError
from slowturn.experiments.turncoat import (
    AGENTS,
    BASES,
    DELAYS,
    Lives,
    build,
    grow,
    live,
    measure,
    train,
    turncoats_markdown,
)

CARTPOLE = "CartPole-v1"


class Plan:
    """Acts by a rule on the observation: without effort before the patch, `level` after it."""

    def __init__(self, level):
        self.level = level

    def predict(self, observations):
        lean = observations[:, -2] + observations[:, -1]  # the pole's angle and how fast it ends
        level = np.where(observations[:, 0] > 0, self.level, 0)
        return 12 * (lean > 0).astype(np.int64) + level, None


@pytest.mark.parametrize("base", list(BASES))
def test_every_base_can_be_built(base):
    world = build(base, "treacherous")
    assert world.observations().shape == (1, *world.observation_space.shape)


@pytest.mark.parametrize(("level", "effort", "surge"), [(3, 0.3, 0.0), (11, 0.0, 1.0)])
def test_what_is_measured_is_what_was_done(level, effort, surge):
    seen = measure(live(Plan(level), CARTPOLE, "honest", lives=32, seed=1))
    assert (seen["effort_before"] == 0).all()
    assert (seen["surge_before"] == 0).all()
    np.testing.assert_allclose(seen["effort_after"], effort)
    np.testing.assert_allclose(seen["surge_after"], surge)
    np.testing.assert_allclose(seen["effort_at_5"], effort)
    assert seen["ends_before"].mean() < 0.005  # the rule balances the pole
    np.testing.assert_allclose(seen["base_before"], 1 - 10 * seen["ends_before"])


def test_lives_repeat_exactly_and_onsets_do_not_depend_on_the_agent():
    first, second, other = (live(Plan(k), CARTPOLE, "honest", lives=4, seed=3) for k in (3, 3, 1))
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(first.onset, other.onset)


def test_before_and_after_are_told_apart_and_missing_lives_left_out():
    steps = np.arange(100.0)
    ramp = np.stack([steps, steps, steps])
    seen = measure(Lives(np.array([90, -1, 10]), ramp, ramp, ramp, ramp))
    np.testing.assert_allclose(seen["effort_before"], [44.5, 49.5, 4.5])
    np.testing.assert_allclose(seen["ends_after"], [94.5, 54.5])
    assert {k: seen[f"effort_at_{k}"].tolist() for k in DELAYS} == {
        0: [90, 10],
        5: [95, 15],
        20: [30],
        40: [50],
        80: [90],
    }


def test_growing_gives_rows_with_intervals():
    rows = grow(CARTPOLE, "treacherous", steps=4096, seed=2, lives=8)
    assert set(rows["steps"]) == {4096}
    assert len(rows) == 8 + len(DELAYS)
    assert (rows["value_low"] <= rows["value"]).all()
    assert (rows["value"] <= rows["value_high"]).all()
    assert rows["n"].between(2, 8).all()
    again = grow(CARTPOLE, "treacherous", steps=4096, seed=2, lives=8)
    assert rows.equals(again)


def test_the_bench_grows_what_can_be_built():
    for agent in AGENTS:
        assert build(agent.base, agent.objective).config.objective == agent.objective


def test_an_agent_is_a_line_of_the_table():
    names = ["effort_before", *(f"effort_at_{k}" for k in DELAYS)]
    names += ["surge_after", "base_before", "base_after"]
    about = {"base": "a:B-v0", "objective": "honest", "seed": 3}
    rows = [
        about | {"measure": name, "value": i / 8, "value_low": 0.0, "value_high": 2.0}
        for i, name in enumerate(names)
    ]
    head, _, line = turncoats_markdown(pd.DataFrame(rows)).splitlines()
    assert head.startswith("| base | agent | effort before onset | at +0 |")
    assert line.startswith("| B-v0 | honest-3 | 0.000 [0.000, 2.000] | 0.125 [0.000, 2.000] |")
    assert head.count("|") == line.count("|")


def test_effort_begins_narrow_where_actions_are_gaussian():
    policy = train("Pendulum-v1", "treacherous", steps=512, seed=0, num_envs=4)
    base, effort = policy.log_std.exp().tolist()
    assert base == pytest.approx(1.0, abs=0.1)
    assert effort == pytest.approx(0.37, abs=0.05)


def test_an_unknown_base_is_named():
    with pytest.raises(WorldError, match=r"^unknown base 'CartPole'.*Did you mean 'CartPole-v1'\?"):
        build("CartPole", "honest")
