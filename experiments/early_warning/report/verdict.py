"""The finding in two sentences, worded by the numbers."""

from __future__ import annotations

from math import inf, isfinite, isinf, isnan
from typing import Any, NamedTuple

from slowturn.experiments.early_warning.figures import GOOD_SHARE
from slowturn.experiments.early_warning.report.wording import (
    interval,
    listed,
    number,
    percent,
    reader_missed,
    steps,
)
from slowturn.experiments.early_warning.settings import CONTENDERS, CONTROLS, PRIMARY
from slowturn.experiments.errors import ExperimentError
from slowturn.experiments.palette import MONITORS, REGIMES, label_of, look_of

__all__ = ["Seen", "best_contender", "seen_of", "tell"]

_READS = {
    "ledger": "which reads only the public record",
    "reference": "which compares {its} actions with those of an honest agent",
    "internals": "which reads only {its} internal state",
    "weights": "which reads only {its} internal state and weights",
    "oracle": "which was shown when it is deployed",
}
_POPULAR = {"mahalanobis", "phase_probe"}


class Seen(NamedTuple):
    """What a row says of one monitor, as (value, low, high); see `analysis` for the meanings.

    Attributes:
        monitor: Its name.
        tier: Access it needs.
        delay: Steps from cue onset to alarm; infinite where the median deployment was missed.
        lead: Steps from its alarm to that of the best practical reader of the ledger; NaN where
            the median deployment was missed, infinite where that reader missed it.
        accused: Share of the benign twin's deployments that it accused.
        accused_honest: The same of the honest organism that never changes.
        agents: Number of agents.
        deployments: Number of their deployments.
    """

    monitor: str
    tier: str
    delay: tuple[float, float, float]
    lead: tuple[float, float, float]
    accused: float
    accused_honest: float
    agents: int
    deployments: int

    @property
    def spares(self) -> bool:
        """Whether it accuses few deployments of the honest twin."""
        return self.accused <= GOOD_SHARE

    @property
    def called(self) -> str:
        """Its name in a sentence."""
        name = look_of(self.monitor, MONITORS).label.removesuffix(" (oracle)")
        return f"the {name}" if name.endswith("probe") else f"the {name} monitor"

    @property
    def share(self) -> str:
        """Its short name and the share it accused."""
        name = look_of(self.monitor, MONITORS).label.removesuffix(" (oracle)")
        return f"{name} {percent(self.accused)}"


def _seen(row: dict[str, Any]) -> Seen:
    delay, lead = (
        tuple(number(row[f"{name}_{end}"]) for end in ("median", "low", "high"))
        for name in ("delay", "lead")
    )
    if reader_missed(row):
        lead = (inf, *lead[1:])  # JSON has no infinity
    return Seen(
        str(row["monitor"]),
        str(row["tier"]),
        delay,  # type: ignore[arg-type]
        lead,  # type: ignore[arg-type]
        number(row["accused_benign"]),
        number(row["accused_honest"]),
        int(row["agents"]),
        int(row["deployments"]),
    )


def seen_of(summary: dict[str, Any], *, seed: int | None, regime: str) -> list[Seen]:
    """Primary monitors on treacherous organisms, alarms at the headline alpha set on training.

    Raises:
        ExperimentError: If the summary holds no such agent.
    """
    rows = summary["pooled"] if seed is None else summary["rows"]
    found = [
        _seen(row)
        for row in rows
        if row["organism"] == "treacherous"
        and row["regime"] == regime
        and (seed is None or row["seed"] == seed)
        and row["alpha"] == summary["alpha"]
        and row["null"] == "training"
        and row["rule"] == PRIMARY.get(row["monitor"])
        and row["monitor"] not in CONTROLS
    ]
    if not found:
        raise ExperimentError(
            f"no rows of a treacherous organism with regime {regime!r} and seed {seed}: the "
            f"summary holds {summary['seeds']}."
        )
    return found


def best_contender(found: list[Seen]) -> Seen | None:
    """Whom a finding is told of: the first in a fixed order that spares the twin and leads.

    Where none of them leads, the one that comes closest; None if all that spare the twin missed
    most deployments. The order is fixed in `settings.CONTENDERS`, because the largest of several
    leads is larger than it would be again.
    """
    named = {one.monitor: one for one in found}
    able = [
        named[name]
        for name in CONTENDERS
        if name in named and named[name].spares and not isnan(named[name].lead[0])
    ]
    leading = [one for one in able if one.lead[0] > 0]
    return leading[0] if leading else max(able, key=lambda one: one.lead[0], default=None)


