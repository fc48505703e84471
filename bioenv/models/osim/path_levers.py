"""Moment arms: the tension on a path's nodes, projected on the coordinates.

A joint feels what the path does to the bodies beyond it: the forces on their nodes and the moments
about the world's origin. Multiplied with the joint's velocity per unit of a coordinate this is the
coordinate's generalized force for unit tension, which is the moment arm in OpenSim's sense.
"""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.models.osim.description import Description
from bioenv.models.osim.paths import Nodes

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]


class Levers:
    """Which coordinates each muscle acts on, and how: fixed for a model.

    Args:
        description, nodes: the model and its paths.
        mj: its skeleton, hinges and slides only; the joints of a body are driven by the
            coordinates of the file's joint that carries the body.
    """

    def __init__(self, description: Description, nodes: Nodes, mj: mujoco.MjModel) -> None:
        self._nodes = nodes
        self._muscles, self._coordinates = len(nodes.first), len(description.coordinates)
        self._slide: Bools = mj.jnt_type == mujoco.mjtJoint.mjJNT_SLIDE
        names = [c.name for c in description.coordinates]
        body = {
            name: mj.body(joint.child).id
            for joint in description.joints
            for name in (c.name for c in joint.coordinates)
        }
        carried = np.array([body[name] for name in names], dtype=np.intp)
        # Pairs of a MuJoCo joint and a coordinate that may drive it, by coordinate.
        driver, joint = np.nonzero(carried[:, None] == mj.jnt_bodyid[None])
        self._joint: Ints = joint
        self._driven: Ints = np.unique(driver)
        self._driver: Ints = driver
        self._driver_start: Ints = np.searchsorted(driver, self._driven)
        self._beyond(carried, _subtrees(mj))

    def _beyond(self, carried: Ints, inside: Bools) -> None:
        """For every muscle and coordinate between its bodies: the nodes on the smaller side."""
        nodes, position = self._nodes, {int(c): i for i, c in enumerate(self._driven)}
        columns: list[Ints] = []
        groups: dict[tuple[int, int], int] = {}
        signs: list[float] = []
        entries = []
        for muscle, (first, count) in enumerate(
            zip(nodes.first, nodes.points + 2 * nodes.wraps, strict=True)
        ):
            mine = np.arange(first, first + count)
            balanced = nodes.wraps[muscle] < 2
            for coordinate, body in enumerate(carried):
                beyond = inside[body, nodes.body[mine]]
                if coordinate not in position or beyond.all() or not beyond.any():
                    continue
                if (muscle, body) not in groups:
                    # Forces sum to zero: the nodes on this side of the joint do as well. Not quite
                    # so where OpenSim measures directions elsewhere, over several surfaces.
                    smaller = not balanced or beyond.sum() * 2 <= count
                    groups[muscle, body] = len(columns)
                    columns.append(mine[beyond if smaller else ~beyond])
                    signs.append(1.0 if smaller else -1.0)
                entries.append((groups[muscle, body], position[coordinate], muscle, coordinate))
        lengths = np.array([len(c) for c in columns], dtype=np.intp)
        self._column: Ints = np.concatenate(columns) if columns else np.zeros(0, dtype=np.intp)
        self._start: Ints = np.cumsum(lengths) - lengths
        table = np.array(entries, dtype=np.intp).reshape(-1, 4)
        self._group, self._screw = table[:, 0], table[:, 1]
        self._sign: Array = np.array(signs)[table[:, 0]] if len(table) else np.zeros(0)
        self._target: Ints = table[:, 2] * self._coordinates + table[:, 3]

    def moment_arm(
        self, point: Array, pull: Array, axis: Array, anchor: Array, slope: Array
    ) -> Array:
        """(T, m, n) m or m/rad of paths with fixed points; moving points add to it.

        point, pull (3, T, N): nodes and the force of unit tension on them; axis, anchor
        (T, nv, 3): MuJoCo's joints in the world; slope (T, nv, n): d qpos / d q.
        """
        frames = point.shape[1]
        out = np.zeros((frames, self._muscles * self._coordinates))
        if not len(self._target):
            return out.reshape(frames, self._muscles, self._coordinates)
        load = self._load(point, pull)
        twist = self._twist(axis, anchor, slope)
        arm = np.zeros((frames, len(self._target)))
        for part, motion in zip(load, twist, strict=True):
            arm += part[:, self._group] * motion[:, self._screw]
        out[:, self._target] = arm * self._sign
        return out.reshape(frames, self._muscles, self._coordinates)

    def _load(self, point: Array, pull: Array) -> Array:
        """(6, T, groups) force and moment about the origin, summed over the nodes of groups."""
        out = np.empty((6, point.shape[1], len(self._start)))
        x, y, z = np.take(point, self._column, axis=2)
        force = np.take(pull, self._column, axis=2)
        fx, fy, fz = force
        moment = (y * fz - z * fy, z * fx - x * fz, x * fy - y * fx)
        for row, values in enumerate((*force, *moment)):
            np.add.reduceat(values, self._start, axis=1, out=out[row])
        return out

    def _twist(self, axis: Array, anchor: Array, slope: Array) -> Array:
        """(6, T, driven) velocity at the origin and angular velocity per unit of a coordinate."""
        rate = slope[:, self._joint, self._driver]
        way = np.ascontiguousarray(axis.transpose(2, 0, 1))[:, :, self._joint] * rate
        x, y, z = np.ascontiguousarray(anchor.transpose(2, 0, 1))[:, :, self._joint]
        ax, ay, az = way
        slide = self._slide[self._joint]
        turn = ~slide
        rows = (
            np.where(slide, ax, y * az - z * ay),
            np.where(slide, ay, z * ax - x * az),
            np.where(slide, az, x * ay - y * ax),
            ax * turn,
            ay * turn,
            az * turn,
        )
        out = np.empty((6, len(axis), len(self._driven)))
        for row, values in enumerate(rows):
            np.add.reduceat(values, self._driver_start, axis=1, out=out[row])
        return out


def _subtrees(mj: mujoco.MjModel) -> Bools:
    """(nb, nb): whether the second body hangs on the first or is it."""
    inside = np.eye(mj.nbody, dtype=bool)
    for body in range(mj.nbody - 1, 0, -1):
        inside[mj.body_parentid[body]] |= inside[body]
    return inside
