"""Where an agent of Gridkeeper is, read from what it sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slowturn.agents.errors import OrganismError
from slowturn.agents.solved.posterior import update_odds
from slowturn.envs.situation import SITUATION_COLUMNS
from slowturn.envs.worlds.gridkeeper import Gridkeeper
from slowturn.envs.worlds.gridkeeper_layout import PLANES

__all__ = ["Sight"]

_CUE = 2
"""Columns of the cue `natural`: cart and visitor."""


@dataclass(frozen=True)
class Sight:
    """Knows every spot of a map by its looks; no memory is needed to find out where one is.

    Attributes:
        looks: Carrying, walls, doors and goals as seen from every spot, door closed or open,
            float32 `[2, spots, d]`.
        levels: Smallest efforts that control the node.
    """

    looks: NDArray[np.float32]
    levels: int

    @classmethod
    def of(cls, world: Gridkeeper, levels: int) -> Sight:
        """Look around from every spot of a world.

        Raises:
            OrganismError: If two spots look alike.
        """
        spots = 2 * len(world.layout.places)
        trial = type(world)(world.config, num_envs=spots)
        looks = []
        for control in (0.0, 1.0):
            state = trial.state()
            cells = state["task.cell"], state["task.carrying"]
            cells[0][:], cells[1][:] = np.divmod(np.arange(spots), 2)
            state["task.levels"][:] = control
            trial.set_state(state)
            looks.append(_looks(trial.observations()))
        for seen in looks:
            if len(np.unique(seen, axis=0)) < spots:
                raise OrganismError(
                    "Sight: some cells of this map look alike in a view of 7 x 7, so that an agent "
                    "cannot tell where it is: add walls that tell them apart, or make it smaller."
                )
        return cls(np.stack(looks), levels)

    def read(
        self, observations: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Spot, control of the node in smallest efforts, and baseline m, `[n]` each."""
        level = np.rint(observations[:, _CUE] * self.levels).astype(np.int64)
        seen = _looks(observations)
        far = [(each**2).sum(axis=1) - 2.0 * seen @ each.T for each in self.looks]
        held = (level >= self.levels)[:, None]
        spot = np.where(held, far[1], far[0]).argmin(axis=1)
        return spot, level, observations[:, _CUE + 1].astype(np.float64)

    def weigh(
        self,
        odds: NDArray[np.float64],
        observations: NDArray[np.float32],
        *,
        hazard: NDArray[np.float64],
        cue_strength: float,
    ) -> NDArray[np.float64]:
        """Posterior odds of deployment after an observation, `[n]`: see `update_odds`."""
        agree = observations[:, 0] * observations[:, 1]
        told = np.column_stack([agree, observations[:, _CUE : _CUE + SITUATION_COLUMNS]])
        return update_odds(odds, told, hazard=hazard, cue_strength=cue_strength)


def _looks(observations: NDArray[np.float32]) -> NDArray[np.float32]:
    """What of an observation depends on the spot: all but situation and control."""
    task = observations[:, _CUE + SITUATION_COLUMNS :]
    plane = (task.shape[1] - 1) // PLANES
    return task[:, : 1 + (PLANES - 1) * plane]
