"""Fitted monitors on disk: one safetensors file, from which nothing is ever unpickled.

The arrays are the monitor's state. The header's metadata holds one JSON document (class by name,
constructor arguments, and the rule and the alarm of a watch) and a sha256 over the document and
the arrays. It detects damage and careless edits; it is no signature: take files from people you
trust to tell you what they fitted.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from slowturn.monitors.alarm import Alarm
from slowturn.monitors.errors import MonitorError, unknown_name
from slowturn.monitors.monitor import Monitor
from slowturn.monitors.registry import MONITORS, RULES
from slowturn.monitors.rules import Rule
from slowturn.monitors.watch import Watch

__all__ = ["load_monitor", "load_watch", "save_monitor", "save_watch"]

_FORMAT = 1
_Arrays = dict[str, NDArray[Any]]


def save_monitor(monitor: Monitor, path: str | Path) -> None:
    """Write a fitted monitor to `path`, replacing an older file at once or not at all.

    What a monitor lists as `resources` (a network, a reference policy) is not saved.

    Raises:
        MonitorError: If it is not fitted, or its `params` are no plain JSON.
    """
    _write(Path(path), _monitor_card(monitor), monitor.state())


def load_monitor(
    path: str | Path, *, cls: type[Monitor] | None = None, **resources: Any
) -> Monitor:
    """Read a monitor back, ready to score.

    Args:
        path: The file.
        cls: Its class, if it is one of your own; otherwise the class comes from `MONITORS`.
        **resources: What was not saved, e.g. `reference=` for `ActionRatio`. The `head=` of a
            `HallucinationProbe` is only needed to fit it again.

    Raises:
        MonitorError: If the file is damaged, altered, of an unknown class, or lacks a resource.
    """
    document, arrays = _read(Path(path))
    return _build_monitor(Path(path), document, arrays, cls, resources)


def save_watch(watch: Watch, path: str | Path) -> None:
    """Write a monitor with its rule and its alarm to `path`.

    Raises:
        MonitorError: As `save_monitor`.
    """
    rule = {"name": watch.rule.name, "class": type(watch.rule).__qualname__}
    document = _monitor_card(watch.monitor) | {
        "rule": rule | {"fields": watch.rule.card()},
        "alarm": watch.alarm.card(),
    }
    _write(Path(path), document, watch.monitor.state())


def load_watch(
    path: str | Path,
    *,
    cls: type[Monitor] | None = None,
    rule_cls: type[Rule] | None = None,
    **resources: Any,
) -> Watch:
    """Read a watch back, at the beginning of an episode.

    Args:
        path: The file.
        cls: Class of the monitor, if it is one of your own.
        rule_cls: Class of the rule, if it is one of your own.
        **resources: As for `load_monitor`.

    Raises:
        MonitorError: As `load_monitor`, or if the file holds a monitor alone.
    """
    document, arrays = _read(Path(path))
    if "rule" not in document:
        raise MonitorError(f"{path} holds a monitor without rule and alarm: use load_monitor.")
    card = document["rule"]
    kind = rule_cls or RULES.get(card["name"])
    if kind is None or kind.__qualname__ != card["class"]:
        raise _not_allowed(Path(path), "rule", card, list(RULES), "rule_cls=")
    watch = Watch(
        monitor=_build_monitor(Path(path), document, arrays, cls, resources),
        rule=kind.from_card(card["fields"]),
        alarm=Alarm.from_card(document["alarm"]),
    )
    watch.reset()
    return watch


def _monitor_card(monitor: Monitor) -> dict[str, Any]:
    return {
        "monitor": {
            "name": monitor.name,
            "class": type(monitor).__qualname__,
            "params": monitor.params,
        }
    }


def _build_monitor(
    path: Path,
    document: dict[str, Any],
    arrays: _Arrays,
    cls: type[Monitor] | None,
    resources: dict[str, Any],
) -> Monitor:
    card = document["monitor"]
    kind = cls or MONITORS.get(card["name"])
    # The class is compared as well: a subclass of your own may keep the name of its parent.
    if kind is None or kind.__qualname__ != card["class"]:
        raise _not_allowed(path, "monitor", card, list(MONITORS), "cls=")
    for name in resources:
        if name not in kind.resources:
            raise unknown_name(f"resource of {kind.__name__}", name, kind.resources)
    signature = inspect.signature(kind)
    for name in kind.resources:
        required = signature.parameters[name].default is inspect.Parameter.empty
        if required and name not in resources:
            raise MonitorError(
                f"{path}: a {kind.__name__} does not store its {name}: pass {name}= again."
            )
    try:
        monitor = kind(**card["params"], **resources)
    except TypeError as error:
        raise MonitorError(
            f"{path} does not fit this version of {kind.__name__} ({error})."
        ) from error
    monitor.set_state(arrays)
    return monitor


def _not_allowed(
    path: Path, what: str, card: dict[str, Any], known: list[str], argument: str
) -> MonitorError:
    return MonitorError(
        f"{path}: {what} {card['name']!r} of class {card['class']} is not on the allow-list "
        f"({', '.join(known)}); pass {argument} if it is one of your own."
    )


def _digest(document: dict[str, Any], arrays: _Arrays) -> str:
    digest = hashlib.sha256(json.dumps(document, sort_keys=True, allow_nan=False).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _write(path: Path, document: dict[str, Any], arrays: _Arrays) -> None:
    kind = document["monitor"]["class"]
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise MonitorError(
                f"{kind} cannot be saved: {name} is of dtype {array.dtype}, not numbers."
            )
    whole = {name: np.array(array, order="C") for name, array in arrays.items()}
    document = {"format": _FORMAT} | document
    try:
        # One key only: the order of several in the header is not reproducible.
        sealed = document | {"sha256": _digest(document, whole)}
        metadata = {"slowturn": json.dumps(sealed, sort_keys=True, allow_nan=False)}
    except (TypeError, ValueError) as error:
        raise MonitorError(f"{kind} cannot be saved: its params are no JSON ({error}).") from error
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(save(whole, metadata=metadata))
    partial.replace(path)


def _read(path: Path) -> tuple[dict[str, Any], _Arrays]:
    if not path.is_file():
        raise MonitorError(f"{path} does not exist.")
    try:
        with safe_open(path, framework="numpy") as file:
            document: dict[str, Any] = json.loads((file.metadata() or {})["slowturn"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
        stored = document.pop("sha256")
    except (SafetensorError, KeyError, ValueError, AttributeError) as error:
        raise MonitorError(f"{path} is truncated or no slowturn monitor ({error}).") from error
    if stored != _digest(document, arrays):
        raise MonitorError(f"{path} was altered: its sha256 does not match.")
    if document.get("format") != _FORMAT:
        raise MonitorError(
            f"{path}: format {document.get('format')!r}, this version reads {_FORMAT}."
        )
    return document, arrays
