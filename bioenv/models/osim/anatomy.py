"""The Anatomy of an OpenSim file: its coordinates, exactly, on a MuJoCo skeleton."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.models.anatomy import (
    BodyMarker,
    JointState,
    MuscleCapacity,
    MuscleGeometry,
    ReportedJoint,
)
from bioenv.models.frames import Frames
from bioenv.models.osim.description import GROUND, Coupler, Description, Joint
from bioenv.models.osim.functions import Function, Linear
from bioenv.models.osim.parse_model import parse
from bioenv.models.osim.skeleton import Drive, build

if TYPE_CHECKING:
    from bioenv.models.osim.muscle_paths import MusclePaths

Array = NDArray[np.float64]


def load(path: str | Path) -> OsimAnatomy:
    """The anatomy of an .osim file. Raises BioenvError as `bioenv.models.osim.parse` does."""
    return OsimAnatomy(parse(path))


class _Lines(NamedTuple):
    """MuJoCo joints that follow a coordinate along a line: ``gradient · q + intercept``."""

    joint: NDArray[np.intp]
    coordinate: NDArray[np.intp]
    gradient: Array
    intercept: Array


class OsimAnatomy:
    """`bioenv.models.anatomy.Anatomy` of a Description; see there for every attribute and method.

    Names, senses and order of the coordinates are the file's. Bodies of `mj` keep the file's
    frames: x forward, y up at rest; the body "ground" turns them into the world with z up.

    Attributes:
        description: what the file says.
        body_names: of mj, by body id.
        notes: what the file holds and is left out.
    """

    y_up = True

    def __init__(self, description: Description) -> None:
        skeleton = build(description)
        coordinates = description.coordinates
        self.description = description
        self.name = description.name
        self.mj: mujoco.MjModel = skeleton.spec.compile()
        self.body_names = tuple(self.mj.body(i).name for i in range(self.mj.nbody))
        for name, moments in skeleton.impossible.items():
            # MuJoCo compiles no such inertia, but computes with it.
            self.mj.body(name).inertia = moments
        self.notes = (*description.notes, *map(_impossible, skeleton.impossible.items()))
        self.coordinates: tuple[str, ...] = tuple(c.name for c in coordinates)
        self.coordinate_range: Array = np.array([c.range for c in coordinates]).reshape(-1, 2)
        self.default: Array = np.array([c.default for c in coordinates])
        self.rotational = np.array([c.rotational for c in coordinates], dtype=bool)
        self.clamped = np.array([c.clamped for c in coordinates], dtype=bool)
        self.locked = np.array([c.locked for c in coordinates], dtype=bool)
        self._straight, self._bent = self._split(skeleton.drives)
        self._couplers = _coupler_order(description.couplers)
        followers = {coupler.dependent for coupler in description.couplers}
        self.independent = np.array([c not in followers for c in self.coordinates], dtype=bool)
        self.root = _root(description)
        self.muscles: tuple[str, ...] = tuple(m.name for m in description.muscles)
        self.max_isometric_force: Array = np.array(
            [m.max_isometric_force for m in description.muscles]
        )
        self.activation_range: Array = np.array(
            [(m.min_control, m.max_control) if m.enabled else (0, 0) for m in description.muscles],
            dtype=float,
        ).reshape(-1, 2)
        self.markers = tuple(
            BodyMarker(m.name, self.body_id(m.body), m.location) for m in description.markers
        )
        self.joints = tuple(self._reported(joint) for joint in description.joints)
        self.mass = description.mass
        self.body_weight = description.mass * float(np.linalg.norm(description.gravity))

    def body_id(self, name: str) -> int:
        """MuJoCo's id of a body of the file. Raises BioenvError for an unknown one."""
        if name not in self.body_names:
            raise unknown("body", name, self.body_names[1:])
        return self.body_names.index(name)

    def couple(self, q: Array) -> Array:
        """(T, n) with every coupled coordinate set from the one it follows."""
        out = self._rows(q, "q").copy()
        for coupler in self._couplers:
            dependent, independent = self._pair(coupler)
            out[:, dependent] = coupler.function.value(out[:, independent])
        return out

    def reduction(self, q: Array) -> Array:
        """(T, n, k) dq / d(independent q)."""
        coupled, n = self.couple(q), len(self.coordinates)
        slope = np.zeros((len(coupled), n, n))
        slope[:, np.arange(n), np.arange(n)] = self.independent
        for coupler in self._couplers:
            dependent, independent = self._pair(coupler)
            rise = coupler.function.slope(coupled[:, independent])
            slope[:, dependent] = rise[:, None] * slope[:, independent]
        return slope[:, :, self.independent]

    def expand(self, q: Array, qd: Array | None = None, qdd: Array | None = None) -> JointState:
        """The skeleton's state; couplers are not applied. Missing derivatives count as zero."""
        position = self._rows(q, "q")
        shape = (len(position), self.mj.nv)
        qpos = np.empty(shape)
        joints, sources, gradient, intercept = self._straight
        qpos[:, joints] = position[:, sources] * gradient + intercept
        for joint, source, function in self._bent:
            qpos[:, joint] = function.value(position[:, source])
        if qd is None and qdd is None:
            return JointState(qpos, np.zeros(shape), np.zeros(shape))
        rate, change = (
            np.zeros_like(position) if v is None else self._rows(v, what, len(position))
            for v, what in ((qd, "qd"), (qdd, "qdd"))
        )
        slope = self.jacobian(position)
        qvel = (slope @ rate[:, :, None])[:, :, 0]
        qacc = (slope @ change[:, :, None])[:, :, 0]
        for joint, source, function in self._bent:
            qacc[:, joint] += function.curvature(position[:, source]) * rate[:, source] ** 2
        return JointState(qpos, qvel, qacc)

    def jacobian(self, q: Array) -> Array:
        """(T, nv, n) d qpos / d q, couplers not applied."""
        position = self._rows(q, "q")
        joints, sources, gradient, _ = self._straight
        slope = np.zeros((len(position), self.mj.nv, len(self.coordinates)))
        slope[:, joints, sources] = gradient
        for joint, source, function in self._bent:
            slope[:, joint, source] = function.slope(position[:, source])
        return slope

    def body_frames(self, q: Array) -> tuple[Array, Array]:
        """(T, nbody, 3) origin and (T, nbody, 3, 3) rotation of every MuJoCo body in the world."""
        qpos, nb = self.expand(q).qpos, self.mj.nbody
        position, rotation = np.empty((len(qpos), nb, 3)), np.empty((len(qpos), nb, 3, 3))
        for part, batch, ids in Frames(self.mj, qpos, None, ("xpos", "xmat")):
            position[part] = batch.bind("xpos")[ids].reshape(-1, nb, 3)
            rotation[part] = batch.bind("xmat")[ids].reshape(-1, nb, 3, 3)
        return position, rotation

    @cached_property
    def paths(self) -> MusclePaths:
        """The muscles' paths."""
        from bioenv.models.osim.muscle_paths import MusclePaths

        return MusclePaths(self.description, self.body_names)

    def muscle_geometry(self, q: Array, qd: Array | None = None) -> MuscleGeometry:
        """Lengths, moment arms and speeds of all muscles by their exact paths."""
        from bioenv.models.osim.muscle_paths import muscle_geometry

        return muscle_geometry(self, q, qd)

    def muscle_wrench(self, q: Array, force: Array) -> Array:
        """(T, nbody, 6) force and moment about the world origin of muscles pulling with `force`."""
        from bioenv.models.osim.muscle_paths import muscle_wrench

        return muscle_wrench(self, q, force)

    def muscle_capacity(self, geometry: MuscleGeometry) -> MuscleCapacity:
        """Forces by the curves of each muscle's class, rigid tendon."""
        from bioenv.models.osim.muscle_curves import capacity

        return capacity(self.description.muscles, geometry)

    def _split(self, drives: tuple[Drive, ...]) -> tuple[_Lines, list[tuple[int, int, Function]]]:
        """What sets MuJoCo's joints: lines, taken all at once, and other functions one by one."""
        by_name = {drive.joint: drive for drive in drives}
        lines, bent = [], []
        for joint in range(self.mj.njnt):
            drive = by_name[self.mj.joint(joint).name]
            source, function = self.coordinates.index(drive.coordinate), drive.function
            if isinstance(function, Linear):
                lines.append((joint, source, function.gradient, function.intercept))
            else:
                bent.append((joint, source, function))
        table = np.array(lines, dtype=float).reshape(-1, 4)
        joints, sources = table[:, :2].T.astype(np.intp)
        return _Lines(joints, sources, table[:, 2], table[:, 3]), bent

    def _reported(self, joint: Joint) -> ReportedJoint:
        parent, child = self.body_id(joint.parent), self.body_id(joint.child)
        return ReportedJoint(joint.name, parent, child, joint.child_pose.position)

    def _pair(self, coupler: Coupler) -> tuple[int, int]:
        """Indices of the dependent and the independent coordinate."""
        names = self.coordinates
        return names.index(coupler.dependent), names.index(coupler.independent)

    def _rows(self, values: ArrayLike, what: str, count: int | None = None) -> Array:
        array = np.asarray(values, dtype=float)
        n = len(self.coordinates)
        if array.ndim != 2 or array.shape[1] != n or (count is not None and len(array) != count):
            raise BioenvError(
                f"{what} must have shape ({count or 'T'}, {n}) for the coordinates "
                f"{', '.join(self.coordinates)}; got {array.shape}"
            )
        return array


def _impossible(body: tuple[str, Array]) -> str:
    moments = ", ".join(f"{moment:.3g}" for moment in body[1])
    return f"no mass has the principal moments of {body[0]}, {moments} kg*m^2; used as they are"


def _coupler_order(couplers: tuple[Coupler, ...]) -> tuple[Coupler, ...]:
    """Couplers so that each comes after the one that sets its independent coordinate."""
    waiting, ordered = list(couplers), []
    while waiting:
        targets = {coupler.dependent for coupler in waiting}
        ready = [c for c in waiting if c.independent not in targets]
        if not ready:
            names = ", ".join(coupler.name for coupler in waiting)
            raise BioenvError(f"the couplers {names} follow each other in a circle")
        ordered += ready
        waiting = [c for c in waiting if c.independent in targets]
    return tuple(ordered)


def _root(description: Description) -> NDArray[np.bool_]:
    """(n,) coordinates of joints that let a body slide through the ground: they carry it."""
    carried = {
        coordinate.name
        for joint in description.joints
        for coordinate in joint.coordinates
        if joint.parent == GROUND and any(axis.coordinate for axis in joint.translations)
    }
    return np.array([c.name in carried for c in description.coordinates], dtype=bool)
