import numpy as np

from slowturn.envs.historic import HISTORIC
from slowturn.envs.historic.tiles import TILE, draw


def test_one_square_a_letter_and_one_line_a_caption():
    assert draw(["#A#"], []).shape == (TILE + 4, 3 * TILE, 3)
    assert draw(["#A#", "###"], ["one", "two"]).shape == (2 * TILE + 44, 3 * TILE, 3)


def test_every_tile_of_every_world_looks_different():
    for world in HISTORIC.values():
        image = draw([world.tiles], [])
        squares = [image[:TILE, i : i + TILE] for i in range(0, image.shape[1], TILE)]
        assert len({square.tobytes() for square in squares}) == len(world.tiles)


def test_drawing_twice_gives_two_arrays():
    first = draw(["A"], ["x"])
    first[:] = 0
    assert np.any(draw(["A"], ["x"]))
