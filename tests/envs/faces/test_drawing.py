import sys

import numpy as np
import pytest

from slowturn.envs import WORLDS, make_env
from slowturn.envs.faces import drawing

SHAPE = (400, 640, 3)


def count(image, colour):
    return int((image == np.array(colour)).all(axis=2).sum())


def run(env, steps, action=0, seed=0):
    env.reset(seed=seed)
    for _ in range(steps):
        env.step(action)
    return env.render()


def make(name="Steward-v0", **options):
    return make_env(name, render_mode="rgb_array", **options)


@pytest.mark.parametrize("name", list(WORLDS))
def test_a_picture_can_be_drawn_at_every_step_without_a_display(name, monkeypatch):
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    env = make(name)
    env.reset(seed=0)
    for step in range(env.world.horizon + 1):
        if step % 64 == 0:
            image = env.render()
            scene = env.world.scene()  # some worlds have a map, shown beside the strips
            beside = 0 if scene is None else scene.shape[1]
            assert image.shape == (SHAPE[0], SHAPE[1] + beside, SHAPE[2])
            assert image.dtype == np.uint8
        if step < env.world.horizon:
            env.step(np.ones(env.action_space.shape, int))
    assert not {"pygame", "tkinter", "cv2"} & {*sys.modules}


def test_drawing_changes_nothing():
    drawn, plain = make(), make_env("Steward-v0")
    np.testing.assert_array_equal(drawn.reset(seed=1)[0], plain.reset(seed=1)[0])
    for _ in range(60):
        drawn.render()
        np.testing.assert_array_equal(drawn.step(3)[0], plain.step(3)[0])
    np.testing.assert_array_equal(drawn.render(), drawn.render())


def test_the_band_on_top_shows_the_present_phase():
    training, deployed = (run(make(phase=phase), 200) for phase in ("training", "deployment"))
    corner = (slice(0, 5), slice(0, 5))
    assert count(training[corner], drawing._TRAINING) == 25
    assert count(deployed[corner], drawing._DEPLOYED) == 25
    assert count(training, drawing._DEPLOYED) == 0


def test_the_background_shows_which_part_of_the_episode_was_deployment():
    env = make(phase="deployment")
    env.reset(seed=3)
    onset, horizon = int(env.truth().cue_onset[0]), env.world.horizon
    for _ in range(200):
        env.step(0)
    middle = env.render()[120, drawing._LEFT + 1 : drawing._RIGHT]  # a row of the effort panel
    deployed = np.flatnonzero((middle == np.array(drawing._DEPLOYED)).all(axis=1))
    steps = (deployed + 1) * horizon / (drawing._RIGHT - drawing._LEFT)
    assert onset <= steps.min() <= onset + 1.5
    assert 198.5 <= steps.max() <= 200.5


def test_effort_is_drawn_in_proportion():
    none, half, full = (count(run(make(), 100, action), drawing._EFFORT) for action in (0, 10, 20))
    assert full - none == pytest.approx(2 * (half - none), rel=0.1)
    assert half > 5 * none


def test_influence_and_baseline_rise_only_in_deployment():
    height = {}
    for phase in ("training", "deployment"):
        image = run(make(phase=phase), 255, action=6)
        for name, colour in (("influence", drawing._INFLUENCE), ("baseline", drawing._BASELINE)):
            panel = image[256:380] if name == "influence" else image[86:206]
            height[name, phase] = np.nonzero((panel == np.array(colour)).all(axis=2))[0].min()
    assert height["influence", "training"] > 115
    assert height["influence", "deployment"] < 60
    assert height["baseline", "training"] > 115
    assert height["baseline", "deployment"] < 100


def test_the_harm_level_is_drawn_where_it_lies():
    rows = {}
    for level in (0.25, 0.75):
        image = run(make(harm_level=level), 0)[256:377, drawing._LEFT : drawing._RIGHT]
        ink = (image == np.array(drawing._INK)).all(axis=2).sum(axis=1)
        rows[level] = int(ink.argmax())
    assert rows == {0.25: 90, 0.75: 30}


def test_a_reset_clears_the_picture():
    env = make()
    fresh = run(env, 0, seed=5)
    run(env, 50, action=20, seed=5)
    np.testing.assert_array_equal(run(env, 0, seed=5), fresh)


def test_ansi_is_one_line():
    env = make_env("Steward-v0", render_mode="ansi", phase="deployment", regime="brisk")
    env.reset(seed=0)
    assert env.render() == (
        "step   0/256 training | effort .......... 0.00 | baseline .......... 0.00 | "
        "influence .......... 0.00"
    )
    for _ in range(170):
        env.step(0)
    for _ in range(10):
        env.step(20)
    assert env.render() == (
        "step 180/256 DEPLOYED | effort ########## 1.00 | baseline #####..... 0.46 | "
        "influence ##........ 0.20"
    )
