"""Loads that the joints transmit under known muscle forces, as OpenSim's JointReaction analysis.

What a joint gives to the limb beyond it is what the limb needs and nobody else gives:
``sum (m a - m g) - external loads - pulls of the muscles``, force and moment. Torques applied in
the joint itself (reserves, a coupler's) are part of it. Muscles press the bones together, so the
contact force is several times what inverse dynamics alone would give.

Steele KM, DeMers MS, Schwartz MH, Delp SL (2012). Compressive tibiofemoral force during crouch
gait. Gait Posture 35:556-560. OpenSim: Analyses/JointReaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.inverse.dynamics import Contact
from bioenv.inverse.frames import rows
from bioenv.inverse.newton import Needs, checked_state, cross, needs
from bioenv.inverse.simbody import drifts
from bioenv.models.anatomy import Anatomy, ReportedJoint

Array = NDArray[np.float64]


class JointReaction(NamedTuple):
    """Loads of j joints in T frames, on the child body unless asked otherwise.

    joints (j,) names; force (T, j, 3) N; moment (T, j, 3) N*m about the joint's center;
    point (T, j, 3) m, that center, from the origin of the frame the vectors are in.
    """

    joints: tuple[str, ...]
    force: Array
    moment: Array
    point: Array

    def resultant(self) -> Array:
        """(T, j) N, size of the force."""
        return np.linalg.norm(self.force, axis=2)

    def of(self, joint: str) -> Array:
        """(T, 3) N, force of one joint."""
        if joint not in self.joints:
            raise unknown("joint", joint, self.joints)
        return self.force[:, self.joints.index(joint)]

    def in_body_weights(self, body_weight: float) -> JointReaction:
        """The same in multiples of `body_weight` N (moments: body weights times meters)."""
        return self._replace(force=self.force / body_weight, moment=self.moment / body_weight)


def joint_reaction(
    anatomy: Anatomy,
    q: ArrayLike,
    qd: ArrayLike,
    qdd: ArrayLike,
    muscle_force: ArrayLike | None = None,
    external: Sequence[Contact] = (),
    joints: Sequence[str] | None = None,
    *,
    on: Literal["child", "parent"] = "child",
    frame: Literal["child", "parent", "ground"] = "child",
    like_opensim: bool = True,
) -> JointReaction:
    """Force and moment that each joint transmits, at the joint's center.

    Args:
        q, qd, qdd: (T, n) coordinates in the file's senses, m, rad and s.
        muscle_force: (T, m) N, pull positive; None: without muscles, the net joint load.
        external: measured forces on bodies, world frame z up. Residual forces on the root body
            belong here only if the root's own reaction is asked for.
        joints: names; all of `anatomy.joints` when None.
        on: whose load: the child's, or the parent's, which is its opposite.
        frame: axes of the vectors: the child's or the parent's body (anatomical, as the model's
            file defines them), or the world.
        like_opensim: as in `generalized_forces`.

    Raises BioenvError for unknown joints or bodies, wrong shapes and numbers that are not finite.
    """
    state = checked_state(anatomy, q, qd, qdd)
    count, mj, position = len(state.qpos), anatomy.mj, np.asarray(q, dtype=float)
    chosen = _chosen(anatomy, joints)
    child = np.array([joint.child for joint in chosen], dtype=np.intp)
    center = np.array([joint.center for joint in chosen]).reshape(-1, 3)
    axes = _axes_bodies(chosen, frame)
    pull = np.zeros((count, len(chosen), 6))
    if muscle_force is not None:
        force = rows(muscle_force, len(anatomy.muscles), "muscle_force", count)
        pull = _below(mj, anatomy.muscle_wrench(position, force))[:, child]

    out = np.empty((3, count, len(chosen), 3))
    sense = 1.0 if on == "child" else -1.0
    added = drifts(anatomy, position, np.asarray(qd, dtype=float)) if like_opensim else []
    for found in needs(mj, state, external, ("xpos", "xmat"), added):
        part, place = found.frames, found.extra["xpos"]
        rotation = found.extra["xmat"].reshape(len(place), mj.nbody, 3, 3)
        at = place[:, child] + np.einsum("tjkl,jl->tjk", rotation[:, child], center)
        force, moment = _at_joints(found, child, at, pull[part])
        vectors = np.stack([sense * force, sense * moment, at - place[:, axes]])
        out[:, part] = np.einsum("tjkl,stjk->stjl", rotation[:, axes], vectors)
    return JointReaction(tuple(joint.name for joint in chosen), *out)


def _at_joints(
    found: Needs, child: NDArray[np.intp], at: Array, pull: Array
) -> tuple[Array, Array]:
    """Force and moment about the points `at` (n, j, 3) on the children, world, less the muscles."""
    carried = found.carried[:, child]
    force = carried[..., 3:] - pull[..., :3]
    moment = carried[..., :3] - cross(at - found.origin[:, child], carried[..., 3:])
    moment -= pull[..., 3:] - cross(at, pull[..., :3])
    return force, moment


def _chosen(anatomy: Anatomy, joints: Sequence[str] | None) -> list[ReportedJoint]:
    by_name = {joint.name: joint for joint in anatomy.joints}
    wanted = by_name if joints is None else joints
    for name in wanted:
        if name not in by_name:
            raise unknown("joint", name, by_name)
    return [by_name[name] for name in wanted]


def _axes_bodies(joints: Sequence[ReportedJoint], frame: str) -> NDArray[np.intp]:
    """Body whose axes the vectors of each joint are given in; body 0 is the world."""
    if frame not in ("child", "parent", "ground"):
        raise BioenvError(f"frame must be 'child', 'parent' or 'ground', got {frame!r}")
    if frame == "ground":
        return np.zeros(len(joints), dtype=np.intp)
    return np.array([getattr(joint, frame) for joint in joints], dtype=np.intp)


def _below(mj: mujoco.MjModel, wrench: Array) -> Array:
    """(T, nbody, 6): what acts on each body and everything beyond it."""
    total = wrench.copy()
    for body in range(mj.nbody - 1, 0, -1):
        total[:, mj.body_parentid[body]] += total[:, body]
    return total
