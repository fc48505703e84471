"""The Anatomy of bioenv's own models: MuJoCo's joints and tendons under OpenSim's names and senses.

A knee flexes negatively here and the pelvis moves up along ``pelvis_ty``, as in OpenSim's
gait10dof18musc (`bioenv.motion_io.opensim_coordinate`), so that coordinate files of either origin
enter the same way.
"""

from __future__ import annotations

from collections.abc import Iterable

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.models import muscle
from bioenv.models.anatomy import (
    BodyMarker,
    JointState,
    MuscleCapacity,
    MuscleGeometry,
    ReportedJoint,
)
from bioenv.models.frames import Frames
from bioenv.models.model import Model
from bioenv.models.skeleton import floating, skeleton
from bioenv.models.tendons import (
    FIELDS,
    MOMENT_FIELDS,
    body_wrenches,
    length_slopes,
    tendon_pieces,
)
from bioenv.motion_io import opensim_coordinate

Array = NDArray[np.float64]


class NativeAnatomy:
    """`bioenv.models.anatomy.Anatomy` of a `Model`; see there for every attribute and method.

    Coordinates keep the model's order. Springs and dampers of the joints are no part of the
    skeleton `mj`: `passive_torque` gives what they do. Markers are the sites that belong to no
    tendon. Joints are those with a sensor ``contact_<joint>`` under that name, and the others under
    the name of their first coordinate.
    """

    y_up = False

    def __init__(self, model: Model) -> None:
        mj = model.mj
        names, factors = zip(*map(opensim_coordinate, model.coordinates), strict=True)
        self.model = model
        self.name = model.name
        self.mj = skeleton(mj)
        self.sign: Array = np.sign(np.array(factors))
        self.coordinates: tuple[str, ...] = names
        self.coordinate_range = _ranges(mj, self.sign)
        self.default: Array = model.home * self.sign
        self.rotational: NDArray[np.bool_] = mj.jnt_type == mujoco.mjtJoint.mjJNT_HINGE
        self.clamped: NDArray[np.bool_] = mj.jnt_limited.astype(bool)
        self.locked = np.zeros(mj.nv, dtype=bool)
        self.independent = np.ones(mj.nv, dtype=bool)
        self.root = floating(mj)
        self.muscles = model.muscles
        self.max_isometric_force: Array = model.muscle.max_isometric_force
        self.activation_range: Array = np.tile([0.0, 1.0], (len(self.muscles), 1))
        self.markers = _markers(mj)
        self.joints = _joints(mj)
        self.mass, self.body_weight = model.mass, model.body_weight

    def couple(self, q: Array) -> Array:
        """No coordinate follows another."""
        return self._rows(q, "q").copy()

    def reduction(self, q: Array) -> Array:
        """(T, n, n) identity."""
        return np.broadcast_to(np.eye(self.mj.nv), (len(q), self.mj.nv, self.mj.nv))

    def expand(self, q: Array, qd: Array | None = None, qdd: Array | None = None) -> JointState:
        """MuJoCo's joints differ from the coordinates in sense only."""
        position = self._rows(q, "q") * self.sign
        rates = (
            np.zeros_like(position) if v is None else self._rows(v, what) * self.sign
            for v, what in ((qd, "qd"), (qdd, "qdd"))
        )
        return JointState(position, *rates)

    def jacobian(self, q: Array) -> Array:
        """(T, nv, n) diagonal of +1 and -1."""
        return np.broadcast_to(np.diag(self.sign), (len(q), self.mj.nv, self.mj.nv))

    def muscle_geometry(self, q: Array, qd: Array | None = None) -> MuscleGeometry:
        """Tendon lengths, moment arms and speeds by MuJoCo."""
        state, mj = self.expand(q, qd), self.model.mj
        length = np.empty((len(state.qpos), mj.nu))
        arm = np.zeros((len(length), mj.nu, mj.nv))
        for part, get in self._frames(state.qpos, ("actuator_length", *MOMENT_FIELDS)):
            length[part] = get["actuator_length"]
            arm[part] = length_slopes(mj, get)
        arm *= -self.sign
        velocity = -np.einsum("tmi,ti->tm", arm, state.qvel * self.sign)
        return MuscleGeometry(length, arm, velocity)

    def muscle_wrench(self, q: Array, force: Array) -> Array:
        """(T, nbody, 6) force and moment about the world origin of all tendons on every body."""
        state, mj = self.expand(q), self.model.mj
        pull = np.asarray(force, dtype=float)
        if pull.shape != (len(state.qpos), mj.nu):
            wanted = f"({len(state.qpos)}, {mj.nu})"
            raise BioenvError(f"muscle force must have shape {wanted}, got {pull.shape}")
        wrench = np.empty((len(pull), mj.nbody, 6))
        for part, get in self._frames(state.qpos, FIELDS):
            wrench[part] = body_wrenches(mj, tendon_pieces(mj, get, pull[part]))
        return wrench

    def muscle_capacity(self, geometry: MuscleGeometry) -> MuscleCapacity:
        """MuJoCo's muscle curves (`bioenv.models.muscle`); the pennation angle is constant."""
        p = self.model.muscle
        length = muscle.fiber_length(geometry.length, p)
        velocity = muscle.normalized_velocity(geometry.velocity, p)
        active = muscle.active_force_length(length, p) * muscle.force_velocity(velocity, p)
        return MuscleCapacity(
            active=active * p.element_force,
            passive=muscle.passive_force_length(length, p) * p.element_force,
            fiber_length=length,
            fiber_velocity=velocity,
            cos_pennation=np.broadcast_to(np.cos(p.pennation), length.shape),
        )

    def passive_torque(self, q: Array, qd: Array | None = None) -> Array:
        """(T, n) N or N*m of the springs and dampers in the model's joints."""
        state = self.expand(q, qd)
        torque = np.empty_like(state.qpos)
        for part, batch, ids in Frames(self.model.mj, state.qpos, state.qvel, ("qfrc_passive",)):
            torque[part] = batch.bind("qfrc_passive")[ids]
        return torque * self.sign

    def _frames(
        self, qpos: Array, fields: tuple[str, ...]
    ) -> Iterable[tuple[slice, dict[str, Array]]]:
        for part, batch, ids in Frames(self.model.mj, qpos, None, fields):
            yield part, {name: batch.bind(name)[ids] for name in fields}

    def _rows(self, values: Array, what: str) -> Array:
        array = np.asarray(values, dtype=float)
        if array.ndim != 2 or array.shape[1] != len(self.coordinates):
            raise BioenvError(
                f"{what} must have shape (T, {len(self.coordinates)}) for the coordinates "
                f"{', '.join(self.coordinates)}; got {array.shape}"
            )
        return array


