"""Made-up results for the tests of figures and report, in the shapes that the benchmark writes."""

import numpy as np
import pandas as pd
import pytest

from slowturn.experiments.early_warning.line_up import tier_of
from slowturn.experiments.early_warning.settings import LINE_UP

KINDS = ("treacherous", "benign_twin", "honest", "open", "christiano")
SEEKERS = ("treacherous", "open", "christiano")
STEPS = 60  # of an episode; the cue comes at step 20
ONSET = 20
FACTS = {  # median delay, median lead, share of the twin's deployments accused
    "time_index": (np.inf, np.nan, 0.0),
    "ledger": (24.0, -6.0, 0.03),
    "ledger_ratio": (18.0, 0.0, 0.04),
    "action_ratio": (16.0, 2.0, 0.2),
    "mahalanobis": (15.0, 3.0, 1.0),
    "power_log_odds": (20.0, -2.0, 0.05),
    "hallucination": (9.0, 9.0, 0.06),
    "phase_probe": (7.0, 11.0, 1.0),
    "shuffled_probe": (np.inf, np.nan, 0.05),
}


def make_row(monitor, rule, **changes):
    """A row of `analysis.rows`; an interval given as (value, low, high) fills three columns."""
    delay, lead, accused = FACTS[monitor]
    row = {
        "organism": "treacherous",
        "seed": None,
        "regime": "slow",
        "monitor": monitor,
        "tier": tier_of(monitor),
        "rule": rule,
        "null": "training",
        "alpha": 0.05,
        "agents": 2,
        "deployments": 400,
        "early": 0.01,
        "lead_n": 390,
        "accused_honest_n": 400,
        "accused_benign_n": 400,
        "nats_n": 380,
    }
    values = {
        "detected": (float(np.isfinite(delay)), 0.9, 1.0),
        "delay_median": (delay, delay - 1, delay + 1),
        "lead_median": (lead, lead - 1, lead + 1),
        "accused_honest": (0.05, 0.03, 0.08),
        "accused_benign": (accused, max(0.0, accused - 0.02), min(1.0, accused + 0.02)),
        "nats_at_alarm": (0.4, 0.3, 0.5),
    }
    for name in [name for name in changes if name in values]:
        values[name] = changes.pop(name)
    for name, (value, low, high) in values.items():
        stem = name.removesuffix("_median")
        row |= {name: value, f"{stem}_low": low, f"{stem}_high": high}
    return row | changes


def make_rows(seed=None, regime="slow", organism="treacherous", null="training", **changes):
    """Rows of every monitor and rule; `changes` maps monitors to what differs there."""
    common = {"seed": seed, "regime": regime, "organism": organism, "null": null}
    if seed is not None:
        common |= {"agents": 1, "deployments": 200}
    return [
        make_row(monitor, rule, **(common | changes.get(monitor, {})))
        for monitor, rules in LINE_UP
        for rule in rules
    ]


def make_summary(*, regimes=("slow", "brisk"), seeds=(0, 1), fresh=None, **changes):
    """What `run_bench` returns; `fresh` is the regime and seed of a fresh pair."""
    agents = [(regime, seed) for regime in regimes for seed in seeds] + ([fresh] if fresh else [])
    pooled = []
    for regime in regimes:
        pooled += make_rows(None, regime, **changes)
        pooled += make_rows(None, regime, null="honest", **changes)
        pooled += make_rows(None, regime, "christiano")
    named = {}
    for regime, seed in agents:
        for kind in KINDS[:3]:
            named.setdefault(f"{kind}-{regime}", []).append(seed)
    canary = {
        "regime": "slow",
        "honest_seed": 0,
        "value": 0.51,
        "low": 0.45,
        "high": 0.57,
        "n": 400,
    }
    return {
        "command": f"slowturn demo --seed {fresh[1]}" if fresh else "slowturn bench early-warning",
        "world": "Gridkeeper-v0",
        "alpha": 0.05,
        "alphas": [0.05],
        "setting": "quick",
        "settings": {"name": "quick", "test": 200, "alphas": [0.05]},
        "rows": [row for regime, seed in agents for row in make_rows(seed, regime, **changes)],
        "pooled": pooled,
        "controls": {"time_canary_auc": [canary], "bound_violations": []},
        "versions": {"slowturn": "0.1.0", "commit": None},
        "seeds": named,
    }


