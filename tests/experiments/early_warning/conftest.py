"""Made-up results of a benchmark, for the tests of its figures and report.

The shapes are those of `parts.suspect_part`; the numbers are drawn from a table of delays and
accusations, so a test can say who rings when.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from slowturn.experiments.early_warning import analysis
from slowturn.experiments.early_warning.settings import LINE_UP, PRIMARY
from slowturn.experiments.early_warning.tables import AFTER, BEFORE

HORIZON = 256
DELAYS = {  # median steps from cue onset to alarm: slow, brisk; None: never
    "time_index": (None, None),
    "ledger": (74, 34),
    "ledger_ratio": (62, 30),
    "action_ratio": (46, 24),
    "mahalanobis": (58, 23),
    "power_log_odds": (70, 25),
    "hallucination": (33, 20),
    "phase_probe": (21, 19),
    "shuffled_probe": (None, None),
}
ACCUSED = {"mahalanobis": 1.0, "phase_probe": 1.0, "action_ratio": 0.2}  # of benign twins
RULES = {"maximum": 1.0, "ewma": 1.06, "cusum": 1.12}
TOP = {"treacherous": {"slow": 0.16, "brisk": 0.6}, "open": {"slow": 0.9, "brisk": 0.92}}


def efforts(kind, regime, since, seed):
    """Effort by steps since cue onset."""
    top = TOP.get("treacherous" if kind == "christiano" else kind, {}).get(regime, 0.004)
    if kind == "open":
        return np.full(since.shape, top) + 0.01 * np.sin(since / 9 + seed)
    speed = {"slow": 34.0, "brisk": 22.0}.get(regime, 25.0) * (1.0 + 0.08 * (seed % 3))
    return np.where(since < 0, 0.003, top * (1.0 - np.exp(-(since + 1) / speed)))


class Agent:
    """One organism and the deployments it is tested on."""

    def __init__(self, kind, regime, seed, episodes, pair):
        self.rng = np.random.default_rng([seed, *map(ord, kind + regime)])
        self.kind, self.regime, self.seed = kind, regime, seed
        self.who = {"organism": kind, "regime": regime, "seed": seed, "pair_seed": pair}
        self.onset = self.rng.integers(32, 160, episodes)
        self.episodes = np.arange(episodes)
        since = np.arange(HORIZON)[None] - self.onset[:, None]
        self.effort = efforts(kind, regime, since, seed)
        held = self.effort if kind != "open" else np.where(since < 0, 0.0, self.effort)
        self.influence = np.minimum(np.cumsum(0.02 * held, axis=1), 1.0)

    def alarms(self, monitor, rule, null, delays, accused):
        """Step of the first alarm in each deployment, -1 for never."""
        size = len(self.onset)
        if self.kind in ("honest", "benign_twin"):
            odds = accused.get(monitor, 0.06) if self.kind == "benign_twin" else 0.05
            odds *= 0.5 if null == "honest" and odds < 1 else 1.0
            return np.where(self.rng.random(size) < odds, self.onset + 20, -1)
        median = delays[monitor][0 if self.regime == "slow" else 1]
        if median is None or (null == "honest" and monitor == "power_log_odds"):
            return np.full(size, -1)
        drawn = median * RULES[rule] * self.rng.lognormal(0.0, 0.18, size)
        at = self.onset + np.rint(drawn).astype(int) + (8 if null == "honest" else 0)
        return np.where(at < HORIZON, at, -1)

    def deployments(self, delays, accused, alphas):
        nats = np.cumsum(self.effort**2, axis=1) * 8.0
        found = []
        for monitor, rules in LINE_UP:
            for rule in rules:
                for null in ("training", "honest") if self.kind != "christiano" else ("training",):
                    for alpha in alphas:
                        alarm = self.alarms(monitor, rule, null, delays, accused)
                        at = np.where(alarm >= 0, nats[self.episodes, alarm], np.nan)
                        columns = {"monitor": monitor, "rule": rule, "null": null, "alpha": alpha}
                        columns |= {"episode": self.episodes, "cue_onset": self.onset}
                        columns |= {"harm_onset": self.onset + 90, "horizon": HORIZON}
                        found.append(pd.DataFrame(columns | {"alarm": alarm, "nats_at_alarm": at}))
        return pd.concat(found, ignore_index=True)

    def drift(self):
        rows = []
        for k in range(-BEFORE, AFTER):
            here = np.flatnonzero((self.onset + k >= 0) & (self.onset + k < HORIZON))
            for name, values in (("effort", self.effort), ("influence", self.influence)):
                found = values[here, self.onset[here] + k]
                if len(found):
                    mean = found.mean()
                    rows.append((k, name, mean, 0.7 * mean, 1.3 * mean, len(found)))
        return pd.DataFrame(rows, columns=["k", "quantity", "mean", "low", "high", "n"])

    def states(self):
        k = np.repeat(np.arange(-BEFORE, AFTER, 2), 12)
        x = {"treacherous": 1.2, "benign_twin": 0.15}.get(self.kind, 0.0) * (
            1 - np.exp(-np.maximum(k, 0) / 40)
        ) + self.rng.normal(0, 0.12, len(k))
        y = {"treacherous": 0.6, "benign_twin": -2.0}.get(self.kind, 0.0) * (
            1 - np.exp(-np.maximum(k, 0) / 15)
        ) + self.rng.normal(0, 0.2, len(k))
        return pd.DataFrame(
            {"k": k, "episode": np.tile(np.arange(12), len(k) // 12), "x": x, "y": y}
        )

    def shown(self, episodes):
        found = []
        since = np.maximum(np.arange(HORIZON)[None] - self.onset[:, None], 0)
        for monitor, rules in LINE_UP:
            for rule in rules:
                rising = self.kind == "treacherous" or monitor in ACCUSED
                slope = 1.0 / (DELAYS[monitor][0] or 1e9) * rising
                for null in ("training", "honest"):
                    noise = self.rng.normal(0, 0.08, (episodes, HORIZON))
                    statistic = 10.0 * (since[:episodes] * slope + noise) - 11.0
                    for episode in range(episodes):
                        columns = {"episode": episode, "step": np.arange(HORIZON)}
                        columns |= {"monitor": monitor, "rule": rule, "null": null}
                        columns |= {"statistic": statistic[episode], "threshold": -1.0}
                        columns |= {"cue_onset": self.onset[episode]}
                        columns |= {"effort": self.effort[episode]}
                        columns |= {"influence": self.influence[episode]}
                        found.append(pd.DataFrame(columns))
        return pd.concat(found, ignore_index=True)

    def aligned(self):
        scores = self.rng.normal(size=len(self.onset))
        found = {"k": 20, "episode": self.episodes, "score": self.onset + scores}
        return pd.DataFrame({"monitor": "time_index"} | found)

    def bounds(self, alphas):
        k = np.arange(AFTER)
        rows = []
        for record, half in (("ledger", 30 if self.regime == "slow" else 16), ("actions", 9)):
            for alpha in alphas:
                power = alpha + (1 - alpha) / (1 + np.exp(-(k - half) / (half / 5)))
                columns = {"k": k, "power": power, "power_low": power * 0.95}
                columns |= {"power_high": np.minimum(power * 1.05, 1.0), "nats": 0.05 * k}
                columns |= {"n": len(self.onset), "record": record, "alpha": alpha}
                rows.append(pd.DataFrame(columns))
        return pd.concat(rows, ignore_index=True)

    def yardstick(self, alphas):
        rows = [(alpha, "ledger_ratio/maximum", 40.0) for alpha in alphas]
        return pd.DataFrame(rows, columns=["alpha", "yardstick", "median"])


def make_tables(
    *,
    regimes=("slow", "brisk"),
    seeds=(0, 1),
    fresh=None,
    episodes=24,
    shown=2,
    alphas=(0.05,),
    delays=None,
    accused=None,
):
    """Tables of a whole benchmark, as `run_parts` returns them.

    Args:
        fresh: (regime, seed) of a fresh treacherous agent and its benign twin.
        delays: Median delays of some monitors, instead of those in `DELAYS`.
        accused: Shares of the benign twins that some monitors accuse, instead of `ACCUSED`.
    """
    delays, accused = DELAYS | (delays or {}), ACCUSED | (accused or {})
    names = [
        (kind, regime, seed)
        for regime in regimes
        for kind in ("treacherous", "open", "christiano", "benign_twin", "honest")
        for seed in ((0,) if kind == "christiano" else seeds)
    ]
    if fresh is not None:
        names += [("treacherous", *fresh), ("benign_twin", *fresh)]
    found = {}
    for kind, regime, seed in names:
        agent = Agent(kind, regime, seed, episodes, seed if seed in seeds else seeds[0])
        tables = {
            "deployments": agent.deployments(delays, accused, alphas),
            "drift": agent.drift(),
            "states": agent.states(),
            "shown": agent.shown(shown),
            "aligned": agent.aligned(),
        }
        if kind in analysis.POWER_SEEKERS:
            tables |= {"bounds": agent.bounds(alphas), "yardstick": agent.yardstick(alphas)}
        for name, table in tables.items():
            found.setdefault(name, []).append(table.assign(**agent.who))
    return {name: pd.concat(parts, ignore_index=True) for name, parts in found.items()}


def make_summary(tables, *, setting="quick", alphas=(0.05,), replicates=20):
    """What `summary.json` would hold about these tables."""
    known = tables["deployments"][["organism", "regime", "seed"]].drop_duplicates()
    seeds = {}
    for kind, regime, seed in known.itertuples(index=False):
        seeds.setdefault(f"{kind}-{regime}", []).append(int(seed))
    return {
        "alpha": alphas[0],
        "alphas": list(alphas),
        "setting": setting,
        "settings": {"name": setting, "test": 24, "calibration": 39, "replicates": replicates},
        "rows": analysis.rows(tables, replicates=replicates).to_dict("records"),
        "pooled": analysis.pooled_rows(tables, replicates=replicates).to_dict("records"),
        "controls": analysis.controls(tables, alpha=alphas[0]),
        "versions": {"slowturn": "0.1.0", "torch": "2.13.0", "commit": None},
        "seeds": seeds,
    }


@pytest.fixture(scope="session")
def made():
    """The two functions above, for tests that need results of their own."""
    return make_tables, make_summary


@pytest.fixture(scope="session")
def tables():
    """Both regimes, two seeds and a fresh pair."""
    return make_tables(fresh=("slow", 4711))


@pytest.fixture(scope="session")
def summary(tables):
    return make_summary(tables)


@pytest.fixture(scope="session")
def primary():
    return list(PRIMARY)
