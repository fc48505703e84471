"""Muscle mechanics in NumPy: force-length-velocity curves, force and activation dynamics.

The same functions as MuJoCo's ``mju_muscleGain``, ``mju_muscleBias`` and ``mju_muscleDynamics``,
for all muscles of all environments (or frames) in one call: every array ends in the muscle axis and
may have any leading axes.

A muscle is a contractile element in series with a rigid tendon. Its pennation angle is constant, so
the element acts along the tendon with ``element_force = F0 cos(pennation)`` and
``element_length = L0 cos(pennation)``; see :class:`~bioenv.models.parameters.MuscleParameters`.
Tension is positive here (MuJoCo's ``actuator_force`` is negative when a muscle pulls).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.models.parameters import MuscleParameters

Array = NDArray[np.float64]

_MINVAL = 1e-15  # MuJoCo's mjMINVAL


_TILED = (
    1024  # up to this many rows, constants are repeated per row: 3 times faster than broadcasting
)


class _Constants(NamedTuple):
    """What the curves need of the parameters, once per parameters and batch shape."""

    slack: Array
    inverse_length: Array
    inverse_velocity: Array
    slope_short: Array  # -2 / (1 - lmin)
    slope_long: Array  # 2 / (lmax - 1)
    fv_width: Array  # fvmax - 1
    fv_curvature: Array  # -1 / (fvmax - 1)
    force: Array  # F0 cos(pennation), N
    passive_force: Array  # fpmax F0 cos(pennation), N


def tiled(row: Array, like: tuple[int, ...]) -> Array:
    """Parameters (nm,) for arrays of shape ``like``, repeated where that is faster."""
    if math.prod(like[:-1]) > _TILED:
        return row
    return np.ascontiguousarray(np.broadcast_to(row, like))


@lru_cache(maxsize=32)
def _constants(p: MuscleParameters, like: tuple[int, ...]) -> _Constants:
    half_short = 0.5 * (1.0 - p.lmin)
    half_long = 0.5 * (p.lmax - 1.0)
    width = p.fvmax - 1.0
    rows = _Constants(
        slack=p.tendon_slack_length,
        inverse_length=1.0 / np.maximum(_MINVAL, p.element_length),
        inverse_velocity=1.0 / np.maximum(_MINVAL, p.element_length * p.vmax),
        slope_short=-1.0 / np.maximum(_MINVAL, half_short),
        slope_long=1.0 / np.maximum(_MINVAL, half_long),
        fv_width=width,
        fv_curvature=-1.0 / np.maximum(_MINVAL, width),
        force=p.element_force,
        passive_force=p.fpmax * p.element_force,
    )
    return _Constants(*(tiled(row, like) for row in rows))


def fiber_length(muscle_length: Array, params: MuscleParameters) -> Array:
    """Fiber length in optimal fiber lengths, from the muscle-tendon length.

    Args:
        muscle_length: (..., nm) m, origin to insertion.

    Returns:
        (..., nm), 1 at the optimal length. With a rigid tendon and constant pennation it is
        ``(muscle_length - tendon_slack_length) / (L0 cos(pennation))``, also MuJoCo's ``L``.
    """
    return _fiber_length(muscle_length, _constants(params, np.shape(muscle_length)))


def _fiber_length(muscle_length: Array, c: _Constants) -> Array:
    length = muscle_length - c.slack
    return np.multiply(length, c.inverse_length, out=length)


def fiber_velocity(muscle_velocity: Array, params: MuscleParameters) -> Array:
    """Fiber velocity in m/s, lengthening positive: the rate of L0 times :func:`fiber_length`.

    Args:
        muscle_velocity: (..., nm) m/s, of the muscle-tendon length.

    Returns:
        (..., nm) m/s, ``muscle_velocity / cos(pennation)``. The element's power is
        ``muscle force * muscle velocity``, both taken along the tendon.
    """
    return muscle_velocity * (params.optimal_fiber_length / params.element_length)


def normalized_velocity(muscle_velocity: Array, params: MuscleParameters) -> Array:
    """(..., nm) fiber velocity over maximum shortening velocity; -1 is the fastest shortening."""
    return muscle_velocity * _constants(params, np.shape(muscle_velocity)).inverse_velocity


def active_force_length(length: Array, params: MuscleParameters) -> Array:
    """Active force-length factor 0..1 (MuJoCo's FL) at fiber lengths (..., nm) in L0.

    Four parabolas: 0 at and beyond lmin and lmax, 1 at L0, 1/2 halfway.
    """
    c = _constants(params, np.shape(length))
    x = length - 1.0
    # Distance from the optimum in half-widths of its side: 1 halfway, 2 where the force ends.
    x = np.maximum(x * c.slope_short, x * c.slope_long)
    np.minimum(x, 2.0, out=x)
    outer = np.maximum(x, 1.0)
    outer -= 1.0
    outer *= outer
    x *= x
    x *= 0.5
    outer -= x
    outer += 1.0
    return outer


def force_velocity(velocity: Array, params: MuscleParameters) -> Array:
    """Force-velocity factor (MuJoCo's FV) at velocities (..., nm) in units of vmax, 0..fvmax."""
    c = _constants(params, np.shape(velocity))
    v = np.minimum(np.maximum(velocity, -1.0), c.fv_width)
    return 1.0 + v * (2.0 + np.abs(v) * np.where(v < 0.0, -1.0, c.fv_curvature))


def passive_force_length(length: Array, params: MuscleParameters) -> Array:
    """Passive force over F0 (MuJoCo's FP) at fiber lengths (..., nm) in L0.

    Zero up to L0, a parabola to ``fpmax / 2`` at (1 + lmax) / 2, a line beyond.
    """
    return _passive_shape(length, _constants(params, np.shape(length))) * params.fpmax


def _passive_shape(length: Array, c: _Constants) -> Array:
    x = length - 1.0
    x *= c.slope_long
    np.maximum(x, 0.0, out=x)
    capped = np.minimum(x, 1.0)
    x -= 0.5 * capped
    x *= capped
    return x


def passive_force(muscle_length: Array, params: MuscleParameters) -> Array:
    """(..., nm) N along the tendon of the relaxed muscle, pull positive."""
    c = _constants(params, np.shape(muscle_length))
    return _passive_shape(_fiber_length(muscle_length, c), c) * c.passive_force


def muscle_force(
    muscle_length: Array, muscle_velocity: Array, activation: Array, params: MuscleParameters
) -> Array:
    """Force along the tendon, pull positive: ``F0 cos(pennation) (a FL FV + FP)``.

    Args:
        muscle_length: (..., nm) m, muscle-tendon length.
        muscle_velocity: (..., nm) m/s, lengthening positive.
        activation: (..., nm), 0..1.

    Returns:
        (..., nm) N. Equal to ``-actuator_force`` of MuJoCo.
    """
    c = _constants(params, np.shape(muscle_length))
    length = _fiber_length(muscle_length, c)
    active = active_force_length(length, params)
    active *= force_velocity(muscle_velocity * c.inverse_velocity, params)
    active *= activation
    active *= c.force
    active += _passive_shape(length, c) * c.passive_force
    return active


def activation_rate(excitation: Array, activation: Array, params: MuscleParameters) -> Array:
    """Time derivative of activation in 1/s (..., nm), for excitation and activation (..., nm).

    First order, faster up than down (Millard et al. 2013, doi:10.1115/1.4023390):
    ``(u - a) / tau`` with ``tau_act (0.5 + 1.5 a)`` while rising and ``tau_deact / (0.5 + 1.5 a)``
    while falling; ``tausmooth`` > 0 blends the two over that width of ``u - a``.
    """
    shape = 0.5 + 1.5 * np.clip(activation, 0.0, 1.0)
    up, down = params.tau_act * shape, params.tau_deact / shape
    error = np.clip(excitation, 0.0, 1.0) - activation
    tau = np.where(error > 0.0, up, down)
    if (params.tausmooth >= _MINVAL).any():
        width = np.maximum(params.tausmooth, _MINVAL)
        x = np.clip(error / width + 0.5, 0.0, 1.0)
        blend = x * x * x * (3.0 * x * (2.0 * x - 5.0) + 10.0)
        tau = np.where(params.tausmooth < _MINVAL, tau, down + (up - down) * blend)
    return error / np.maximum(_MINVAL, tau)