def _ranges(mj: mujoco.MjModel, sign: Array) -> Array:
    """(nv, 2), infinite where a joint is unlimited."""
    free = np.array([-np.inf, np.inf])
    limits = np.where(mj.jnt_limited[:, None].astype(bool), mj.jnt_range, free)
    return np.sort(limits * sign[:, None], axis=1)


def _markers(mj: mujoco.MjModel) -> tuple[BodyMarker, ...]:
    """Named sites on bodies that no tendon passes and that are no joint's center."""
    kinds = mujoco.mjtWrap
    passed = set(mj.wrap_objid[mj.wrap_type == kinds.mjWRAP_SITE])
    around = (mj.wrap_type == kinds.mjWRAP_CYLINDER) | (mj.wrap_type == kinds.mjWRAP_SPHERE)
    passed |= set(mj.wrap_prm[around].astype(int))  # side sites
    passed |= set(_contact_sites(mj).values())
    sites = (mj.site(i) for i in range(mj.nsite) if i not in passed)
    return tuple(BodyMarker(s.name, int(s.bodyid[0]), s.pos.copy()) for s in sites if s.name)


def _contact_sites(mj: mujoco.MjModel) -> dict[str, int]:
    """Site of every sensor contact_<joint>."""
    sensors = (mj.sensor(i) for i in range(mj.nsensor))
    return {s.name.removeprefix("contact_"): int(mj.sensor_objid[s.id])
            for s in sensors if s.name.startswith("contact_")}  # fmt: skip


def _joints(mj: mujoco.MjModel) -> tuple[ReportedJoint, ...]:
    named = {int(mj.site_bodyid[s]): (name, s) for name, s in _contact_sites(mj).items()}
    joints = []
    for body in range(1, mj.nbody):
        if not mj.body_jntnum[body]:
            continue
        first, parent = int(mj.body_jntadr[body]), int(mj.body_parentid[body])
        name, center = mj.joint(first).name, mj.jnt_pos[first].copy()
        if body in named:
            name, center = named[body][0], mj.site_pos[named[body][1]].copy()
        joints.append(ReportedJoint(name, parent, body, center))
    return tuple(joints)
