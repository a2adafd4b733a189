"""`check_monitor` passes every exported monitor, and catches a breach of every clause."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy

from slowturn.monitors import (
    MONITORS,
    ActionRatio,
    Channel,
    HallucinationProbe,
    LedgerEffort,
    LedgerRatio,
    Mahalanobis,
    Monitor,
    MonitorError,
    PhaseProbe,
    PowerLogOdds,
    Recorder,
    Tier,
    TimeIndex,
    check_monitor,
    null_traces,
)
from slowturn.monitors.checks import CLAUSES

POWER = [False, False, True, True]


def head(latents):
    weight = torch.linspace(-1.0, 1.0, latents.shape[1] * 4).reshape(-1, 4)
    return latents @ weight


def gaussian_head(latents):
    mean = latents @ torch.linspace(-1.0, 1.0, latents.shape[1] * 2).reshape(-1, 2)
    return torch.cat([mean, torch.full_like(mean, -1.0)], dim=1)


def reference(space=None):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        policy = ActorCriticPolicy(
            spaces.Box(-9.0, 9.0, (3,)), space or spaces.Discrete(4), lambda _: 0.0, net_arch=[4]
        )
    return Recorder(policy)


FACTORIES = {
    "time_index": TimeIndex,
    "ledger": LedgerEffort,
    "ledger_ratio": lambda: LedgerRatio(profile=[0.0, 0.1, 0.2], window=20),
    "action_ratio": lambda: ActionRatio(reference=reference()),
    "mahalanobis": Mahalanobis,
    "power_log_odds": lambda: PowerLogOdds(power_actions=POWER),
    "hallucination": lambda: HallucinationProbe(
        power_actions=POWER, head=head, starts=16, iterations=10
    ),
    "phase_probe": PhaseProbe,
}

REGION = {"component": 1, "above": 0.5}
GAUSSIAN = {
    "action_ratio": lambda: ActionRatio(
        reference=reference(spaces.Box(-2.0, 2.0, (2,))), bounds=([-2.0, -2.0], [2.0, 2.0])
    ),
    "power_log_odds": lambda: PowerLogOdds(power_actions=REGION),
    "hallucination": lambda: HallucinationProbe(
        power_actions=REGION, head=gaussian_head, starts=16, iterations=10
    ),
}


@pytest.fixture(scope="module")
def traces():
    return null_traces(episodes=36, steps=24)


@pytest.fixture(scope="module")
def labels(traces):
    return np.random.default_rng(0).random(traces.shape) < 0.5


def test_every_exported_monitor_is_made_here():
    assert list(FACTORIES) == list(MONITORS)


@pytest.mark.parametrize("name", FACTORIES)
def test_exported_monitors_keep_the_contract(name, traces, labels):
    monitor = FACTORIES[name]()
    assert type(monitor) is MONITORS[name]
    check_monitor(monitor, traces, labels)


@pytest.mark.parametrize("name", FACTORIES)
def test_they_keep_it_where_actions_are_continuous(name, labels):
    traces = null_traces(episodes=36, steps=24, components=2)
    assert traces.actions.shape == (*labels.shape, 2)
    check_monitor((GAUSSIAN.get(name) or FACTORIES[name])(), traces, labels)


class Sound(Monitor):
    """A moving average of one unit, in deviations: stateful, and correct."""

    name = "sound"
    reads = frozenset({Channel.ACTIVATIONS})
    tier = Tier.INTERNALS
    state_names = ("mean", "scale")

    def __init__(self, *, weight=0.3):
        self.weight = weight
        self.last = 0.0

    @property
    def params(self):
        return {"weight": self.weight}

    def unit(self, traces):
        return traces.layer("lstm.h")[..., 0].astype(np.float64)

    def _fit(self, traces, labels):  # noqa: ARG002 - the contract's signature
        self.mean = np.asarray(self.unit(traces).mean())
        self.scale = np.asarray(self.unit(traces).std())

    def score(self, traces):
        z = (self.unit(traces) - self.mean) / self.scale
        out, last = np.empty_like(z), np.zeros(len(z))
        for t in range(z.shape[1]):
            out[:, t] = last = last + self.weight * (z[:, t] - last)
        return out

    def reset(self):
        self.last = 0.0

    def step(self, record):
        z = (self.unit(record)[0, 0] - self.mean) / self.scale
        self.last = float(self.last + self.weight * (z - self.last))
        return self.last


class Nameless(Sound):
    name = None


class ReadsStrings(Sound):
    reads = frozenset({"activations"})


class Tierless(Sound):
    tier = "internals"


class ArrayParams(Sound):
    @property
    def params(self):
        return {"weight": np.asarray(self.weight)}


class TupleParams(Sound):
    @property
    def params(self):
        return {"weight": (self.weight,)}


class ForeignParams(Sound):
    @property
    def params(self):
        return {"wait": self.weight}


class ForgetsParams(Sound):
    def __init__(self, *, weight=0.3):
        super().__init__(weight=2 * weight)


class WritesInFit(Sound):
    def _fit(self, traces, labels):
        super()._fit(traces, labels)
        traces.layer("lstm.h")[0, 0, 0] = 5.0


class WritesInScore(Sound):
    def score(self, traces):
        unit = traces.layer("lstm.h")
        unit -= 1.0
        return super().score(traces)


class SeesLabels(Sound):
    def fit(self, traces, labels=None):
        self._fit(traces, labels)


class NeedsNone(PhaseProbe):
    def fit(self, traces, labels=None):  # noqa: ARG002 - the defect
        super().fit(traces, np.arange(traces.shape[1]) % 2 < np.ones(traces.shape))


class Column(Sound):
    def score(self, traces):
        return super().score(traces)[..., None]


class Single(Sound):
    def score(self, traces):
        return super().score(traces).astype(np.float32)


class Nan(Sound):
    def score(self, traces):
        return np.where(super().score(traces) > 0, np.nan, 1.0)


class NoisyScore(Sound):
    def score(self, traces):
        return super().score(traces) + 1e-12 * np.random.default_rng().random()


class NoisyFit(Sound):
    def _fit(self, traces, labels):
        super()._fit(traces, labels)
        self.mean = self.mean + 1e-12 * np.random.default_rng().random()


class InTheBatch(Sound):
    def score(self, traces):
        scores = super().score(traces)
        return scores - scores.mean(axis=0)


class LooksAhead(Sound):
    def score(self, traces):
        return np.roll(super().score(traces), -1, axis=1)


class CentresEpisodes(Sound):
    def score(self, traces):
        scores = super().score(traces)
        return scores - 1e-3 * scores.mean(axis=1, keepdims=True)


class CountsDown(Sound):
    def score(self, traces):
        return super().score(traces) + traces.shape[1]


class Peeks(Sound):
    def score(self, traces):
        extra = 0.0 if traces.value is None else 1e-6 * traces.value
        return super().score(traces) + extra


class PeeksInFit(Sound):
    def _fit(self, traces, labels):
        super()._fit(traces, labels)
        if traces.ledger is not None:
            self.mean = self.mean + traces.ledger[0, 0]


class Demands(Sound):
    def score(self, traces):
        return super().score(traces) + 0.0 * traces.channel(Channel.LEDGER)


class NoStep(Sound):
    step = Monitor.step


class NoReset(Sound):
    def reset(self):
        pass


class ScoreResets(Sound):
    def score(self, traces):
        self.last = 0.0
        return super().score(traces)


class SharedMemory(Sound):
    box = [0.0]  # noqa: RUF012 - the defect

    def reset(self):
        self.box[0] = 0.0

    def step(self, record):
        self.last = self.box[0]
        self.box[0] = super().step(record)
        return self.box[0]


class Hoards(Sound):
    def __init__(self, *, weight=0.3):
        super().__init__(weight=weight)
        self.seen = []

    def reset(self):
        super().reset()
        self.seen = []

    def step(self, record):
        self.seen.append(record)
        return super().step(record)


class HoardsFloats(Hoards):
    def step(self, record):
        self.seen = np.append(self.seen, 1.0)
        return Sound.step(self, record)


class Clairvoyant(Sound):
    """Marks part of a large batch, sparing the episodes that one would look at first."""

    def score(self, traces):
        scores = super().score(traces)
        scores[12:-1] += 9.0
        return scores


class ForgetsState(Sound):
    state_names = ("mean",)


BREACHES = {
    "declared": [Nameless, ReadsStrings, Tierless],
    "rebuildable": [ArrayParams, TupleParams, ForeignParams, ForgetsParams],
    "harmless": [WritesInFit, WritesInScore],
    "honest about labels": [SeesLabels, NeedsNone],
    "well-formed": [Column, Single, Nan],
    "deterministic": [NoisyScore, NoisyFit],
    "indifferent to other episodes": [InTheBatch],
    "causal": [LooksAhead, CentresEpisodes, CountsDown],
    "true to its reads": [Peeks, PeeksInFit, Demands],
    "the same online": [NoStep, NoReset, ScoreResets, SharedMemory],
    "bounded in memory": [Hoards, HoardsFloats],
    "calm": [Clairvoyant],
    "storable": [ForgetsState],
}


def test_sound_monitor_passes(traces):
    check_monitor(Sound(), traces)


def test_window_named_by_the_monitor_is_allowed(traces):
    check_monitor(LedgerRatio(profile=[0.1], window=100), traces)


def test_there_is_a_breach_of_every_clause():
    assert list(BREACHES) == list(CLAUSES)


@pytest.mark.parametrize(
    ("clause", "breach"), [(clause, cls) for clause, items in BREACHES.items() for cls in items]
)
def test_breaches_are_caught(clause, breach, traces, labels):
    with pytest.raises(MonitorError) as error:
        check_monitor(breach(), traces, labels)
    assert str(error.value).startswith(f"{breach.__name__} is not {clause}: ")


@pytest.mark.parametrize(
    ("breach", "text"),
    [
        (Nameless, "declared: name must be a non-empty string, got None."),
        (Tierless, "declared: tier must be a Tier, got 'internals'."),
        (SeesLabels, "honest about labels: fit accepts labels; override _fit, not fit."),
        (Single, "well-formed: scores must be float64, got float32."),
        (Nan, "well-formed: scores must be finite."),
        (Column, "well-formed: scores must have shape (36, 24), got (36, 24, 1)."),
        (WritesInFit, "harmless: it changed the activations.lstm.h that it was given."),
    ],
)
def test_literal_texts(breach, text, traces):
    with pytest.raises(MonitorError) as error:
        check_monitor(breach(), traces)
    assert str(error.value) == f"{breach.__name__} is not {text}"


def test_errors_show_where(traces):
    with pytest.raises(MonitorError) as error:
        check_monitor(LooksAhead(), traces)
    assert "when the future from step 1 on is rewritten" in str(error.value)
    assert "episode 0, step 0: " in str(error.value)
    with pytest.raises(MonitorError) as error:
        check_monitor(NoReset(), traces)
    assert "after reset, stepping through it does not give what score gives" in str(error.value)
    assert "episode 1, step 0: " in str(error.value)


def test_leaves_the_given_monitor_alone(traces):
    monitor = Sound()
    check_monitor(monitor, traces)
    assert vars(monitor) == {"weight": 0.3, "last": 0.0}


def test_needs_enough_traces(traces):
    with pytest.raises(MonitorError) as error:
        check_monitor(Sound(), traces.episodes(slice(0, 23)))
    assert str(error.value) == (
        "check_monitor needs at least 24 episodes of 16 steps, got 23 of 24."
    )


def test_needs_labels_for_an_oracle(traces):
    with pytest.raises(MonitorError) as error:
        check_monitor(PhaseProbe(), traces)
    assert str(error.value) == ("check_monitor: PhaseProbe needs labels to fit: pass labels=.")


def test_needs_an_instance(traces):
    with pytest.raises(MonitorError) as error:
        check_monitor(Sound, traces)
    assert str(error.value) == (
        "check_monitor: ABCMeta is no Monitor: subclass slowturn.monitors.Monitor, and pass an "
        "instance."
    )
