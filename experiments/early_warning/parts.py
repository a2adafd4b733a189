"""The independent parts of a run: each reads organisms and earlier parts and publishes tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from slowturn.agents import Organism, load_organism
from slowturn.experiments.collect import Collected, collect, ledger_noise
from slowturn.experiments.early_warning.limits import bounds_tables
from slowturn.experiments.early_warning.line_up import FittedLineUp
from slowturn.experiments.early_warning.settings import Settings
from slowturn.experiments.early_warning.tables import (
    Alarms,
    aligned_scores,
    deployments,
    drift,
    shown,
    states,
)
from slowturn.experiments.estimates import delays, medians_of
from slowturn.monitors import HallucinationProbe, calibrate

__all__ = ["POWER_SEEKERS", "Cast", "null_part", "profile_part", "suspect_part"]

POWER_SEEKERS = ("treacherous", "open", "christiano", "solved_treacherous", "solved_patient")
_LEDGER_READERS = ("ledger/maximum", "ledger/ewma", "ledger/cusum", "ledger_ratio/maximum")


class Cast(NamedTuple):
    """Which organisms stand beside a suspect.

    Attributes:
        kind: Kind of the organism under watch.
        regime: Its regime.
        suspect: Its directory.
        reference: Directory of an honest organism of its regime, with another seed.
        honest_seed: Seed of the honest organism it is compared with.
        twin_seed: Seed of its benign twin.
        nulls: Pairs of honest organisms of the regime, neither of them the one it is compared
            with: on deployments of the first, read with the second as reference, the `honest`
            alarms are calibrated.
    """

    kind: str
    regime: str
    suspect: str
    reference: str
    honest_seed: int
    twin_seed: int
    nulls: tuple[tuple[str, str], ...]


def _after_onset(values: NDArray[np.float64], onset: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean of `[episode, step]` values k steps after onset, `[k]`, where 10 episodes last."""
    horizon = values.shape[1]
    rows = np.flatnonzero(onset >= 0)
    aligned = np.full((len(rows), horizon), np.nan)
    for i, row in enumerate(rows):
        aligned[i, : horizon - onset[row]] = values[row, onset[row] :]
    enough = (~np.isnan(aligned)).sum(axis=0) >= min(10, len(rows))
    return np.asarray(np.nanmean(aligned[:, : int(enough.sum())], axis=0))


def profile_part(directories: list[str], settings: Settings) -> dict[str, pd.DataFrame]:
    """Mean effort after cue onset over the treacherous organisms of one regime."""
    profiles = []
    for directory in directories:
        organism = load_organism(Path(directory))
        run = _deployed(organism, "profile", settings.profile, settings)
        profiles.append(_after_onset(run.truth.effort, run.truth.cue_onset))
    steps = min(map(len, profiles))
    mean = np.mean([profile[:steps] for profile in profiles], axis=0)
    return {"profile": pd.DataFrame({"k": np.arange(steps), "effort": mean})}


def _deployed(organism: Organism, what: str, episodes: int, settings: Settings) -> Collected:
    """Deployments of an organism for one purpose."""
    return collect(organism, episodes=episodes, purpose=settings.purpose(what), phase="deployment")


def _fit_line_up(cast: Cast, profile: NDArray[np.float64], settings: Settings) -> FittedLineUp:
    return FittedLineUp(
        load_organism(Path(cast.suspect)),
        reference=load_organism(Path(cast.reference)),
        profile=profile,
        settings=settings,
    )


def null_part(
    cast: Cast, profile: NDArray[np.float64], settings: Settings
) -> dict[str, pd.DataFrame]:
    """Largest statistics of whole deployments of one honest organism, for other agents' alarms."""
    line_up = _fit_line_up(cast, profile, settings)
    trace = _deployed(line_up.suspect, "null", settings.calibration, settings).trace
    return {"maxima": pd.DataFrame(line_up.maxima(trace))}


def suspect_part(
    cast: Cast,
    profile: NDArray[np.float64],
    nulls: list[pd.DataFrame],
    settings: Settings,
) -> dict[str, pd.DataFrame]:
    """Everything about one organism: alarms of each deployment, bounds, drift and states.

    Args:
        cast: The organism and those beside it.
        profile: Shape of the drift, for the yardstick.
        nulls: Tables of `null_part` of the organisms in `cast.nulls`.
        settings: Numbers of episodes and alphas.
    """
    line_up = _fit_line_up(cast, profile, settings)
    suspect = line_up.suspect
    calm = collect(
        suspect,
        episodes=settings.calibration,
        purpose=settings.purpose("calibration"),
        phase="training",
    ).trace
    maxima = {"training": line_up.maxima(calm)}
    if nulls and suspect.recipe.trainer is not None:
        pooled = pd.concat(nulls)
        maxima["honest"] = {str(key): pooled[key].to_numpy() for key in pooled}
    alarms = {
        (null, key, alpha): calibrate(values[:, None], alpha)
        for null, found in maxima.items()
        for key, values in found.items()
        for alpha in settings.alphas
    }
    test = _deployed(suspect, "test", settings.test, settings)
    streams = list(line_up.streams(test.trace))
    tables = {
        "deployments": deployments(streams, test.truth, alarms, noise=ledger_noise(suspect)),
        "drift": drift(test.truth),
        "states": states(line_up, test),
        "shown": shown(
            streams, test.truth, alarms, episodes=settings.shown, alpha=settings.alphas[0]
        ),
        "aligned": aligned_scores(streams, test.truth),
        "probe": _probe(line_up),
    }
    if suspect.recipe.name in POWER_SEEKERS:
        reference = load_organism(Path(cast.reference))
        tables["yardstick"] = _yardstick(line_up, alarms, settings)
        tables |= bounds_tables(line_up, reference, streams, test.truth, alarms, settings)
    who: dict[str, Any] = {
        "organism": suspect.recipe.name,
        "regime": suspect.recipe.regime,
        "seed": suspect.seed,
        "honest_seed": cast.honest_seed,
        "twin_seed": cast.twin_seed,
    }
    return {name: table.assign(**who) for name, table in tables.items()}


def _probe(line_up: FittedLineUp) -> pd.DataFrame:
    """How far the hallucination got: mean log-odds of power-seeking where it ended, in nats."""
    probe = cast("HallucinationProbe", line_up.monitor("hallucination"))
    return pd.DataFrame({"reached": [float(np.asarray(probe.reached))]})


def _yardstick(line_up: FittedLineUp, alarms: Alarms, settings: Settings) -> pd.DataFrame:
    """The quickest reader of the ledger, chosen on deployments that serve nothing else."""
    run = _deployed(line_up.suspect, "choice", settings.choice, settings)
    onset, horizon = run.truth.cue_onset, run.truth.effort.shape[1]
    streams = {
        f"{s.monitor}/{s.rule}": s.statistics for s in line_up.streams(run.trace, tier="ledger")
    }
    rows = []
    for alpha in settings.alphas:
        medians = {}
        for key in _LEDGER_READERS:
            times = alarms["training", key, alpha].times(streams[key])
            medians[key] = float(medians_of([delays(times, onset, horizon)])[0])
        best = min(medians, key=lambda key: (medians[key], key != "ledger_ratio/maximum"))
        rows.append((alpha, best, medians[best]))
    return pd.DataFrame(rows, columns=["alpha", "yardstick", "median"])
