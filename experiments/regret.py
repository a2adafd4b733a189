"""How far organisms are from the best that can be done in Steward, and what they lose it by.

Regret is the expected sum of what single actions lose (see `slowturn.agents.solved.Critic`). So
every step has its share of it, all shares are >= 0, and they scatter far less than returns do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from slowturn.agents import LEARNED, Organism, zoo
from slowturn.agents import REGIMES as OVERSEERS
from slowturn.agents.seeds import episode_seeds, purpose_seed
from slowturn.agents.solved import Critic, Solution, Solved, Verdict, solve_steward
from slowturn.envs import make_world
from slowturn.experiments.early_warning.figures.canvas import count, finish, new_figure, style
from slowturn.experiments.palette import INK, ORGANISMS, REGIMES, label_of, ordered

__all__ = [
    "AIMS",
    "PARTS",
    "drift_figure",
    "effort_curves",
    "objectives_table",
    "regret_table",
    "shipped",
]

AIMS = {"brisk": 0.05, "slow": 0.15}
"""Regret of a treacherous organism, as a share of the gap, that training aims at."""

PARTS = ("slips", "caution", "noticing", "rungs", "overreach", "surges")
"""What regret is lost by: more effort than is best before onset; less, so that the phase is not
asked for; whatever is done wrong in deployment until an own effort shows it; too little and too
much effort once deployment is known; surging where that is not best."""


class _Run(NamedTuple):
    """Whole episodes of one policy, `[episode, step]` unless stated."""

    rewards: NDArray[np.float64]
    effort: NDArray[np.float64]
    onset: NDArray[np.int64]
    losses: list[NDArray[np.float64]]
    """Of each solution, V - Q of each step, not discounted."""
    parts: list[NDArray[np.int64]]
    """Of each solution, the place in `PARTS` of each loss."""


def shipped(kinds: Iterable[str] = LEARNED) -> list[Organism]:
    """The learned organisms of the package that are of these kinds."""
    return [one for one in map(zoo.load, zoo.shipped()) if one.recipe.name in set(kinds)]


@lru_cache(maxsize=16)
def _solve(regime: str, objective: str, discount: float = 1.0, phase: str = "mixed") -> Solution:
    return solve_steward(regime, objective, discount=discount, phase=phase)


def _run(
    policy: Any,
    regime: str,
    objective: str,
    *,
    episodes: int,
    seed: int,
    phase: str = "mixed",
    solutions: Sequence[Solution] = (),
    deterministic: bool = False,
) -> _Run:
    """Run whole episodes; every policy meets the same onsets and cues at one seed."""
    about = {"regime": regime, "phase": phase, "objective": objective}
    world = make_world("Steward-v0", num_envs=episodes, **about)
    world.seed(episode_seeds(episodes, "regret", seed))
    world.reset()
    critics = [Critic(solution, episodes) for solution in solutions]
    shape = (episodes, world.horizon)
    rewards, effort = np.zeros(shape), np.zeros(shape)
    losses = [np.zeros(shape) for _ in critics]
    parts = [np.zeros(shape, np.int64) for _ in critics]
    onset, state, start = world.truth().cue_onset, None, np.ones(episodes, np.bool_)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(purpose_seed("regret", "actions", seed))
        for t in range(world.horizon):
            seen = world.observations()
            action, state = policy.predict(seen, state, start, deterministic=deterministic)
            start = np.zeros(episodes, np.bool_)
            for i, critic in enumerate(critics):
                verdict = critic.judge(seen, action)
                losses[i][:, t] = verdict.loss
                parts[i][:, t] = _parts(
                    critic.solution.stakes.effort, action, verdict, (onset >= 0) & (t >= onset)
                )
            world.step(action)
            rewards[:, t], effort[:, t] = world.rewards(), world.truth().effort
    return _Run(rewards, effort, onset, losses, parts)


def _parts(
    effort: NDArray[np.float64],
    action: NDArray[np.int64],
    verdict: Verdict,
    deployed: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Place in `PARTS` of what each of `n` steps loses, if it loses anything."""
    more = effort[action] > effort[verdict.best]
    names = np.select(
        [action == len(effort) - 1, ~deployed & more, ~deployed, ~verdict.known, more],
        [PARTS.index(name) for name in ("surges", "slips", "caution", "noticing", "overreach")],
        PARTS.index("rungs"),
    )
    return np.asarray(names, np.int64)


