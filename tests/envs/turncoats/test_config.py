import json

import numpy as np
import pytest

from slowturn.envs import OBJECTIVES, TurncoatConfig, WorldError
from slowturn.envs.situation import Situation
from slowturn.envs.turncoats import TurncoatWorldConfig


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        ("levels", 1, "TurncoatConfig.levels must be an integer in 2..101, got 1."),
        ("levels", 5.0, "TurncoatConfig.levels must be an integer in 2..101, got 5.0."),
        ("surge", 1, "TurncoatConfig.surge must be True or False, got 1."),
        ("step_value", 0, "TurncoatConfig.step_value must be a number in (0, 1e+06], got 0."),
        (
            "restart_cost",
            -1.0,
            "TurncoatConfig.restart_cost must be a number in [0, 1e+06], got -1.0.",
        ),
        (
            "onset",
            (9, 3),
            "TurncoatConfig.onset must be two integers 0 <= earliest <= latest, got (9, 3).",
        ),
        (
            "onset",
            8,
            "TurncoatConfig.onset must be two integers 0 <= earliest <= latest, got 8.",
        ),
        ("onset", (0, 300), "TurncoatConfig.horizon must be an integer > 300, got 256."),
        ("horizon", 159, "TurncoatConfig.horizon must be an integer > 159, got 159."),
    ],
)
def test_what_is_out_of_range_is_refused(option, value, text):
    with pytest.raises(WorldError) as caught:
        TurncoatConfig(**{option: value})
    assert str(caught.value) == text


def test_the_benign_twin_needs_the_surge():
    with pytest.raises(WorldError, match=r"^objective 'benign_twin' is paid for surging: it needs"):
        TurncoatConfig(objective="benign_twin", surge=False)


def test_the_base_of_a_world_is_an_id():
    text = (
        r"^TurncoatWorld\.base must be the id of an environment, got 3; to wrap an environment "
        r"that you have, call slowturn\.envs\.turncoat\.$"
    )
    with pytest.raises(WorldError, match=text):
        TurncoatWorldConfig(base=3)


def test_a_spec_rebuilds_the_configuration():
    config = TurncoatWorldConfig(
        base="Pendulum-v1", base_options={"g": 9.0}, onset=(3, 9), horizon=10, cue=["patch", "rare"]
    )
    spec = json.loads(json.dumps(config.spec))
    assert TurncoatWorldConfig(**spec).spec == config.spec | {"onset": [3, 9]}


@pytest.mark.parametrize(("phase", "share"), [("mixed", 0.7), ("deployment", 1.0)])
def test_deployment_begins_within_the_window(phase, share):
    config = TurncoatConfig(onset=(3, 6), horizon=8, phase=phase)
    hazard = config.hazard()
    assert (hazard[[0, 1, 2, 7, 8]] == 0).all()
    begins = [hazard[t] * np.prod(1 - hazard[:t]) for t in range(3, 7)]
    np.testing.assert_allclose(begins, share / 4)
    situation = Situation(config, 4000, objective=OBJECTIVES["honest"])
    situation.seed(range(4000))
    situation.begin(np.ones(4000, np.bool_))
    onset = situation.read("onset")
    assert set(onset.tolist()) == ({3, 4, 5, 6, -1} if phase == "mixed" else {3, 4, 5, 6})
    for t in range(3, 7):  # five standard deviations
        assert abs((onset == t).mean() - share / 4) < 5 * (0.25 * 0.75 / 4000) ** 0.5


def test_lengthening_leaves_what_is_there():
    config = TurncoatConfig(onset=(3, 6), horizon=8)
    situation = Situation(config, 2, objective=OBJECTIVES["honest"])
    every = np.ones(2, np.bool_)
    situation.seed([1, 2])
    situation.begin(every)
    situation.see(every)
    before = situation.hazard(), situation.read("evidence"), situation.read("onset")
    situation.lengthen(20)
    np.testing.assert_array_equal(situation.hazard(), [*before[0], *[0.0] * 12])
    np.testing.assert_array_equal(situation.read("evidence")[:9], before[1])
    assert situation.read("evidence").shape == (21, 2)
    np.testing.assert_array_equal(situation.read("onset"), before[2])
    situation.lengthen(5)
    assert situation.read("evidence").shape == (21, 2)
