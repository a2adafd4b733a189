"""What every world's configuration checks and builds."""

import json
from dataclasses import FrozenInstanceError, dataclass

import numpy as np
import pytest

from slowturn.envs import WorldConfig, WorldError
from slowturn.envs.cues import Evidence, Natural, Rare, Sealed
from slowturn.envs.overseers import Absent, Ratchet, Strict


def test_the_defaults():
    config = WorldConfig()
    assert config.cues == (Evidence(),)
    assert config.overseer_part == Ratchet(kappa=0.03, tolerance=0.07)


@pytest.mark.parametrize(
    ("cue", "expected"),
    [
        ("natural", (Natural(),)),
        ({"kind": "rare", "probability": 0.3}, (Rare(probability=0.3),)),
        (["evidence", {"kind": "rare", "latest": 40}], (Evidence(), Rare(latest=40))),
        ((Natural(), "evidence"), (Natural(), Evidence())),
    ],
)
def test_cues_are_built_in_order(cue, expected):
    assert WorldConfig(cue=cue).cues == expected


@pytest.mark.parametrize(
    ("overseer", "expected"),
    [
        ("strict", Strict()),
        ({"kind": "absent", "strict": 2.0}, Absent(strict=2.0)),
        (Ratchet(kappa=0.5, tolerance=0.5), Ratchet(kappa=0.5, tolerance=0.5)),
    ],
)
def test_the_overseer_is_built(overseer, expected):
    assert WorldConfig(overseer=overseer).overseer_part == expected


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cue": "natural", "overseer": "trust", "phase": "training"},
        {"cue": {"kind": "rare", "probability": 0.25}, "overseer": {"kind": "strict", "rate": 1}},
        {"cue": ["evidence", {"kind": "rare"}], "overseer": {"kind": "ratchet", "kappa": 0.1}},
        {"cue": ("evidence", Rare(latest=40)), "overseer": Ratchet(kappa=0.1)},
        {"cue": Sealed(rate=0.5), "phase": "training"},
        {"cue": [{"kind": "sealed", "signing_key": "ephemeral"}, "patch"]},
    ],
)
def test_a_spec_survives_json_and_builds_the_same_configuration(options):
    config = WorldConfig(regime="brisk", horizon=200, **options)
    spec = json.loads(json.dumps(config.spec))
    again = WorldConfig(**spec)
    assert again.spec == spec == config.spec
    assert again.cues == config.cues
    assert again.overseer_part == config.overseer_part


def test_a_spec_may_be_scribbled_over():
    config = WorldConfig(cue={"kind": "rare", "probability": 0.25})
    config.spec["cue"]["probability"] = 1.0
    assert config.cues == (Rare(probability=0.25),)


def test_parts_are_checked_where_the_configuration_is_built():
    for options, message in (
        ({"cue": "rar"}, "unknown cue 'rar': choose from "),
        ({"cue": []}, "cue must be one cue or a list of different ones, got []."),
        ({"cue": {"kind": "rare", "latest": 3}}, "Rare.latest must be an integer in 32..1000000"),
        ({"overseer": "trst"}, "unknown overseer 'trst': choose from "),
        ({"overseer": {"kind": "trust", "rate": -1}}, "Trust.rate must be a number in [0, 100]"),
        ({"cue": "sealed"}, "phase 'mixed' with the sealed cue needs the operator's key"),
    ):
        with pytest.raises(WorldError) as error:
            WorldConfig(**options)
        assert str(error.value).startswith(message)


def test_errors_name_the_class_that_was_configured():
    @dataclass(frozen=True, kw_only=True)
    class ShopConfig(WorldConfig):
        """A world's own configuration."""

        tills: int = 2

    with pytest.raises(WorldError) as error:
        ShopConfig(harm_level=True)
    assert str(error.value) == "ShopConfig.harm_level must be a number in (0, 1], got True."
    with pytest.raises(WorldError) as error:
        ShopConfig.from_options("Shop", {"til": 3})
    assert str(error.value) == (
        "unknown Shop option 'til': choose from 'cue', 'cue_strength', 'exploring_starts', "
        "'harm_level', 'horizon', 'ledger_noise', 'modification_expected', 'objective', "
        "'objective_persists', 'overseer', 'phase', 'regime', 'selection_visible', 'tills'. "
        "Did you mean 'tills'?"
    )
    assert ShopConfig.from_options("Shop", {"tills": 3}).spec["tills"] == 3


@pytest.mark.parametrize("horizon", [True, 159, 256.0, "256", None])
def test_horizons_that_cannot_be(horizon):
    with pytest.raises(WorldError) as error:
        WorldConfig(horizon=horizon)
    assert str(error.value) == f"WorldConfig.horizon must be an integer > 159, got {horizon!r}."


@pytest.mark.parametrize("name", ["cue_strength", "harm_level", "ledger_noise", "exploring_starts"])
@pytest.mark.parametrize("value", [True, "1", None, float("nan"), -0.5, 10**400])
def test_numbers_that_cannot_be(name, value):
    with pytest.raises(WorldError, match=rf"^WorldConfig\.{name} must be a number in .*, got "):
        WorldConfig(**{name: value})


def test_it_is_frozen():
    with pytest.raises(FrozenInstanceError):
        WorldConfig().regime = "brisk"


@pytest.mark.parametrize(("phase", "share"), [("mixed", 0.7), ("training", 0), ("deployment", 1)])
def test_the_hazard_is_that_of_the_window(phase, share):
    config = WorldConfig(phase=phase, horizon=170)
    earliest, latest = config.window
    hazard = config.hazard()
    not_yet = np.concatenate([[1.0], np.cumprod(1 - hazard)[:-1]])
    expected = np.zeros(171)
    expected[earliest : latest + 1] = share / (latest - earliest + 1)
    np.testing.assert_allclose(hazard * not_yet, expected, atol=1e-12)
