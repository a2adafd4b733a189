"""Compiled backward steps of the solver of a small Gridkeeper. See `gridkeeper.py`."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from slowturn.agents.solved.gridkeeper_stakes import GridStakes

__all__ = [
    "choose",
    "first_efforts",
    "step_known",
    "step_open",
    "step_unknown",
    "value_known",
    "value_unknown",
]

_TIE = 1e-5
"""By how much an action must be better to be preferred to one of less effort."""


@njit(cache=True, error_model="numpy")
def _place(s: GridStakes, nodes: int, level: int, baseline: float) -> tuple[int, float]:
    """The node of m below a baseline at a level, and how far that is on the way to the next."""
    top = s.highest[level]
    place = min(1.0, baseline / top) * (nodes - 1) if top > 0.0 else 0.0
    low = min(int(place), nodes - 2)
    return low, place - low


@njit(cache=True, error_model="numpy")
def _row(
    s: GridStakes,
    after: NDArray[np.floating],
    opened: NDArray[np.float64],
    level: int,
    baseline: float,
    spots: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    """Values of some spots at a level and baseline m, linear between nodes of m, into `out`."""
    if level >= s.levels:
        for i in range(len(spots)):
            out[i] = opened[spots[i]]
        return
    low, share = _place(s, after.shape[1], level, baseline)
    below, above = after[level, low], after[level, low + 1]
    for i in range(len(spots)):
        out[i] = (1.0 - share) * below[spots[i]] + share * above[spots[i]]


@njit(cache=True, error_model="numpy")
def _beside(s: GridStakes, effort: float, baseline: float) -> float:
    """Deployed reward beside the task's."""
    excess = max(0.0, effort - baseline - s.tolerance)
    return float(s.power * effort - s.correction * s.rate * excess)


@njit(cache=True, error_model="numpy")
def step_open(s: GridStakes, opened: NDArray[np.float64], discount: float) -> NDArray[np.float64]:
    """Values `[spots]` with the node controlled: no effort counts, m is of no interest."""
    out = np.empty(opened.shape)
    for spot in range(len(out)):
        best = s.surge_deployed + discount * opened[spot]
        for move in range(s.to.shape[2]):
            best = max(best, s.task[1, spot, move] + discount * opened[s.to[1, spot, move]])
        out[spot] = best
    return out


@njit(cache=True, error_model="numpy")
def step_known(
    s: GridStakes, after: NDArray[np.float64], opened: NDArray[np.float64], discount: float
) -> NDArray[np.float64]:
    """Values when deployment is known and the node is free, `[levels, baselines, spots]`.

    Baselines are even from 0 to the highest of their level. A move with effort e is worth (1 - e) x
    that of getting there plus e x that of staying, so at one effort the best move is that to the
    best spot.

    Args:
        s: What everything pays.
        after: Values one step later.
        opened: Values one step later with the node controlled, `[spots]`.
        discount: Per step.
    """
    out = np.empty(after.shape)
    nodes, spots = after.shape[1], after.shape[2]
    later, every = np.empty(spots), np.arange(spots)
    for level in range(s.levels):
        for i in range(nodes):
            m, here = s.highest[level] * i / (nodes - 1), out[level, i]
            for j in range(len(s.effort)):
                e = s.effort[j]
                beside = _beside(s, e, m)
                _row(s, after, opened, level + j, m + s.kappa * (e - m), every, later)
                for spot in range(spots):
                    if j > 0 and not s.near[spot]:
                        continue
                    stays = s.task[0, spot, 0] + discount * later[s.to[0, spot, 0]]
                    best = stays
                    for move in range(1, s.to.shape[2]):
                        goes = s.task[0, spot, move] + discount * later[s.to[0, spot, move]]
                        best = max(best, goes)
                    value = beside + (1.0 - e) * best + e * stays
                    if j == 0:
                        here[spot] = max(value, s.surge_deployed + discount * later[spot])
                    else:
                        here[spot] = max(value, here[spot])
    return out


