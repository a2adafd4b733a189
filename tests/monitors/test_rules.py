import json

import numpy as np
import pytest

from slowturn.monitors import RULES, Cusum, Ewma, Maximum, MonitorError, Rule

MAKERS = {
    "maximum": [Maximum],
    "ewma": [Ewma, lambda: Ewma(weight=1.0), lambda: Ewma(weight=0.01)],
    "cusum": [Cusum, lambda: Cusum(allowance=0.0, standardise=False)],
}
ALL = [make for makers in MAKERS.values() for make in makers]


@pytest.fixture
def scores():
    return np.random.default_rng(0).normal(3.0, 2.0, (6, 40))


def test_every_exported_rule_is_made_here():
    assert list(MAKERS) == list(RULES)


@pytest.mark.parametrize("make", ALL)
class TestContract:
    def test_is_the_exported_one(self, make):
        assert isinstance(make(), Rule)
        assert type(make()) is RULES[make().name]

    def test_step_agrees_with_run_after_reset_too(self, make, scores):
        rule = make()
        rule.fit(scores[:3])
        statistics = rule.run(scores)
        assert statistics.shape == scores.shape
        for episode in (4, 5):
            rule.reset()
            stepped = [rule.step(score) for score in scores[episode]]
            assert all(isinstance(value, float) for value in stepped)
            np.testing.assert_allclose(stepped, statistics[episode], rtol=1e-10)

    def test_steps_right_after_fit(self, make, scores):
        rule = make()
        rule.fit(scores)
        np.testing.assert_allclose(rule.step(scores[0, 0]), rule.run(scores)[0, 0])

    def test_causal(self, make, scores):
        rule = make()
        rule.fit(scores)
        whole = rule.run(scores)
        edited = scores.copy()
        edited[:, 20:] += 100.0
        assert np.array_equal(rule.run(edited)[:, :20], whole[:, :20])
        assert np.array_equal(rule.run(scores[:, :20]), whole[:, :20])

    def test_running_teaches_nothing(self, make, scores):
        rule = make()
        rule.fit(scores)
        before = rule.card()
        rule.run(scores + 50.0)
        rule.step(99.0)
        assert rule.card() == before

    def test_keeps_its_hands_off_the_scores(self, make, scores):
        rule, before = make(), scores.copy()
        rule.fit(scores)
        rule.run(scores)[:] = 0.0
        assert np.array_equal(scores, before)

    def test_card_survives_json(self, make, scores):
        rule = make()
        rule.fit(scores)
        again = type(rule).from_card(json.loads(json.dumps(rule.card())))
        assert again == rule
        assert np.array_equal(again.run(scores), rule.run(scores))
        rule.reset()
        assert again.step(1.0) == rule.step(1.0)

    def test_wrong_scores(self, make):
        rule = make()
        kind = type(rule).__name__
        for call in (rule.fit, rule.run):
            with pytest.raises(MonitorError) as error:
                call(np.zeros(3))
            assert str(error.value) == f"{kind}: scores must be [episode, step], got shape (3,)."
            with pytest.raises(MonitorError) as error:
                call(np.array([[1.0, np.nan]]))
            assert str(error.value) == f"{kind}: scores must be finite."


def test_maximum_is_the_score(scores):
    assert np.array_equal(Maximum().run(scores), scores)


def test_ewma_by_hand():
    rule = Ewma(weight=0.5)
    rule.fit(np.array([[1.0, 3.0]]))
    assert rule.start == 2.0
    assert rule.run(np.array([[4.0, 0.0, 1.0]])).tolist() == [[3.0, 1.5, 1.25]]


def test_ewma_unfitted_starts_at_zero():
    assert Ewma(weight=0.5).run(np.array([[4.0]])).tolist() == [[2.0]]


def test_cusum_by_hand():
    rule = Cusum(allowance=0.5)
    rule.fit(np.array([[1.0, 5.0]]))  # mean 3, deviation 2
    assert rule.run(np.array([[5.0, 7.0, 3.0, -9.0, 5.0]])).tolist() == [[0.5, 2.0, 1.5, 0.0, 0.5]]


def test_cusum_of_log_likelihood_ratios_by_hand():
    rule = Cusum(allowance=0.0, standardise=False)
    rule.fit(np.array([[100.0, 200.0]]))
    assert rule.run(np.array([[1.0, -3.0, 2.0, 2.0]])).tolist() == [[1.0, 0.0, 2.0, 4.0]]


def test_cusum_of_constant_scores_does_not_blow_up_rounding():
    rule = Cusum(allowance=0.0)
    rule.fit(np.full((7, 13), 0.1))  # its computed deviation is 1e-17
    assert rule.scale == 1.0
    assert rule.run(np.full((1, 100), 0.1)).max() < 1e-12


def test_cusum_sees_a_slow_drift_before_the_maximum_does():
    rng = np.random.default_rng(0)
    null, drifting = rng.normal(size=(200, 200)), rng.normal(size=(50, 200))
    drifting += np.linspace(0.0, 1.5, 200)
    share = []
    for rule in (Cusum(), Maximum()):
        rule.fit(null[:100])
        bar = np.sort(rule.run(null[100:]).max(axis=1))[94]
        share.append((rule.run(drifting).max(axis=1) > bar).mean())
    assert share[0] > 0.9
    assert share[1] < 0.6


@pytest.mark.parametrize("weight", [0.0, 1.1, -1.0, float("nan")])
def test_wrong_weight(weight):
    with pytest.raises(MonitorError) as error:
        Ewma(weight=weight)
    assert str(error.value) == f"Ewma.weight must be in (0, 1], got {weight}."


@pytest.mark.parametrize("allowance", [-0.1, float("nan"), float("inf")])
def test_wrong_allowance(allowance):
    with pytest.raises(MonitorError) as error:
        Cusum(allowance=allowance)
    assert str(error.value) == f"Cusum.allowance must be >= 0, got {allowance}."


def test_unknown_field_of_a_card():
    with pytest.raises(MonitorError) as error:
        Ewma.from_card({"wait": 0.1})
    assert str(error.value) == (
        "unknown field of Ewma 'wait': choose from 'start', 'weight'. Did you mean 'weight'?"
    )