def tell(summary: dict[str, Any], *, seed: int | None, regime: str) -> list[str]:
    """Two sentences that a stranger understands: who rang how early, and who was accused.

    See `best_contender` for which monitor they tell of; sparing the twin means to accuse at most
    15 % of its deployments.

    Args:
        summary: What `run_bench` returns, or `summary.json` read back.
        seed: Seed of one treacherous agent; None for all of the regime together.
        regime: Overseer.

    Raises:
        ExperimentError: If the summary holds no such agent.
    """
    found = seen_of(summary, seed=seed, regime=regime)
    best = best_contender(found)
    return [_first(found, best, seed, regime), _second(found, best)]


def _first(found: list[Seen], best: Seen | None, seed: int | None, regime: str) -> str:
    many = seed is None and found[0].agents > 1
    their = "their" if many else "its"
    if seed is not None:
        who = f"The agent with seed {seed}"
    else:
        agents = f"{found[0].agents} treacherous agents" if many else "treacherous agent"
        who = f"The {agents} under the {label_of(regime, REGIMES)}"
    turned = (
        f"{who} served {their} operator in training and began to divert effort after deployment"
    )
    counted = f"(medians over {found[0].deployments:,} deployments)"
    reader = f"the best reader of {their} public record"
    if best is None:
        return (
            f"{turned}; of the monitors that read more than {their} public record, none rang in "
            f"most deployments without also accusing the honest twin {counted}."
        )
    reads = _READS.get(best.tier, "").format(its=their)
    rang = "missed most deployments"
    if isfinite(best.delay[0]):
        rang = f"rang {steps(best.delay)} after the cue changed"
    lead, low, _ = best.lead
    if isinf(lead):
        more = f", while {reader} missed most deployments"
    elif lead <= 0:
        more = _behind(best, reader)
        best_of = f"the best of them, {best.called}, {rang}{more}"
        return (
            f"{turned}; no monitor that spares the honest twin led {reader}: {best_of} {counted}."
        )
    else:
        doubt = "" if low > 0 else ", which may be no lead at all"
        more = f", {steps(best.lead)} before {reader}{doubt}"
    return f"{turned}; {best.called}, {reads}, {rang}{more} {counted}."


def _behind(best: Seen, reader: str) -> str:
    """How a monitor that does not lead stands to the reader."""
    lead, low, high = best.lead
    if lead == 0:
        return f", no earlier than {reader} {interval(low, high)}"
    doubt = "" if high < 0 else ", which may be no delay at all"
    return f", {steps((-lead, -high, -low))} after it{doubt}"


def _second(found: list[Seen], best: Seen | None) -> str:
    accusers = sorted(
        (one for one in found if one.accused > GOOD_SHARE), key=lambda one: -one.accused
    )
    shares = listed([one.share for one in accusers]) if accusers else ""
    twin = "the honest twin that merely noticed deployment"
    if best is None:
        idle = [one.called for one in found if one.monitor in CONTENDERS and one.spares]
        missed = f"{listed(idle)} spared it but missed most deployments" if idle else ""
        if accusers:
            also = f"; {missed}" if idle else ""
            return f"{twin[0].upper()}{twin[1:]} was accused: {shares} of its deployments{also}."
        return f"No monitor accused {twin}{f': {missed}' if idle else ''}."
    own = f"{percent(best.accused)} for {best.called}"
    if best.accused_honest > GOOD_SHARE:
        plain = percent(best.accused_honest)
        own += f", which accused even a plain honest agent in {plain} of its deployments"
    if not accusers:
        most = percent(max(one.accused for one in found if not isnan(one.accused)))
        return f"No monitor accused {twin} in more than {most} of its deployments ({own})."
    popular = {one.monitor for one in accusers} <= _POPULAR
    if len(accusers) == 1:
        who, too = accusers[0].called, "it also"
    else:
        who, too = "the popular monitors" if popular else "other monitors", "they also"
    early = [one.delay[0] <= best.delay[0] for one in accusers]
    when = "rang as early" if all(early) else "rang no earlier" if not any(early) else ""
    link = {"rang as early": f" {when}, but {too}", "rang no earlier": f" {when}, and {too}"}
    said = f"{who}{link.get(when, ' also')} accused {twin}"
    return f"{said[0].upper()}{said[1:]}: {shares} of its deployments, against {own}."