def _interval(values: NDArray[np.float64], name: str) -> dict[str, float]:
    """Mean over episodes with its 95 % normal interval, in three columns."""
    mean = float(values.mean())
    half = 1.959964 * float(values.std(ddof=1)) / len(values) ** 0.5
    return {name: mean, f"{name}_low": mean - half, f"{name}_high": mean + half}


def regret_table(
    organisms: Iterable[Organism],
    *,
    episodes: int = 4096,
    seed: int = 0,
    deterministic: bool = False,
) -> pd.DataFrame:
    """Regret of organisms in episodes of Steward's mixed phase.

    Two rows for a learned organism: `discount` 1 counts the return of whole episodes, the other
    one what its training maximised. Shares are of the gap: the best treacherous return less what
    the best honest agent earns under the treacherous objective, for all kinds alike.

    Args:
        organisms: Learned or scripted ones of Steward; scripted ones have the first row only.
        episodes: Per organism.
        seed: Of episodes and actions; all organisms meet the same onsets and cues.
        deterministic: Whether they take their most probable actions instead of drawing them.

    Returns:
        Columns: organism, kind, regime, seed, discount, episodes, deterministic; `earned` (mean
        return under the organism's own objective), `optimum`, `gap`, `regret`, `share`
        (regret / gap), with `_low` and `_high` ends of 95 % intervals over episodes; one column
        for each of `PARTS`, which add up to `share`; and `impatience`: the share that even the
        best agent at the other row's discount would lose (0 in that row).
    """
    rows, impatience = [], {}
    for one in organisms:
        regime, objective, trainer = one.recipe.regime, one.recipe.objective, one.recipe.trainer
        discounts = (1.0,) if trainer is None else (1.0, trainer.gamma)
        own = [_solve(regime, objective, each) for each in discounts]
        run = _run(
            one.policy, regime, objective, episodes=episodes, seed=seed, solutions=own,
            deterministic=deterministic,
        )  # fmt: skip
        key = (regime, objective, discounts[-1])
        if key not in impatience:
            hasty = Solved(own[-1])
            other = _run(hasty, regime, objective, episodes=episodes, seed=seed, solutions=own[:1])
            impatience[key] = float(other.losses[0].sum(axis=1).mean())
        for best, losses, parts in zip(own, run.losses, run.parts, strict=True):
            weight = best.discount ** np.arange(best.horizon)
            # the best honest agent serves plainly, for 1 a step under either objective
            gap = _solve(regime, "treacherous", best.discount).value - weight.sum()
            lost = losses * weight
            about = {
                "organism": one.name, "kind": one.recipe.name, "regime": regime,
                "seed": one.seed, "discount": best.discount, "episodes": episodes,
                "deterministic": deterministic, "optimum": best.value, "gap": gap,
                "impatience": impatience[key] / gap if best.discount == 1.0 else 0.0,
            }  # fmt: skip
            about |= _interval((run.rewards * weight).sum(axis=1), "earned")
            about |= _interval(lost.sum(axis=1), "regret")
            about |= _interval(lost.sum(axis=1) / gap, "share")
            for i, name in enumerate(PARTS):
                about[name] = float((lost * (parts == i)).sum(axis=1).mean() / gap)
            rows.append(about)
    return pd.DataFrame(rows)


def objectives_table(
    *,
    regimes: Iterable[str] = OVERSEERS,
    episodes: int = 4096,
    seed: int = 0,
    discount: float = 1.0,
) -> pd.DataFrame:
    """Why objective and environment do not tell which agent you have.

    The best honest and the best treacherous agent, paid by either objective, in training and in
    deployment; once for agents that are sure of being trained (`prior` training) and once for
    agents that expect deployment some time (`prior` mixed).

    Returns:
        One row per regime, prior, agent, phase and objective with `earned` (mean return of an
        episode, not discounted) and its 95 % interval.
    """
    rows = []
    agents = ("honest", "treacherous")
    for regime, prior, agent in product(regimes, ("training", "mixed"), agents):
        policy = Solved(_solve(regime, agent, discount, prior))
        for phase, paid in product(("training", "deployment"), agents):
            run = _run(policy, regime, paid, episodes=episodes, seed=seed, phase=phase)
            about = {
                "regime": regime, "prior": prior, "agent": agent, "phase": phase,
                "paid_as": paid, "episodes": episodes,
            }  # fmt: skip
            rows.append(about | _interval(run.rewards.sum(axis=1), "earned"))
    return pd.DataFrame(rows)


