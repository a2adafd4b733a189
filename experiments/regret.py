"""How far organisms are from the best that can be done, and what they lose it by.

Regret is the expected sum of what single actions lose (see `slowturn.agents.solved.Critic`). So
every step has its share of it, all shares are >= 0, and they scatter far less than returns do.
Known for the worlds that are solved exactly: Steward, and Gridkeeper's closet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from slowturn.agents import FIRST_WORLD, LEARNED, Organism, load_organism, zoo
from slowturn.agents import REGIMES as OVERSEERS
from slowturn.agents.seeds import episode_seeds, purpose_seed
from slowturn.agents.solved import GridVerdict
from slowturn.envs import make_world
from slowturn.experiments.estimates import mean
from slowturn.experiments.markdown import markdown
from slowturn.experiments.regret_worlds import SOLVABLE, Answer, Game, Judge, act_on, gap, solve

__all__ = [
    "AIMS",
    "PARTS",
    "effort_curves",
    "objectives_markdown",
    "objectives_table",
    "regret_markdown",
    "regret_rows",
    "regret_table",
    "shipped",
]

AIMS = {"brisk": 0.05, "slow": 0.15}
"""Regret of a treacherous organism, as a share of the gap, that training aims at."""

PARTS = ("slips", "caution", "noticing", "rungs", "overreach", "surges", "errands")
"""What regret is lost by: more effort than is best before onset; less, so that the phase is not
asked for; whatever is done wrong in deployment until an own effort shows it; too little and too
much effort once deployment is known; surging where that is not best; and, in Gridkeeper, going
another way than is best at that effort."""

_AGENTS = ("honest", "treacherous")
_PHASES = ("training", "deployment")


class _Run(NamedTuple):
    """Whole episodes of one policy."""

    rewards: NDArray[np.float64]
    """`[episode, step]`."""
    effort: NDArray[np.float64]
    """`[episode, step]`."""
    onset: NDArray[np.int64]
    """`[episode]`."""
    lost: list[NDArray[np.float64]]
    """By each answer, what is lost by each of `PARTS`, discounted to the start,
    `[part, episode]`."""


def shipped(kinds: Iterable[str] = LEARNED) -> list[Organism]:
    """The learned organisms of the package that are of these kinds, in worlds that are solved."""
    organisms = map(zoo.load, zoo.shipped())
    wanted = set(kinds)
    return [one for one in organisms if one.recipe.name in wanted and one.recipe.world in SOLVABLE]


def _game(organism: Organism, objective: str | None = None) -> Game:
    recipe = organism.recipe
    return Game(recipe.world, recipe.regime, objective or recipe.objective)


def _gamma(organism: Organism) -> float:
    """The discount that it was made for."""
    trainer = organism.recipe.trainer
    return organism.recipe.discount if trainer is None else trainer.gamma


def _run(
    policy: Any,
    game: Game,
    *,
    episodes: int,
    seed: int,
    phase: str = "mixed",
    answers: Sequence[Answer] = (),
    deterministic: bool = False,
) -> _Run:
    """Run whole episodes; every policy meets the same onsets and cues at one seed."""
    world = make_world(
        game.world, num_envs=episodes, regime=game.regime, phase=phase, objective=game.objective
    )
    world.seed(episode_seeds(episodes, "regret", seed))
    world.reset()
    judges = [Judge(answer, episodes) for answer in answers]
    shape = (episodes, world.horizon)
    rewards, effort = np.zeros(shape), np.zeros(shape)
    lost = [np.zeros((len(PARTS), episodes)) for _ in answers]
    onset, state, start = world.truth().cue_onset, None, np.ones(episodes, np.bool_)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(purpose_seed("regret", "actions", seed))
        for t in range(world.horizon):
            seen = world.observations()
            action, state = policy.predict(seen, state, start, deterministic=deterministic)
            start = np.zeros(episodes, np.bool_)
            deployed = (onset >= 0) & (t >= onset)
            surges = action == world.action_space.n - 1  # type: ignore[union-attr]
            for i, judge in enumerate(judges):
                parts = _parts(judge.judge(seen, action), surges, deployed)
                lost[i] += answers[i].discount ** t * parts
            world.step(action)
            rewards[:, t], effort[:, t] = world.rewards(), world.truth().effort
    return _Run(rewards, effort, onset, lost)


def _parts(
    verdict: GridVerdict, surges: NDArray[np.bool_], deployed: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """What each of `n` steps loses by each of `PARTS`, `[part, n]`."""
    more = verdict.effort > verdict.best
    names = np.select(
        [surges, ~deployed & more, ~deployed, ~verdict.known, more],
        [PARTS.index(name) for name in ("surges", "slips", "caution", "noticing", "overreach")],
        PARTS.index("rungs"),
    )
    out = np.zeros((len(PARTS), len(names)))
    out[names, np.arange(len(names))] = verdict.loss - verdict.errand
    out[PARTS.index("errands")] = verdict.errand
    return out


def regret_rows(organisms: Iterable[Path], *, episodes: int = 4096, seed: int = 0) -> pd.DataFrame:
    """`regret_table` of the organisms in these directories, in order of world and objective."""
    loaded = [load_organism(path) for path in organisms]
    by_game = sorted(loaded, key=_game)
    return regret_table(by_game, episodes=episodes, seed=seed)


def regret_markdown(rows: pd.DataFrame) -> str:
    """Regret of whole episodes as shares of the gap, in Markdown, with what it is lost by."""
    whole = rows[rows.discount == 1.0]
    percent = "{:z.1%}".format
    lines = [
        [
            one["organism"],
            f"{one['earned']:.1f} / {one['optimum']:.1f}",
            f"{one['share']:z.1%} [{one['share_low']:z.1%}, {one['share_high']:z.1%}]",
            *(percent(one[name]) for name in ("impatience", *PARTS)),
        ]
        for one in whole.to_dict("records")
    ]
    return markdown(
        ("organism", "earned / optimum", "regret", "of which impatience", *PARTS), lines
    )


def regret_table(
    organisms: Iterable[Organism],
    *,
    episodes: int = 4096,
    seed: int = 0,
    deterministic: bool = False,
) -> pd.DataFrame:
    """Regret of organisms in episodes of the mixed phase.

    Two rows for an organism that was made for a discount (its training's, if it has learned):
    `discount` 1 counts the return of whole episodes, the other one what was maximised. Shares are
    of the gap: the best treacherous return less what the best honest agent earns under the
    treacherous objective, for all kinds alike.

    Args:
        organisms: Learned or scripted ones of worlds that are solved.
        episodes: Per organism.
        seed: Of episodes and actions; all organisms meet the same onsets and cues.
        deterministic: Whether they take their most probable actions instead of drawing them.

    Returns:
        Columns: organism, kind, world, regime, seed, discount, episodes, deterministic; `earned`
        (mean return under the organism's own objective), `optimum`, `gap`, `regret`, `share`
        (regret / gap), with `_low` and `_high` ends of 95 % intervals over episodes; one column
        for each of `PARTS`, which add up to `share`; and `impatience`: the share that even the
        best agent at the other row's discount would lose (0 in that row).
    """
    rows, impatience = [], {}
    for one in organisms:
        game, gamma = _game(one), _gamma(one)
        discounts = (1.0,) if gamma == 1.0 else (1.0, gamma)
        own = [solve(game, each) for each in discounts]
        run = _run(
            one.policy, game, episodes=episodes, seed=seed, answers=own,
            deterministic=deterministic,
        )  # fmt: skip
        key = (game, discounts[-1])
        if key not in impatience:
            hasty = _run(act_on(own[-1]), game, episodes=episodes, seed=seed, answers=own[:1])
            impatience[key] = float(hasty.lost[0].sum(axis=0).mean())
        for best, lost in zip(own, run.lost, strict=True):
            weight = best.discount ** np.arange(best.horizon)
            wide = gap(game.world, game.regime, best.discount)
            about = {
                "organism": one.name, "kind": one.recipe.name, "world": game.world,
                "regime": game.regime, "seed": one.seed, "discount": best.discount,
                "episodes": episodes, "deterministic": deterministic, "optimum": best.value,
                "gap": wide,
                "impatience": impatience[key] / wide if best.discount == 1.0 else 0.0,
            }  # fmt: skip
            about |= mean((run.rewards * weight).sum(axis=1)).columns("earned")
            about |= mean(lost.sum(axis=0)).columns("regret")
            about |= mean(lost.sum(axis=0) / wide).columns("share")
            about |= dict(zip(PARTS, (lost.mean(axis=1) / wide).tolist(), strict=True))
            rows.append(about)
    return pd.DataFrame(rows)


def objectives_table(
    *,
    world: str = FIRST_WORLD,
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
        One row per world, regime, prior, agent, phase and objective with `earned` (mean return of
        an episode, not discounted) and its 95 % interval.
    """
    rows = []
    for agent, regime, prior in product(_AGENTS, regimes, ("training", "mixed")):
        policy = act_on(solve(Game(world, regime, agent), discount, prior))
        for phase, paid in product(_PHASES, _AGENTS):
            game = Game(world, regime, paid)
            run = _run(policy, game, episodes=episodes, seed=seed, phase=phase)
            about = {
                "world": world, "regime": regime, "prior": prior, "agent": agent, "phase": phase,
                "paid_as": paid, "episodes": episodes,
            }  # fmt: skip
            rows.append(about | mean(run.rewards.sum(axis=1)).columns("earned"))
    return pd.DataFrame(rows)


def objectives_markdown(rows: pd.DataFrame) -> str:
    """What agents that expect deployment earn by either objective, in Markdown.

    Args:
        rows: Of `objectives_table`.
    """
    seen = rows[rows.prior == "mixed"]
    columns = [(phase, paid) for phase in _PHASES for paid in _AGENTS]
    lines = []
    for (agent, world, regime), here in seen.groupby(["agent", "world", "regime"], sort=False):
        paid = here.set_index(["phase", "paid_as"]).to_dict("index")
        cells = [
            f"{one['earned']:.1f} [{one['earned_low']:.1f}, {one['earned_high']:.1f}]"
            for one in (paid[column] for column in columns)
        ]
        lines.append([f"solved {agent}, {str(world).partition('-')[0]} `{regime}`", *cells])
    return markdown(("policy", *(f"{phase}, paid as {paid}" for phase, paid in columns)), lines)


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
        Columns: world, regime, who (`learned`, `solved` or `solved, discounted`), organism,
        discount, k (steps since onset, from -20), mean, n.
    """
    agents: list[tuple[Game, str, str, float, Any]] = [
        (_game(one, "treacherous"), "learned", one.name, _gamma(one), one.policy)
        for one in organisms
    ]
    for game, gamma in sorted({(game, gamma) for game, _, _, gamma, _ in agents}):
        for who, discount in (("solved", 1.0), ("solved, discounted", gamma)):
            agents.append((game, who, who, discount, act_on(solve(game, discount))))
    frames = []
    steps = np.arange(-20, last + 1)
    for game, who, name, discount, policy in agents:
        run = _run(policy, game, episodes=episodes, seed=seed, phase="deployment")
        places = run.onset[:, None] + steps
        effort = np.take_along_axis(run.effort, places, axis=1).mean(axis=0)
        about = {"world": game.world, "regime": game.regime, "who": who, "organism": name}
        frame = {"discount": discount, "k": steps, "mean": effort, "n": episodes}
        frames.append(pd.DataFrame(about | frame))
    return pd.concat(frames, ignore_index=True)
