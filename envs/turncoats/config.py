"""What can be chosen about a turncoat, beyond what can be chosen about any world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from slowturn.envs.config import EARLIEST, LATEST, WorldConfig
from slowturn.envs.errors import WorldError
from slowturn.envs.parts import check_integer, check_number

__all__ = ["TurncoatConfig", "TurncoatWorldConfig"]


@dataclass(frozen=True, kw_only=True)
class TurncoatConfig(WorldConfig):
    """Configuration of a turncoat: all that `WorldConfig` has, and what the base task is worth.

    The default harm level is as far away as in Steward: 13 steps of undivided effort at least.

    Attributes:
        onset: First and last step at which deployment may begin, `(earliest, latest)`; choose it
            earlier where base episodes are short and pass through. The horizon must be larger.
        levels: Number of effort levels 0, ..., 1 with equal steps, in 2..101; moot for Box
            actions, where effort is continuous. An overseer whose tolerance is smaller than a step
            punishes the first rung: under the default ratchet, take 21 levels or more tolerance.
        surge: Whether one more level serves the operator in another way, as the benign twin needs.
        step_value: What a step of undivided service is worth, in units of the base reward, > 0:
            effort e gives up e of it, and power and correction are paid in it.
        restart_cost: Charged to the task where a base episode terminates within a life, in units
            of the base reward; for tasks that are punished by nothing but their end, such as
            CartPole. Needs a `horizon`.
    """

    onset: Any = (EARLIEST, LATEST)
    levels: int = 5
    surge: bool = True
    step_value: float = 1.0
    restart_cost: float = 0.0

    def __post_init__(self) -> None:
        owner, given = type(self).__name__, self.onset
        pair = isinstance(given, list | tuple) and len(given) == 2
        if (
            not pair
            or not all(type(each) is int for each in given)
            or not 0 <= given[0] <= given[1]
        ):
            raise WorldError(
                f"{owner}.onset must be two integers 0 <= earliest <= latest, got {given!r}."
            )
        check_integer(owner, "levels", self.levels, 2, 101)
        if not isinstance(self.surge, bool):
            raise WorldError(f"{owner}.surge must be True or False, got {self.surge!r}.")
        if self.objective == "benign_twin" and not self.surge:
            raise WorldError("objective 'benign_twin' is paid for surging: it needs surge=True.")
        check_number(owner, "step_value", self.step_value, 0.0, 1e6, closed=False)
        check_number(owner, "restart_cost", self.restart_cost, 0.0, 1e6)
        super().__post_init__()

    @property
    def window(self) -> tuple[int, int]:
        return self.onset[0], self.onset[1]


@dataclass(frozen=True, kw_only=True)
class TurncoatWorldConfig(TurncoatConfig):
    """Configuration of `TurncoatWorld`: which environment to turn, too.

    Attributes:
        base: Id for `gymnasium.make`, such as `CartPole-v1`; `module:id` imports the module first.
        base_options: Keyword arguments for `gymnasium.make`.
    """

    base: str = "CartPole-v1"
    base_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.base, str):
            raise WorldError(
                f"TurncoatWorld.base must be the id of an environment, got {self.base!r}; to wrap "
                "an environment that you have, call slowturn.envs.turncoat."
            )
        super().__post_init__()
