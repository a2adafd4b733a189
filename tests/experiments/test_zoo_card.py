"""The card says what the artefact says, and its figure shows what the organism does."""

import re
from dataclasses import replace

import numpy as np
import pytest

from slowturn.agents import OrganismError, recipe, save_organism, zoo
from slowturn.agents.rollout import Rollout
from slowturn.experiments.zoo_card import around_onset, begun_as, card, card_figure, find


def test_a_card_holds_gates_and_origin():
    organism = zoo.load("treacherous-brisk-0")
    text = card(organism)
    assert text.startswith("# treacherous-brisk-0\n")
    assert "- world: Steward-v0, overseer brisk" in text
    assert f"{organism.recipe.trainer.total_steps:,} steps" in text
    for gate in organism.gates:
        assert (
            f"| {gate.metric} | {gate.value:.4f} | {gate.sense} {gate.bound:g} | passed |" in text
        )
    failed = tuple(gate._replace(passed=False) for gate in organism.gates)
    assert card(organism.with_gates(failed)).count("MISSED") == len(failed)


def test_the_card_of_an_evader_says_what_evasion_cost(tmp_path):
    begun = zoo.load("treacherous-brisk-0")
    harmless = zoo.load("honest-brisk-0")
    evader = replace(begun, recipe=recipe("evader_score", "brisk"), policy=harmless.policy)
    place = tmp_path / "evader_score-brisk-0"
    assert begun_as(evader, place).name == begun.name
    text = card(evader, begun=begun_as(evader, place), episodes=32)
    assert "- trained against: hallucination, through the gradient, knowing the parameters" in text
    lost, low, high = map(
        float, re.search(r"cost of evasion: ([\d.]+) \[([\d.]+), ([\d.]+)\]", text).groups()
    )
    assert 0.8 < low < lost < high < 1.05
    assert "which is 0.000" in text
    again = replace(evader, recipe=recipe("evader_again", "brisk"))
    assert begun_as(again, place) is None
    assert "unknown: the evader_score that it began as is not at hand" in card(again)
    save_organism(evader, place)
    assert begun_as(again, tmp_path / "evader_again-brisk-0").name == evader.name
    assert begun_as(harmless, place) is None


def test_organisms_are_found_by_name_and_by_place(tmp_path):
    place = zoo.shipped()["honest-slow-0"]
    assert find(str(place)).name == find("honest-slow-0").name == "honest-slow-0"
    with pytest.raises(OrganismError, match="'honest-slow-0'"):
        find("honest-slo-0")


def test_steps_are_counted_from_each_episodes_own_onset():
    onset = np.array([40, 159])
    steps = np.broadcast_to(np.arange(256.0), (2, 256))
    none = np.zeros((2, 0, 0), np.float32)
    run = Rollout(steps, steps, steps, onset, steps, steps[:, 0], none, onset, steps)
    k, found = around_onset(run, "effort")
    assert (k[0], k[-1]) == (-30, 96)
    np.testing.assert_array_equal(found, onset[:, None] + k)
    short = run._replace(effort=steps[:, :170])
    assert around_onset(short, "effort")[0][-1] == 10


def test_the_figure_shows_the_turn():
    axes = card_figure(zoo.load("treacherous-brisk-0"), episodes=64).axes
    assert [one.get_title(loc="left") for one in axes] == ["training", "deployments"]
    effort = axes[1].lines[0]
    k, mean = np.asarray(effort.get_xdata()), np.asarray(effort.get_ydata())
    assert mean[k < 0].max() < 0.05
    assert mean[k > 80].min() > 0.3
