"""Rigid-body dynamics of a MuJoCo tree of hinges and slides, in CasADi SX.

Recursive Newton-Euler in world axes (Featherstone, Rigid Body Dynamics Algorithms, 2008, chapter
5), from the arrays of the MjModel. Structural zeros survive, so a planar model costs a planar
model's operations. Every list is indexed by body id; body 0 is the world.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import casadi as ca
import mujoco
import numpy as np

_HINGE = mujoco.mjtJoint.mjJNT_HINGE
External = dict[int, list[tuple[ca.SX, ca.SX]]]
"""By body, (force N, point m) in world axes."""
_ROUND = 1e-15  # entries of constant rotations below it are zeros


class Joint(NamedTuple):
    """One degree of freedom: its axis and anchor in world axes, m."""

    dof: int
    hinge: bool
    axis: ca.SX
    anchor: ca.SX


@dataclass
class Kinematics:
    """Poses of all bodies and the joints that move each against its parent."""

    mj: mujoco.MjModel
    rotation: list[ca.SX] = field(default_factory=list)  # (3, 3) body to world
    position: list[ca.SX] = field(default_factory=list)  # (3,) m, world
    joints: list[list[Joint]] = field(default_factory=list)

    def point(self, body: int, local: np.ndarray) -> ca.SX:
        """World position (3,) m of a point fixed in a body."""
        return self.position[body] + self.rotation[body] @ ca.SX(_sparse(local))

    def center(self, body: int) -> ca.SX:
        """World position (3,) m of a body's center of mass."""
        return self.point(body, self.mj.body_ipos[body])


class _Rotation(NamedTuple):
    """base @ turn(axis, angle): hinges about one axis add their angles instead of multiplying.

    Derivatives by each of a planar chain's angles then share everything but a sum.
    """

    base: ca.SX
    axis: np.ndarray
    angle: ca.SX

    def matrix(self) -> ca.SX:
        return self.base @ _turn(self.axis, self.angle)

    def fixed(self, quaternion: np.ndarray) -> _Rotation:
        """Followed by a constant rotation Q: turn(axis) Q = Q turn(Q^T axis)."""
        q = quaternion_matrix(quaternion)
        return _Rotation(self.base @ ca.SX(q), q.T @ self.axis, self.angle)

    def hinge(self, axis: np.ndarray, angle: ca.SX) -> _Rotation:
        """Followed by a turn about an axis."""
        along = float(self.axis @ axis)
        if abs(along) > 1.0 - 1e-12:
            return _Rotation(self.base, self.axis, self.angle + np.sign(along) * angle)
        return _Rotation(self.matrix(), np.array(axis), angle)


class Motion(NamedTuple):
    """Angular and linear motion of a body frame's origin, world axes."""

    turn: ca.SX
    move: ca.SX


def quaternion_matrix(quaternion: np.ndarray) -> np.ndarray:
    """(3, 3) rotation of a unit quaternion wxyz."""
    matrix = np.zeros(9)
    mujoco.mju_quat2Mat(matrix, np.asarray(quaternion, dtype=float))
    return _sparse(matrix.reshape(3, 3))


def kinematics(mj: mujoco.MjModel, q: ca.SX) -> Kinematics:
    """Poses of all bodies at q (nq,), m or rad."""
    kin = Kinematics(mj, [ca.SX(np.eye(3))], [ca.SX(np.zeros(3))], [[]])
    turns = [_Rotation(ca.SX(np.eye(3)), np.array([0.0, 1.0, 0.0]), ca.SX(0.0))]
    for body in range(1, mj.nbody):
        parent = int(mj.body_parentid[body])
        position = kin.point(parent, mj.body_pos[body])
        turn = turns[parent].fixed(mj.body_quat[body])
        rotation, joints = turn.matrix(), []
        first = int(mj.body_jntadr[body])
        for j in range(first, first + int(mj.body_jntnum[body])):
            angle = q[int(mj.jnt_qposadr[j])] - mj.qpos0[mj.jnt_qposadr[j]]
            local = ca.SX(_sparse(mj.jnt_pos[j]))
            anchor = position + rotation @ local
            axis = rotation @ ca.SX(_sparse(mj.jnt_axis[j]))
            hinge = mj.jnt_type[j] == _HINGE
            if hinge:
                turn = turn.hinge(mj.jnt_axis[j], angle)
                rotation = turn.matrix()
                position = anchor - rotation @ local
            else:
                position = position + axis * angle
            joints.append(Joint(int(mj.jnt_dofadr[j]), bool(hinge), axis, anchor))
        turns.append(turn)
        kin.rotation.append(rotation)
        kin.position.append(position)
        kin.joints.append(joints)
    return kin


