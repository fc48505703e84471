"""What never changes of a MuJoCo tree: who hangs on whom, joint by joint, in levels.

Bodies of one level are done together, so that a pose costs as many steps as the tree is deep, not
as many as it has bodies.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bioenv.errors import BioenvError

_FREE, _BALL, _SLIDE, _HINGE = (
    int(getattr(mujoco.mjtJoint, f"mjJNT_{kind}")) for kind in ("FREE", "BALL", "SLIDE", "HINGE")
)
KINDS = {_FREE: "free", _BALL: "ball", _SLIDE: "slide", _HINGE: "hinge"}
Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Joints:
    """Joints of one kind that come at the same place in their bodies of one level.

    kind: "free", "ball", "slide" or "hinge"; rows (k,): which bodies of the level; joint (k,) ids;
    qpos (k, w) and dof (k, d): addresses, w and d as many as the kind has.
    """

    kind: str
    rows: Tensor
    joint: Tensor
    qpos: Tensor
    dof: Tensor


@dataclass(frozen=True, eq=False)
class Level:
    """Bodies at the same depth: body (k,) ids, parent (k,) rows of the levels before, stacked."""

    body: Tensor
    parent: Tensor
    joints: tuple[Joints, ...]


@dataclass(frozen=True, eq=False)
class Tree:
    """Levels, and who carries whom.

    order (nbody,): where each body lies in the levels stacked one after the other, the world first.
    joint_order (nv,): the same for degrees of freedom.
    carried (nbody, nv): 1 where the degree of freedom moves the body.
    before (nv, nv): 1 where the column moves what the row's joint hangs on.
    related (nv, nv) bool: the row's degree of freedom carries the column's, or is it.
    turns (nv,): 1 for rotations, 0 for translations.
    """

    nq: int
    nv: int
    nbody: int
    levels: tuple[Level, ...]
    order: Tensor
    joint_order: Tensor
    carried: Tensor
    before: Tensor
    related: Tensor
    turns: Tensor


def tree(mj: mujoco.MjModel) -> Tree:
    """The tree of a model. Raises BioenvError for a model without a joint."""
    if mj.nv == 0:
        raise BioenvError("the model has no joint: there is nothing to move")
    depth = np.zeros(mj.nbody, dtype=int)
    for body in range(1, mj.nbody):
        depth[body] = depth[mj.body_parentid[body]] + 1
    stacked, levels, dofs = [0], [], []
    for d in range(1, int(depth.max()) + 1):
        bodies = np.flatnonzero(depth == d)
        parents = [stacked.index(int(mj.body_parentid[b])) for b in bodies]
        joints = tuple(_joints(mj, bodies))
        dofs += [int(i) for group in joints for i in group.dof.flatten()]
        levels.append(Level(_index(bodies), _index(parents), joints))
        stacked += [int(b) for b in bodies]
    carried, before, turns = _relations(mj)
    own = carried[mj.dof_bodyid]  # (nv, nv): the column moves the row's body
    related = before.T.astype(bool) | (own.T * own).astype(bool)
    return Tree(
        nq=int(mj.nq),
        nv=int(mj.nv),
        nbody=int(mj.nbody),
        levels=tuple(levels),
        order=_index(np.argsort(stacked)),
        joint_order=_index(np.argsort(dofs)),
        carried=torch.tensor(carried),
        before=torch.tensor(before),
        related=torch.tensor(related),
        turns=torch.tensor(turns),
    )


def _joints(mj: mujoco.MjModel, bodies: Index) -> list[Joints]:
    """Groups of joints of these bodies: the first joints of all, then the second ones, ..."""
    out = []
    for slot in range(int(mj.body_jntnum[bodies].max(initial=0))):
        rows = np.flatnonzero(mj.body_jntnum[bodies] > slot)
        ids = mj.body_jntadr[bodies[rows]] + slot
        for kind, name in KINDS.items():
            chosen = mj.jnt_type[ids] == kind
            if chosen.any():
                joint = ids[chosen]
                width, count = {"free": (7, 6), "ball": (4, 3)}.get(name, (1, 1))
                out.append(
                    Joints(
                        name,
                        _index(rows[chosen]),
                        _index(joint),
                        _index(mj.jnt_qposadr[joint][:, None] + np.arange(width)),
                        _index(mj.jnt_dofadr[joint][:, None] + np.arange(count)),
                    )
                )
    return out


def _relations(mj: mujoco.MjModel) -> tuple[NDArray, NDArray, NDArray]:
    """carried (nbody, nv), before (nv, nv) and turns (nv,) as in `Tree`, float."""
    carried = np.zeros((mj.nbody, mj.nv))
    before = np.zeros((mj.nv, mj.nv))
    turns = np.zeros(mj.nv)
    for body in range(1, mj.nbody):
        so_far = carried[mj.body_parentid[body]].copy()
        first = int(mj.body_jntadr[body])
        for joint in range(first, first + int(mj.body_jntnum[body])):
            start, kind = int(mj.jnt_dofadr[joint]), int(mj.jnt_type[joint])
            if kind == _FREE:
                # Moves in the world's axes; its turns are about the point that it moves.
                so_far[start : start + 3] = 1.0
                start += 3
            stop = start + (1 if kind in (_SLIDE, _HINGE) else 3)
            turns[start:stop] = kind != _SLIDE
            before[start:stop] = so_far
            so_far[start:stop] = 1.0
        carried[body] = so_far
    return carried, before, turns


def _index(values: Index | list[int]) -> Tensor:
    return torch.as_tensor(np.asarray(values, dtype=np.int64))
