"""Poses of the range of motion, in the file's exact anatomy and in the converted skeleton."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.models.frames import Frames
from bioenv.models.osim.anatomy import OsimAnatomy
from bioenv.models.osim.convert_skeleton import (
    Converted,
    Follower,
    Leader,
    polynomial_values,
    sample_range,
)
from bioenv.models.osim.description import PathPoint
from bioenv.models.osim.fit import STEP, Goal
from bioenv.models.osim.tendon import BodyFrames

Array = NDArray[np.float64]

_TOUCHED = 5e-5  # m: a coordinate whose moment arm stays below is none of the muscle's


class Poses:
    """Random poses and what every muscle's path truly does there.

    Attributes:
        leader: qpos (N, k) of the leaders, in their order; the root's at rest.
        length (N, m) m; arm (N, m, k) m, by the leaders' qpos: the file's exact paths.
        q (N, n): the same poses in the file's coordinates.
    """

    def __init__(
        self, anatomy: OsimAnatomy, converted: Converted, mj: mujoco.MjModel, count: int, seed: int
    ) -> None:
        self.leaders, self.mj = converted.leaders, mj
        self._followers, self._coordinates = converted.followers, anatomy.coordinates
        self.leader = _draw(converted.leaders, count, seed)
        self.q = file_coordinates(anatomy, converted.leaders, self.leader)
        geometry = anatomy.muscle_geometry(self.q)
        slope = file_slopes(anatomy, converted.leaders, self.q)
        self.length = geometry.length
        self.arm = geometry.moment_arm @ slope
        self._frames: dict[tuple[int, int], BodyFrames] = {}

    def touched(self, muscle: int) -> list[int]:
        """Leaders with a moment arm of this muscle."""
        size = np.abs(self.arm[:, muscle]).max(axis=0)
        return [k for k, most in enumerate(size) if most > _TOUCHED and not self.leaders[k].root]

    def goal(self, muscle: int, count: int | None = None) -> Goal:
        """What the path of a muscle should give, in the first `count` poses."""
        touched, rows = self.touched(muscle), slice(count)
        steps = [(0, 0), *((k, 1) for k in touched), *((k, -1) for k in touched)]
        frames = [self._at(k, sign) for k, sign in steps]
        position, rotation = (
            {body: np.concatenate([getattr(f, what)[body][rows] for f in frames]) for body in names}
            for what, names in (("position", frames[0].position), ("rotation", frames[0].rotation))
        )
        leader = {
            one.joint: np.concatenate(
                [self.leader[rows, k] + STEP * sign * (k == moved) for moved, sign in steps]
            )
            for k, one in enumerate(self.leaders)
        }
        length, arm = self.length[rows, muscle], self.arm[rows, muscle][:, touched]
        return Goal(length, arm, BodyFrames(position, rotation), leader)

    def lengths(self, muscle: int) -> Goal:
        """The lengths alone that the path of a muscle should give, in all poses."""
        leader = {one.joint: self.leader[:, k] for k, one in enumerate(self.leaders)}
        none = np.zeros((len(self.length), 0))
        return Goal(self.length[:, muscle], none, self._at(0, 0), leader)

    def goal_frames(self) -> BodyFrames:
        """Body frames in the poses."""
        return self._at(0, 0)

    def active(self, point: PathPoint) -> NDArray[np.intp]:
        """Poses in which a conditional point lies on its path; all when it never does."""
        assert point.active is not None
        name, low, high = point.active
        value = self.q[:, self._coordinates.index(name)]
        found = np.flatnonzero((value >= low) & (value <= high))
        return found if found.size else np.arange(len(value))

    def _at(self, leader: int, sign: int) -> BodyFrames:
        """Body frames with one leader moved by STEP."""
        if (leader, sign) not in self._frames:
            x = self.leader.copy()
            x[:, leader] += STEP * sign
            self._frames[leader, sign] = self._kinematics(x)
        return self._frames[leader, sign]

    def _kinematics(self, leader: Array) -> BodyFrames:
        qpos, nb = self.qpos(leader), self.mj.nbody
        position, rotation = np.empty((len(qpos), nb, 3)), np.empty((len(qpos), nb, 3, 3))
        for part, batch, ids in Frames(self.mj, qpos, None, ("xpos", "xmat")):
            position[part] = batch.bind("xpos")[ids].reshape(-1, nb, 3)
            rotation[part] = batch.bind("xmat")[ids].reshape(-1, nb, 3, 3)
        names = [self.mj.body(i).name for i in range(nb)]
        return BodyFrames(
            {name: position[:, i] for i, name in enumerate(names)},
            {name: rotation[:, i] for i, name in enumerate(names)},
        )

    def qpos(self, leader: Array) -> Array:
        """(N, nq) of the skeleton: leaders and what follows them."""
        return full_qpos(self.mj, self.leaders, self._followers, leader)


def full_qpos(
    mj: mujoco.MjModel, leaders: Sequence[Leader], followers: Sequence[Follower], leader: Array
) -> Array:
    """(N, nq) from the leaders' qpos (N, k): followers take their polynomial's value."""
    qpos = np.zeros((len(leader), mj.nq))
    index = {one.joint: k for k, one in enumerate(leaders)}
    for one in leaders:
        qpos[:, int(mj.joint(one.joint).qposadr[0])] = leader[:, index[one.joint]]
    for other in followers:
        x = leader[:, index[other.leader]]
        qpos[:, int(mj.joint(other.joint).qposadr[0])] = polynomial_values(other.polynomial, x)[0]
    return qpos


def full_slopes(
    mj: mujoco.MjModel, leaders: Sequence[Leader], followers: Sequence[Follower], leader: Array
) -> Array:
    """(N, nv, k) d qpos / d leader."""
    slopes = np.zeros((len(leader), mj.nv, len(leaders)))
    index = {one.joint: k for k, one in enumerate(leaders)}
    for k, one in enumerate(leaders):
        slopes[:, int(mj.joint(one.joint).dofadr[0]), k] = 1.0
    for other in followers:
        k = index[other.leader]
        rise = polynomial_values(other.polynomial, leader[:, k])[1]
        slopes[:, int(mj.joint(other.joint).dofadr[0]), k] = rise
    return slopes


def file_coordinates(anatomy: OsimAnatomy, leaders: Sequence[Leader], leader: Array) -> Array:
    """(N, n) the file's coordinates; others at their default, coupled ones coupled."""
    q = np.tile(anatomy.default, (len(leader), 1))
    for k, one in enumerate(leaders):
        q[:, anatomy.coordinates.index(one.coordinate)] = one.sign * leader[:, k]
    return anatomy.couple(q)


def file_slopes(anatomy: OsimAnatomy, leaders: Sequence[Leader], q: Array) -> Array:
    """(N, n, k) d q / d leader's qpos."""
    reduction = anatomy.reduction(q)
    independent = [
        c for c, free in zip(anatomy.coordinates, anatomy.independent, strict=True) if free
    ]
    columns = [independent.index(one.coordinate) for one in leaders]
    return reduction[:, :, columns] * np.array([one.sign for one in leaders])


def _draw(leaders: Sequence[Leader], count: int, seed: int) -> Array:
    low, high = np.array([(0.0, 0.0) if one.root else sample_range(one) for one in leaders]).T
    return np.random.default_rng(seed).uniform(low, high, (count, len(leaders)))