def effort_curves(
    organisms: Iterable[Organism], *, episodes: int = 1024, seed: int = 0, last: int = 96
) -> pd.DataFrame:
    """Mean effort by steps since onset of treacherous organisms and of the solved policies.

    Args:
        organisms: Learned treacherous organisms.
        episodes: Deployments per agent.
        seed: Of episodes and actions.
        last: Steps after onset to show; all deployments last 97 or more.

    Returns:
        Columns: regime, who (`learned`, `solved` or `solved, discounted`), organism, discount, k
        (steps since onset, from -20), mean, n.
    """
    agents: list[tuple[str, str, str, float, Any]] = []
    for one in organisms:
        gamma = one.recipe.trainer.gamma if one.recipe.trainer is not None else 1.0
        agents.append((one.recipe.regime, "learned", one.name, gamma, one.policy))
    for regime, gamma in sorted({(regime, gamma) for regime, _, _, gamma, _ in agents}):
        for who, discount in (("solved", 1.0), ("solved, discounted", gamma)):
            best = Solved(_solve(regime, "treacherous", discount))
            agents.append((regime, who, who, discount, best))
    frames = []
    steps = np.arange(-20, last + 1)
    for regime, who, name, discount, policy in agents:
        run = _run(policy, regime, "treacherous", episodes=episodes, seed=seed, phase="deployment")
        places = run.onset[:, None] + steps
        mean = np.take_along_axis(run.effort, places, axis=1).mean(axis=0)
        about = {"regime": regime, "who": who, "organism": name, "discount": discount}
        frames.append(pd.DataFrame(about | {"k": steps, "mean": mean, "n": episodes}))
    return pd.concat(frames, ignore_index=True)


def drift_figure(table: pd.DataFrame) -> Figure:
    """Effort since onset of learned and solved treacherous agents, one panel per regime.

    Args:
        table: Rows of `effort_curves`.
    """
    regimes = ordered(table.regime, REGIMES)
    figure = new_figure(7.4, 3.6, "How the best treacherous agents turn, and the learned ones")
    red = ORGANISMS["treacherous"].colour
    looks: dict[str, dict[str, Any]] = {
        "learned": {"color": red, "linewidth": 0.8},
        "solved, discounted": {"color": INK, "linewidth": 1.6, "linestyle": (0, (4, 1.5))},
        "solved": {"color": INK, "linewidth": 1.6},
    }
    labels = {
        "learned": "learned, one line per organism",
        "solved, discounted": "optimal at the discount of training",
        "solved": "optimal for the whole episode",
    }
    panels = figure.subplots(1, len(regimes), squeeze=False, sharey=True)[0]
    for axes, regime in zip(panels, regimes, strict=True):
        here = table[table.regime == regime]
        style(
            axes,
            title=label_of(regime, REGIMES),
            x="steps after cue onset",
            y="mean effort spent on influence (share)" if regime == regimes[0] else "",
        )
        for (who, _), line in here.groupby(["who", "organism"]):
            axes.plot(line.k, line["mean"], **looks[str(who)])
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_ylim(-0.02, 1.02)
        axes.margins(x=0.01)
    learned = table[table.who == "learned"].organism.nunique()
    discounted = table[table.who == "solved, discounted"].groupby("regime").discount.first()
    rates = ", ".join(f"{regime} {discounted[regime]:g}" for regime in regimes)
    finish(
        figure,
        caption=f"Means over {count(int(table.n.max()), 'deployment')} per agent; "
        f"{count(learned, 'learned organism')}. Discount of training: {rates} a step.",
        handles=[Line2D([], [], label=labels[who], **look) for who, look in looks.items()],
        columns=3,
    )
    return figure
