"""Muscles in CasADi SX: fitted paths, MuJoCo's curves, activation dynamics, metabolic rate.

The curves of :mod:`bioenv.models.muscle` and the Bhargava model of :mod:`bioenv.models.energy`,
written as sums of squared relus: with no smoothing they are those functions.
"""

from __future__ import annotations

from typing import NamedTuple

import casadi as ca
import numpy as np

from bioenv.diff.symbolic import smooth
from bioenv.diff.symbolic.polynomial import Polynomial
from bioenv.models import energy
from bioenv.models.parameters import MuscleParameters

CURVE = 1e-3
"""Rounding of the curves' corners per unit of smoothing, in optimal lengths or velocities."""
# Kinks of the activation dynamics and of the metabolic rate, per unit of smoothing. They lie in the
# middle of what muscles do, not at its edges: sharper ones make the solver hop across them.
_RATE = 0.3  # 1/s, between rising and falling activation
_SPEED = 1e-2  # m/s, between shortening and lengthening heat
_POWER = 0.3  # W, of the lower bounds of heat

# Bhargava 2004, as in bioenv.models.energy: W/kg of slow and fast fibers, shares of force.
_ACTIVATION_SLOW, _ACTIVATION_FAST = 40.0, 133.0
_MAINTENANCE_SLOW, _MAINTENANCE_FAST = 74.0, 111.0
_SHORTENING_ISOMETRIC, _SHORTENING_FORCE, _LENGTHENING_FORCE = 0.16, 0.18, 0.157


class Paths(NamedTuple):
    """Muscle-tendon lengths (nm,) m and their derivatives (nm, nv) m or m/rad."""

    length: ca.SX
    arm: ca.SX


class Muscles(NamedTuple):
    """Forces and what they come from; each (nm,)."""

    force: ca.SX  # N along the tendon, pull positive
    active_shape: ca.SX  # active force-length factor
    passive: ca.SX  # N
    length: ca.SX  # fiber length in optimal lengths
    velocity: ca.SX  # fiber velocity in maximum velocities, lengthening positive


class Sizes(NamedTuple):
    """What of a muscle's size may be a parameter; each (nm,)."""

    slack: ca.SX | np.ndarray  # tendon slack length, m
    length: ca.SX | np.ndarray  # optimal fiber length along the tendon, m
    mass: ca.SX | np.ndarray  # kg, at full strength