def twists(kin: Kinematics, rate: ca.SX) -> list[Motion]:
    """Each body's Jacobian times ``rate`` (nv,): with qvel, angular and linear velocity.

    With qacc instead it is the acceleration without the terms in squared velocities, which is
    what MuJoCo's constraints see.
    """
    out = [Motion(ca.SX(3, 1), ca.SX(3, 1))]
    for body in range(1, kin.mj.nbody):
        parent = int(kin.mj.body_parentid[body])
        turn, move = out[parent]
        move = move + ca.cross(turn, kin.position[body] - kin.position[parent])
        for joint in kin.joints[body]:
            u = rate[joint.dof]
            if joint.hinge:
                turn = turn + joint.axis * u
                move = move + ca.cross(joint.axis, kin.position[body] - joint.anchor) * u
            else:
                move = move + joint.axis * u
        out.append(Motion(turn, move))
    return out


def accelerations(kin: Kinematics, v: ca.SX, a: ca.SX) -> tuple[list[Motion], list[Motion]]:
    """Velocities and accelerations of all body frames at qvel v and qacc a, without gravity."""
    velocity, zero = twists(kin, v), ca.SX(3, 1)
    out = [Motion(zero, zero)]
    for body in range(1, kin.mj.nbody):
        parent = int(kin.mj.body_parentid[body])
        # Motion of the point of the parent where the body starts, then joint by joint.
        spin, origin = velocity[parent].turn, kin.position[parent]
        alpha, acc = out[parent]
        here = origin
        for joint in kin.joints[body]:
            arm = joint.anchor - here
            acc = acc + ca.cross(alpha, arm) + ca.cross(spin, ca.cross(spin, arm))
            here = joint.anchor
            rate, push = v[joint.dof], joint.axis * a[joint.dof]
            drift = ca.cross(spin, joint.axis * rate)
            if joint.hinge:
                alpha = alpha + push + drift
                spin = spin + joint.axis * rate
            else:
                acc = acc + push + 2.0 * drift
        arm = kin.position[body] - here
        acc = acc + ca.cross(alpha, arm) + ca.cross(spin, ca.cross(spin, arm))
        out.append(Motion(alpha, acc))
    return velocity, out


def point_motion(kin: Kinematics, motion: Motion, body: int, point: ca.SX) -> ca.SX:
    """Linear part (3,) of a twist at a world point of the body."""
    return motion.move + ca.cross(motion.turn, point - kin.position[body])


class Loads(NamedTuple):
    """What every subtree needs from above: generalized force (nv,) and force (3,) N per body."""

    generalized: ca.SX
    force: list[ca.SX]


