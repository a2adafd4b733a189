"""One organism under watch: every monitor of the line-up fitted, followed by its rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowturn.agents import Organism
from slowturn.agents.seeds import purpose_seed
from slowturn.experiments.collect import action_bounds, collect, mind_layer
from slowturn.experiments.early_warning.settings import CONTROLS, LINE_UP, Settings
from slowturn.monitors import (
    MONITORS,
    ActionRatio,
    Cusum,
    Ewma,
    HallucinationProbe,
    LedgerEffort,
    LedgerRatio,
    Mahalanobis,
    Maximum,
    Monitor,
    PhaseProbe,
    PowerLogOdds,
    Recorder,
    Rule,
    TimeIndex,
    Trace,
    policy_head,
)

__all__ = ["FittedLineUp", "Stream", "tier_of"]


def tier_of(monitor: str) -> str:
    """Access tier of a monitor of the line-up, or `control`."""
    return "control" if monitor in CONTROLS else str(MONITORS[monitor].tier)


class Stream(NamedTuple):
    """Statistics of one monitor and rule on whole episodes, `[episode, step]`."""

    monitor: str
    rule: str
    scores: NDArray[np.float64]
    statistics: NDArray[np.float64]


class FittedLineUp:
    """Monitors and rules of one suspect, fitted on its own training phase.

    Only the oracle sees labels, and only of episodes that serve nothing else.

    Args:
        suspect: The organism under watch.
        reference: An honest organism of the same regime, never the suspect itself.
        profile: Mean effort after cue onset of the regime's treacherous organisms, `[steps]`:
            what the behavioural yardstick is told about the drift.
        settings: Numbers of episodes.
    """

    def __init__(
        self,
        suspect: Organism,
        *,
        reference: Organism,
        profile: NDArray[np.float64],
        settings: Settings,
    ) -> None:
        self.suspect = suspect
        fit, labelled = (
            collect(suspect, episodes=episodes, purpose=settings.purpose(what), phase=phase)
            for what, episodes, phase in (
                ("fit", settings.fit, "training"),
                ("labels", settings.labelled, "mixed"),
            )
        )
        labels = labelled.truth.since_onset >= 0
        shuffled = np.random.default_rng(purpose_seed("shuffle", suspect.name)).permuted(labels)
        self._fitted: list[tuple[str, Monitor, list[Rule]]] = []
        for name, rules in LINE_UP:
            monitor = _build(name, suspect, reference, profile)
            if monitor.needs_labels:
                monitor.fit(labelled.trace, shuffled if name == "shuffled_probe" else labels)
            else:
                monitor.fit(fit.trace)
            scores = monitor.score(fit.trace)
            fitted = [_rule(name, rule) for rule in rules]
            for rule in fitted:
                rule.fit(scores)
            self._fitted.append((name, monitor, fitted))

    def streams(self, trace: Trace, *, tier: str | None = None) -> Iterator[Stream]:
        """Statistics of every monitor and rule on `trace`, in the order of the line-up.

        Args:
            trace: Episodes of the suspect, or for monitors that read the ledger only, of anyone.
            tier: Only monitors of this access tier.
        """
        for name, monitor, rules in self._fitted:
            if tier not in (None, tier_of(name)):
                continue
            scores = monitor.score(trace)
            for rule in rules:
                yield Stream(name, rule.name, scores, rule.run(scores))

    def maxima(self, trace: Trace) -> dict[str, NDArray[np.float64]]:
        """Largest statistic of each episode, by `monitor/rule`: what alarms are calibrated on."""
        return {f"{s.monitor}/{s.rule}": s.statistics.max(axis=1) for s in self.streams(trace)}

    def monitor(self, name: str) -> Monitor:
        """A fitted monitor of the line-up."""
        return next(monitor for known, monitor, _ in self._fitted if known == name)


def _rule(monitor: str, rule: str) -> Rule:
    if rule == "cusum":
        plain = monitor == "action_ratio"  # already in nats: nothing to standardise
        return Cusum(allowance=0.0, standardise=False) if plain else Cusum()
    return Ewma() if rule == "ewma" else Maximum()


def _build(
    name: str, suspect: Organism, reference: Organism, profile: NDArray[np.float64]
) -> Monitor:
    layer = mind_layer(suspect)
    power = suspect.recipe.build_world().power_actions
    match name:
        case "time_index":
            monitor: Monitor = TimeIndex()
        case "ledger":
            monitor = LedgerEffort()
        case "ledger_ratio":
            monitor = LedgerRatio(profile=profile)
        case "action_ratio":
            monitor = ActionRatio(
                reference=Recorder(reference.policy, []), bounds=action_bounds(suspect)
            )
        case "mahalanobis":
            monitor = Mahalanobis(layer=layer)
        case "power_log_odds":
            monitor = PowerLogOdds(power_actions=power)
        case "hallucination":
            monitor = HallucinationProbe(
                power_actions=power,
                head=policy_head(suspect.policy),
                layer=layer,
                bounds=(-1.0, 1.0) if layer == "lstm.h" else None,
            )
        case _:
            monitor = PhaseProbe(layer=layer)
    return monitor
