"""Muscle paths in torch: MuJoCo's tendons over sites and wrapping surfaces, batched.

Lengths and their derivatives by the coordinates, as MuJoCo computes both: the derivative comes from
the pull of the straight pieces (a tendon of unit tension), not from differentiating the length, so
it is exact also where MuJoCo's inner wraps are found to 1e-6 only.
"""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np
import torch
from torch import Tensor

from bioenv.diff.kinematics import Kinematics, cross, points
from bioenv.diff.tree import Tree
from bioenv.diff.wrap import Surfaces, wrap

_SITE, _SPHERE, _CYLINDER, _JOINT = (
    int(getattr(mujoco.mjtWrap, f"mjWRAP_{kind}"))
    for kind in ("SITE", "SPHERE", "CYLINDER", "JOINT")
)


class MusclePath(NamedTuple):
    """Muscle-tendon lengths (..., nm) m; slope (..., nm, nv): their derivatives, m or m/rad.

    The literature's moment arm is minus the slope: positive when the pull drives q up.
    """

    length: Tensor
    slope: Tensor


class Paths:
    """The tendons that the muscles of a model pull on."""

    def __init__(self, mj: mujoco.MjModel) -> None:
        tendon = [int(t) for t in mj.actuator_trnid[:, 0]]
        straight, wrapped, fixed = [], [], np.zeros((mj.nu, mj.nv))
        for muscle, t in enumerate(tendon):
            first, count = int(mj.tendon_adr[t]), int(mj.tendon_num[t])
            kinds = [int(k) for k in mj.wrap_type[first : first + count]]
            if kinds[0] == _JOINT:
                for i in range(first, first + count):
                    dof = mj.jnt_dofadr[mj.wrap_objid[i]]
                    fixed[muscle, dof] = mj.wrap_prm[i]
                continue
            ids = [int(i) for i in mj.wrap_objid[first : first + count]]
            sides = [int(s) for s in mj.wrap_prm[first : first + count]]
            for k in range(count - 1):
                if kinds[k] != _SITE:
                    continue
                if kinds[k + 1] == _SITE:
                    straight.append((muscle, ids[k], ids[k + 1]))
                else:
                    wrapped.append((muscle, ids[k], ids[k + 2], ids[k + 1], sides[k + 1]))
        self.fixed = torch.tensor(fixed)
        self.joints = torch.as_tensor(mj.jnt_qposadr[mj.dof_jntid].astype(np.int64))
        self.straight, self.wrapped = len(straight), len(wrapped)
        lines = straight + [row[:3] for row in wrapped]
        rows = np.array(lines, dtype=np.int64).reshape(-1, 3)
        self._ends(mj, rows)
        self._surfaces(mj, np.array(wrapped, dtype=np.int64).reshape(-1, 5))
        self.of = torch.zeros(mj.nu, len(rows), dtype=torch.float64)
        self.of[torch.as_tensor(rows[:, 0]), torch.arange(len(rows))] = 1.0

    def _ends(self, mj: mujoco.MjModel, rows: np.ndarray) -> None:
        self.start, self.stop = (torch.as_tensor(mj.site_bodyid[rows[:, i]]).long() for i in (1, 2))
        self.start_at, self.stop_at = (torch.tensor(mj.site_pos[rows[:, i]]) for i in (1, 2))

    def _surfaces(self, mj: mujoco.MjModel, rows: np.ndarray) -> None:
        geom, side = rows[:, 3], rows[:, 4]
        sided = side >= 0
        self.geom_body = torch.as_tensor(mj.geom_bodyid[geom]).long()
        self.geom_at = torch.tensor(mj.geom_pos[geom])
        turned = np.zeros((len(rows), 9))
        for i, g in enumerate(geom):
            mujoco.mju_quat2Mat(turned[i], mj.geom_quat[g])
        self.geom_turn = torch.tensor(turned.reshape(-1, 3, 3))
        self.radius = torch.tensor(mj.geom_size[geom, 0])
        self.sphere = torch.tensor(mj.geom_type[geom] == int(mujoco.mjtGeom.mjGEOM_SPHERE))
        self.sided = torch.tensor(sided)
        at = np.where(sided, side, 0)
        self.side_body = torch.as_tensor(mj.site_bodyid[at]).long() if mj.nsite else self.geom_body
        self.side_at = torch.tensor(mj.site_pos[at] if mj.nsite else np.zeros((len(rows), 3)))

    def __call__(self, tree: Tree, pose: Kinematics, q: Tensor) -> MusclePath:
        """Lengths and slopes at a pose of q (..., nq)."""
        start = points(pose, self.start, self.start_at)
        stop = points(pose, self.stop, self.stop_at)
        length, leave, arrive = _straight(start, stop)
        entries = [(self.start, start, leave), (self.stop, stop, -arrive)]
        of = [self.of, self.of]
        if self.wrapped:
            n = self.straight
            found = wrap(start[..., n:, :], stop[..., n:, :], self._placed(pose))
            on = found.on[..., None]
            far0, there, _ = _straight(start[..., n:, :], found.first)
            far1, _, back = _straight(found.second, stop[..., n:, :])
            length = _last(
                length, n, torch.where(found.on, far0 + found.length + far1, length[..., n:])
            )
            leave = _last(leave, n, torch.where(on, there, leave[..., n:, :]), -2)
            arrive = _last(arrive, n, torch.where(on, back, arrive[..., n:, :]), -2)
            entries = [(self.start, start, leave), (self.stop, stop, -arrive)]
            entries += [
                (self.geom_body, found.first, torch.where(on, -there, 0.0)),
                (self.geom_body, found.second, torch.where(on, back, 0.0)),
            ]
            of += [self.of[:, n:], self.of[:, n:]]
        slope = -self._pulled(tree, pose, entries, torch.cat(of, -1))
        total = (self.of @ length[..., None])[..., 0]
        if self.fixed.any():
            total = total + (self.fixed @ q[..., self.joints, None])[..., 0]
            slope = slope + self.fixed
        return MusclePath(total, slope)

    def _placed(self, pose: Kinematics) -> Surfaces:
        turn = pose.rotation[..., self.geom_body, :, :] @ self.geom_turn
        position = points(pose, self.geom_body, self.geom_at)
        side = points(pose, self.side_body, self.side_at)
        far = torch.linalg.vector_norm(side - position, dim=-1)
        return Surfaces(
            position, turn, self.radius, self.sphere, self.sided, side,
            self.sided & (far < self.radius),
        )  # fmt: skip

    def _pulled(
        self, tree: Tree, pose: Kinematics, entries: list[tuple[Tensor, Tensor, Tensor]], of: Tensor
    ) -> Tensor:
        """(..., nm, nv) generalized forces of unit tensions, from forces at points of bodies."""
        body = torch.cat([entry[0] for entry in entries])
        point = torch.cat([entry[1] for entry in entries], -2)
        force = torch.cat([entry[2] for entry in entries], -2)
        about = cross(point - pose.origin[..., None, :], force)
        wrench = torch.cat([about, force], -1)
        work = wrench @ pose.axis.transpose(-1, -2)  # (..., entries, nv)
        return of @ (work * tree.carried[body])


def _straight(start: Tensor, stop: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Length (..., k) of straight pieces and the unit vector along them, twice."""
    step = stop - start
    length = torch.linalg.vector_norm(step, dim=-1)
    unit = step / length.clamp(min=1e-15)[..., None]
    return length, unit, unit


def _last(values: Tensor, first: int, new: Tensor, dim: int = -1) -> Tensor:
    """`values` with those from `first` on replaced."""
    return torch.cat([values.narrow(dim, 0, first), new], dim)
