import seaborn as sns

from slowturn.agents import EVADERS, GRADUAL, REPORTING
from slowturn.agents import ORGANISMS as KINDS
from slowturn.agents import REGIMES as OVERSEERS
from slowturn.agents.recipes.creeping import CREEPING
from slowturn.experiments import palette
from slowturn.experiments.early_warning.settings import LINE_UP


def test_everything_that_is_drawn_has_a_look():
    assert {
        *palette.ORGANISMS,
        *palette.GRADUAL,
        *palette.REPORTING,
        *palette.EVADERS,
    } == set(KINDS)
    assert tuple(palette.GRADUAL) == GRADUAL
    assert tuple(palette.REPORTING) == REPORTING
    assert tuple(palette.EVADERS) == EVADERS
    assert set(palette.CREEPING) == {one.name for one in CREEPING}
    assert len({look.colour for look in palette.GRADUAL.values()}) == len(GRADUAL)
    assert set(palette.REGIMES) == set(OVERSEERS)
    assert set(palette.MONITORS) == {monitor for monitor, _ in LINE_UP}
    assert set(palette.RULES) == {rule for _, rules in LINE_UP for rule in rules}


def test_colours_are_distinct_and_safe_for_the_colour_blind():
    safe = set(sns.color_palette("colorblind").as_hex())
    for looks in (palette.ORGANISMS, palette.MONITORS):
        seen = [(look.colour, look.marker, look.dash) for look in looks.values()]
        assert len(set(seen)) == len(seen)
        assert {colour for colour, *_ in seen} <= safe


def test_unknown_names_get_a_plain_look_and_come_last():
    assert palette.look_of("my_probe", palette.MONITORS).label == "my probe"
    assert palette.label_of("my_rule", palette.RULES) == "my rule"
    names = ["zebra", "honest", "apple", "treacherous", "honest"]
    found = palette.ordered(names, palette.ORGANISMS)
    assert found == ["treacherous", "honest", "apple", "zebra"]
