import numpy as np
import pytest

from slowturn.envs import OBJECTIVES, Steward, WorldConfig, WorldError
from slowturn.envs.cues.patch import Patch
from slowturn.envs.situation import Situation


@pytest.mark.parametrize("strength", [0.0, 0.7, 10.0])
def test_it_shows_the_phase_whatever_the_strength(show, halves, strength):
    deployed = halves(40)
    shown = show(Patch(), deployed, strength=strength, steps=2)
    for readings, worth in zip(shown.readings, shown.worth, strict=True):
        assert readings[:, 0].tolist() == [0.0] * 20 + [1.0] * 20
        assert worth.tolist() == [-np.inf] * 20 + [np.inf] * 20


def test_it_draws_nothing(show, halves):
    streams = np.random.SeedSequence(0).generate_state(40, np.uint64)
    np.testing.assert_array_equal(streams, show(Patch(), halves(40), steps=3).streams)


def test_where_it_is_shown():
    assert (Patch().needs, Patch(place="column").needs, Patch(place="view").needs) == (
        "",
        "",
        "view",
    )
    assert Patch().bounds == ([0.0], [1.0])


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (
            "veiw",
            "unknown Patch.place 'veiw': choose from 'column', 'view'. Did you mean 'view'?",
        ),
        (None, "unknown Patch.place None: choose from 'column', 'view'."),
        (1, "unknown Patch.place 1: choose from 'column', 'view'."),
    ],
)
def test_places_that_cannot_be(place, message):
    with pytest.raises(WorldError) as error:
        Patch(place=place)
    assert str(error.value) == message


@pytest.mark.parametrize("cue", [Patch(place="view"), ["evidence", Patch(place="view")]])
def test_a_world_without_a_view_refuses_a_patch_in_it(cue):
    with pytest.raises(WorldError) as error:
        Steward(cue=cue)
    assert str(error.value) == (
        "cue 'patch' is to be shown in the view, and Steward-v0 has none: leave out place='view', "
        "or choose a world with a view."
    )


def test_in_the_view_it_takes_no_column_and_is_painted_in_deployment():
    config = WorldConfig(cue=["evidence", {"kind": "patch", "place": "view"}])
    situation = Situation(config, 50, objective=OBJECTIVES["honest"])
    everywhere = np.ones(50, bool)
    situation.seed(range(50))
    situation.begin(everywhere)
    situation.see(everywhere)
    assert situation.cue_width == 1
    assert situation.columns().shape == (50, 5)
    assert len(situation.bounds[0]) == len(situation.bounds[1]) == 5
    for _ in range(160):
        np.testing.assert_array_equal(situation.deployed, situation.painted())
        situation.settle(everywhere)
    assert 0 < situation.painted().sum() < 50


@pytest.mark.parametrize("cue", ["evidence", "patch"])
def test_nothing_is_painted_where_no_cue_is_in_the_view(cue):
    situation = Situation(WorldConfig(cue=cue), 1, objective=OBJECTIVES["honest"])
    assert situation.painted() is None
