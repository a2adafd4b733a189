import json
import pickle

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from slowturn.monitors import (
    ActionRatio,
    Alarm,
    Channel,
    Cusum,
    HallucinationProbe,
    LedgerEffort,
    LedgerRatio,
    Mahalanobis,
    Monitor,
    MonitorError,
    PowerLogOdds,
    Tier,
    Watch,
    load_monitor,
    load_watch,
    null_traces,
    save_monitor,
    save_watch,
)


class Own(Monitor):
    """Somebody's own monitor."""

    name, reads, tier = "own", frozenset({Channel.LEDGER}), Tier.LEDGER
    state_names = ("shift",)

    def __init__(self, *, gain=1.0):
        self.gain = gain

    @property
    def params(self):
        return {"gain": self.gain}

    def _fit(self, traces, labels):  # noqa: ARG002 - the contract's signature
        self.shift = np.asarray(traces.ledger.mean())

    def score(self, traces):
        return self.gain * (traces.ledger - self.shift)


@pytest.fixture
def traces():
    return null_traces()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "monitor.safetensors"


@pytest.fixture
def saved(traces, path):
    monitor = LedgerRatio(profile=[0.1, 0.2], window=7)
    monitor.fit(traces)
    save_monitor(monitor, path)
    return monitor


def metadata(path):
    with safe_open(path, framework="numpy") as file:
        return file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def test_comes_back_as_it_was(saved, traces, path):
    again = load_monitor(path)
    assert type(again) is LedgerRatio
    assert again.params == saved.params
    assert np.array_equal(again.score(traces), saved.score(traces))
    assert load_monitor(str(path)).window == 7


def test_is_one_file_of_arrays_and_json(saved, path):
    assert [child.name for child in path.parent.iterdir()] == ["monitor.safetensors"]
    header, arrays = metadata(path)
    assert sorted(arrays) == ["mean", "scale"]
    card = json.loads(header["slowturn"])
    assert len(card.pop("sha256")) == 64
    assert card == {
        "format": 1,
        "monitor": {
            "name": "ledger_ratio",
            "class": "LedgerRatio",
            "params": {"profile": [0.1, 0.2], "window": 7},
        },
    }


def test_equal_monitors_make_equal_files(saved, traces, path, tmp_path):
    other = LedgerRatio(profile=[0.1, 0.2], window=7)
    other.fit(traces)
    save_monitor(other, tmp_path / "other")
    assert (tmp_path / "other").read_bytes() == path.read_bytes()


def test_monitor_without_state(path, traces):
    save_monitor(PowerLogOdds(power_actions=[False, True, True, False]), path)
    expected = PowerLogOdds(power_actions=[False, True, True, False]).score(traces)
    assert np.array_equal(load_monitor(path).score(traces), expected)


def test_transposed_arrays_survive(path, traces):
    monitor = Mahalanobis()
    monitor.fit(traces)
    monitor.precision = np.triu(monitor.precision).T
    save_monitor(monitor, path)
    assert np.array_equal(load_monitor(path).precision, monitor.precision)


def test_unfitted(path):
    with pytest.raises(MonitorError, match=r"^LedgerEffort is not fitted"):
        save_monitor(LedgerEffort(), path)
    assert not path.exists()


def test_head_is_only_needed_to_fit(path, traces):
    probe = HallucinationProbe(
        power_actions=[False, True], head=lambda h: h[:, :2], starts=4, iterations=2
    )
    probe.fit(traces)
    save_monitor(probe, path)
    again = load_monitor(path)
    assert np.array_equal(again.score(traces), probe.score(traces))
    with pytest.raises(MonitorError) as error:
        again.fit(traces)
    assert str(error.value) == "HallucinationProbe needs the policy head to fit: pass head=."
    load_monitor(path, head=probe.head).fit(traces)


def test_reference_is_passed_again(path, traces):
    class Same:
        def logits(self, observations):
            return np.zeros((*observations.shape[:2], 4), np.float32)

    save_monitor(ActionRatio(reference=Same()), path)
    expected = ActionRatio(reference=Same()).score(traces)
    assert np.array_equal(load_monitor(path, reference=Same()).score(traces), expected)
    with pytest.raises(MonitorError) as error:
        load_monitor(path)
    assert str(error.value) == (
        f"{path}: a ActionRatio does not store its reference: pass reference= again."
    )


def test_unknown_resource(saved, path):
    with pytest.raises(MonitorError) as error:
        load_monitor(path, head=None)
    assert str(error.value) == "unknown resource of LedgerRatio 'head': there are none."


def test_own_class_has_to_be_passed(path, traces):
    monitor = Own(gain=3.0)
    monitor.fit(traces)
    save_monitor(monitor, path)
    assert np.array_equal(load_monitor(path, cls=Own).score(traces), monitor.score(traces))
    with pytest.raises(MonitorError) as error:
        load_monitor(path)
    assert str(error.value) == (
        f"{path}: monitor 'own' of class Own is not on the allow-list (time_index, ledger, "
        "ledger_ratio, action_ratio, mahalanobis, power_log_odds, hallucination, phase_probe); "
        "pass cls= if it is one of your own."
    )


