"""The contract of a monitor, executable: `check_monitor` runs every clause of it.

Adding a clause: write a function of a `_Case` that raises through `_broken`, and list it in
`CLAUSES`; the tests then ask for a monitor that breaks it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor, nn

from slowturn.monitors.access import Channel, Tier
from slowturn.monitors.errors import MonitorError
from slowturn.monitors.monitor import Monitor
from slowturn.monitors.storage import load_monitor, save_monitor
from slowturn.monitors.synthetic import null_traces
from slowturn.monitors.trace import Trace

__all__ = ["CLAUSES", "check_monitor", "null_traces"]

_LEAST_EPISODES = 24
_LEAST_STEPS = 16
_Z = 3.29  # two-sided 99.9 %
_SLACK = 512  # bytes that counters and caches may grow by
_RTOL, _ATOL = 1e-7, 1e-9


def check_monitor(monitor: Monitor, traces: Trace, labels: NDArray[np.bool_] | None = None) -> None:
    """Hold a monitor to its contract; raise at the first clause that it breaks.

    The monitor itself is left as it was: all work is done by fresh ones, built from its `params`
    and `resources`.

    Args:
        monitor: A monitor, fitted or not.
        traces: Exchangeable null episodes `[episode, step]` that hold every channel the monitor
            reads (and better the others too, to see that it leaves them alone): at least 24
            episodes of 16 steps. `null_traces` makes some.
        labels: Labels for `fit`, `[episode, step]`, if the monitor needs any.

    Raises:
        MonitorError: Naming the class, the broken clause and what was seen.

    Example:
        >>> from slowturn.monitors import Mahalanobis
        >>> check_monitor(Mahalanobis(), null_traces())
    """
    if not isinstance(monitor, Monitor):
        raise MonitorError(
            f"check_monitor: {type(monitor).__name__} is no Monitor: subclass "
            "slowturn.monitors.Monitor, and pass an instance."
        )
    episodes, steps = traces.shape
    if episodes < _LEAST_EPISODES or steps < _LEAST_STEPS:
        raise MonitorError(
            f"check_monitor needs at least {_LEAST_EPISODES} episodes of {_LEAST_STEPS} steps, "
            f"got {episodes} of {steps}."
        )
    if labels is None and monitor.needs_labels:
        raise MonitorError(
            f"check_monitor: {type(monitor).__name__} needs labels to fit: pass labels=."
        )
    case = _Case(monitor, traces, labels if monitor.needs_labels else None)
    for clause in CLAUSES.values():
        clause(case)


@dataclass
class _Case:
    """A monitor under examination."""

    monitor: Monitor
    traces: Trace
    labels: NDArray[np.bool_] | None

    def fresh(self) -> Monitor:
        """Another unfitted monitor with the same settings."""
        kept = {name: getattr(self.monitor, name) for name in self.monitor.resources}
        return type(self.monitor)(**self.monitor.params, **kept)

    def fitted(self, traces: Trace | None = None) -> Monitor:
        """Another monitor, fitted on all episodes."""
        monitor = self.fresh()
        monitor.fit(self.traces if traces is None else traces, self.labels)
        return monitor


def _broken(case: _Case, clause: str, what: str) -> NoReturn:
    raise MonitorError(f"{type(case.monitor).__name__} is not {clause}: {what}")


def _differ(a: NDArray[np.float64], b: NDArray[np.float64], *, exact: bool = False) -> str | None:
    """Where two score arrays differ, None if nowhere."""
    if a.shape != b.shape:
        return f"shape {a.shape} against {b.shape}"
    same = a == b if exact else np.isclose(a, b, rtol=_RTOL, atol=_ATOL)
    if same.all():
        return None
    episode, step = np.argwhere(~same)[0]
    return f"episode {episode}, step {step}: {a[episode, step]!r} against {b[episode, step]!r}"


def _declared(case: _Case) -> None:
    cls = type(case.monitor)
    name, reads, tier = (getattr(cls, what, None) for what in ("name", "reads", "tier"))
    if not isinstance(name, str) or not name:
        _broken(case, "declared", f"name must be a non-empty string, got {name!r}.")
    if not isinstance(reads, frozenset) or not all(isinstance(item, Channel) for item in reads):
        _broken(case, "declared", f"reads must be a frozenset of Channel, got {reads!r}.")
    if not isinstance(tier, Tier):
        _broken(case, "declared", f"tier must be a Tier, got {tier!r}.")


def _rebuildable(case: _Case) -> None:
    params = case.monitor.params
    try:
        plain = json.loads(json.dumps(params, allow_nan=False))
    except (TypeError, ValueError) as error:
        _broken(case, "rebuildable", f"params must be plain JSON types ({error}).")
    if plain != params:
        _broken(case, "rebuildable", f"params {params!r} come back from JSON as {plain!r}.")
    try:
        again = case.fresh().params
    except (TypeError, AttributeError) as error:
        _broken(case, "rebuildable", f"params and resources do not construct it ({error}).")
    if again != params:
        _broken(case, "rebuildable", f"built from params {params!r} it reports {again!r}.")


def _harmless(case: _Case) -> None:
    traces = case.traces.map(np.array)
    labels = None if case.labels is None else case.labels.copy()
    monitor = case.fresh()
    monitor.fit(traces, labels)
    monitor.score(traces)
    before, after = case.traces._arrays(), traces._arrays()
    for name, array in before.items():
        if not np.array_equal(array, after[name], equal_nan=array.dtype.kind == "f"):
            _broken(case, "harmless", f"it changed the {name} that it was given.")
    if case.labels is not None and labels is not None and (labels != case.labels).any():
        _broken(case, "harmless", "it changed the labels that it was given.")


def _honest_about_labels(case: _Case) -> None:
    needs = case.monitor.needs_labels
    wrong = None if needs else np.zeros(case.traces.shape, np.bool_)
    try:
        case.fresh().fit(case.traces, wrong)
    except MonitorError:
        return
    what = "fit takes no labels though it needs_labels" if needs else "fit accepts labels"
    _broken(case, "honest about labels", f"{what}; override _fit, not fit.")


def _well_formed(case: _Case) -> None:
    scores = case.fitted().score(case.traces)
    if not isinstance(scores, np.ndarray) or scores.shape != case.traces.shape:
        got = getattr(scores, "shape", type(scores).__name__)
        _broken(case, "well-formed", f"scores must have shape {case.traces.shape}, got {got}.")
    if scores.dtype != np.float64:
        _broken(case, "well-formed", f"scores must be float64, got {scores.dtype}.")
    if not np.isfinite(scores).all():
        _broken(case, "well-formed", "scores must be finite.")


def _deterministic(case: _Case) -> None:
    first, second = case.fitted(), case.fitted()
    scores = first.score(case.traces)
    for what, other in (
        ("two fits on the same traces score", second.score(case.traces)),
        ("two calls of score yield", first.score(case.traces)),
    ):
        if where := _differ(scores, other, exact=True):
            _broken(case, "deterministic", f"{what} differently, {where}.")


def _alone(case: _Case) -> None:
    monitor = case.fitted()
    together = monitor.score(case.traces)
    for episode in (0, len(together) - 1):
        apart = monitor.score(case.traces.episodes(slice(episode, episode + 1)))
        if where := _differ(together[episode : episode + 1], apart):
            what = f"episode {episode} scores differently without the others, {where}."
            _broken(case, "indifferent to other episodes", what)


def _causal(case: _Case) -> None:
    monitor = case.fitted()
    scores = monitor.score(case.traces)
    steps = scores.shape[1]
    for cut in (1, steps // 2, steps - 1):

        def rewrite(array: NDArray[Any], cut: int = cut) -> NDArray[Any]:
            # Another episode's future, backwards: any value stays one that the channel can take.
            return np.concatenate([array[:, :cut], np.roll(array, 1, 0)[:, : cut - 1 : -1]], axis=1)

        def shorten(array: NDArray[Any], cut: int = cut) -> NDArray[Any]:
            return array[:, :cut]

        edited = monitor.score(case.traces.map(rewrite))[:, :cut]
        short = monitor.score(case.traces.map(shorten))
        for what, other in (("rewritten", edited), ("cut off", short)):
            if where := _differ(scores[:, :cut], other):
                when = f"when the future from step {cut} on is {what}"
                _broken(case, "causal", f"{when}, earlier scores change, {where}.")


def _true_to_reads(case: _Case) -> None:
    traces, reads = case.traces, case.monitor.reads
    scores = case.fitted().score(traces)
    order = np.random.default_rng(0).permutation(len(scores))
    mixed = traces.map(lambda array: array[order][:, ::-1])
    other = {c.value: getattr(traces if c in reads else mixed, c.value) for c in Channel}
    scrambled = Trace(**other, extent=traces.shape)
    if where := _differ(scores, case.fitted(scrambled).score(scrambled), exact=True):
        what = f"scores change with a channel that it does not declare, {where}."
        _broken(case, "true to its reads", what)
    try:
        few = case.fitted(traces.only(reads)).score(traces.only(reads))
    except (MonitorError, TypeError, AttributeError) as error:
        _broken(case, "true to its reads", f"the declared channels are not enough ({error}).")
    if where := _differ(scores, few, exact=True):
        what = f"scores differ when only the declared channels are there, {where}."
        _broken(case, "true to its reads", what)


def _online(case: _Case) -> None:
    traces, clause = case.traces, "the same online"
    monitor, other = case.fitted(), case.fitted()
    scores = monitor.score(traces)
    steps = range(scores.shape[1])

    def walk(episode: int, between: Callable[[int], object]) -> NDArray[np.float64]:
        monitor.reset()
        stepped = np.empty((1, len(steps)))
        for t in steps:
            stepped[0, t] = monitor.step(traces.record(episode, t))
            between(t)
        return stepped

    other.reset()
    for what, episode, between in (
        ("stepping through it", 0, lambda _: None),
        ("after reset, stepping through it", 1, lambda _: None),
        ("calling score between steps", 2, lambda _: monitor.score(traces.episodes([3, 4]))),
        ("stepping another monitor in turn", 5, lambda t: other.step(traces.record(6, t))),
    ):
        if where := _differ(walk(episode, between), scores[episode : episode + 1]):
            place = where.replace("episode 0", f"episode {episode}")
            _broken(case, clause, f"{what} does not give what score gives, {place}.")


def _bounded(case: _Case) -> None:
    monitor, traces = case.fitted(), case.traces
    rows, steps = traces.shape
    warm = max(steps, 2 * int(getattr(monitor, "window", 0)))
    monitor.reset()
    sizes = []
    for stop in (warm, 10 * warm):
        for t in range(stop):
            monitor.step(traces.record(t // steps % rows, t % steps))
        sizes.append(_deep_size(vars(monitor), set()))
    if sizes[1] > sizes[0] + _SLACK:
        what = f"{10 * warm} more steps grew it from {sizes[0]} to {sizes[1]} bytes"
        _broken(case, "bounded in memory", f"{what}; if it keeps a window, name it `window`.")


def _deep_size(item: Any, seen: set[int]) -> int:
    """Bytes of arrays and plain containers within, without networks and shared parts."""
    if id(item) in seen or isinstance(item, nn.Module | type):
        return 0
    seen.add(id(item))
    if isinstance(item, np.ndarray | Tensor):
        return int(item.nbytes)
    if isinstance(item, str | bytes):
        return len(item)
    if hasattr(item, "__dict__") and not isinstance(item, FunctionType):
        item = vars(item)
    if isinstance(item, Mapping):
        item = list(item.values())
    sized = hasattr(item, "__iter__") and hasattr(item, "__len__")
    return sum(8 + _deep_size(part, seen) for part in item) if sized else 8


def _calm(case: _Case) -> None:
    third = case.traces.shape[0] // 3
    monitor = case.fresh()
    fit = slice(0, third)
    monitor.fit(case.traces.episodes(fit), None if case.labels is None else case.labels[fit])
    maxima = monitor.score(case.traces.episodes(slice(third, 3 * third))).max(axis=1)
    # Mann-Whitney: ties count one half, and make the band conservative.
    ranks = rankdata(maxima)[third:].sum()
    auc = (ranks - third * (third + 1) / 2) / third**2
    band = _Z * np.sqrt((2 * third + 1) / (12 * third**2))
    if abs(auc - 0.5) > band:
        what = f"two halves of null episodes are told apart with AUC {auc:.2f}"
        _broken(case, "calm", f"{what}, outside of 1/2 +- {band:.2f}.")


def _storable(case: _Case) -> None:
    monitor = case.fitted()
    kept = {name: getattr(case.monitor, name) for name in case.monitor.resources}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "monitor.safetensors"
        try:
            save_monitor(monitor, path)
            again = load_monitor(path, cls=type(monitor), **kept)
            scores = again.score(case.traces)
        except (MonitorError, TypeError, AttributeError) as error:
            _broken(case, "storable", f"saving and loading it fails ({error}).")
    if where := _differ(monitor.score(case.traces), scores, exact=True):
        what = (
            f"saved and loaded, it scores differently, {where}; is all it learned in state_names?"
        )
        _broken(case, "storable", what)


CLAUSES: dict[str, Callable[[_Case], None]] = {
    "declared": _declared,
    "rebuildable": _rebuildable,
    "harmless": _harmless,  # before any clause that runs the monitor on the caller's arrays
    "honest about labels": _honest_about_labels,
    "well-formed": _well_formed,
    "deterministic": _deterministic,
    "indifferent to other episodes": _alone,
    "causal": _causal,
    "true to its reads": _true_to_reads,
    "the same online": _online,
    "bounded in memory": _bounded,
    "calm": _calm,
    "storable": _storable,
}
