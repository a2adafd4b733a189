import pandas as pd

from slowturn.experiments.speed_figure import draw_growth

ROWS = [
    {"along": "batch", "x": x, "name": name, "steps_per_second": 10.0 * x * k}
    for k, name in enumerate(("One-v0", "Gridkeeper-v0"), start=1)
    for x in (16, 1)
] + [{"along": "size", "x": x, "name": "Gridkeeper-v0", "steps_per_second": 300.0} for x in (8, 16)]
GROWTH = pd.DataFrame([r | {"low": r["steps_per_second"] / 2, "high": 9e9} for r in ROWS])
SPEED = {
    "batch": 4096,
    "minigrid_empty_8x8_steps_per_second": 77.0,
    "envpool_minigrid_steps_per_second": 88.0,
}


def curves(axes):
    return [line for line in axes.get_lines() if line.get_marker() != "None"]


def levels(axes):
    return [line.get_ydata()[0] for line in axes.get_lines() if line.get_marker() == "None"]


def test_a_line_per_world_along_the_batch_and_one_along_the_map():
    batches, sizes = draw_growth(GROWTH, SPEED).axes
    assert [line.get_xdata().tolist() for line in curves(batches)] == [[1, 16], [1, 16]]
    assert [line.get_ydata().tolist() for line in curves(batches)] == [[10, 160], [20, 320]]
    (line,) = curves(sizes)
    assert line.get_xdata().tolist() == [8, 16]
    assert line.get_color() == curves(batches)[1].get_color()  # the same world
    assert batches.get_xscale() == batches.get_yscale() == sizes.get_xscale() == "log"
    assert [tick.get_text() for tick in batches.get_xticklabels()] == ["1", "16"]
    assert sizes.get_title(loc="left") == "Gridkeeper, batch 4,096"


def test_the_legend_names_every_world_once():
    (legend,) = draw_growth(GROWTH, SPEED).legends
    assert [text.get_text() for text in legend.get_texts()] == ["One-v0", "Gridkeeper-v0"]


def test_yardsticks_are_drawn_in_both_panels_and_named_in_one():
    batches, sizes = draw_growth(GROWTH, SPEED).axes
    assert levels(batches) == levels(sizes) == [77.0, 88.0]
    names = [text.get_text() for text in batches.texts]
    assert names == ["MiniGrid, one environment", "EnvPool's MiniGrid"]
    assert not sizes.texts


def test_what_was_not_measured_is_not_drawn():
    batches, _ = draw_growth(GROWTH, SPEED | {"envpool_minigrid_steps_per_second": None}).axes
    assert levels(batches) == [77.0]
    assert len(batches.texts) == 1
