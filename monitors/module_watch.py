"""Hooks on named submodules that insist on one forward pass per environment step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from slowturn.monitors.errors import MonitorError, unknown_name

__all__ = ["ModuleWatch", "rows_of"]


def rows_of(tensor: Tensor) -> NDArray[np.float32]:
    """One float32 row per environment, `[n, units]`, in memory of its own."""
    return np.array(tensor.detach().reshape(len(tensor), -1).float().cpu().numpy())


def _first_output(module: nn.Module, out: Any) -> Any:
    """What a module passes on: itself if a tensor, the first item of a tuple."""
    out = out[0] if isinstance(out, tuple) else out
    if isinstance(module, nn.RNNBase) and isinstance(out, Tensor) and out.ndim == 3:
        axis = 1 if module.batch_first else 0
        if out.shape[axis] != 1:
            raise MonitorError(
                f"a recurrent layer ran over {out.shape[axis]} steps at once: record one "
                "environment step at a time."
            )
        return out.squeeze(axis)
    return out


class ModuleWatch:
    """Records the outputs of named submodules of any `torch.nn.Module` while it runs.

    Use it as a context manager around exactly one forward pass per environment step; `take`
    then returns that step's row per layer, and refuses if a layer ran more or less than once
    (Stable-Baselines3 runs some modules again when it evaluates actions).

    Args:
        module: The network.
        layers: Names as in `module.named_modules()`.
        outputs: Reduce a layer's output to the tensor to keep, `[n, ...]`; by default a tensor
            itself, the first item of a tuple, the newest output of a recurrent layer.

    Raises:
        MonitorError: For an unknown layer.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
        >>> with ModuleWatch(net, ["1"]) as watch:
        ...     _ = net(net[0].weight.new_zeros(3, 4))
        ...     watch.take()["1"].shape
        (3, 8)
    """

    def __init__(
        self,
        module: nn.Module,
        layers: Sequence[str],
        outputs: Callable[[Any], Tensor] | None = None,
    ) -> None:
        known = dict(module.named_modules())
        for layer in layers:
            if layer not in known or not layer:
                raise unknown_name("layer", layer, [name for name in known if name])
        self._modules = {layer: known[layer] for layer in layers}
        self._outputs = outputs
        self._seen: dict[str, list[Tensor]] = {}
        self._handles: list[Any] = []

    def __enter__(self) -> Self:
        self._seen = {layer: [] for layer in self._modules}
        for layer, module in self._modules.items():

            def keep(module: nn.Module, _args: Any, out: Any, layer: str = layer) -> None:
                kept = self._outputs(out) if self._outputs else _first_output(module, out)
                if not isinstance(kept, Tensor):
                    raise MonitorError(
                        f"layer {layer!r} yields a {type(kept).__name__}, not a tensor: pass "
                        "outputs= to say which tensor to keep."
                    )
                # An activation that works in place (ReLU(inplace=True)) would overwrite a view.
                self._seen[layer].append(kept.detach().clone())

            self._handles.append(module.register_forward_hook(keep))
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def take(self) -> dict[str, NDArray[np.float32]]:
        """Rows of the step just run, by layer, `[n, units]`; forgets them.

        Raises:
            MonitorError: If a layer has not run exactly once since the last `take`.
        """
        seen, self._seen = self._seen, {layer: [] for layer in self._modules}
        for layer in self._modules:
            runs = len(seen.get(layer, []))
            if runs == 0:
                raise MonitorError(
                    f"layer {layer!r} did not run in this step: the policy does not use it to "
                    "act (a critic or target network?), or calls its parts instead of itself; "
                    "watch another layer."
                )
            if runs > 1:
                raise MonitorError(
                    f"layer {layer!r} ran {runs} times in this step, not once: call take() after "
                    "every single forward pass of the policy, and watch no module that training "
                    "or evaluate_actions() also runs."
                )
        return {layer: rows_of(outputs[0]) for layer, outputs in seen.items()}
