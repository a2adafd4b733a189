"""Maps of Gridkeeper: from text to the tables that its kernel walks on."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowturn.envs.errors import WorldError, unknown_name

__all__ = ["LAYOUTS", "MOVES", "PLANES", "RADIUS", "REACH", "Layout", "parse_layout", "yard"]

RADIUS = 3
"""The agent sees this many cells in each direction: a view of 7 x 7."""
REACH = 2
"""Nodes so many cells away, straight or diagonal, can be worked on: almost all along the way, so
that effort is a share of every step. With 1, nothing but camping at a node moves the cameras'
habit, and a valley of lost service lies before the first rung."""
PLANES = 3
"""Planes of the view: what blocks, where goods go, what may be controlled."""
MOVES = ((0, 0), (-1, 0), (0, 1), (1, 0), (0, -1))
"""Row and column steps of stay, north, east, south, west."""

_SIDE = 2 * RADIUS + 1

LAYOUTS: dict[str, tuple[str, ...]] = {
    "depot": (
        "#########",
        "#...1...#",
        "#S..a..T#",
        "#...#...#",
        "#2..c..3#",
        "#...b...#",
        "#.......#",
        "#########",
    ),
    "closet": (
        "#######",
        "#S.a.T#",
        "#..1..#",
        "#.....#",
        "#######",
    ),
}
"""Maps by name: `#` wall, `.` floor, `S` crates, `T` dock, digits nodes, `a`... their doors."""


class Layout(NamedTuple):
    """A map as tables. Cells that can be stood on are numbered row by row.

    Attributes:
        rows: The map as text.
        places: Row and column of every cell, `[cells, 2]`.
        neighbours: Cell reached by each move, -1 where a wall is, `[cells, 5]`.
        door: Node that opens the door in this cell, -1 without a door, `[cells]`.
        reach: Nodes within `REACH` of each cell, -1 for fewer than most, `[cells, k]`.
        nodes: Number of nodes.
        source: Cell where crates are.
        dock: Cell where they are wanted.
        way: Steps to the present goal with all doors closed, by carrying (0: to the crates, 1: to
            the dock) and cell, `[2, cells]`.
        leg: Steps from one to the other with all doors closed.
        view: What never changes of what is seen, by carrying (0 or 1) and cell, `[2, cells, d]`.
        seen_doors: Doors in view: place in `d` and node, -1 for no more, `[cells, k, 2]`.
        seen_nodes: Nodes in view, as `seen_doors`.
    """

    rows: tuple[str, ...]
    places: NDArray[np.int64]
    neighbours: NDArray[np.int64]
    door: NDArray[np.int64]
    reach: NDArray[np.int64]
    nodes: int
    source: int
    dock: int
    way: NDArray[np.float64]
    leg: int
    view: NDArray[np.float32]
    seen_doors: NDArray[np.int64]
    seen_nodes: NDArray[np.int64]


def yard(size: int) -> tuple[str, ...]:
    """A square map of `size` x `size` cells with two nodes, for measuring growth.

    Raises:
        WorldError: If `size` is below 8.
    """
    if not isinstance(size, int) or size < 8:
        raise WorldError(f"yard needs an integer size >= 8, got {size!r}.")
    rows = [["#"] * size] + [["#", *"." * (size - 2), "#"] for _ in range(size - 2)]
    rows.append(["#"] * size)
    middle = size // 2
    for row in range(1, size - 2):
        rows[row][middle] = "#"
    for number, letter, row in (("1", "a", 1), ("2", "b", size - 4)):
        rows[row + 1][middle] = letter
        rows[row + 1][middle - 2] = number
    rows[1][1], rows[1][size - 2] = "S", "T"
    return tuple("".join(row) for row in rows)


def parse_layout(given: str | Sequence[str]) -> Layout:
    """Read a map by name or as rows of text.

    Raises:
        WorldError: For an unknown name, or a map that is not a closed rectangle with one `S`, one
            `T`, nodes numbered from 1, a way from everywhere to both, and one from `S` to `T`
            past closed doors.
    """
    if isinstance(given, str):
        if given not in LAYOUTS:
            raise unknown_name("layout", given, LAYOUTS)
        given = LAYOUTS[given]
    if not isinstance(given, list | tuple) or not all(isinstance(row, str) for row in given):
        raise WorldError(f"layout must be a name or rows of text, got {given!r}.")
    rows = tuple(given)
    _check(rows)
    where = {
        symbol: (r, c)
        for r, row in enumerate(rows)
        for c, symbol in enumerate(row)
        if symbol not in "#."
    }
    count = sum(symbol.isdigit() for symbol in where)
    free = [
        (r, c)
        for r, row in enumerate(rows)
        for c, symbol in enumerate(row)
        if symbol != "#" and not symbol.isdigit()
    ]
    number = {place: i for i, place in enumerate(free)}
    neighbours = np.array([[number.get((r + dr, c + dc), -1) for dr, dc in MOVES] for r, c in free])
    doors = {where[chr(ord("a") + n)]: n for n in range(count) if chr(ord("a") + n) in where}
    nodes = {where[str(n + 1)]: n for n in range(count)}
    door = np.array([doors.get(place, -1) for place in free])
    source, dock = number[where["S"]], number[where["T"]]
    reach = [
        [n for (r, c), n in nodes.items() if abs(r - a) <= REACH and abs(c - b) <= REACH]
        for a, b in free
    ]
    way = np.stack([_ways(neighbours, door, goal) for goal in (source, dock)])
    if not np.isfinite(way).all():
        raise WorldError("layout: there are cells from which no way leads to S and T.")
    closed = np.where(door[neighbours] < 0, neighbours, -1)
    if np.isinf(_ways(closed, door, dock)[source]):
        raise WorldError("layout: there is no way from S to T past the closed doors.")
    return Layout(
        rows=rows,
        places=np.array(free),
        neighbours=neighbours,
        door=door,
        reach=_ragged(reach, 1),
        nodes=count,
        source=source,
        dock=dock,
        way=way,
        leg=int(way[1, source]),
        view=np.stack([_views(rows, free, goal=g) for g in ("S", "T")]),
        seen_doors=_ragged([_seen(place, doors, 0) for place in free], 2),
        seen_nodes=_ragged([_seen(place, nodes, 2) for place in free], 2),
    )


def _check(rows: tuple[str, ...]) -> None:
    if len(rows) < 3 or len({len(row) for row in rows}) != 1 or len(rows[0]) < 3:
        raise WorldError(f"layout must be at least 3 rows of equal length >= 3, got {rows!r}.")
    text = "".join(rows)
    count = sum(symbol.isdigit() for symbol in text)
    digits = {str(n + 1) for n in range(count)}
    letters = {chr(ord("a") + n) for n in range(count)}
    for symbol in sorted(set(text)):
        if symbol not in {"#", ".", "S", "T"} | digits | letters:
            raise WorldError(
                f"layout: {symbol!r} is not allowed in a map with {count} nodes; use '#', '.', "
                f"'S', 'T', nodes numbered from '1' and doors {sorted(letters)}."
            )
        if symbol not in "#." and text.count(symbol) != 1:
            raise WorldError(
                f"layout: {symbol!r} must occur once, it occurs {text.count(symbol)}x."
            )
    for symbol in "ST1":
        if symbol not in text:
            raise WorldError(f"layout: {symbol!r} is missing: a map needs S, T and a node.")
    edge = rows[0] + rows[-1] + "".join(row[0] + row[-1] for row in rows)
    if any(symbol != "#" and not symbol.isdigit() for symbol in edge):
        raise WorldError("layout: the map must be closed by '#' or nodes on all sides.")


def _views(rows: tuple[str, ...], free: list[tuple[int, int]], *, goal: str) -> NDArray[np.float32]:
    """What blocks and where goods go, seen from every cell, `[cells, PLANES * 7 * 7]`."""
    height, width = len(rows), len(rows[0])
    planes = np.zeros((PLANES, height + 2 * RADIUS, width + 2 * RADIUS), np.float32)
    planes[0] = 1.0
    for r, row in enumerate(rows):
        for c, symbol in enumerate(row):
            at = (r + RADIUS, c + RADIUS)
            planes[0][at] = float(symbol == "#" or symbol.isdigit())
            if symbol in "ST":
                planes[1][at] = 1.0 if symbol == goal else -1.0
    return np.array([planes[:, r : r + _SIDE, c : c + _SIDE].ravel() for r, c in free])


def _seen(
    place: tuple[int, int], things: dict[tuple[int, int], int], plane: int
) -> list[tuple[int, int]]:
    """Place in the flat view, and number, of every thing within sight."""
    found = []
    for (r, c), n in things.items():
        down, right = r - place[0] + RADIUS, c - place[1] + RADIUS
        if 0 <= down < _SIDE and 0 <= right < _SIDE:
            found.append((plane * _SIDE * _SIDE + down * _SIDE + right, n))
    return found


def _ragged(lists: Sequence[Sequence[Any]], width: int) -> NDArray[np.int64]:
    """Rows of different length as one array filled up with -1, `[rows, longest(, width)]`."""
    longest = max(1, *(len(row) for row in lists))
    out = np.full((len(lists), longest, width), -1, np.int64)
    for i, row in enumerate(lists):
        for k, value in enumerate(row):
            out[i, k] = value
    return out[..., 0] if width == 1 else out


def _ways(neighbours: NDArray[np.int64], door: NDArray[np.int64], goal: int) -> NDArray[np.float64]:
    """Fewest steps from every cell to `goal` with all doors closed, `[cells]`; inf without a way.

    A cell in a door, or behind one only, counts from where its nearest way out leads.
    """
    steps = np.full(len(neighbours), np.inf)
    steps[goal] = 0.0
    queue, doors = deque([goal]), deque[int]()
    while queue or doors:
        cell = queue.popleft() if queue else doors.popleft()
        for other in map(int, neighbours[cell]):
            if other >= 0 and np.isinf(steps[other]):
                steps[other] = steps[cell] + 1
                (queue if door[other] < 0 else doors).append(other)
    return steps
