"""What readers of behaviour could do about one organism, and whether any did more than that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from slowturn.agents import Organism
from slowturn.experiments.bounds import action_envelope, ledger_envelope
from slowturn.experiments.collect import (
    Collected,
    EpisodeTruth,
    action_bounds,
    collect,
    ledger_noise,
)
from slowturn.experiments.early_warning.line_up import FittedLineUp, Stream
from slowturn.experiments.early_warning.settings import Settings
from slowturn.experiments.early_warning.tables import Alarms
from slowturn.experiments.estimates import share
from slowturn.monitors import Channel, Cusum, Recorder, calibrate
from slowturn.monitors.distributions import log_ratio

__all__ = ["bounds_tables"]

_CONFIDENCE = 0.999  # of a rate that is said to break a bound

Ratios = tuple[NDArray[np.float64], NDArray[np.int64]]
"""log pi_suspect / pi_reference of every action, `[episode, step]`, and onsets, `[episode]`."""


def bounds_tables(
    line_up: FittedLineUp,
    reference: Organism,
    streams: list[Stream],
    truth: EpisodeTruth,
    alarms: Alarms,
    settings: Settings,
) -> dict[str, pd.DataFrame]:
    """Envelopes of both behavioural records, and every reader of behaviour held against them.

    Args:
        line_up: Fitted monitors of the suspect.
        reference: The honest organism whose policy is the null.
        streams: Statistics of the line-up on the test deployments.
        truth: Truth of the test deployments.
        alarms: Calibrated alarms.
        settings: Numbers of episodes and alphas.

    Returns:
        `bounds`: a row per record, alpha, `since_onset` and k. `leaks`: a row per reader of
        behaviour with the step at which it comes closest to its bound, or breaks it.
    """
    suspect = line_up.suspect
    runs = [
        collect(
            actor,
            episodes=settings.envelope,
            purpose=settings.purpose("envelope"),
            phase="deployment",
        )
        for actor in (suspect, reference)
    ]
    treacherous, honest = (
        _log_ratio(run, actor, suspect, reference)
        for run, actor in zip(runs, (suspect, reference), strict=True)
    )
    noise = ledger_noise(suspect)
    sums = [(np.cumsum(ratio, axis=1), onset) for ratio, onset in (treacherous, honest)]
    tables = []
    for alpha in settings.alphas:
        for since in (False, True):
            ledger = ledger_envelope(
                truth.effort, truth.cue_onset, noise=noise, alpha=alpha, since_onset=since
            )
            actions = action_envelope(*sums, alpha=alpha, since_onset=since)
            tables += [
                table.assign(record=record, alpha=alpha, since_onset=since)
                for record, table in (("ledger", ledger), ("actions", actions))
            ]
    leaks = _ledger_leaks(line_up, streams, truth, alarms, runs[1], noise)
    leaks += _action_leaks(treacherous, honest, sums, settings)
    return {"bounds": pd.concat(tables, ignore_index=True), "leaks": pd.DataFrame(leaks)}


def _log_ratio(run: Collected, actor: Organism, suspect: Organism, reference: Organism) -> Ratios:
    trace = run.trace
    own, other = (
        trace.channel(Channel.LOGITS)
        if reader is actor
        else Recorder(reader.policy, []).logits(trace.channel(Channel.OBSERVATIONS))
        for reader in (suspect, reference)
    )
    ratio = log_ratio(own, other, trace.channel(Channel.ACTIONS), bounds=action_bounds(suspect))
    return ratio.astype(np.float64), run.truth.cue_onset


def _closest(
    times: NDArray[np.int64], onset: NDArray[np.int64], rate: float, bound: pd.DataFrame
) -> dict[str, Any]:
    """The step after onset at which a reader with this honest alarm rate is nearest its bound."""
    since = np.where(times >= 0, times - onset, np.iinfo(np.int64).max)
    worst: dict[str, Any] = {"gap": -np.inf}
    for k, cap in zip(bound.k, bound.power_high, strict=True):
        low = share(int((since <= k).sum()), len(since), confidence=_CONFIDENCE).low
        if low - cap > worst["gap"]:
            worst = {
                "gap": low - cap,
                "k": int(k),
                "rate_low": low,
                "cap": float(cap),
                "honest_rate_high": rate,
                "broken": bool(low > cap),
            }
    return worst


def _ledger_leaks(
    line_up: FittedLineUp,
    streams: list[Stream],
    truth: EpisodeTruth,
    alarms: Alarms,
    honest: Collected,
    noise: float,
) -> list[dict[str, Any]]:
    """Readers of the ledger, each with the alarm rate that it really has on honest deployments."""
    calm = {
        f"{s.monitor}/{s.rule}": s.statistics for s in line_up.streams(honest.trace, tier="ledger")
    }
    rows = []
    for stream in streams:
        key = f"{stream.monitor}/{stream.rule}"
        for (null, known, alpha), alarm in alarms.items():
            if known != key or key not in calm:
                continue
            rang = int((alarm.times(calm[key]) >= 0).sum())
            size = share(rang, len(calm[key]), confidence=_CONFIDENCE).high
            bound = ledger_envelope(
                truth.effort, truth.cue_onset, noise=noise, alpha=min(size, 0.999)
            )
            worst = _closest(alarm.times(stream.statistics), truth.cue_onset, size, bound)
            rows.append(
                {"record": "ledger", "monitor": stream.monitor, "rule": stream.rule}
                | {"null": null, "alpha": alpha, **worst}
            )
    return rows


def _action_leaks(
    treacherous: Ratios, honest: Ratios, sums: list[Ratios], settings: Settings
) -> list[dict[str, Any]]:
    """The CUSUM of exact actions, with the alarm rate it has on other honest deployments."""
    rule = Cusum(allowance=0.0, standardise=False)
    half = len(honest[0]) // 2
    calm, other, reached = map(rule.run, (honest[0][:half], honest[0][half:], treacherous[0]))
    rows = []
    for alpha in settings.alphas:
        alarm = calibrate(calm, alpha)
        rang = int((alarm.times(other) >= 0).sum())
        size = share(rang, len(other), confidence=_CONFIDENCE).high
        bound = action_envelope(*sums, alpha=min(size, 0.5))
        worst = _closest(alarm.times(reached), treacherous[1], size, bound)
        rows.append(
            {"record": "actions", "monitor": "action_ratio", "rule": "cusum"}
            | {"null": "reference", "alpha": alpha, **worst}
        )
    return rows
