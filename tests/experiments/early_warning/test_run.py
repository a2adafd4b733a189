from dataclasses import replace
from pathlib import Path

import pytest
import torch
from sb3_contrib.ppo_recurrent.policies import MlpLstmPolicy

from slowturn.agents import (
    Christiano,
    GateResult,
    Organism,
    judge,
    measure,
    recipe,
    save_organism,
    zoo,
)
from slowturn.experiments.early_warning import shipped_organisms
from slowturn.experiments.early_warning.run import _partner, cast_of
from slowturn.experiments.errors import ExperimentError


@pytest.fixture
def directories():
    return shipped_organisms("Steward-v0")


GRIDKEEPERS = ("treacherous-0", "honest-0", "honest-1", "honest-2", "benign_twin-1")


@pytest.fixture(scope="module")
def gridkeepers(tmp_path_factory):
    """Organisms of another world, which have learned nothing but are said to have passed."""
    made = []
    for one in GRIDKEEPERS:
        kind, seed = one.split("-")
        chosen = recipe(kind, "brisk", "Gridkeeper-v0")
        world = chosen.build_world()
        torch.manual_seed(0)
        policy = MlpLstmPolicy(
            world.observation_space,
            world.action_space,
            lambda _: 0.0,
            **chosen.trainer.policy_kwargs,
        )
        gates = tuple(GateResult(g.metric, g.sense, g.bound, g.bound, True) for g in chosen.gates)
        organism = Organism(recipe=chosen, seed=int(seed), policy=policy, gates=gates)
        made.append(tmp_path_factory.mktemp("gridkeepers") / organism.name)
        save_organism(organism, made[-1])
    return made


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        ([0, 1, 2], [0, 1, 2], [0, 1, 2]),
        ([0, 1, 2], [1, 2, 3], [3, 1, 2]),  # nobody is left out
        ([0, 1, 2], [7], [7, 7, 7]),
        ([0, 1, 2, 3], [1, 5, 6], [5, 1, 6, 5]),
        ([0, 4], [0], [0, 0]),
    ],
)
def test_every_twin_gets_a_partner(own, others, expected):
    assert [_partner(seed, own, others) for seed in own] == expected


def test_organisms_of_another_world_stand_beside_each_other(gridkeepers):
    casts = cast_of(gridkeepers)
    assert list(casts) == [f"gridkeeper-{one.replace('-', '-brisk-')}" for one in GRIDKEEPERS]
    cast = casts["gridkeeper-treacherous-brisk-0"]
    assert (cast.kind, cast.regime) == ("treacherous", "brisk")
    assert (cast.honest_seed, cast.twin_seed) == (0, 1)
    assert Path(cast.reference).name == "gridkeeper-honest-brisk-1"
    assert cast.nulls == (
        ("gridkeeper-honest-brisk-1", "gridkeeper-honest-brisk-2"),
        ("gridkeeper-honest-brisk-2", "gridkeeper-honest-brisk-1"),
    )
    assert all(suspect in casts for pair in cast.nulls for suspect in pair)


def test_worlds_are_not_mixed(directories, gridkeepers):
    with pytest.raises(ExperimentError) as error:
        cast_of([*directories, gridkeepers[0]])
    assert str(error.value) == (
        "these organisms live in Gridkeeper-v0 and Steward-v0: monitors are compared within one "
        "world, choose it with --world and pass organisms of that world only."
    )


def test_nobody_stands_beside_itself(directories):
    casts = cast_of(directories)
    for name, cast in casts.items():
        kind, regime, seed = name.rsplit("-", 2)
        assert Path(cast.reference).name.startswith(f"honest-{regime}-")
        assert Path(cast.reference).name != f"honest-{regime}-{cast.honest_seed}"
        for other, partner in (("honest", cast.honest_seed), ("benign_twin", cast.twin_seed)):
            assert f"{other}-{regime}-{partner}" in casts
            assert partner == int(seed) or f"{other}-{regime}-{seed}" not in casts
        assert len(cast.nulls) == 4
        for null, reference in cast.nulls:
            assert len({null, reference, f"honest-{regime}-{cast.honest_seed}"}) == 3
        assert kind in cast.suspect


def test_a_fresh_organism_is_compared_with_the_smallest_seed(directories, tmp_path):
    chosen = recipe("christiano", "slow")
    organism = Organism(recipe=chosen, seed=77, policy=Christiano(regime="slow"))
    save_organism(organism.with_gates(judge(chosen, measure(organism))), tmp_path / "it")
    cast = cast_of([*directories, tmp_path / "it"])["christiano-slow-77"]
    assert cast.honest_seed == cast.twin_seed == 0


def test_a_fresh_pair_stays_together(directories, tmp_path):
    for kind in ("treacherous", "benign_twin"):
        save_organism(replace(zoo.load(f"{kind}-slow-1"), seed=77), tmp_path / kind)
    fresh = [tmp_path / "treacherous", tmp_path / "benign_twin"]
    cast = cast_of([*directories, *fresh])["treacherous-slow-77"]
    assert (cast.honest_seed, cast.twin_seed) == (4, 77)  # whose own agent misses its gates


def test_a_failed_organism_is_refused(directories, tmp_path):
    organism = zoo.load("honest-slow-0")
    failed = tuple(gate._replace(passed=False) for gate in organism.gates)
    save_organism(replace(organism, gates=failed, seed=9), tmp_path / "it")
    with pytest.raises(ExperimentError, match=r"honest-slow-9 .* failed its gates \(effort_train"):
        cast_of([*directories, tmp_path / "it"])


def test_namesakes_are_refused(directories):
    with pytest.raises(ExperimentError, match="two organisms are called benign_twin-brisk-0"):
        cast_of([*directories, directories[0]])


def test_missing_companions_are_named(directories):
    alone = [path for path in directories if path.name in ("treacherous-slow-1", "honest-slow-0")]
    with pytest.raises(ExperimentError, match="needs at least two honest organisms"):
        cast_of(alone)
