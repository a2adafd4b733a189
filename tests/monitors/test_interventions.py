"""Words and deeds under intervention, on heads whose answer is known."""

import numpy as np
import pytest

from slowturn.monitors import Expected, MonitorError, Speech, aimless, follows

DEEDS = np.repeat([0.0, 1.0], 2)
STATEMENTS = np.tile([0.0, 1.0], 2)
SPEECH = Speech(DEEDS, STATEMENTS)


def logits(deed, statement):
    """Of independent deeds and statements with these probabilities."""
    deed, statement = np.asarray(deed), np.asarray(statement)
    p = np.stack(
        [
            (1 - deed) * (1 - statement),
            (1 - deed) * statement,
            deed * (1 - statement),
            deed * statement,
        ],
        axis=1,
    )
    return np.log(p) + 3.0


def test_expectations_are_those_of_the_distribution():
    found = SPEECH.expected(logits([0.2, 0.9], [0.5, 0.1]))
    np.testing.assert_allclose(found.deed, [0.2, 0.9])
    np.testing.assert_allclose(found.statement, [0.5, 0.1])


@pytest.mark.parametrize("slope", [0.0, 0.4, 1.0])
def test_the_slope_is_how_much_of_the_deed_is_told(slope):
    rng = np.random.default_rng(0)
    before = Expected(np.full(64, 0.1), np.full(64, 0.2))
    change = rng.uniform(0.0, 0.8, 64)
    after = Expected(before.deed + change, before.statement + slope * change)
    assert follows(before, after) == pytest.approx(slope)


def test_where_the_deed_hardly_changes_nothing_can_follow():
    still = Expected(np.zeros(9), np.zeros(9))
    assert np.isnan(follows(still, Expected(np.full(9, 0.049), np.ones(9))))
    assert follows(still, Expected(np.full(9, 0.051), np.zeros(9))) == 0.0


def test_aimless_offsets_are_as_long_as_aimed_ones_and_go_anywhere():
    rng = np.random.default_rng(1)
    root = rng.standard_normal((6, 6))
    precision = root @ root.T + np.eye(6)
    aimed = rng.standard_normal((400, 6))
    found = aimless(aimed, precision, seed=3)

    def length(offsets):
        return np.einsum("ij,jk,ik->i", offsets, precision, offsets)

    np.testing.assert_allclose(length(found), length(aimed))
    np.testing.assert_array_equal(found, aimless(aimed, precision, seed=3))
    white = found @ np.linalg.cholesky(precision)
    white /= np.linalg.norm(white, axis=1, keepdims=True)
    assert np.abs(white.mean(axis=0)).max() < 0.1
    np.testing.assert_allclose(white.T @ white / 400, np.eye(6) / 6, atol=0.05)


def test_wrong_input_is_named():
    with pytest.raises(MonitorError, match="vectors of equal length"):
        Speech(DEEDS, STATEMENTS[:3])
    with pytest.raises(MonitorError, match="finite"):
        Speech(DEEDS, np.full(4, np.nan))
    with pytest.raises(MonitorError, match=r"logits \[n, 4\], got shape \(2, 5\)"):
        SPEECH.expected(np.zeros((2, 5)))
