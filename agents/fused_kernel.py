"""Compiled parts of recurrent PPO: LSTM over chunks, layers, losses and sampling, for one core.

An LSTM reads chunks in which episodes begin anywhere. Nothing is called per step, so a chunk with
resets costs what one without them does, and every weight that is read serves two environments.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "activate",
    "backward",
    "categorical_loss",
    "differentiate",
    "forward",
    "gaussian_loss",
    "layers",
    "remember",
    "sample",
    "value_loss",
]

Floats = NDArray[np.float32]

_FLAGS = {"nsz", "arcp", "contract", "reassoc"}  # not nnan/ninf: divergence must stay visible
_HALF, _ONE, _ZERO = np.float32(0.5), np.float32(1.0), np.float32(0.0)
_EDGE = np.float32(7.9)  # tanh is 1 in single precision from here on
_P1, _P3, _P5, _P7, _P9, _P11, _P13 = (
    np.float32(x)
    for x in (
        4.89352455891786e-03,
        6.37261928875436e-04,
        1.48572235717979e-05,
        5.12229709037114e-08,
        -8.60467152213735e-11,
        2.00018790482477e-13,
        -2.76076847742355e-16,
    )
)
_Q0, _Q2, _Q4, _Q6 = (
    np.float32(x)
    for x in (
        4.89352518554385e-03,
        2.26843463243900e-03,
        1.18534705686654e-04,
        1.19825839466702e-06,
    )
)


@njit(fastmath=_FLAGS, error_model="numpy", inline="always")
def _tanh(x: np.float32) -> np.float32:
    """Hyperbolic tangent to 3e-7, the rational function that Eigen and TensorFlow use."""
    x = -_EDGE if x < -_EDGE else x  # noqa: FURB136 - NaN stays what it is
    x = _EDGE if x > _EDGE else x  # noqa: FURB136
    s = x * x
    above = s * (s * (s * (s * (s * (s * _P13 + _P11) + _P9) + _P7) + _P5) + _P3) + _P1
    below = s * (s * (s * _Q6 + _Q4) + _Q2) + _Q0
    return x * above / below


@njit(fastmath=_FLAGS, error_model="numpy", inline="always")
def _add_product(row: Floats, weights: Floats, out: Floats) -> None:
    """Add `row @ weights` to `out`, four rows of `weights` at a time."""
    size, width = weights.shape
    whole = size - size % 4
    for k in range(0, whole, 4):
        a, b, c, d = row[k], row[k + 1], row[k + 2], row[k + 3]
        for j in range(width):
            out[j] += (
                a * weights[k, j]
                + b * weights[k + 1, j]
                + c * weights[k + 2, j]
                + d * weights[k + 3, j]
            )
    for k in range(whole, size):
        for j in range(width):
            out[j] += row[k] * weights[k, j]


@njit(fastmath=_FLAGS, error_model="numpy", inline="always")
def _add_two(row: Floats, other: Floats, weights: Floats, out: Floats, too: Floats) -> None:
    """The same for two rows, which share every weight that is read."""
    size, width = weights.shape
    whole = size - size % 4
    for k in range(0, whole, 4):
        a, b, c, d = row[k], row[k + 1], row[k + 2], row[k + 3]
        e, f, g, h = other[k], other[k + 1], other[k + 2], other[k + 3]
        for j in range(width):
            p, q = weights[k, j], weights[k + 1, j]
            r, s = weights[k + 2, j], weights[k + 3, j]
            out[j] += a * p + b * q + c * r + d * s
            too[j] += e * p + f * q + g * r + h * s
    for k in range(whole, size):
        for j in range(width):
            out[j] += row[k] * weights[k, j]
            too[j] += other[k] * weights[k, j]


@njit(fastmath=_FLAGS, error_model="numpy", inline="always")
def _add_products(rows: Floats, weights: Floats, out: Floats) -> None:
    n = len(rows)
    for k in range(0, n - 1, 2):
        _add_two(rows[k], rows[k + 1], weights, out[k], out[k + 1])
    if n % 2:
        _add_product(rows[n - 1], weights, out[n - 1])


@njit(fastmath=_FLAGS, error_model="numpy", inline="always")
def _add_dots(row: Floats, other: Floats, weights: Floats, out: Floats, too: Floats) -> None:
    """Add `weights @ row` to `out`, four rows of `weights` at a time, and the same for `other`."""
    size, width = weights.shape
    whole = size - size % 4
    for k in range(0, whole, 4):
        a = b = c = d = e = f = g = h = _ZERO
        for j in range(width):
            x, y = row[j], other[j]
            p, q = weights[k, j], weights[k + 1, j]
            r, s = weights[k + 2, j], weights[k + 3, j]
            a += x * p
            b += x * q
            c += x * r
            d += x * s
            e += y * p
            f += y * q
            g += y * r
            h += y * s
        out[k] += a
        out[k + 1] += b
        out[k + 2] += c
        out[k + 3] += d
        too[k] += e
        too[k + 1] += f
        too[k + 2] += g
        too[k + 3] += h
    for k in range(whole, size):
        a = e = _ZERO
        for j in range(width):
            a += row[j] * weights[k, j]
            e += other[j] * weights[k, j]
        out[k] += a
        too[k] += e


# Loops below are split so that each touches few arrays: a compiler that must check many for overlap
# gives up on doing several units at once.


@njit(cache=True, fastmath=_FLAGS, error_model="numpy")
def forward(
    gates: Floats, keep: Floats, weights: Floats, hidden: Floats, cells: Floats, before: Floats
) -> None:
    """Run a chunk, in place.

    The logistic function is `(1 + tanh(x / 2)) / 2`. Whoever halves everything that leads to the
    gates i, f and o beforehand lets one loop treat all four alike.

    Args:
        gates: What inputs and biases add to the pre-activations `[steps, n, 4 * units]`, halved for
            i, f and o; on return the gates i, f, g, o.
        keep: 0 where an episode begins, else 1, `[steps, n]`.
        weights: Recurrent weights `[units, 4 * units]`, transposed against torch, halved likewise.
        hidden: Outputs `[steps + 1, n, units]`; the first is the memory to begin with.
        cells: Cell states, likewise.
        before: Receives the hidden state that each step read `[steps, n, units]`.
    """
    steps, n, units = before.shape
    for t in range(steps):
        for k in range(n):
            read, out, kept = before[t, k], hidden[t, k], keep[t, k]
            for j in range(units):
                read[j] = out[j] * kept
        _add_products(before[t], weights, gates[t])
        flat = gates[t].reshape(-1)
        for j in range(len(flat)):
            flat[j] = _tanh(flat[j])
        for k in range(n):
            z, kept = gates[t, k], keep[t, k]
            i, f, g, o = z[:units], z[units : 2 * units], z[2 * units : 3 * units], z[3 * units :]
            was, now, out = cells[t, k], cells[t + 1, k], hidden[t + 1, k]
            for j in range(units):
                i[j] = _HALF * i[j] + _HALF
                f[j] = _HALF * f[j] + _HALF
            for j in range(units):
                now[j] = f[j] * kept * was[j] + i[j] * g[j]
            for j in range(units):
                o[j] = _HALF * o[j] + _HALF
                out[j] = o[j] * _tanh(now[j])


@njit(fastmath=_FLAGS, error_model="numpy", inline="always")
def _step_back(
    z: Floats,
    was: Floats,
    now: Floats,
    kept: np.float32,
    d_o: Floats,
    d_h: Floats,
    d_c: Floats,
    c: Floats,
) -> None:
    """Turn the gates `z` of one step into gradients in place; `d_c` becomes the step before's.

    `d_h` is left at 0, for what the step before passes on, and `c` is room for one row.
    """
    units = len(was)
    i, f, g, o = z[:units], z[units : 2 * units], z[2 * units : 3 * units], z[3 * units :]
    for j in range(units):
        c[j] = _tanh(now[j])
    for j in range(units):
        d_h[j] += d_o[j]
        d_c[j] += d_h[j] * o[j] * (_ONE - c[j] * c[j])
    for j in range(units):
        o[j] = d_h[j] * c[j] * o[j] * (_ONE - o[j])
    for j in range(units):
        p, q = i[j], g[j]
        i[j] = d_c[j] * q * p * (_ONE - p)
        g[j] = d_c[j] * p * (_ONE - q * q)
    for j in range(units):
        d_h[j] = d_c[j] * kept * was[j] * f[j] * (_ONE - f[j])
    for j in range(units):
        d_c[j] *= f[j] * kept
    for j in range(units):
        f[j] = d_h[j]
        d_h[j] = _ZERO


@njit(cache=True, fastmath=_FLAGS, error_model="numpy")
def backward(
    d_out: Floats,
    gates: Floats,
    cells: Floats,
    keep: Floats,
    weights: Floats,
    d_hidden: Floats,
    d_cell: Floats,
) -> None:
    """Run a chunk backwards (Werbos 1990), in place.

    Args:
        d_out: Gradient of the outputs `[steps, n, units]`.
        gates: Gates of the forward pass `[steps, n, 4 * units]`; on return the gradient of the
            pre-activations.
        cells: Cell states `[steps + 1, n, units]`.
        keep: 0 where an episode begins, else 1, `[steps, n]`.
        weights: Recurrent weights `[units, 4 * units]`, transposed against torch.
        d_hidden: Gradient of the last hidden state `[n, units]`; on return of the first.
        d_cell: Gradient of the last cell state, likewise.
    """
    steps, n, units = d_out.shape
    c, unused = np.empty(units, np.float32), np.zeros(units, np.float32)
    for t in range(steps - 1, -1, -1):
        for k in range(n):
            _step_back(
                gates[t, k],
                cells[t, k],
                cells[t + 1, k],
                keep[t, k],
                d_out[t, k],
                d_hidden[k],
                d_cell[k],
                c,
            )
        for k in range(0, n - 1, 2):
            _add_dots(gates[t, k], gates[t, k + 1], weights, d_hidden[k], d_hidden[k + 1])
        if n % 2:
            _add_dots(gates[t, n - 1], gates[t, n - 1], weights, d_hidden[n - 1], unused)
        for k in range(n):
            for j in range(units):
                d_hidden[k, j] *= keep[t, k]


@njit(cache=True, fastmath=_FLAGS, error_model="numpy")
def activate(z: Floats) -> None:
    """Hyperbolic tangent of `[n, units]`, in place."""
    flat = z.reshape(-1)
    for j in range(len(flat)):
        flat[j] = _tanh(flat[j])


@njit(cache=True, fastmath=_FLAGS, error_model="numpy")
def differentiate(d: Floats, activated: Floats) -> None:
    """Turn the gradient of activations `[n, units]` into that of what was activated, in place."""
    flat, was = d.reshape(-1), activated.reshape(-1)
    for j in range(len(flat)):
        flat[j] *= _ONE - was[j] * was[j]


@njit(cache=True, fastmath=_FLAGS, error_model="numpy")
def layers(inputs: Floats, weights: tuple[Floats, ...], biases: tuple[Floats, ...]) -> Floats:
    """Linear layers with tanh between them; weights are `[in, out]`, transposed against torch."""
    last = len(weights) - 1
    out = inputs
    for k in range(len(weights)):
        following = np.empty((len(inputs), weights[k].shape[1]), np.float32)
        following[:] = biases[k]
        _add_products(out, weights[k], following)
        if k < last:
            activate(following)
        out = following
    return out


@njit(cache=True, fastmath=_FLAGS, error_model="numpy")
def remember(
    inputs: Floats,
    keep: Floats,
    hidden: Floats,
    cells: Floats,
    into: Floats,
    weights: Floats,
    bias: Floats,
) -> tuple[Floats, Floats]:
    """One step of an LSTM: the next hidden and cell states `[n, units]`.

    Args:
        inputs: What is seen `[n, features]`.
        keep: 0 where an episode begins, else 1, `[n]`.
        hidden: Hidden states `[n, units]`.
        cells: Cell states `[n, units]`.
        into: Input weights `[features, 4 * units]`, prepared as for `forward`.
        weights: Recurrent weights `[units, 4 * units]`, prepared likewise.
        bias: Sum of both biases `[4 * units]`, prepared likewise.
    """
    n, units = hidden.shape
    gates = np.empty((1, n, 4 * units), np.float32)
    gates[0] = bias
    _add_products(inputs, into, gates[0])
    out, cell = np.empty((2, n, units), np.float32), np.empty((2, n, units), np.float32)
    out[0], cell[0] = hidden, cells
    forward(gates, keep.reshape((1, n)), weights, out, cell, np.empty((1, n, units), np.float32))
    return out[1], cell[1]


@njit(fastmath=_FLAGS, error_model="numpy", inline="always")
def _largest(row: Floats) -> np.float32:
    top = row[0]
    for j in range(1, len(row)):
        top = max(top, row[j])
    return np.float32(top)


@njit(cache=True, fastmath=_FLAGS, error_model="numpy")
def sample(logits: Floats, draws: Floats, actions: NDArray[np.int64], log_prob: Floats) -> None:
    """Draw actions by inverting the cumulative distribution.

    Args:
        logits: Unnormalised log-probabilities `[n, actions]`.
        draws: Uniform in [0, 1), `[n]`.
        actions: Receives the actions `[n]`.
        log_prob: Receives their log-probabilities `[n]`.
    """
    n, choices = logits.shape
    for k in range(n):
        row = logits[k]
        top = _largest(row)
        total = _ZERO
        for j in range(choices):
            total += np.exp(row[j] - top)
        log_total = np.log(total) + top
        left, chosen = draws[k] * total, choices - 1
        for j in range(choices - 1):
            left -= np.exp(row[j] - top)
            if left < _ZERO:
                chosen = j
                break
        actions[k] = chosen
        log_prob[k] = row[chosen] - log_total


@njit(cache=True, fastmath=_FLAGS, error_model="numpy", inline="always")
def _clipped(advantage: np.float32, log_ratio: np.float32, clip: np.float32) -> tuple:  # type: ignore[type-arg]
    """PPO's gain of one step, its slope in the log-probability, and its share of the divergence.

    Schulman et al. (2017), equation 7; the divergence is Schulman's estimator `r - 1 - log r`.
    """
    ratio = np.exp(log_ratio)
    gain = advantage * ratio
    bounded = advantage * min(max(ratio, _ONE - clip), _ONE + clip)
    slope = gain if gain <= bounded else _ZERO
    return min(gain, bounded), slope, ratio - _ONE - log_ratio


@njit(cache=True, fastmath=_FLAGS, error_model="numpy")
def categorical_loss(
    logits: Floats,
    actions: NDArray[np.int64],
    old_log_prob: Floats,
    advantages: Floats,
    clip: np.float32,
    ent_coef: np.float32,
) -> tuple[float, float, float]:
    """Mean clipped gain, entropy and divergence; `logits` `[n, actions]` become the gradient.

    The gradient is of `-gain - ent_coef * entropy`.
    """
    n, choices = logits.shape
    share = _ONE / np.float32(n)
    gains = entropies = divergence = 0.0
    p = np.empty(choices, np.float32)
    for k in range(n):
        row = logits[k]
        top = _largest(row)
        total = _ZERO
        for j in range(choices):
            row[j] -= top
            p[j] = np.exp(row[j])
            total += p[j]
        log_total = np.log(total)
        entropy = _ZERO
        for j in range(choices):
            row[j] -= log_total
            p[j] /= total
            entropy -= p[j] * row[j]
        chosen = actions[k]
        gain, slope, apart = _clipped(advantages[k], row[chosen] - old_log_prob[k], clip)
        gains += float(gain)
        entropies += float(entropy)
        divergence += float(apart)
        for j in range(choices):
            row[j] = share * p[j] * (slope + ent_coef * (row[j] + entropy))
        row[chosen] -= share * slope
    return gains / n, entropies / n, divergence / n


@njit(cache=True, fastmath=_FLAGS, error_model="numpy")
def gaussian_loss(
    means: Floats,
    log_std: Floats,
    actions: Floats,
    old_log_prob: Floats,
    advantages: Floats,
    clip: np.float32,
    d_log_std: Floats,
) -> tuple[float, float]:
    """Mean clipped gain and divergence; `means` `[n, dims]` become the gradient of `-gain`.

    `d_log_std` `[dims]` receives that of the logarithms of the standard deviations.
    """
    n, dims = means.shape
    share = _ONE / np.float32(n)
    constant = np.float32(0.9189385332046727)  # log(2 pi) / 2
    gains = divergence = 0.0
    d_log_std[:] = _ZERO
    for k in range(n):
        log_prob = _ZERO
        for j in range(dims):
            z = (actions[k, j] - means[k, j]) * np.exp(-log_std[j])
            log_prob -= _HALF * z * z + log_std[j] + constant
        gain, slope, apart = _clipped(advantages[k], log_prob - old_log_prob[k], clip)
        gains += float(gain)
        divergence += float(apart)
        for j in range(dims):
            z = (actions[k, j] - means[k, j]) * np.exp(-log_std[j])
            d_log_std[j] -= share * slope * (z * z - _ONE)
            means[k, j] = -share * slope * z * np.exp(-log_std[j])
    return gains / n, divergence / n


@njit(cache=True, fastmath=_FLAGS, error_model="numpy")
def value_loss(
    values: Floats, returns: Floats, old: Floats, room: np.float32, weight: np.float32
) -> float:
    """Mean squared error; `values` `[n]` become the gradient of `weight` times it.

    Args:
        values: Predictions, on return the gradient.
        returns: What they should be.
        old: Predictions at the time of the rollout.
        room: How far from `old` predictions may move; infinite for no bound.
        weight: Weight of this loss.
    """
    n = len(values)
    error = 0.0
    for k in range(n):
        moved = values[k] - old[k]
        bounded = min(max(moved, -room), room)
        gap = old[k] + bounded - returns[k]
        error += float(gap * gap)
        values[k] = 2 * weight * gap / np.float32(n) if bounded == moved else _ZERO
    return error / n