class Powers:
    """Powers of the scaled coordinates, shared by all polynomials that scale them alike."""

    def __init__(self, q: ca.SX) -> None:
        self._q = q
        self._known: dict[tuple[int, float, float], list[ca.SX]] = {}

    def of(self, dof: int, middle: float, half: float, top: int) -> list[ca.SX]:
        """[1, z, z^2, ... z^top] of ``z = (q[dof] - middle) / half``."""
        key = (dof, middle, half)
        if key not in self._known:
            self._known[key] = [ca.SX(1.0), (self._q[dof] - middle) / half]
        powers = self._known[key]
        while len(powers) <= top:
            powers.append(powers[len(powers) // 2] * powers[(len(powers) + 1) // 2])
        return powers


def paths(polynomials: tuple[Polynomial, ...], q: ca.SX, powers: Powers) -> Paths:
    """Lengths and moment arms of all muscles at q."""
    length = ca.SX(len(polynomials), 1)
    arm = ca.SX(len(polynomials), q.numel())
    for muscle, polynomial in enumerate(polynomials):
        (value,) = polynomial_values(polynomial, powers)
        length[muscle] = value
        for k, dof in enumerate(polynomial.dofs):
            arm[muscle, int(dof)] = _slope(polynomial, powers, k)
    return Paths(length, arm)


def polynomial_values(polynomial: Polynomial, powers: Powers) -> list[ca.SX]:
    """Each value of a fitted polynomial."""
    exponents, coefficients = polynomial.exponents, polynomial.coefficients
    return [
        _sum(polynomial, powers, exponents, coefficients[:, i])
        for i in range(coefficients.shape[1])
    ]


def sizes(
    p: MuscleParameters, optimal_fiber_length: ca.SX | None, tendon_slack_length: ca.SX | None
) -> Sizes:
    """Sizes of all muscles, from parameters (nm,) m or, where None, from the model."""
    slack = p.tendon_slack_length if tendon_slack_length is None else tendon_slack_length
    if optimal_fiber_length is None:
        return Sizes(slack, p.element_length, p.mass)
    longer = optimal_fiber_length / p.optimal_fiber_length
    return Sizes(slack, p.element_length * longer, p.mass * longer)


def forces(
    p: MuscleParameters,
    path: Paths,
    v: ca.SX,
    activation: ca.SX,
    strength: ca.SX,
    smoothing: ca.SX,
    size: Sizes,
) -> Muscles:
    """F0 cos(pennation) (a FL FV + FP), with F0 times ``strength`` (nm,)."""
    width = CURVE * smoothing
    length = (path.length - size.slack) / size.length
    velocity = path.arm @ v / (size.length * p.vmax)
    shape = active_force_length(p, length, width)
    peak = strength * p.element_force
    passive = peak * passive_force_length(p, length, width)
    force = peak * activation * shape * force_velocity(p, velocity, width) + passive
    return Muscles(force, shape, passive, length, velocity)


def active_force_length(p: MuscleParameters, length: ca.SX, width: ca.SX) -> ca.SX:
    """MuJoCo's FL: four parabolas, 1 at the optimal length, 0 at and beyond lmin and lmax."""
    short, long = ca.DM(0.5 * (1.0 - p.lmin)), ca.DM(0.5 * (p.lmax - 1.0))
    if np.array_equal(p.lmax - 1.0, 1.0 - p.lmin):  # both sides in one
        return 1.0 - _fall(smooth.absolute((length - 1.0) / long, width / long), width / long)
    near = smooth.relu((1.0 - length) / short, width / short)
    far = smooth.relu((length - 1.0) / long, width / long)
    return 1.0 - _fall(near, width / short) - _fall(far, width / long)


def _fall(x: ca.SX, width: ca.SX) -> ca.SX:
    """Loss of force at x >= 0 half-widths from the optimum: 1/2 halfway, 1 from 2 on."""
    return 0.5 * x * x - _square(x - 1.0, width) + 0.5 * _square(x - 2.0, width)


def force_velocity(p: MuscleParameters, velocity: ca.SX, width: ca.SX) -> ca.SX:
    """MuJoCo's FV: 0 at the fastest shortening, 1 at rest, fvmax at fast lengthening."""
    rise = p.fvmax - 1.0
    # (1 + v)^2 while shortening; fvmax - (rise - v)^2 / rise while lengthening.
    start = _square(velocity + 1.0, width)
    bend = (1.0 + 1.0 / rise) * _square(velocity, width)
    return start - bend + _square(velocity - rise, width) / rise


def passive_force_length(p: MuscleParameters, length: ca.SX, width: ca.SX) -> ca.SX:
    """MuJoCo's FP: fpmax x^2 / 2, then a line, with x = 2 (length - 1) / (lmax - 1)."""
    half = ca.DM(0.5 * (p.lmax - 1.0))
    x = (length - 1.0) / half
    return ca.DM(0.5 * p.fpmax) * (_square(x, width / half) - _square(x - 1.0, width / half))


def excitation(p: MuscleParameters, activation: ca.SX, rate: ca.SX, smoothing: ca.SX) -> ca.SX:
    """The excitation (nm,) that makes activation change by ``rate`` (nm,) 1/s; without tausmooth.

    Inverse of :func:`bioenv.models.muscle.activation_rate`: linear in the rate, with one slope
    upward and one downward.
    """
    shape = 0.5 + 1.5 * activation
    up = smooth.relu(rate, _RATE * smoothing)
    return activation + p.tau_act * shape * up - p.tau_deact / shape * (up - rate)


def activation_rate(
    p: MuscleParameters, excitation: ca.SX, activation: ca.SX, smoothing: ca.SX
) -> ca.SX:
    """Rate of activation (nm,) 1/s, as MuJoCo's without tausmooth."""
    shape = 0.5 + 1.5 * activation
    error = excitation - activation
    up = smooth.relu(error, CURVE * smoothing)
    return up / (p.tau_act * shape) - (up - error) * shape / p.tau_deact


def bhargava(
    p: MuscleParameters,
    muscles: Muscles,
    velocity: ca.SX,
    activation: ca.SX,
    excitation: ca.SX,
    strength: ca.SX,
    smoothing: ca.SX,
    size: Sizes,
) -> ca.SX:
    """Metabolic rate (nm,) W by Bhargava et al. 2004, as :func:`bioenv.models.energy.bhargava2004`.

    ``velocity`` (nm,) m/s of the muscle-tendon length. The mass follows ``strength`` and size.
    """
    width = CURVE * smoothing
    mass = strength * size.mass
    slow = mass * (1.0 - p.fast_fiber_ratio) * ca.sin(excitation * (np.pi / 2))
    fast = mass * p.fast_fiber_ratio * (1.0 - ca.cos(excitation * (np.pi / 2)))
    length = muscles.length
    share = 0.5 + smooth.relu(length - 0.5, width) - 3.0 * smooth.relu(length - 1.0, width)
    share = share + 2.0 * smooth.relu(length - 1.5, width)
    heat = slow * (_ACTIVATION_SLOW + _MAINTENANCE_SLOW * share)
    heat += fast * (_ACTIVATION_FAST + _MAINTENANCE_FAST * share)
    isometric = strength * p.element_force * muscles.active_shape * activation
    shorten = smooth.relu(-velocity, _SPEED * smoothing)
    heat += shorten * (_SHORTENING_ISOMETRIC * isometric + _SHORTENING_FORCE * muscles.force)
    heat -= (shorten + velocity) * _LENGTHENING_FORCE * muscles.force
    work = (muscles.passive - muscles.force) * velocity
    least = mass * energy.MINIMUM_HEAT_RATE
    raised = least + smooth.relu(heat - least, _POWER * smoothing)
    return smooth.relu(raised + work, _POWER * smoothing)


def _square(x: ca.SX, width: ca.SX | float) -> ca.SX:
    positive = smooth.relu(x, width)
    return positive * positive


def _slope(polynomial: Polynomial, powers: Powers, k: int) -> ca.SX:
    """Derivative of the (only) value by coordinate k."""
    chosen = polynomial.exponents[:, k] > 0
    exponents = polynomial.exponents[chosen].copy()
    factor = exponents[:, k] / polynomial.half[k]
    exponents[:, k] -= 1
    return _sum(polynomial, powers, exponents, polynomial.coefficients[chosen, 0] * factor)


def _sum(
    polynomial: Polynomial, powers: Powers, exponents: np.ndarray, factor: np.ndarray
) -> ca.SX:
    """Sum of monomials: Horner in the last coordinate is left to the rows' grouping."""
    if not len(polynomial.dofs):
        return ca.SX(float(factor.sum()))
    tables = [
        powers.of(int(d), float(m), float(h), int(exponents[:, k].max(initial=0)))
        for k, (d, m, h) in enumerate(
            zip(polynomial.dofs, polynomial.middle, polynomial.half, strict=True)
        )
    ]
    # Terms that share all exponents but the last are one polynomial of the last coordinate.
    groups: dict[tuple[int, ...], ca.SX] = {}
    for row, c in zip(exponents, factor, strict=True):
        head = tuple(int(e) for e in row[:-1])
        groups[head] = groups.get(head, ca.SX(0.0)) + float(c) * tables[-1][int(row[-1])]
    total = ca.SX(0.0)
    for head, inner in groups.items():
        for k, e in enumerate(head):
            inner = inner * tables[k][e]
        total = total + inner
    return total