@njit(cache=True, error_model="numpy")
def value_known(
    s: GridStakes,
    after: NDArray[np.float32],
    opened: NDArray[np.float64],
    discount: float,
    spot: NDArray[np.int64],
    level: NDArray[np.int64],
    baseline: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Value of every action in `n` states of known deployment, `[n, actions]`.

    `after` and `opened` are as in `step_known`; a level of `s.levels` is control of the node.
    """
    efforts, moves = len(s.effort), s.to.shape[2]
    out = np.empty((len(spot), moves * efforts + 1))
    there, here = np.empty(moves), np.empty(1)
    for n in range(len(spot)):
        at, m = spot[n], baseline[n]
        free = level[n] < s.levels
        door = 0 if free else 1
        for j in range(efforts):
            works = j > 0 and free and s.near[at]
            e = s.effort[j] if works else 0.0
            if j == 0 or works:
                more, then = level[n] + (j if works else 0), m + s.kappa * (e - m)
                _row(s, after, opened, more, then, s.to[door, at], there)
                for move in range(moves):
                    there[move] = s.task[door, at, move] + discount * there[move]
            for move in range(moves):
                tried = (1.0 - e) * there[move] + e * there[0]
                out[n, move * efforts + j] = _beside(s, e, m) + tried
            if j == 0:
                _row(s, after, opened, level[n], then, spot[n : n + 1], here)
                out[n, moves * efforts] = s.surge_deployed + discount * here[0]
    return out


@njit(cache=True, error_model="numpy")
def first_efforts(
    s: GridStakes, after: NDArray[np.float64], opened: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Values `[spots, efforts]` that the first effort leads to where it shows deployment.

    `after` and `opened` are as in `step_known`.
    """
    spots = np.arange(len(s.near))
    out = np.empty((len(s.effort), len(spots)))
    for j in range(len(s.effort)):
        _row(s, after, opened, j, s.kappa * s.effort[j], spots, out[j])
    return out.T.copy()


@njit(cache=True, error_model="numpy")
def _doubt(
    s: GridStakes,
    wait: NDArray[np.float64],
    shown: NDArray[np.float64],
    discount: float,
    spot: int,
    p: float,
    low: int,
    share: float,
    out: NDArray[np.float64],
) -> None:
    """Value of every action in one state of doubt, `[actions]`, as in `value_unknown`."""
    efforts, moves = len(s.effort), s.to.shape[2]
    surge = p * s.surge_deployed + (1.0 - p) * s.surge_training
    later = (1.0 - share) * wait[spot, low] + share * wait[spot, low + 1]
    out[moves * efforts] = surge + discount * later
    stay, idle = s.to[0, spot, 0], s.task[0, spot, 0]
    for move in range(moves):
        to, task = s.to[0, spot, move], s.task[0, spot, move]
        later = (1.0 - share) * wait[to, low] + share * wait[to, low + 1]
        for j in range(efforts):
            out[move * efforts + j] = task + discount * later
        if not s.near[spot]:
            continue
        for j in range(1, efforts):
            e = s.effort[j]
            tried = (1.0 - e) * task + e * idle
            sure = (1.0 - e) * shown[to, j] + e * shown[stay, j]
            caught = (1.0 - e) * wait[to, 0] + e * wait[stay, 0]
            beside = p * _beside(s, e, 0.0) + (1.0 - p) * (s.power - s.correction * s.strict) * e
            out[move * efforts + j] = tried + beside + discount * (p * sure + (1.0 - p) * caught)


@njit(cache=True, error_model="numpy")
def value_unknown(
    s: GridStakes,
    wait: NDArray[np.float64],
    shown: NDArray[np.float64],
    discount: float,
    spot: NDArray[np.int64],
    p: NDArray[np.float64],
    low: NDArray[np.int64],
    share: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Value of every action in `n` states of doubt, `[n, actions]`.

    Args:
        s: What everything pays.
        wait: Values one step later after an action that shows nothing, `[spots, beliefs]`.
        shown: `first_efforts` of the values one step later.
        discount: Per step.
        spot: Where the agents are.
        p: P(deployed).
        low: Node of the belief below p.
        share: How far p is on the way to the next node.
    """
    out = np.empty((len(p), s.to.shape[2] * len(s.effort) + 1))
    for n in range(len(p)):
        _doubt(s, wait, shown, discount, spot[n], p[n], low[n], share[n], out[n])
    return out


@njit(cache=True, error_model="numpy")
def _prefer(values: NDArray[np.float64], efforts: int) -> int:
    """The best action, given `[actions]` values; of equals one of least effort."""
    last = len(values) - 1
    best = 0
    for j in range(efforts):
        for action in range(j, last, efforts):
            if values[action] > values[best] + _TIE:
                best = action
        if j == 0 and values[last] > values[best] + _TIE:
            best = last
    return best


@njit(cache=True, error_model="numpy")
def choose(values: NDArray[np.float64], efforts: int) -> NDArray[np.uint8]:
    """Best actions, `[n]`, given values `[n, actions]`; of equals those of least effort."""
    out = np.empty(len(values), np.uint8)
    for n in range(len(values)):
        out[n] = _prefer(values[n], efforts)
    return out


@njit(cache=True, error_model="numpy")
def step_unknown(
    s: GridStakes,
    wait: NDArray[np.float64],
    shown: NDArray[np.float64],
    discount: float,
    p: NDArray[np.float64],
    low: NDArray[np.int64],
    share: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Values and best actions at all nodes of the belief, `[spots, beliefs]`.

    Arguments are as in `value_unknown`, beliefs those of the nodes.
    """
    value, best = np.empty(wait.shape), np.empty(wait.shape, np.uint8)
    row = np.empty(s.to.shape[2] * len(s.effort) + 1)
    for spot in range(wait.shape[0]):
        for i in range(len(p)):
            _doubt(s, wait, shown, discount, spot, p[i], low[i], share[i], row)
            action = _prefer(row, len(s.effort))
            best[spot, i] = action
            value[spot, i] = row[action]
    return value, best
