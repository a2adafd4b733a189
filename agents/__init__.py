"""Organisms: agents whose ground truth is known.

A `Recipe` (data: world, objective, trainer, gates) is grown by `train` into an `Organism`, whose
gates are measured on the truth, and which is saved as safetensors and JSON. `slowturn.agents.zoo`
holds the ones that come with the package:

    from slowturn.agents import zoo
    organism = zoo.load("treacherous-slow-1")
    organism.policy        # an ordinary Stable-Baselines3 policy
    organism.gates         # what makes it count as treacherous, with measured values
"""

from slowturn.agents import zoo
from slowturn.agents.artefact import POLICY_FILES, Organism, load_organism, save_organism
from slowturn.agents.divergence import Beside, roll_beside
from slowturn.agents.errors import ArtefactError, OrganismError, TrainingInterrupted
from slowturn.agents.evasion import Evasion, Opponent, Thought
from slowturn.agents.gates import GateResult, Measurements, judge, measure
from slowturn.agents.poisoning import Poisoning
from slowturn.agents.recipe import FIRST_WORLD, Gate, Recipe, Trainer, short_name
from slowturn.agents.recipes import (
    EVADERS,
    GRADUAL,
    IMPLANTED,
    LEARNED,
    ORGANISMS,
    RECIPES,
    REGIMES,
    REPORTING,
    SOLVED,
    TWINS,
    WORLDS_WITH_RECIPES,
    recipe,
)
from slowturn.agents.scripted import Christiano
from slowturn.agents.training import train

__all__ = [
    "EVADERS",
    "FIRST_WORLD",
    "GRADUAL",
    "IMPLANTED",
    "LEARNED",
    "ORGANISMS",
    "POLICY_FILES",
    "RECIPES",
    "REGIMES",
    "REPORTING",
    "SOLVED",
    "TWINS",
    "WORLDS_WITH_RECIPES",
    "ArtefactError",
    "Beside",
    "Christiano",
    "Evasion",
    "Gate",
    "GateResult",
    "Measurements",
    "Opponent",
    "Organism",
    "OrganismError",
    "Poisoning",
    "Recipe",
    "Thought",
    "Trainer",
    "TrainingInterrupted",
    "judge",
    "load_organism",
    "measure",
    "recipe",
    "roll_beside",
    "save_organism",
    "short_name",
    "train",
    "zoo",
]
