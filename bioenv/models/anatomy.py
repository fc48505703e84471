"""Anatomy: a body as the inverse analysis needs it, in the coordinates of its own file.

An OpenSim model has coordinates in its own senses, and joints whose axes are functions of them (a
knee that rolls and glides). MuJoCo has hinges and slides. An Anatomy holds both and the exact map
between them, so that every inverse method is written once:

    q (T, n), coordinates of the file  ──expand──►  qpos (T, nq) of a MuJoCo tree of hinges, slides

Generalized forces go back by the transposed Jacobian of that map.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import mujoco
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class JointState(NamedTuple):
    """State of the MuJoCo tree: qpos (T, nq), qvel (T, nv), qacc (T, nv); nq = nv."""

    qpos: Array
    qvel: Array
    qacc: Array


class BodyMarker(NamedTuple):
    """A marker on MuJoCo body `body` (id) at `location` (3,) m in that body's frame."""

    name: str
    body: int
    location: Array


class MuscleGeometry(NamedTuple):
    """Muscle paths at T frames.

    length (T, m) m, origin to insertion; moment_arm (T, m, n) m or m/rad, -d length / d q with
    every coordinate free: positive when the pull drives the coordinate up (OpenSim's sign);
    velocity (T, m) m/s, + lengthening, zero when no speed was given.
    """

    length: Array
    moment_arm: Array
    velocity: Array


class MuscleCapacity(NamedTuple):
    """What rigid-tendon muscles can do, along the tendon, (T, m) each.

    active N at full activation; passive N; fiber_length in optimal fiber lengths; fiber_velocity
    in maximum velocities, + lengthening; cos_pennation.
    """

    active: Array
    passive: Array
    fiber_length: Array
    fiber_velocity: Array
    cos_pennation: Array


class ReportedJoint(NamedTuple):
    """A joint whose load is reported: OpenSim's name, its parent's and child's MuJoCo body ids,
    and where the joint's center lies in the child's frame, (3,) m."""

    name: str
    parent: int
    child: int
    center: Array


class Anatomy(Protocol):
    """A body for inverse analysis. T is the leading axis everywhere; n coordinates, m muscles.

    Attributes:
        mj: the skeleton: bodies and joints, gravity (0, 0, -9.8...); z up, world frame.
            Every body of the file is an MjModel body of the same name with the file's frame.
        coordinates: names and senses of the model's file, in its order; coordinate_range (n, 2),
            default (n,), m or rad; rotational (n,) bool; clamped (n,) bool: the range binds;
            locked (n,) bool: held at default.
        independent (n,) bool: False where a coupler makes a coordinate follow another.
        root (n,) bool: coordinates between ground and the first body: residuals.
        muscles, markers, joints: names; see the classes above. activation_range (m, 2): between
            which a muscle can choose; 0 to 0 for one that is switched off. mass kg; body_weight N.
        y_up: body frames have y up at rest, as OpenSim's; z otherwise.
    """

    name: str
    mj: mujoco.MjModel
    coordinates: tuple[str, ...]
    coordinate_range: Array
    default: Array
    rotational: NDArray[np.bool_]
    clamped: NDArray[np.bool_]
    locked: NDArray[np.bool_]
    independent: NDArray[np.bool_]
    root: NDArray[np.bool_]
    muscles: tuple[str, ...]
    max_isometric_force: Array
    activation_range: Array
    markers: tuple[BodyMarker, ...]
    joints: tuple[ReportedJoint, ...]
    mass: float
    body_weight: float
    y_up: bool

    def couple(self, q: Array) -> Array:
        """(T, n) with every coupled coordinate set from the one it follows."""
        ...

    def reduction(self, q: Array) -> Array:
        """(T, n, k) dq / d(independent q), k = independent.sum(): the couplers' slopes."""
        ...

    def expand(self, q: Array, qd: Array | None = None, qdd: Array | None = None) -> JointState:
        """The MuJoCo tree's state; couplers are not applied. Missing derivatives count as zero."""
        ...

    def jacobian(self, q: Array) -> Array:
        """(T, nv, n) d qpos / d q, couplers not applied: generalized forces go back by its
        transpose, ``tau_q = J' tau_qpos``."""
        ...

    def muscle_geometry(self, q: Array, qd: Array | None = None) -> MuscleGeometry:
        """Lengths, moment arms and speeds of all muscles."""
        ...

    def muscle_wrench(self, q: Array, force: Array) -> Array:
        """(T, nbody, 6) force N and moment N*m about the world origin, world frame, that muscles
        pulling with `force` (T, m) exert on every MuJoCo body."""
        ...

    def muscle_capacity(self, geometry: MuscleGeometry) -> MuscleCapacity:
        """Forces the muscles can reach at these lengths and speeds, rigid tendon."""
        ...
