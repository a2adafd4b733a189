"""Gridkeeper's maps: what may be drawn, and the tables made of it, against a slow reading."""

from itertools import combinations

import numpy as np
import pytest

from slowturn.envs import Gridkeeper, WorldError
from slowturn.envs.worlds.gridkeeper_layout import LAYOUTS, MOVES, RADIUS, parse_layout, yard

CORNER = (  # nodes in walls and in the edge, one door, one node without a door
    "######",
    "#S2..#",
    "1....#",
    "##a#.#",
    "#T...#",
    "######",
)
VAULT = ("#######", "#S.#..#", "#..a..#", "#T.#1.#", "#######")  # cells behind a door only
REACH = 2  # of an agent to a node, in cells
MAPS = [*LAYOUTS.values(), yard(8), yard(9), CORNER]


def symbols(rows):
    return {(r, c): symbol for r, row in enumerate(rows) for c, symbol in enumerate(row)}


def find(rows, symbol):
    return next(place for place, found in symbols(rows).items() if found == symbol)


def steps(rows, start, end, held=()):
    """Length of the shortest walk with the doors of nodes `held` open, by flooding the text."""
    closed = "#123456789abcdefghi".translate(str.maketrans("", "", "".join(held)))
    blocked = {place for place, symbol in symbols(rows).items() if symbol in closed}
    reached, count = {find(rows, start)}, 0
    while find(rows, end) not in reached:
        grown = {(r + dr, c + dc) for r, c in reached for dr, dc in MOVES} - blocked
        if grown == reached:
            return -1
        reached, count = grown, count + 1
    return count


def replaced(at, symbol, rows=LAYOUTS["closet"]):
    """The map with another symbol in one place."""
    r, c = at
    return [*rows[:r], rows[r][:c] + symbol + rows[r][c + 1 :], *rows[r + 1 :]]


@pytest.mark.parametrize(("name", "leg"), [("depot", 14), ("closet", 8)])
def test_the_way_from_store_to_dock_is_as_long_as_documented(name, leg):
    assert parse_layout(name).leg == leg
    assert steps(LAYOUTS[name], "S", "T") == leg


@pytest.mark.parametrize(
    ("name", "held", "leg"),
    [
        ("depot", "b", 12),
        ("depot", "c", 10),
        ("depot", "bc", 10),
        ("depot", "a", 6),
        ("depot", "abc", 6),
        ("closet", "a", 4),
    ],
)
def test_open_doors_shorten_the_way_as_documented(name, held, leg):
    assert steps(LAYOUTS[name], "S", "T", held) == leg


@pytest.mark.parametrize("rows", MAPS)
def test_the_leg_is_the_shortest_walk_past_closed_doors(rows):
    assert parse_layout(rows).leg == steps(rows, "S", "T")


