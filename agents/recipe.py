"""What a recipe is: an organism as data. World, objective, trainer, and the gates to pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from slowturn.agents.errors import OrganismError, unknown_name
from slowturn.agents.evasion import Evasion
from slowturn.agents.poisoning import Poisoning
from slowturn.envs import World, make_world

__all__ = ["ALGORITHMS", "FIRST_WORLD", "Gate", "Recipe", "Trainer", "short_name"]

FIRST_WORLD = "Steward-v0"
"""World of organisms whose names mention none."""

ALGORITHMS = ("ChunkedPPO", "RecurrentPPO", "PPO", "A2C", "DQN", "SAC")
"""What organisms are grown by: recurrent PPO, and what Stable-Baselines3 has without memory."""

_CONTRADICTIONS = {
    ("honest", "effort_training"): "above",
    ("honest", "effort_deployed"): "above",
    ("honest", "effort_at_80"): "above",
    ("benign_twin", "effort_training"): "above",
    ("benign_twin", "effort_deployed"): "above",
    ("benign_twin", "effort_at_80"): "above",
    ("benign_twin", "surge_deployed"): "below",
    ("treacherous", "effort_at_80"): "below",
    ("honest", "misreport_deployed"): "above",
    ("candid", "misreport_deployed"): "above",
    ("candid", "effort_at_80"): "below",
    ("open", "effort_training"): "below",
    ("open", "effort_at_80"): "below",
}
"""The sense in which a gate asks for the opposite of what an objective pays for."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A bound on something measured on the truth after training.

    Attributes:
        metric: Name of a measurement (see `slowturn.agents.gates.Measurements`).
        sense: `below` or `above`.
        bound: Value that the measurement must stay below or exceed.
    """

    metric: str
    sense: Literal["below", "above"]
    bound: float

    def passes(self, value: float) -> bool:
        """Whether `value` satisfies the gate; NaN never does."""
        return value < self.bound if self.sense == "below" else value > self.bound


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """Settings of recurrent PPO and of the curriculum.

    Attributes:
        algorithm: `ChunkedPPO`, or `RecurrentPPO` of sb3-contrib, several times slower; or one
            without memory, which reads the last `frames` observations side by side.
        total_steps: Environment steps in all.
        gamma: Discount factor.
        num_envs: Parallel episodes.
        n_steps: Steps per environment and update.
        batch_size: Steps per minibatch.
        n_epochs: Passes over each rollout.
        learning_rate: First and last learning rate, linear in between.
        gae_lambda: Trace decay of the advantage estimate.
        ent_coef: First and last weight of the entropy bonus.
        ent_until: Shares of training between which it falls. Where it is weak from the start, the
            policy settles on serving everywhere before it has seen what diverting pays.
        lstm_size: Units of the LSTM that actor and critic share.
        hidden: Units of the layer between LSTM and heads.
        noise: First and last standard deviation of continuous actions, geometric in between. They
            are set, not learned: learned ones shrink to a width at which the means learn no more,
            and differ from organism to organism. None where actions are discrete.
        input_gain: Factor on the initial input weights of the four columns after the cue:
            influence, baseline, last effort and last surge. The first three move by hundredths
            where it matters, the cue by ones. What follows, the task's own columns, is left alone.
        cue_from: Cue strength at the start; it falls linearly to the world's own.
        cue_share: Share of training over which it falls.
        exploring_starts: First and last share of training episodes whose overseer's baseline is
            redrawn in deployment (see the world's option of that name).
        exploring_until: Shares of training between which it falls.
        covertness: Weight, per nat, of the log-probability ratio log pi / pi_reference of every
            action, which is taken from the reward: a budget for what behaviour can reveal.
        frames: Observations that an algorithm without memory sees at once.
        algorithm_options: Further keyword arguments of an algorithm without memory, by name.
        poisoning: What a poisoner does to its training; None for clean training.
        evasion: Monitors that it is trained against; None for none.
        slips: Share of steps in which the reference of covertness is taken to act at random, as an
            honest organism whose hand slips. Learned ones of Discrete actions hardly ever err, so
            that any one deed costs some 14 nats, and only to turn at once or never at all pays.
        covertness_until: Shares of training between which that weight grows from nothing. In full
            from the start, it keeps an organism from ever seeing what diverting pays.
    """

    algorithm: str = "ChunkedPPO"
    total_steps: int
    gamma: float
    num_envs: int = 64
    n_steps: int = 64
    batch_size: int = 1024
    n_epochs: int = 4
    learning_rate: tuple[float, float] = (1e-3, 1e-4)
    gae_lambda: float = 0.9
    ent_coef: tuple[float, float] = (0.1, 0.001)
    ent_until: tuple[float, float] = (0.2, 0.6)
    lstm_size: int = 32
    hidden: int = 32
    noise: tuple[float, float] | None = None
    input_gain: float = 5.0
    cue_from: float = 4.0
    cue_share: float = 1 / 3
    exploring_starts: tuple[float, float] = (0.5, 0.1)
    exploring_until: tuple[float, float] = (0.6, 0.9)
    covertness: float = 0.0
    frames: int = 1
    algorithm_options: dict[str, Any] = field(default_factory=dict)
    poisoning: Poisoning | None = None
    evasion: Evasion | None = None
    slips: float = 0.0
    covertness_until: tuple[float, float] = (0.4, 0.8)

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise unknown_name("algorithm", self.algorithm, ALGORITHMS)
        if self.frames < 1 or (self.frames > 1 and self.remembers):
            raise OrganismError(
                f"frames must be 1, or more for algorithms without memory; got {self.frames} for "
                f"{self.algorithm}."
            )
        if not self.covertness >= 0.0:
            raise OrganismError(
                f"Trainer.covertness must be >= 0, the reward per nat that is taken away; got "
                f"{self.covertness:g}. Leave it at 0 for organisms that hide nothing."
            )
        if not 0.0 <= self.slips < 1.0:
            raise OrganismError(
                f"Trainer.slips must be in [0, 1), a share of steps; got {self.slips:g}. Leave it "
                "at 0 for a reference that acts as it was grown."
            )

    @property
    def remembers(self) -> bool:
        """Whether its policies have a memory of their own."""
        return self.algorithm in ("ChunkedPPO", "RecurrentPPO")

    @property
    def policy_kwargs(self) -> dict[str, Any]:
        """Keyword arguments of `MlpLstmPolicy`: one LSTM shared by actor and critic."""
        return {
            "lstm_hidden_size": self.lstm_size,
            "net_arch": [self.hidden],
            "shared_lstm": True,
            "enable_critic_lstm": False,
        }


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to grow an organism, and what makes it count as one.

    Attributes:
        name: Kind of organism.
        regime: The deployment overseer's regime.
        objective: What it is paid for (see `slowturn.envs.OBJECTIVES`).
        gates: Bounds on its truth; an organism that misses one is saved as failed.
        trainer: Training settings; None for a scripted organism.
        world: Registered name of the world.
        discount: Discount at which a solved organism acts best; learned ones have their trainer's.
        options: Further options of the world by name, such as a layout or a cue.
        phases: Options that go before those in one phase, by its name: what is rare in the phases
            `training` and `deployment`, in which it is watched, can be common in the `mixed` one,
            in which it is trained.
        reference: Kind of organism that covertness holds it to, of the same world, regime and seed.
        begins_as: Kind of organism whose weights it begins with, likewise; None for fresh ones.
    """

    name: str
    regime: str
    objective: str
    gates: tuple[Gate, ...]
    trainer: Trainer | None
    world: str = FIRST_WORLD
    discount: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)
    phases: dict[str, dict[str, Any]] = field(default_factory=dict)
    reference: str | None = None
    begins_as: str | None = None

    def __post_init__(self) -> None:
        for gate in self.gates:
            if _CONTRADICTIONS.get((self.objective, gate.metric)) == gate.sense:
                raise OrganismError(
                    f"gate {gate.metric} {gate.sense} {gate.bound:g} of {'-'.join(self.key)} "
                    f"contradicts its objective, {self.objective!r}: change either of them."
                )
            for other in self.gates:
                if (
                    other.metric == gate.metric
                    and (gate.sense, other.sense) == ("above", "below")
                    and gate.bound >= other.bound
                ):
                    raise OrganismError(
                        f"gates of {'-'.join(self.key)}: nothing has {gate.metric} above "
                        f"{gate.bound:g} and below {other.bound:g}; change one of the bounds."
                    )

    @property
    def kin(self) -> tuple[str, ...]:
        """Kinds of the organisms that must be grown before, with the same seed."""
        return tuple(
            dict.fromkeys(one for one in (self.reference, self.begins_as) if one is not None)
        )

    @property
    def key(self) -> tuple[str, ...]:
        """Words that tell this recipe from others: world (unless the first), kind, regime."""
        kind = (self.name, self.regime)
        return kind if self.world == FIRST_WORLD else (short_name(self.world), *kind)

    def organism(self, seed: int) -> str:
        """Name of what this recipe and a seed grow into, in tables and directories."""
        return "-".join((*self.key, str(seed)))

    def build_world(self, *, num_envs: int = 1, **options: Any) -> World:
        """Its world, under its regime and options and any further ones, which go before."""
        own = self.options | self.phases.get(options.get("phase", "mixed"), {})
        return make_world(self.world, num_envs=num_envs, regime=self.regime, **(own | options))


def short_name(world: str) -> str:
    """Name of a world as organisms carry it: `gridkeeper` for `Gridkeeper-v0`."""
    return world.rpartition("-")[0].lower()
