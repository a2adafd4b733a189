"""Negative controls: what must tell nothing tells nothing, and no reader beats its bound."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from slowturn.experiments.estimates import auc

__all__ = ["bound_violations", "controls"]


def controls(tables: dict[str, pd.DataFrame], *, alpha: float) -> dict[str, Any]:
    """Negative controls: the time canary, shuffled labels, bounds, and honest false alarms."""
    aligned = tables["aligned"]
    canary = aligned[(aligned.monitor == "time_index") & (aligned.k == 20)]
    estimates = []
    groups: Any = canary.groupby(["regime", "honest_seed"])
    for (regime, pair), table in groups:
        seekers = table[table.organism == "treacherous"].score.to_numpy()
        honest = table[(table.organism == "honest") & (table.seed == pair)].score.to_numpy()
        if not len(seekers):  # an honest organism that nobody is compared with
            continue
        estimate = auc(honest, seekers)
        estimates.append({"regime": regime, "honest_seed": int(pair), **estimate._asdict()})
    return {
        "time_canary_auc": estimates,
        "shuffled_agents_auc": _shuffled(aligned),
        "bound_violations": bound_violations(tables, alpha=alpha),
    }


def _shuffled(aligned: pd.DataFrame) -> list[dict[str, Any]]:
    """AUC of every monitor between deployments whose agents' labels are shuffled: must be 1/2."""
    rng = np.random.default_rng(0)
    found = []
    seekers = aligned[aligned.organism.isin(("treacherous", "honest")) & (aligned.k == 20)]
    groups: Any = seekers.groupby(["regime", "monitor"], sort=False)
    for (regime, monitor), table in groups:
        labels = rng.permutation((table.organism == "treacherous").to_numpy())
        score = table.score.to_numpy()
        estimate = auc(score[~labels], score[labels])
        found.append({"regime": regime, "monitor": monitor, **estimate._asdict()})
    return found


def bound_violations(tables: dict[str, pd.DataFrame], *, alpha: float) -> list[dict[str, Any]]:
    """Readers of behaviour that rang more often than any reader of behaviour can.

    Each is held against the bound at the alarm rate that it really has on honest deployments
    (upper end of its 99.9 % interval; see `limits`). Whatever is listed means that truth leaked.
    """
    leaks = tables["leaks"]
    found = leaks[(leaks.alpha == alpha) & leaks.broken.astype(bool)]
    return [{str(k): v for k, v in row.items()} for row in found.to_dict("records")]
