"""Smooth forms of max, absolute value and step, in CasADi; exact in the limit of no width."""

from __future__ import annotations

import casadi as ca

_FLOOR = 1e-30  # keeps square roots differentiable where the width is zero


def absolute(x: ca.SX, width: ca.SX | float) -> ca.SX:
    """sqrt(x^2 + width^2), in the units of x."""
    return ca.sqrt(x * x + width * width + _FLOOR)


def relu(x: ca.SX, width: ca.SX | float) -> ca.SX:
    """max(x, 0), rounded over ``width`` (units of x): width / 2 at x = 0, off by width^2 / 4|x|."""
    return 0.5 * (x + absolute(x, width))


def step(x: ca.SX, width: ca.SX | float) -> ca.SX:
    """0 for x << 0, 1 for x >> 0, with exponential tails; half of it within +-0.55 width."""
    return 0.5 + 0.5 * ca.tanh(x / (width + _FLOOR))
