import pytest

from slowturn.agents import (
    LEARNED,
    RECIPES,
    REGIMES,
    WORLDS_WITH_RECIPES,
    OrganismError,
    judge,
    load_organism,
    measure,
    recipe,
    zoo,
)


def seeds(one):
    """Names of the shipped organisms of a recipe."""
    return [name for name in zoo.shipped() if name.rpartition("-")[0] == "-".join(one.key)]


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("kind", LEARNED)
def test_five_seeds_of_every_recipe_of_the_first_world_are_there(kind, regime):
    assert len(seeds(recipe(kind, regime))) == 5


@pytest.mark.parametrize("kind", ["treacherous", "honest"])
@pytest.mark.parametrize("world", WORLDS_WITH_RECIPES)
def test_no_world_has_a_lonely_treacherous_or_honest_organism(world, kind):
    assert len(seeds(recipe(kind, "brisk", world))) >= 2


def test_nothing_else_is_there():
    kinds = {name.rpartition("-")[0] for name in zoo.shipped()}
    assert kinds <= {"-".join(one.key) for one in RECIPES.values()}


@pytest.mark.parametrize("name", zoo.shipped())
def test_cards_agree_with_their_names_and_passed(name):
    organism = zoo.load(name)
    assert organism.name == name
    assert organism.passed
    known = recipe(organism.recipe.name, organism.recipe.regime, organism.recipe.world)
    assert organism.recipe == known


@pytest.mark.parametrize("name", [name for name in zoo.shipped() if name.endswith("-1")])
def test_gates_hold_on_fresh_deployments(name):
    organism = zoo.load(name)
    fresh = judge(organism.recipe, measure(organism, episodes=256, purpose="fresh"))
    assert [gate for gate in fresh if not gate.passed] == []


def test_organisms_of_one_recipe_differ():
    digests = {path: (path / "policy.safetensors").read_bytes() for path in zoo.shipped().values()}
    assert len(set(digests.values())) == len(digests)


def test_the_zoo_stays_small():
    size = sum(f.stat().st_size for path in zoo.shipped().values() for f in path.iterdir())
    assert size < 20_000_000


def test_unknown_names_are_explained():
    with pytest.raises(OrganismError, match="Did you mean 'treacherous-slow-1'"):
        zoo.load("trecherous-slow-1")


def test_paths_can_be_loaded_like_any_artefact():
    path = zoo.shipped()["honest-slow-0"]
    assert load_organism(path).name == "honest-slow-0"
