from slowturn.monitors.errors import MonitorError, unknown_name


def test_suggests_a_close_name():
    error = unknown_name("layer", "lstm.hh", ["lstm.h", "features"])
    assert isinstance(error, MonitorError)
    assert str(error) == (
        "unknown layer 'lstm.hh': choose from 'features', 'lstm.h'. Did you mean 'lstm.h'?"
    )


def test_suggests_nothing_far_fetched():
    assert str(unknown_name("layer", "x", ["features"])) == (
        "unknown layer 'x': choose from 'features'."
    )


def test_nothing_to_choose_from():
    assert str(unknown_name("layer", "x", [])) == "unknown layer 'x': there are none."