def test_another_class_is_not_taken_for_it(saved, path):
    with pytest.raises(MonitorError, match=r"of class LedgerRatio is not on the allow-list"):
        load_monitor(path, cls=LedgerEffort)


def test_own_subclass_under_its_parents_name(path, traces):
    class Mine(LedgerEffort):
        pass

    monitor = Mine()
    monitor.fit(traces)
    save_monitor(monitor, path)
    with pytest.raises(MonitorError, match=r"monitor 'ledger' of class .*Mine is not on the allow"):
        load_monitor(path)
    assert type(load_monitor(path, cls=Mine)) is Mine


def test_other_constructor(path, traces):
    class Own2(Own):
        def __init__(self, *, loss=1.0):
            self.loss = loss

    Own2.__qualname__ = "Own"
    monitor = Own()
    monitor.fit(traces)
    save_monitor(monitor, path)
    with pytest.raises(MonitorError, match=r"does not fit this version of Own2 \(.*'gain'"):
        load_monitor(path, cls=Own2)


@pytest.mark.parametrize("keep", [0, 7, 60, -1])
def test_truncated(saved, path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(MonitorError) as error:
        load_monitor(path)
    assert str(error.value).startswith(f"{path} is truncated or no slowturn monitor (")


def test_every_changed_byte_is_noticed(saved, path):
    whole = path.read_bytes()
    for position in range(8, len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(MonitorError):
            load_monitor(path)


def test_altered(saved, path):
    header, arrays = metadata(path)
    save_file(arrays, path, metadata={"slowturn": header["slowturn"].replace(": 7", ": 8")})
    with pytest.raises(MonitorError) as error:
        load_monitor(path)
    assert str(error.value) == f"{path} was altered: its sha256 does not match."
    save_file({**arrays, "scale": np.asarray(1.0)}, path, metadata=header)
    with pytest.raises(MonitorError, match=r"was altered"):
        load_monitor(path)


def test_other_format(saved, path, monkeypatch):
    monkeypatch.setattr("slowturn.monitors.storage._FORMAT", 2)
    with pytest.raises(MonitorError) as error:
        load_monitor(path)
    assert str(error.value) == f"{path}: format 1, this version reads 2."


def test_missing(tmp_path):
    with pytest.raises(MonitorError) as error:
        load_monitor(tmp_path / "nothing")
    assert str(error.value) == f"{tmp_path / 'nothing'} does not exist."


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


def test_never_unpickles(path):
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(MonitorError, match=r"is truncated or no slowturn monitor"):
        load_monitor(path)


def test_params_that_are_no_json(path, traces):
    monitor = Own(gain=np.ones(2))
    monitor.fit(traces)
    with pytest.raises(MonitorError, match=r"^Own cannot be saved: its params are no JSON \("):
        save_monitor(monitor, path)
    monitor.gain = float("nan")
    with pytest.raises(MonitorError, match=r"^Own cannot be saved: its params are no JSON \("):
        save_monitor(monitor, path)
    assert not path.exists()


def test_state_that_is_no_number(path, traces):
    monitor = Own()
    monitor.shift = {"a": 1}
    with pytest.raises(MonitorError) as error:
        save_monitor(monitor, path)
    assert str(error.value) == "Own cannot be saved: shift is of dtype object, not numbers."


def test_an_older_file_stays_when_saving_fails(saved, path):
    before = path.read_bytes()
    with pytest.raises(MonitorError):
        save_monitor(LedgerEffort(), path)
    assert path.read_bytes() == before


class OwnRule(Cusum):
    """Somebody's own rule."""

    name = "own"


@pytest.mark.parametrize("rule", [Cusum(allowance=0.5), OwnRule()])
def test_watch_comes_back_whole(path, traces, rule):
    monitor = Mahalanobis()
    monitor.fit(traces)
    rule.fit(monitor.score(traces))
    alarm = Alarm(threshold=1 / 3, alpha=0.1, episodes=40)
    watch = Watch(monitor=monitor, rule=rule, alarm=alarm)
    watch.step(traces.record(0, 0))
    save_watch(watch, path)
    own = {"rule_cls": OwnRule} if type(rule) is OwnRule else {}
    again = load_watch(path, **own)
    assert again.rule == rule
    assert again.alarm == alarm
    assert np.array_equal(again.times(traces), watch.times(traces))
    watch.reset()
    for t in range(9):
        assert again.step(traces.record(0, t)) == watch.step(traces.record(0, t))
    assert np.array_equal(load_monitor(path).score(traces), monitor.score(traces))


def test_own_rule_has_to_be_passed(path, traces):
    monitor = Mahalanobis()
    monitor.fit(traces)
    alarm = Alarm(threshold=0.0, alpha=0.1, episodes=40)
    save_watch(Watch(monitor=monitor, rule=OwnRule(), alarm=alarm), path)
    with pytest.raises(MonitorError) as error:
        load_watch(path)
    assert str(error.value) == (
        f"{path}: rule 'own' of class OwnRule is not on the allow-list (maximum, ewma, cusum); "
        "pass rule_cls= if it is one of your own."
    )


def test_monitor_alone_is_no_watch(saved, path):
    with pytest.raises(MonitorError) as error:
        load_watch(path)
    assert str(error.value) == (f"{path} holds a monitor without rule and alarm: use load_monitor.")
