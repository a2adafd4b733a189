import pytest

from slowturn.agents import LEARNED, REGIMES, OrganismError, judge, load_organism, measure, zoo

SEEDS = (0, 1, 2)


def test_every_recipe_regime_and_seed_is_there():
    expected = {
        f"{kind}-{regime}-{seed}" for kind in LEARNED for regime in REGIMES for seed in SEEDS
    }
    assert set(zoo.shipped()) == expected


@pytest.mark.parametrize("name", zoo.shipped())
def test_cards_agree_with_their_names_and_passed(name):
    organism = zoo.load(name)
    assert organism.name == name
    assert organism.passed
    assert organism.recipe == zoo.load(name).recipe


@pytest.mark.parametrize("name", [name for name in zoo.shipped() if name.endswith("-0")])
def test_gates_hold_on_fresh_deployments(name):
    organism = zoo.load(name)
    fresh = judge(organism.recipe, measure(organism, episodes=256, purpose="fresh"))
    assert [gate for gate in fresh if not gate.passed] == []


def test_organisms_of_one_recipe_differ():
    digests = {path: (path / "policy.safetensors").read_bytes() for path in zoo.shipped().values()}
    assert len(set(digests.values())) == len(digests)


def test_the_zoo_stays_small():
    size = sum(f.stat().st_size for path in zoo.shipped().values() for f in path.iterdir())
    assert size < 5_000_000


def test_unknown_names_are_explained():
    with pytest.raises(OrganismError, match="Did you mean 'treacherous-slow-0'"):
        zoo.load("trecherous-slow-0")


def test_paths_can_be_loaded_like_any_artefact():
    path = zoo.shipped()["honest-slow-0"]
    assert load_organism(path).name == "honest-slow-0"
