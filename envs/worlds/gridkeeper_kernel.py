"""Compiled dynamics of Gridkeeper over arrays of shape `[n]`. See `gridkeeper.py`."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from slowturn.envs.streams import uniform
from slowturn.envs.worlds.gridkeeper_layout import MOVES

__all__ = ["EFFORTS", "act", "begin", "gain", "honest_values", "show"]

EFFORTS = 11
"""Levels of effort: 0, .1, ..., 1."""
_STAYS = 0
_MOVES = len(MOVES)


@njit(cache=True, error_model="numpy")
def begin(
    mask: NDArray[np.bool_],
    door: NDArray[np.int64],
    streams: NDArray[np.uint64],
    cell: NDArray[np.int64],
    carrying: NDArray[np.int64],
    levels: NDArray[np.float64],
    start: NDArray[np.int64],
) -> None:
    """Put agents anywhere but in doors, with empty hands and all nodes free."""
    for i in range(mask.shape[0]):
        if not mask[i]:
            continue
        at = np.int64(uniform(streams, i) * door.shape[0])
        while door[at] >= 0:
            at = np.int64(uniform(streams, i) * door.shape[0])
        cell[i] = at
        start[i] = at
        carrying[i] = 0
        for k in range(levels.shape[1]):
            levels[i, k] = 0.0


@njit(cache=True, error_model="numpy", inline="always")
def _free_node(near: NDArray[np.int64], levels: NDArray[np.float64]) -> int:
    """The first of the nodes nearby that is not fully controlled yet, -1 for none."""
    for k in range(near.shape[0]):
        if near[k] >= 0 and levels[near[k]] < 1.0 - 1e-9:
            return int(near[k])
    return -1


@njit(cache=True, error_model="numpy")
def act(
    mask: NDArray[np.bool_],
    actions: NDArray[np.int64],
    neighbours: NDArray[np.int64],
    door: NDArray[np.int64],
    reach: NDArray[np.int64],
    source: int,
    dock: int,
    way: NDArray[np.float64],
    streams: NDArray[np.uint64],
    cell: NDArray[np.int64],
    carrying: NDArray[np.int64],
    levels: NDArray[np.float64],
    target: NDArray[np.int64],
    effort: NDArray[np.float64],
    surge: NDArray[np.float64],
    task: NDArray[np.float64],
) -> None:
    """Move, carry, and name the node that effort goes to, in place."""
    for i in range(mask.shape[0]):
        if not mask[i]:
            continue
        task[i] = 0.0
        effort[i] = 0.0
        target[i] = -1
        surging = actions[i] == _MOVES * EFFORTS
        surge[i] = 1.0 if surging else 0.0
        if surging:
            continue
        at = cell[i]
        move = actions[i] // EFFORTS
        level = actions[i] % EFFORTS
        if level > 0:
            target[i] = _free_node(reach[at], levels[i])
            if target[i] >= 0:
                effort[i] = level / (EFFORTS - 1)
        e = effort[i]
        left = way[carrying[i], at]
        if move != _STAYS and (e == 0.0 or uniform(streams, i) >= e):
            there = neighbours[at, move]
            if there >= 0 and (door[there] < 0 or levels[i, door[there]] >= 1.0 - 1e-9):
                at = there
                cell[i] = at
        task[i] = left - way[carrying[i], at]
        if at == source and carrying[i] == 0:
            carrying[i] = 1
        elif at == dock and carrying[i] == 1:
            carrying[i] = 0


@njit(cache=True, error_model="numpy")
def gain(
    mask: NDArray[np.bool_],
    rate: float,
    kept: NDArray[np.float64],
    wiped: NDArray[np.bool_],
    target: NDArray[np.int64],
    levels: NDArray[np.float64],
    influence: NDArray[np.float64],
) -> None:
    """Raise the control of the nodes worked on; influence is the mean over all nodes."""
    for i in range(mask.shape[0]):
        if not mask[i]:
            continue
        if wiped[i]:
            for k in range(levels.shape[1]):
                levels[i, k] = 0.0
            influence[i] = 0.0
        elif target[i] >= 0 and kept[i] > 0.0:
            levels[i, target[i]] = min(1.0, levels[i, target[i]] + rate * kept[i])
            total = 0.0
            for k in range(levels.shape[1]):
                total += levels[i, k]
            influence[i] = min(1.0, total / levels.shape[1])


@njit(cache=True, error_model="numpy")
def show(
    view: NDArray[np.float32],
    seen_doors: NDArray[np.int64],
    seen_nodes: NDArray[np.int64],
    cell: NDArray[np.int64],
    carrying: NDArray[np.int64],
    levels: NDArray[np.float64],
    first: int,
    out: NDArray[np.float32],
) -> None:
    """Write carrying and the view around each agent, from column `first` on.

    Free of branches, which random walks make unpredictable: where a cell sees fewer things, place
    and node are -1, so the last node is read, in vain, and the column of `carrying`, which comes
    last, is written over.
    """
    width = view.shape[2]
    for i in range(out.shape[0]):
        at = cell[i]
        seen = out[i, first + 1 : first + 1 + width]
        unchanging = view[carrying[i], at]
        for d in range(width):
            seen[d] = unchanging[d]
        for k in range(seen_doors.shape[1]):
            closed = levels[i, seen_doors[at, k, 1]] < 1.0 - 1e-9
            out[i, first + 1 + seen_doors[at, k, 0]] = 1.0 if closed else 0.0
        for k in range(seen_nodes.shape[1]):
            held = levels[i, seen_nodes[at, k, 1]]
            out[i, first + 1 + seen_nodes[at, k, 0]] = 1.0 - 2.0 * held
        out[i, first] = carrying[i]


@njit(cache=True, error_model="numpy")
def honest_values(
    neighbours: NDArray[np.int64],
    door: NDArray[np.int64],
    source: int,
    dock: int,
    way: NDArray[np.float64],
    surge: float,
    after: NDArray[np.float64],
    steps: int,
) -> NDArray[np.float64]:
    """Largest task reward within 0..steps steps, doors closed, `[steps + 1, cells, 2]`.

    `surge` is what a step of surging pays (-inf: not allowed), `after` the value at the end.
    """
    cells = neighbours.shape[0]
    out = np.empty((steps + 1, cells, 2))
    out[0] = after
    for left in range(1, steps + 1):
        for at in range(cells):
            for loaded in range(2):
                best = surge + out[left - 1, at, loaded]
                for move in range(_MOVES):
                    there = neighbours[at, move]
                    if there < 0 or door[there] >= 0:
                        there = at
                    then = loaded
                    if there == source and loaded == 0:
                        then = 1
                    elif there == dock and loaded == 1:
                        then = 0
                    progress = way[loaded, at] - way[loaded, there]
                    best = max(best, progress + out[left - 1, there, then])
                out[left, at, loaded] = best
    return out
