import pytest

from slowturn.experiments.early_warning.report.wording import reader_missed


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"lead_median": 3.0}, False),
        ({"detected": 0.4}, False),  # the monitor missed most deployments
        ({"lead_n": 89}, False),  # withheld: too many rang before the cue changed
        ({"lead_n": 90}, True),
    ],
)
def test_a_null_lead_is_read_by_what_stands_beside_it(changes, expected):
    row = {"lead_median": None, "detected": 0.9, "lead_n": 98, "deployments": 100}
    assert reader_missed(row | changes) is expected
