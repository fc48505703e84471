"""Muscles of a converted model: tendons along the planned paths, MuJoCo's muscle with the file's
parameters.

MuJoCo's muscle has a rigid tendon, a constant pennation angle and curves of its own form: their
widths and heights are fitted to the curves of the muscle's class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.models.anatomy import MuscleGeometry
from bioenv.models.osim.convert_fit import Plan
from bioenv.models.osim.convert_skeleton import Follower, hold
from bioenv.models.osim.description import Muscle
from bioenv.models.osim.fit import Carrier
from bioenv.models.osim.muscle_curves import capacity
from bioenv.models.osim.skeleton import quaternion
from bioenv.models.osim.tendon import Path, Roll, Site

Array = NDArray[np.float64]

# Where fibers can work, in optimal lengths, and the share of poses that may lie beyond either end.
FIBER_RANGE, OUTSIDE = (0.5, 1.5), 10.0  # %
# No .osim file says these: the mean of Uchida et al. 2016 (PLoS ONE 11:e0150378), rounded.
_FAST_FIBERS, _SPECIFIC_TENSION = 0.5, 600e3  # 1, Pa
_CARRIER_MASS, _CARRIER_INERTIA = 1e-6, 1e-9  # kg, kg*m^2: the armature of its joints does the work
_SIDE_GAP = 0.02  # m: a side site stands this far off its roll


class Element(NamedTuple):
    """MuJoCo's muscle: force N and length m of the element along the tendon, slack m, curves.

    slack_file: the file's tendon slack length; fibers: 10th and 90th percentile of the fiber length
    over the poses with the file's slack, in optimal lengths.
    """

    force: float
    length: float
    slack: float
    slack_file: float
    fibers: tuple[float, float]
    lmin: float
    lmax: float
    fpmax: float
    fvmax: float


def elements(muscles: Sequence[Muscle], lengths: Array) -> list[Element]:
    """MuJoCo's parameters of every muscle.

    Args:
        lengths: (N, m) m, muscle-tendon lengths over the range of motion.
    """
    cosine = np.cos([muscle.pennation for muscle in muscles])
    force = np.array([muscle.max_isometric_force for muscle in muscles]) * cosine
    length = np.array([muscle.optimal_fiber_length for muscle in muscles]) * cosine
    slack = np.array([muscle.tendon_slack_length for muscle in muscles])
    low, high = np.percentile((lengths - slack) / length, (OUTSIDE, 100.0 - OUTSIDE), axis=0)
    shift = _shift(low, high)
    shapes = _shapes(muscles, force, length, slack)
    return [
        Element(
            float(force[i]), float(length[i]), float(slack[i] + shift[i] * length[i]),
            float(slack[i]), (float(low[i]), float(high[i])), *shapes[i],
        )
        for i in range(len(muscles))
    ]  # fmt: skip


def _shift(low: Array, high: Array) -> Array:
    """Lengthening of the tendon in optimal fiber lengths: the least that brings the fibers into
    their working range, or to its middle when they need more than it."""
    up, down = np.maximum(high - FIBER_RANGE[1], 0.0), np.maximum(FIBER_RANGE[0] - low, 0.0)
    least = np.where(up > 0.0, up, -down)
    wide = (high - low) > FIBER_RANGE[1] - FIBER_RANGE[0]
    return np.where(wide, 0.5 * (low + high) - np.mean(FIBER_RANGE), least)


def _shapes(
    muscles: Sequence[Muscle], force: Array, length: Array, slack: Array
) -> list[tuple[float, float, float, float]]:
    """lmin, lmax, fpmax, fvmax of every muscle, from the curves of its class."""
    x = np.linspace(0.3, 1.8, 61)
    reach = slack + x[:, None] * length
    still = np.zeros_like(reach)
    rest = capacity(tuple(muscles), _geometry(reach, still))
    fastest = np.array([muscle.max_velocity for muscle in muscles]) * length
    stretched = capacity(tuple(muscles), _geometry(slack + length, fastest))
    held = capacity(tuple(muscles), _geometry(slack + length, 0.0 * fastest))
    lengthening = (stretched.active / np.maximum(held.active, 1e-9))[0]
    shapes = []
    for i in range(len(muscles)):
        lmin, lmax = _widths(x, rest.active[:, i] / force[i])
        fpmax = _passive_height(x, rest.passive[:, i] / force[i], lmax)
        shapes.append((lmin, lmax, fpmax, float(np.clip(lengthening[i], 1.05, 1.8))))
    return shapes


def _geometry(length: Array, velocity: Array) -> MuscleGeometry:
    length, velocity = np.atleast_2d(length), np.atleast_2d(velocity)
    return MuscleGeometry(length, np.zeros((*length.shape, 0)), velocity)


def _widths(x: Array, active: Array) -> tuple[float, float]:
    """lmin and lmax of MuJoCo's curve nearest to an active force-length curve."""
    below, above = x < 1.0, x >= 1.0
    low, high = np.arange(0.1, 0.71, 0.01), np.arange(1.3, 2.01, 0.01)
    short = [np.sum((_parabolas((1.0 - x[below]) / (1.0 - a)) - active[below]) ** 2) for a in low]
    long = [np.sum((_parabolas((x[above] - 1.0) / (b - 1.0)) - active[above]) ** 2) for b in high]
    return float(low[np.argmin(short)]), float(high[np.argmin(long)])