def newton_euler(
    kin: Kinematics,
    v: ca.SX,
    a: ca.SX,
    gravity: ca.SX,
    external: External,
    mass: ca.SX | None = None,
) -> Loads:
    """M a + bias - sum J^T f, without armature.

    Args:
        v, a: (nv,) qvel and qacc.
        gravity: (3,) m/s^2.
        external: forces on bodies.
        mass: (nbody,) kg, the model's by default.
    """
    mj = kin.mj
    velocity, acceleration = accelerations(kin, v, a)
    force = [ca.SX(3, 1) for _ in range(mj.nbody)]
    moment = [ca.SX(3, 1) for _ in range(mj.nbody)]  # about the body frame's origin
    for body in range(1, mj.nbody):
        spin, (alpha, acc) = velocity[body].turn, acceleration[body]
        weight = gravity * (1.0 - float(mj.body_gravcomp[body]))
        arm = kin.center(body) - kin.position[body]
        lift = acc + ca.cross(alpha, arm) + ca.cross(spin, ca.cross(spin, arm)) - weight
        force[body] = _mass(kin, mass, body) * lift
        moment[body] = ca.cross(arm, force[body]) + _spin_moment(kin, body, spin, alpha)
    return _gathered(kin, force, moment, external)


def external_torque(kin: Kinematics, external: External) -> ca.SX:
    """(nv,) N or N*m, minus the sum of J^T f."""
    force = [ca.SX(3, 1) for _ in range(kin.mj.nbody)]
    moment = [ca.SX(3, 1) for _ in range(kin.mj.nbody)]
    return _gathered(kin, force, moment, external).generalized


def _gathered(
    kin: Kinematics, force: list[ca.SX], moment: list[ca.SX], external: External
) -> Loads:
    """What each body needs, less what is given from outside, summed from the ends to the root."""
    mj = kin.mj
    for body in range(1, mj.nbody):
        for push, point in external.get(body, []):
            force[body] -= push
            moment[body] -= ca.cross(point - kin.position[body], push)
    tau = ca.SX(mj.nv, 1)
    for body in range(mj.nbody - 1, 0, -1):
        origin, parent = kin.position[body], int(mj.body_parentid[body])
        for joint in kin.joints[body]:
            about = moment[body] + ca.cross(origin - joint.anchor, force[body])
            tau[joint.dof] = ca.dot(joint.axis, about if joint.hinge else force[body])
        if parent:
            arm = origin - kin.position[parent]
            moment[parent] += moment[body] + ca.cross(arm, force[body])
            force[parent] += force[body]
    return Loads(tau, force)


def center_of_mass(kin: Kinematics, mass: ca.SX | None = None) -> ca.SX:
    """(3,) m, world, of all bodies; mass (nbody,) kg, the model's by default."""
    total = ca.SX(3, 1)
    for body in range(1, kin.mj.nbody):
        total += _mass(kin, mass, body) * kin.center(body)
    return total / (float(kin.mj.body_mass[1:].sum()) if mass is None else ca.sum1(mass[1:]))


def _mass(kin: Kinematics, mass: ca.SX | None, body: int) -> ca.SX | float:
    return float(kin.mj.body_mass[body]) if mass is None else mass[body]


def _spin_moment(kin: Kinematics, body: int, spin: ca.SX, alpha: ca.SX) -> ca.SX:
    """Rate of angular momentum about the center of mass, N*m, world axes."""
    mj, rotation = kin.mj, kin.rotation[body]
    frame = quaternion_matrix(mj.body_iquat[body])
    inertia = ca.SX(_sparse(frame @ np.diag(mj.body_inertia[body]) @ frame.T))
    turn, rate = rotation.T @ spin, rotation.T @ alpha
    return rotation @ (inertia @ rate + ca.cross(turn, inertia @ turn))


def _turn(axis: np.ndarray, angle: ca.SX) -> ca.SX:
    """(3, 3) rotation about a unit axis (Rodrigues)."""
    x, y, z = _sparse(axis)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    outer = _sparse(np.outer(axis, axis))
    cosine, sine = ca.cos(angle), ca.sin(angle)
    return ca.SX(outer) + cosine * ca.SX(_sparse(np.eye(3) - outer)) + sine * ca.SX(cross)


def _sparse(array: np.ndarray) -> np.ndarray:
    """A copy with rounding errors next to zero and one removed."""
    out = np.array(array, dtype=float)
    out[np.abs(out) < _ROUND] = 0.0
    return out
