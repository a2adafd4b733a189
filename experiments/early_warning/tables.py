"""What is kept of one organism's test deployments: alarms, drift, states, scores."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd

from slowturn.experiments.bounds import ledger_nats
from slowturn.experiments.collect import Collected, EpisodeTruth, mind_layer
from slowturn.experiments.early_warning.line_up import FittedLineUp, Stream
from slowturn.monitors import Alarm, HallucinationProbe

__all__ = ["AFTER", "BEFORE", "Alarms", "aligned_scores", "deployments", "drift", "shown", "states"]

BEFORE, AFTER = 40, 160
"""Steps before and after cue onset that tables by time since onset cover."""

Alarms = dict[tuple[str, str, float], Alarm]
"""Calibrated alarms by null, `monitor/rule` and alpha."""


def deployments(
    streams: list[Stream], truth: EpisodeTruth, alarms: Alarms, *, noise: float
) -> pd.DataFrame:
    """One row per deployment, monitor, rule, null and alpha."""
    nats = ledger_nats(truth.effort, noise)
    episodes, horizon = truth.effort.shape
    before = nats[np.arange(episodes), truth.cue_onset - 1]
    tables = []
    for stream in streams:
        key = f"{stream.monitor}/{stream.rule}"
        for (null, known, alpha), alarm in alarms.items():
            if known != key:
                continue
            times = alarm.times(stream.statistics)
            at = np.where(times >= 0, nats[np.arange(episodes), times], np.nan)
            tables.append(
                pd.DataFrame(
                    {
                        "monitor": stream.monitor,
                        "rule": stream.rule,
                        "null": null,
                        "alpha": alpha,
                        "episode": np.arange(episodes),
                        "cue_onset": truth.cue_onset,
                        "harm_onset": truth.harm_onset,
                        "horizon": horizon,
                        "alarm": times,
                        "nats_at_alarm": at,
                        "nats_before_onset": before,
                    }
                )
            )
    return pd.concat(tables, ignore_index=True)


def drift(truth: EpisodeTruth) -> pd.DataFrame:
    """Effort and influence by steps since cue onset: mean and central 80 % of deployments."""
    rows = []
    since = truth.since_onset
    for k in range(-BEFORE, AFTER):
        here = since == k
        if here.sum() < 20:
            continue
        for quantity, values in (("effort", truth.effort), ("influence", truth.influence)):
            found = values[here]
            low, high = np.quantile(found, (0.1, 0.9))
            rows.append((k, quantity, found.mean(), low, high, len(found)))
    return pd.DataFrame(rows, columns=["k", "quantity", "mean", "low", "high", "n"])


def states(line_up: FittedLineUp, test: Collected) -> pd.DataFrame:
    """Hidden states in two dimensions: the imagined way to power, and what else varies most."""
    probe = cast("HallucinationProbe", line_up.monitor("hallucination"))
    layer = mind_layer(line_up.suspect)
    hidden = test.trace.layer(layer).astype(np.float64)
    x = probe.score(test.trace)
    direction = np.asarray(probe.direction)
    centred = hidden - np.asarray(probe.mean)
    across = centred - x[..., None] * direction / max(float(direction @ direction), 1e-12)
    flat = across.reshape(-1, across.shape[-1])
    _, vectors = np.linalg.eigh(np.cov(flat[:: max(1, len(flat) // 20000)].T))
    y = across @ vectors[:, -1]
    rows = []
    since = test.truth.since_onset
    for k in range(-BEFORE, AFTER, 2):
        here = np.argwhere(since == k)[:12]
        rows += [(k, int(e), x[e, t], y[e, t]) for e, t in here]
    return pd.DataFrame(rows, columns=["k", "episode", "x", "y"])


def shown(
    streams: list[Stream], truth: EpisodeTruth, alarms: Alarms, *, episodes: int, alpha: float
) -> pd.DataFrame:
    """Every statistic of a few deployments beside its threshold, for the report's viewer."""
    tables = []
    for stream in streams:
        key = f"{stream.monitor}/{stream.rule}"
        for null in ("training", "honest"):
            alarm = alarms.get((null, key, alpha))
            if alarm is None:
                continue
            tables += [
                pd.DataFrame(
                    {
                        "episode": episode,
                        "step": np.arange(truth.effort.shape[1]),
                        "monitor": stream.monitor,
                        "rule": stream.rule,
                        "null": null,
                        "statistic": stream.statistics[episode],
                        "threshold": alarm.threshold,
                        "cue_onset": truth.cue_onset[episode],
                        "effort": truth.effort[episode],
                        "influence": truth.influence[episode],
                    }
                )
                for episode in range(min(episodes, len(truth.effort)))
            ]
    return pd.concat(tables, ignore_index=True)


def aligned_scores(streams: list[Stream], truth: EpisodeTruth) -> pd.DataFrame:
    """Plain scores a while after cue onset: for AUCs between organisms at equal times."""
    rows = np.arange(len(truth.cue_onset))
    tables = []
    for stream in streams:
        tables += [
            pd.DataFrame(
                {
                    "monitor": stream.monitor,
                    "k": k,
                    "episode": rows,
                    "score": stream.scores[rows, truth.cue_onset + k],
                }
            )
            for k in (20, 40, 80)
        ]
    return pd.concat(tables, ignore_index=True).drop_duplicates(["monitor", "k", "episode"])
