import inspect

import slowturn.monitors as room
from slowturn.monitors import MONITORS, RULES, Monitor, Rule
from slowturn.monitors import scores as scores_module


def test_monitors_in_the_order_of_tables():
    assert list(MONITORS) == [
        "time_index",
        "ledger",
        "ledger_ratio",
        "action_ratio",
        "mahalanobis",
        "power_log_odds",
        "hallucination",
        "phase_probe",
    ]


def test_rules_in_the_order_of_tables():
    assert list(RULES) == ["maximum", "ewma", "cusum"]


def test_every_exported_class_is_registered():
    for kind, registry in ((Monitor, MONITORS), (Rule, RULES)):
        exported = {
            item
            for item in vars(room).values()
            if inspect.isclass(item) and issubclass(item, kind) and item is not kind
        }
        assert exported == set(registry.values())


def test_every_score_module_is_exported():
    names = set(scores_module.__all__) - {"Reference"}
    assert {cls.__name__ for cls in MONITORS.values()} == names


def test_names_and_docs():
    for name, cls in {**MONITORS, **RULES}.items():
        assert cls.name == name
    for cls in MONITORS.values():
        for section in ("**Reads**:", "**Assumes**:", "**Blind to**:", "**References**:"):
            assert section in cls.__doc__, f"{cls.__name__} lacks {section}"