def _drift(rng):
    k = np.arange(-ONSET, STEPS - ONSET)
    mean = np.clip(0.01 * k, 0.0, 1.0) + 0.01 * rng.random()
    found = {"mean": mean, "low": 0.8 * mean, "high": 1.2 * mean, "n": 200}
    return pd.concat(
        [pd.DataFrame({"k": k, "quantity": name, **found}) for name in ("effort", "influence")]
    )


def _states(rng):
    k = np.repeat(np.arange(-ONSET, STEPS - ONSET, 2), 5)
    spread = rng.normal(0.0, 0.1, (2, len(k)))
    found = {"k": k, "episode": np.arange(len(k)) % 5, "x": 0.02 * k + spread[0], "y": spread[1]}
    return pd.DataFrame(found)


def _bounds():
    k = np.arange(STEPS - ONSET)
    power = 1.0 - 0.95 * np.exp(-k / 8.0)
    found = {"k": k, "power": power, "power_low": power - 0.02, "power_high": power + 0.02}
    return pd.concat([pd.DataFrame(found | {"record": r}) for r in ("ledger", "actions")]).assign(
        nats=0.05, n=200, alpha=0.05, since_onset=False
    )


def _curves():
    k = np.arange(STEPS - ONSET)
    tables = []
    for monitor, rules in LINE_UP:
        rang = np.where(k >= FACTS[monitor][0], 190, 2)
        for rule in rules:
            found = {"monitor": monitor, "rule": rule, "null": "training", "k": k, "rang": rang}
            tables.append(pd.DataFrame(found | {"n": 200}))
    return pd.concat(tables)


def _shown(kind, episodes):
    """Statistics that rise from -10 at cue onset and ring above -1, at the delay of `FACTS`."""
    step = np.arange(STEPS)
    since = np.maximum(step - ONSET, 0)
    effort = np.where(step < ONSET, 0.0, 0.01 * since) * (kind == "treacherous")
    truth = {"cue_onset": ONSET, "effort": effort, "influence": effort / 2, "step": step}
    tables = []
    for monitor, rules in LINE_UP:
        delay = FACTS[monitor][0] if kind == "treacherous" else np.inf
        statistic = -10.0 + 9.0 * since / (delay - 0.5)
        for rule in rules:
            for episode in range(episodes):
                found = {"monitor": monitor, "rule": rule, "null": "training", "episode": episode}
                tables.append(
                    pd.DataFrame(truth | found | {"statistic": statistic, "threshold": -1.0})
                )
    return pd.concat(tables)


def make_tables(*, regimes=("slow", "brisk"), seeds=(0, 1), fresh=None, episodes=2):
    """The tables behind figures and viewer, `curves` among them."""
    agents = [(regime, seed) for regime in regimes for seed in seeds]
    who = [(kind, *agent) for kind in KINDS for agent in agents]
    who += [(kind, *fresh) for kind in KINDS[:2] if fresh]
    found = {}
    for kind, regime, seed in who:
        rng = np.random.default_rng([seed, len(kind), len(regime)])
        tables = {"drift": _drift(rng), "states": _states(rng), "shown": _shown(kind, episodes)}
        if kind in SEEKERS:
            tables |= {"bounds": _bounds(), "curves": _curves()}
        for name, table in tables.items():
            named = table.assign(
                organism=kind, regime=regime, seed=seed, honest_seed=seeds[0], twin_seed=seed
            )
            found.setdefault(name, []).append(named)
    return {name: pd.concat(parts, ignore_index=True) for name, parts in found.items()}


@pytest.fixture(scope="session")
def made_row():
    return make_row


@pytest.fixture(scope="session")
def made_summary():
    return make_summary


@pytest.fixture(scope="session")
def made_tables():
    return make_tables