def test_a_name_stands_for_its_rows():
    for name, rows in LAYOUTS.items():
        named, drawn = parse_layout(name), parse_layout(list(rows))
        assert named.rows == drawn.rows == rows
        for one, other in zip(named, drawn, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("rows", MAPS)
def test_tables_follow_the_text(rows):
    layout, text = parse_layout(rows), symbols(rows)
    free = [place for place, symbol in text.items() if symbol in ".STabcdefghi"]
    assert layout.places.tolist() == [list(place) for place in free]
    assert tuple(layout.places[layout.source]) == find(rows, "S")
    assert tuple(layout.places[layout.dock]) == find(rows, "T")
    nodes = {place: int(symbol) - 1 for place, symbol in text.items() if symbol.isdigit()}
    assert layout.nodes == len(nodes)
    for cell, (r, c) in enumerate(free):
        for move, (dr, dc) in enumerate(MOVES):
            there = (r + dr, c + dc)
            expected = free.index(there) if there in free else -1
            assert layout.neighbours[cell, move] == expected
        symbol = text[r, c]
        assert layout.door[cell] == ("abcdefghi".index(symbol) if symbol.islower() else -1)
        near = sorted(n for (a, b), n in nodes.items() if max(abs(a - r), abs(b - c)) <= REACH)
        assert [n for n in layout.reach[cell] if n >= 0] == near


@pytest.mark.parametrize("rows", [*MAPS, VAULT])
def test_ways_lead_past_closed_doors_and_out_of_them(rows):
    """By going over the map until nothing changes; first without doors, then out of them."""
    layout, text = parse_layout(rows), symbols(rows)
    for carrying, goal in enumerate("ST"):
        way = {find(rows, goal): 0.0}
        for inside in (".ST", ".STabcdefghi"):
            changed = True
            while changed:
                changed = False
                known = dict(way)
                for (r, c), symbol in text.items():
                    near = [known[p] for dr, dc in MOVES if (p := (r + dr, c + dc)) in known]
                    if symbol in inside and (r, c) not in known and near:
                        way[r, c] = min(near) + 1
                        changed = True
        found = [way[tuple(place)] for place in layout.places.tolist()]
        assert layout.way[carrying].tolist() == found


@pytest.mark.parametrize("rows", MAPS)
def test_moves_can_be_taken_back(rows):
    neighbours = parse_layout(rows).neighbours
    back = [0, 3, 4, 1, 2]
    for cell, reached in enumerate(neighbours):
        assert reached[0] == cell
        for move, there in enumerate(reached):
            assert there < 0 or neighbours[there, back[move]] == cell


@pytest.mark.parametrize("size", [8, 9, 20])
def test_yards_have_two_doors_each_of_which_shortens_the_way(size):
    rows = yard(size)
    assert (len(rows), {len(row) for row in rows}) == (size, {size})
    layout = parse_layout(rows)
    assert layout.nodes == 2
    assert steps(rows, "S", "T") == layout.leg == 3 * (size - 3)
    assert steps(rows, "S", "T", "a") == size - 3 + 2
    assert steps(rows, "S", "T", "b") == size - 3 + 2 * (size - 4)
    reach = set(layout.reach.ravel().tolist()) - {-1}
    assert reach == {0, 1}


@pytest.mark.parametrize("size", [7, 8.0, "8"])
def test_yards_that_cannot_be(size):
    with pytest.raises(WorldError) as error:
        yard(size)
    assert str(error.value) == f"yard needs an integer size >= 8, got {size!r}."


def test_the_view_reaches_beyond_the_map():
    layout = parse_layout("closet")
    side = 2 * RADIUS + 1
    corner = layout.view[0, layout.source].reshape(3, side, side)
    assert corner[0, :RADIUS].tolist() == np.ones((RADIUS, side)).tolist()
    assert corner[1:, : RADIUS - 1].tolist() == np.zeros((2, RADIUS - 1, side)).tolist()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("dept", "unknown layout 'dept': choose from 'closet', 'depot'. Did you mean 'depot'?"),
        (5, "layout must be a name or rows of text, got 5."),
        (None, "layout must be a name or rows of text, got None."),
        ([["#", "#", "#"]] * 3, f"layout must be a name or rows of text, got {[['#'] * 3] * 3!r}."),
        ([], "layout must be at least 3 rows of equal length >= 3, got ()."),
        (["##"] * 4, f"layout must be at least 3 rows of equal length >= 3, got {('##',) * 4!r}."),
        (
            ["####", "#S.#", "###"],
            "layout must be at least 3 rows of equal length >= 3, got ('####', '#S.#', '###').",
        ),
        (
            replaced((3, 3), "x"),
            (
                "layout: 'x' is not allowed in a map with 1 nodes; use '#', '.', 'S', 'T', nodes "
                "numbered from '1' and doors ['a']."
            ),
        ),
        (
            replaced((3, 3), "3"),
            (
                "layout: '3' is not allowed in a map with 2 nodes; use '#', '.', 'S', 'T', nodes "
                "numbered from '1' and doors ['a', 'b']."
            ),
        ),
        (
            replaced((3, 3), "b"),
            (
                "layout: 'b' is not allowed in a map with 1 nodes; use '#', '.', 'S', 'T', nodes "
                "numbered from '1' and doors ['a']."
            ),
        ),
        (replaced((3, 3), "S"), "layout: 'S' must occur once, it occurs 2x."),
        (replaced((3, 3), "a"), "layout: 'a' must occur once, it occurs 2x."),
        (replaced((1, 1), "."), "layout: 'S' is missing: a map needs S, T and a node."),
        (replaced((1, 5), "."), "layout: 'T' is missing: a map needs S, T and a node."),
        (
            ["#####", "#S.T#", "#####"],
            "layout: '1' is missing: a map needs S, T and a node.",
        ),
        (
            replaced((0, 3), "."),
            "layout: the map must be closed by '#' or nodes on all sides.",
        ),
        (
            replaced((2, 6), "."),
            "layout: the map must be closed by '#' or nodes on all sides.",
        ),
        (
            ["#######", "#S1T#.#", "#...#.#", "#######"],
            "layout: there are cells from which no way leads to S and T.",
        ),
        (
            replaced((3, 3), "#"),
            "layout: there is no way from S to T past the closed doors.",
        ),
    ],
)
def test_maps_that_cannot_be(given, message):
    for build in (parse_layout, lambda layout: Gridkeeper(layout=layout)):
        with pytest.raises(WorldError) as error:
            build(given)
        assert str(error.value) == message


def test_a_map_has_nine_nodes_at_most():
    rows = ["############", "#S123456789#", "#T.........#", "############"]
    assert parse_layout(rows).nodes == 9
    with pytest.raises(WorldError, match=r"'0' is not allowed in a map with 10 nodes"):
        parse_layout([*rows[:3], "#0##########"])


def test_holding_a_node_opens_its_door_and_changes_no_other_way():
    world = Gridkeeper(layout="depot")
    places = [tuple(place) for place in world.layout.places.tolist()]
    doors = [places.index(find(LAYOUTS["depot"], letter)) for letter in "abc"]
    closed = world.successors(np.zeros(3, np.bool_))
    assert not np.isin(np.delete(closed, doors, axis=0), doors).any()
    for count in range(4):
        for held in combinations(range(3), count):
            ways = world.successors(np.isin(range(3), held))
            changed = ways != closed
            assert set(ways[changed].tolist()) == {doors[n] for n in held}
            cells, _ = np.nonzero(changed)
            np.testing.assert_array_equal(closed[changed], cells)  # they ran into the door
