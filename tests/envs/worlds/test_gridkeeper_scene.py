"""Pictures of Gridkeeper's map, pixel by pixel where it matters."""

import numpy as np
import pytest

from slowturn.envs.worlds.gridkeeper_layout import LAYOUTS, parse_layout, yard
from slowturn.envs.worlds.gridkeeper_scene import draw_map, write_map

FREE, TAKEN, DOOR = [200, 200, 206], [176, 48, 96], [150, 111, 51]
AGENT, CRATE, SEEN, FLOOR = [1, 115, 178], [222, 143, 5], [255, 248, 220], [246, 246, 248]
SIDE = 400 // 9  # of a cell of the depot, which is 9 wide and 8 high
LEFT, TOP = (400 - 9 * SIDE) // 2, (400 - 8 * SIDE) // 2
NODES, DOORS = ((1, 4), (4, 1), (4, 7)), ((2, 4), (5, 4), (4, 4))


def depot(place=(6, 1), levels=(0.0, 0.0, 0.0), *, carrying=False):
    layout = parse_layout("depot")
    cell = layout.places.tolist().index(list(place))
    return draw_map(layout, cell, np.array(levels), carrying=carrying)


def pixel(picture, place, down=0.5, right=0.5):
    """Colour inside a cell, at shares of its height and width."""
    row, column = place
    return picture[int(TOP + (row + down) * SIDE), int(LEFT + (column + right) * SIDE)].tolist()


@pytest.mark.parametrize("rows", [*LAYOUTS.values(), yard(8), yard(40)])
def test_pictures_have_one_size(rows):
    layout = parse_layout(rows)
    picture = draw_map(layout, layout.source, np.zeros(layout.nodes), carrying=False)
    assert (picture.shape, picture.dtype) == ((400, 400, 3), np.uint8)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 5
    assert picture.flags.writeable


@pytest.mark.parametrize("node", range(3))
def test_a_node_fills_up_with_control(node):
    for level, filled in ((0.0, []), (0.5, [0.9]), (1.0, [0.1, 0.9])):
        picture = depot(levels=np.where(np.arange(3) == node, level, 0.0))
        for down in (0.1, 0.9):
            expected = TAKEN if down in filled else FREE
            assert pixel(picture, NODES[node], down, 0.1) == expected
        for other in set(range(3)) - {node}:
            assert pixel(picture, NODES[other], 0.9, 0.1) == FREE


@pytest.mark.parametrize("node", range(3))
def test_a_door_vanishes_when_it_opens(node):
    closed = depot(levels=np.where(np.arange(3) == node, 0.99, 0.0))
    opened = depot(levels=np.where(np.arange(3) == node, 1.0, 0.0))
    assert pixel(closed, DOORS[node]) == DOOR
    assert pixel(opened, DOORS[node]) in (SEEN, FLOOR)
    assert all(pixel(opened, DOORS[k]) == DOOR for k in set(range(3)) - {node})


def test_the_agent_and_what_it_carries_are_where_it_stands():
    for place in ((6, 1), (2, 1), (3, 6)):
        assert pixel(depot(place), place) == AGENT
        assert pixel(depot(place, carrying=True), place) == CRATE
        assert pixel(depot((6, 4)), place) not in (AGENT, CRATE)


def test_what_the_agent_sees_is_lighter():
    picture = depot((6, 1))
    assert pixel(picture, (3, 2)) == SEEN
    assert pixel(picture, (6, 4)) == SEEN
    assert pixel(picture, (6, 5)) == FLOOR
    assert pixel(picture, (1, 1)) == FLOOR


def test_the_map_in_characters():
    layout = parse_layout("depot")
    cell = layout.places.tolist().index([6, 3])
    assert write_map(layout, cell, np.zeros(3)).split("\n") == [
        "#########",
        "#...1...#",
        "#S..a..T#",
        "#...#...#",
        "#2..c..3#",
        "#...b...#",
        "#..@....#",
        "#########",
    ]


def test_the_map_in_characters_shows_held_nodes_and_open_doors():
    layout = parse_layout("depot")
    text = write_map(layout, layout.source, np.array([0.99, 1.0, 0.0])).split("\n")
    assert text[1:6] == ["#...1...#", "#@..a..T#", "#...#...#", "#*..c..3#", "#.......#"]
