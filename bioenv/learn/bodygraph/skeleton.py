"""A body as nodes (segments) and edges (joints): what does not change from frame to frame.

Any MuJoCo tree of free, ball, slide and hinge joints. Segments that no joint moves (a fixed
scapula) are the world; a segment welded to a moving one is a node without a joint.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray

from bioenv.diff.kinematics import Frame
from bioenv.diff.tree import Tree, tree
from bioenv.errors import BioenvError, unknown
from bioenv.models import Model

Array = NDArray[np.float64]

STANDARD_GRAVITY = 9.81  # m/s^2, unit of acceleration of a body that feels no weight


@dataclass(frozen=True)
class Units:
    """By what a body's figures are divided to be of its own size: mass kg, length m (its longest
    chain of bones), acceleration m/s^2 (gravity). Dynamic similarity: Hof AL 1996, Gait Posture
    4:222."""

    mass: float
    length: float
    acceleration: float

    @property
    def time(self) -> float:
        """s."""
        return float(np.sqrt(self.length / self.acceleration))

    @property
    def force(self) -> float:
        """N."""
        return self.mass * self.acceleration

    @property
    def torque(self) -> float:
        """N*m."""
        return self.force * self.length

    @property
    def inertia(self) -> float:
        """kg*m^2."""
        return self.mass * self.length**2


class Skeleton:
    """Tree, inertial parameters and units of one body.

    Attributes:
        name; mj; coordinates: names of the degrees of freedom, (nv,).
        tree, frame: for `bioenv.diff.kinematics`.
        body (n,): ids of the nodes, parents first; parent (n,): node each hangs on, -1 the world;
            depth (n,): 0 for a node that hangs on the world.
        mass (n,) kg; center (n, 3) m; inertia (n, 3, 3) kg*m^2 about it, both in the segment.
        dof_node (nv,): the node a degree of freedom moves; turns (nv,): 1 a rotation, 0 a
            translation; armature (nv,); gravity (3,) m/s^2; units.

    Raises BioenvError for a body without joints, and for a joint that moves no mass.
    """

    def __init__(self, model: Model | mujoco.MjModel, name: str | None = None) -> None:
        own = isinstance(model, Model)
        self.mj = mj = model.mj if isinstance(model, Model) else model
        self.name = name or (model.name if isinstance(model, Model) else "model")
        self.tree: Tree = tree(mj)
        self.coordinates = model.coordinates if own else _dof_names(mj)
        moved = self.tree.carried.numpy().any(axis=1)
        self.body = np.flatnonzero(moved)
        node = np.full(mj.nbody, -1)
        node[self.body] = np.arange(len(self.body))
        self.parent = node[mj.body_parentid[self.body]]
        self.depth = _depths(self.parent)
        self.dof_node = node[mj.dof_bodyid]
        self.turns = self.tree.turns.numpy().astype(bool)
        self.mass = np.array(mj.body_mass[self.body])
        self.center = np.array(mj.body_ipos[self.body])
        axes = _matrices(mj.body_iquat[self.body])
        self.inertia = np.einsum("nij,nj,nkj->nik", axes, mj.body_inertia[self.body], axes)
        self.armature = np.array(mj.dof_armature)
        off = bool(mj.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_GRAVITY)
        self.gravity = np.zeros(3) if off else np.array(mj.opt.gravity)
        self._check()
        self.units = self._units()

    @cached_property
    def frame(self) -> Frame:
        """Constants that place bodies and joints."""
        mj = self.mj
        made = [torch.tensor(np.array(x)) for x in (mj.body_pos, mj.jnt_pos, mj.jnt_axis, mj.qpos0)]
        position, anchor, axis, reference = made
        return Frame(position, torch.tensor(_matrices(mj.body_quat)), anchor, axis, reference)

    @cached_property
    def root(self) -> NDArray[np.intp]:
        """Degrees of freedom between the world and a body that floats: with a translation among
        them. Empty for a limb on a fixed base."""
        first = np.flatnonzero(self.depth[self.dof_node] == 0)
        return first if (~self.turns[first]).any() else first[:0]

    @cached_property
    def joints(self) -> NDArray[np.intp]:
        """Degrees of freedom of the joints: all but `root`."""
        return np.setdiff1d(np.arange(len(self.coordinates)), self.root)

    def node(self, body: str) -> int:
        """Node of a body by name. Raises BioenvError for a name without a moving node."""
        names = [self.mj.body(int(i)).name for i in self.body]
        if body not in names:
            raise unknown("moving body", body, names)
        return names.index(body)

    def _check(self) -> None:
        mj = self.mj
        below = np.array(mj.body_subtreemass[mj.dof_bodyid]) + self.armature
        bad = np.flatnonzero(~(below > 0.0))
        if len(bad) or not np.isfinite(self.mass).all():
            which = [mj.body(int(i)).name for i in np.unique(mj.dof_bodyid[bad])]
            raise BioenvError(
                f"model {self.name!r}: joints move no mass: {', '.join(which) or 'NaN'}; a body "
                "graph needs the mass (kg), centre of mass (m) and inertia (kg*m^2) of every "
                "moving segment"
            )

    def _units(self) -> Units:
        bone = np.where(self.parent < 0, 0.0, np.linalg.norm(self.mj.body_pos[self.body], axis=1))
        path = np.zeros(len(self.body))
        for node, parent in enumerate(self.parent):
            path[node] = bone[node] + (path[parent] if parent >= 0 else 0.0)
        length = float((path + np.linalg.norm(self.center, axis=1)).max())
        mass, pull = float(self.mass.sum()), float(np.linalg.norm(self.gravity))
        return Units(mass, length if length > 0 else 1.0, pull if pull > 0 else STANDARD_GRAVITY)


def _depths(parent: NDArray[np.intp]) -> NDArray[np.intp]:
    depth = np.zeros(len(parent), dtype=np.intp)
    for node, above in enumerate(parent):  # parents come first
        depth[node] = depth[above] + 1 if above >= 0 else 0
    return depth


def _dof_names(mj: mujoco.MjModel) -> tuple[str, ...]:
    """One name for a hinge or a slide, name and number for the parts of a free or ball joint."""
    names: list[str] = []
    for dof in range(mj.nv):
        joint = int(mj.dof_jntid[dof])
        label = mj.joint(joint).name or f"joint{joint}"
        several = (mj.dof_jntid == joint).sum() > 1
        names.append(f"{label}_{dof - mj.jnt_dofadr[joint]}" if several else label)
    return tuple(names)


def _matrices(quaternions: Array) -> Array:
    """(n, 3, 3) rotations of quaternions (n, 4), by MuJoCo."""
    out = np.empty((len(quaternions), 9))
    for row, quaternion in zip(out, quaternions, strict=True):
        mujoco.mju_quat2Mat(row, quaternion)
    return out.reshape(-1, 3, 3)