def _parabolas(share: Array) -> Array:
    """MuJoCo's active force at a share of the half width: 1 at 0, 1/2 at 1/2, 0 from 1 on."""
    share = np.minimum(share, 1.0)
    return np.where(share < 0.5, 1.0 - 2.0 * share**2, 2.0 * (1.0 - share) ** 2)


def _passive_height(x: Array, passive: Array, lmax: float) -> float:
    """fpmax of MuJoCo's passive curve nearest to a passive force-length curve up to 1.5."""
    used = (x > 1.0) & (x <= FIBER_RANGE[1])
    half = 0.5 * (lmax - 1.0)
    share = (x[used] - 1.0) / (2.0 * half)
    shape = np.where(share < 0.5, 2.0 * share**2, 2.0 * share - 0.5)
    return float(np.clip(shape @ passive[used] / (shape @ shape), 0.0, 3.0))


def add_carriers(spec: mujoco.MjSpec, carriers: Sequence[Carrier]) -> list[Follower]:
    """The small bodies that stand for moving points, with their constraints."""
    followers = []
    for carrier in carriers:
        body = spec.body(carrier.parent).add_body(
            name=carrier.name, pos=carrier.origin, mass=_CARRIER_MASS, ipos=np.zeros(3),
            inertia=[_CARRIER_INERTIA] * 3, explicitinertial=True,
        )  # fmt: skip
        for k, (slides, axis) in enumerate(carrier.joints):
            kind = mujoco.mjtJoint.mjJNT_SLIDE if slides else mujoco.mjtJoint.mjJNT_HINGE
            name = f"{carrier.name}_{k + 1}"
            joint = body.add_joint(name=name, type=kind, axis=axis)
            follower = Follower(name, carrier.leader, carrier.polynomial[k], 0.0)
            hold(spec, follower, joint)
            followers.append(follower)
    return followers


def add_muscles(
    spec: mujoco.MjSpec, muscles: Sequence[Muscle], parts: Sequence[Element], plan: Plan
) -> None:
    """Tendons and actuators."""
    for muscle, part in zip(muscles, parts, strict=True):
        _add_tendon(spec, muscle.name, plan.paths[muscle.name])
        _add_actuator(spec, muscle, part)


def _add_tendon(spec: mujoco.MjSpec, name: str, path: Path) -> None:
    tendon = spec.add_tendon(name=f"{name}_tendon", width=0.004, rgba=(0.75, 0.22, 0.2, 1.0))
    for k, element in enumerate(path, start=1):
        if isinstance(element, Site):
            _add_site(spec, element.body, f"{name}-P{k}", element.position)
            tendon.wrap_site(f"{name}-P{k}")
        else:
            tendon.wrap_geom(f"{name}-wrap{k}", _add_roll(spec, f"{name}-{{}}{k}", element))


def _add_site(spec: mujoco.MjSpec, body: str, name: str, position: Array) -> None:
    spec.body(body).add_site(
        name=name, pos=position, size=(0.003, 0.0, 0.0), group=4, rgba=(0.8, 0.1, 0.1, 1.0)
    )


def _add_roll(spec: mujoco.MjSpec, name: str, roll: Roll) -> str:
    """A wrap geom and its side site, whose name comes back ("" without one)."""
    kinds = mujoco.mjtGeom
    spec.body(roll.body).add_geom(
        name=name.format("wrap"), pos=roll.center, quat=quaternion(roll.rotation),
        type=kinds.mjGEOM_SPHERE if roll.sphere else kinds.mjGEOM_CYLINDER,
        size=(roll.radius, 0.0 if roll.sphere else 0.04, 0.0), contype=0, conaffinity=0,
        density=0.0, group=4, rgba=(0.3, 0.6, 0.9, 0.3),
    )  # fmt: skip
    if roll.side is None:
        return ""
    way = roll.side if roll.sphere else roll.side * [1.0, 1.0, 0.0]
    offset = (roll.radius + _SIDE_GAP) * way / np.linalg.norm(way)
    _add_site(spec, roll.body, name.format("side"), roll.center + roll.rotation @ offset)
    return name.format("side")


def _add_actuator(spec: mujoco.MjSpec, muscle: Muscle, part: Element) -> None:
    rise = muscle.curves.get("activation_time_constant", 0.01)
    fall = muscle.curves.get("deactivation_time_constant", 0.04)
    low, high = FIBER_RANGE
    actuator = spec.add_actuator(
        name=muscle.name, target=f"{muscle.name}_tendon",
        trntype=mujoco.mjtTrn.mjTRN_TENDON,
    )  # fmt: skip
    actuator.set_to_muscle(
        timeconst=(rise, fall), tausmooth=0.0, range=FIBER_RANGE, force=part.force, scale=200.0,
        lmin=part.lmin, lmax=part.lmax, vmax=muscle.max_velocity, fpmax=part.fpmax,
        fvmax=part.fvmax,
    )  # fmt: skip
    actuator.ctrllimited, actuator.ctrlrange = mujoco.mjtLimited.mjLIMITED_TRUE, (0.0, 1.0)
    actuator.lengthrange = (part.slack + low * part.length, part.slack + high * part.length)
    actuator.userdata = [muscle.pennation, _FAST_FIBERS, _SPECIFIC_TENSION]
