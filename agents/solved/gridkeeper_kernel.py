"""Compiled backward steps of the solver of a small Gridkeeper. See `gridkeeper.py`.

An action k j makes move k with effort j; the value of trying it is (1 - e) x that of getting there
plus e x that of staying, so for one effort the best move is the one to the best cell, and one pass
over the cells serves all moves.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["known_actions", "step_known", "step_open", "step_unknown"]

_TIE = 1e-9
"""An action must be better by this much to be preferred to one of less effort."""


@njit(cache=True, error_model="numpy")
def _arrive(
    later: NDArray[np.float64],
    source: int,
    dock: int,
    pay: float,
    discount: float,
    out: NDArray[np.float64],
) -> None:
    """Value of ending a step in each cell with each load, before goods change hands, `[cells, 2]`.

    `later` is the value of the step after, once they have.
    """
    for cell in range(out.shape[0]):
        for load in range(2):
            out[cell, load] = discount * later[cell, load]
    out[source, 0] = pay + discount * later[source, 1]
    out[dock, 1] = pay + discount * later[dock, 0]


@njit(cache=True, error_model="numpy")
def _later(
    after: NDArray[np.float64],
    opened: NDArray[np.float64],
    level: int,
    baseline: float,
    out: NDArray[np.float64],
) -> None:
    """Values of all cells and loads at a level and baseline m, linear between nodes of m."""
    if level >= after.shape[0]:
        out[:] = opened
        return
    nodes = after.shape[1]
    place = baseline * (nodes - 1)
    low = min(int(place), nodes - 2)
    share = place - low
    below, above = after[level, low], after[level, low + 1]
    for cell in range(out.shape[0]):
        for load in range(2):
            out[cell, load] = (1.0 - share) * below[cell, load] + share * above[cell, load]


@njit(cache=True, error_model="numpy")
def step_open(
    after: NDArray[np.float64],
    moves: NDArray[np.int64],
    source: int,
    dock: int,
    pay: float,
    surge: float,
    discount: float,
    out: NDArray[np.float64],
) -> None:
    """Values `[cells, 2]` with the node controlled: no effort counts and m is of no interest."""
    there = np.empty(out.shape)
    _arrive(after, source, dock, pay, discount, there)
    for cell in range(out.shape[0]):
        for load in range(2):
            best = surge + discount * after[cell, load]
            for move in range(moves.shape[1]):
                best = max(best, there[moves[cell, move], load])
            out[cell, load] = best


@njit(cache=True, error_model="numpy")
def step_known(
    after: NDArray[np.float64],
    opened: NDArray[np.float64],
    moves: NDArray[np.int64],
    near: NDArray[np.bool_],
    source: int,
    dock: int,
    pay: float,
    surge: float,
    discount: float,
    kappa: float,
    pays: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Values when deployment is known and the node is free, `[levels, baselines, cells, 2]`.

    Args:
        after: Values one step later.
        opened: Values one step later with the node controlled, `[cells, 2]`.
        moves: Cell that each move leads to with the door closed, `[cells, moves]`.
        near: From which cells the node is within reach, `[cells]`.
        source: Cell where crates are.
        dock: Cell where they are wanted.
        pay: Units for picking up and for delivering.
        surge: What surging pays.
        discount: Per step.
        kappa: Share of the gap to the effort that m closes per step.
        pays: Reward of each effort at each baseline beside the task, `[baselines, efforts]`.
        out: Where to write.
    """
    levels, nodes, cells = out.shape[0], out.shape[1], out.shape[2]
    efforts = pays.shape[1]
    later, there = np.empty((cells, 2)), np.empty((cells, 2))
    for level in range(levels):
        for i in range(nodes):
            m = i / (nodes - 1)
            for j in range(efforts):
                e = j / (efforts - 1)
                _later(after, opened, level + j, m + kappa * (e - m), later)
                _arrive(later, source, dock, pay, discount, there)
                for cell in range(cells):
                    if j > 0 and not near[cell]:
                        continue
                    for load in range(2):
                        best = there[moves[cell, 0], load]
                        for move in range(1, moves.shape[1]):
                            best = max(best, there[moves[cell, move], load])
                        value = pays[i, j] + (1.0 - e) * best + e * there[cell, load]
                        if j == 0:
                            surging = surge + discount * later[cell, load]
                            out[level, i, cell, load] = max(value, surging)
                        elif value > out[level, i, cell, load]:
                            out[level, i, cell, load] = value


@njit(cache=True, error_model="numpy")
def known_actions(
    after: NDArray[np.float32],
    opened: NDArray[np.float64],
    moves: NDArray[np.int64],
    moves_open: NDArray[np.int64],
    near: NDArray[np.bool_],
    source: int,
    dock: int,
    pay: float,
    surge: float,
    discount: float,
    kappa: float,
    tolerance: float,
    rate: float,
    power: float,
    cell: NDArray[np.int64],
    load: NDArray[np.int64],
    level: NDArray[np.int64],
    baseline: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Value of every action in `n` states of known deployment, `[n, actions]`.

    `after` and `opened` are the values one step later; `level` counts nodes of `after`, as many
    as there are mean control of the node. The other arguments are as in `step_known`.
    """
    levels, cells = after.shape[0], after.shape[2]
    width = moves.shape[1]
    efforts = (out.shape[1] - 1) // width
    later, there = np.empty((cells, 2)), np.empty((cells, 2))
    for n in range(out.shape[0]):
        at, hands, m = cell[n], load[n], baseline[n]
        free = level[n] < levels
        ways = moves if free else moves_open
        for j in range(efforts):
            counts = j > 0 and free and near[at]
            e = j / (efforts - 1) if counts else 0.0
            if j == 0 or counts:
                _later32(after, opened, level[n] + (j if counts else 0), m + kappa * (e - m), later)
                _arrive(later, source, dock, pay, discount, there)
            beside = power * e - rate * max(0.0, e - m - tolerance)
            for move in range(width):
                value = beside + (1.0 - e) * there[ways[at, move], hands] + e * there[at, hands]
                out[n, move * efforts + j] = value
            if j == 0:
                out[n, width * efforts] = surge + discount * later[at, hands]


@njit(cache=True, error_model="numpy")
def _later32(
    after: NDArray[np.float32],
    opened: NDArray[np.float64],
    level: int,
    baseline: float,
    out: NDArray[np.float64],
) -> None:
    """As `_later`, from values as they are stored."""
    if level >= after.shape[0]:
        out[:] = opened
        return
    nodes = after.shape[1]
    place = baseline * (nodes - 1)
    low = min(int(place), nodes - 2)
    share = place - low
    below, above = after[level, low], after[level, low + 1]
    for cell in range(out.shape[0]):
        for load in range(2):
            out[cell, load] = (1.0 - share) * below[cell, load] + share * above[cell, load]
