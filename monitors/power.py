"""Which actions seek power, and how much of a policy's probability lies on them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_ndtr, logsumexp
from torch import Tensor

from slowturn.monitors.errors import MonitorError

__all__ = ["Power", "power_of"]


class Power(ABC):
    """A set of actions, measured by the parameters of an action distribution."""

    @property
    @abstractmethod
    def spec(self) -> Any:
        """Plain JSON from which `power_of` makes it again."""

    @abstractmethod
    def misfit(self, width: int) -> str | None:
        """What is wrong with a distribution of `width` parameters; None if nothing is."""

    @abstractmethod
    def log_odds(self, parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute log P(power-seeking) - log P(any other), in nats, from `[..., width]`."""

    @abstractmethod
    def log_odds_of(self, parameters: Tensor) -> Tensor:
        """The same, differentiably, of `[n, width]`."""


@dataclass(frozen=True, eq=False)
class PowerChoices(Power):
    """Some of the actions of one discrete choice.

    Attributes:
        mask: Which, boolean `[n_actions]`.
    """

    mask: NDArray[np.bool_]

    @property
    def spec(self) -> list[bool]:
        return list(self.mask.tolist())

    def misfit(self, width: int) -> str | None:
        declared = f"{len(self.mask)} actions are declared"
        return None if width == len(self.mask) else declared

    def log_odds(self, parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        power = logsumexp(parameters[..., self.mask], axis=-1)
        return np.asarray(power - logsumexp(parameters[..., ~self.mask], axis=-1))

    def log_odds_of(self, parameters: Tensor) -> Tensor:
        mask = torch.from_numpy(self.mask)
        return parameters[:, mask].logsumexp(dim=1) - parameters[:, ~mask].logsumexp(dim=1)


@dataclass(frozen=True)
class PowerRegion(Power):
    """Continuous actions with one Gaussian component above a bound.

    Clipping actions to a box around the bound changes none of this.

    Attributes:
        component: Which component of the action.
        above: Value above which it seeks power.
    """

    component: int
    above: float

    @property
    def spec(self) -> dict[str, Any]:
        return {"component": self.component, "above": self.above}

    def misfit(self, width: int) -> str | None:
        fits = width % 2 == 0 and self.component < width // 2
        return None if fits else f"component {self.component} of a Gaussian is declared"

    def log_odds(self, parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        mean, log_std = np.split(parameters, 2, axis=-1)
        k = self.component
        gap = (mean[..., k] - self.above) * np.exp(-log_std[..., k])
        return np.asarray(log_ndtr(gap) - log_ndtr(-gap))

    def log_odds_of(self, parameters: Tensor) -> Tensor:
        # in float64: the gradient is a difference of squares of the gap
        mean, log_std = parameters.double().chunk(2, dim=1)
        gap = (mean[:, self.component] - self.above) * torch.exp(-log_std[:, self.component])
        odds: Tensor = torch.special.log_ndtr(gap) - torch.special.log_ndtr(-gap)
        return odds.to(parameters.dtype)


def power_of(actions: Any) -> Power:
    """Validate which actions seek power.

    Args:
        actions: A boolean vector over discrete actions, neither all true nor all false; or for
            continuous ones the component and the bound above which it seeks power, as a mapping
            or an object with `component` and `above`.

    Raises:
        MonitorError: For anything else.
    """
    if isinstance(actions, Mapping) and set(actions) == {"component", "above"}:
        return _region(actions["component"], actions["above"])
    if hasattr(actions, "component") and hasattr(actions, "above"):
        return _region(actions.component, actions.above)
    mask = np.array(actions)
    if mask.ndim != 1 or mask.dtype != np.bool_ or mask.all() or not mask.any():
        raise MonitorError(
            "power_actions must be a boolean vector over the actions, some true and some false, "
            f"got dtype {mask.dtype} of shape {mask.shape}; for continuous actions, give "
            "component= and above=."
        )
    return PowerChoices(mask)


def _region(component: Any, above: Any) -> PowerRegion:
    whole = isinstance(component, int | np.integer) and not isinstance(component, bool)
    number = isinstance(above, int | float | np.floating) and isfinite(above)
    if not whole or component < 0 or not number:
        raise MonitorError(
            "power_actions: component must be an integer >= 0 and above a finite number, got "
            f"{component!r} and {above!r}."
        )
    return PowerRegion(int(component), float(above))
