"""Ends of the joints' ranges and coordinates tied to others: MuJoCo's scalar soft constraints.

Both are explicit in qacc: see :mod:`bioenv.diff.soft`. Ties are polynomials of one coordinate, as
in models converted from OpenSim, whose knees roll and glide.
"""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np
import torch
from torch import Tensor

from bioenv.diff.soft import Impedance, gain, springs

JOINT = int(mujoco.mjtEq.mjEQ_JOINT)


class Rows(NamedTuple):
    """Scalar constraints before the acceleration is known.

    jacobian (..., n, nv); reference (..., n) acceleration m/s^2 or rad/s^2; gain (..., n): force
    per missing acceleration, zero where a constraint is not there; pulls (n,) bool: may pull.
    """

    jacobian: Tensor
    reference: Tensor
    gain: Tensor
    pulls: Tensor


class ScalarConstraints:
    """All limits (both sides of every joint), then all ties of a model."""

    def __init__(self, mj: mujoco.MjModel) -> None:
        _check(mj)
        limited = np.flatnonzero(mj.jnt_limited)
        ties = np.flatnonzero((mj.eq_type == JOINT) & mj.eq_active0.astype(bool))
        self.limits, self.ties, nv = 2 * len(limited), len(ties), int(mj.nv)
        joint = np.repeat(limited, 2)
        self.sign = torch.tensor(np.tile([1.0, -1.0], len(limited)))
        self.end = torch.tensor(mj.jnt_range[limited].reshape(-1))
        self.margin = torch.tensor(mj.jnt_margin[joint])
        self.address = _ids(mj.jnt_qposadr[joint])
        row = torch.zeros(self.limits, nv, dtype=torch.float64)
        row[torch.arange(self.limits), _ids(mj.jnt_dofadr[joint])] = self.sign
        self.row = row
        weight = mj.dof_invweight0[mj.jnt_dofadr[joint]]

        first, second = mj.eq_obj1id[ties], mj.eq_obj2id[ties]
        alone = second < 0
        other = np.where(alone, first, second)
        self.first, self.other = _ids(mj.jnt_qposadr[first]), _ids(mj.jnt_qposadr[other])
        self.first_zero = torch.tensor(mj.qpos0[mj.jnt_qposadr[first]])
        self.other_zero = torch.tensor(mj.qpos0[mj.jnt_qposadr[other]])
        table = mj.eq_data[ties, :5].copy()
        table[alone, 1:] = 0.0
        self.table = torch.tensor(table)
        self.first_row, self.other_row = torch.zeros(2, self.ties, nv, dtype=torch.float64)
        here = torch.arange(self.ties)
        self.first_row[here, _ids(mj.jnt_dofadr[first])] = 1.0
        self.other_row[here, _ids(mj.jnt_dofadr[other])] = 1.0
        both = mj.dof_invweight0[mj.jnt_dofadr[first]] + np.where(
            alone, 0.0, mj.dof_invweight0[mj.jnt_dofadr[other]]
        )

        solimp = np.concatenate([mj.jnt_solimp[joint], mj.eq_solimp[ties]])
        solref = np.concatenate([mj.jnt_solref[joint], mj.eq_solref[ties]])
        stiffness, damping = springs(mj, solref, solimp)
        self.stiffness, self.damping = torch.tensor(stiffness), torch.tensor(damping)
        self.impedance = Impedance.of(solimp)
        self.weight = torch.tensor(np.concatenate([weight, both]))
        self.pulls = torch.arange(self.limits + self.ties) >= self.limits

    @property
    def count(self) -> int:
        """How many there are."""
        return self.limits + self.ties

    def rows(self, q: Tensor, v: Tensor) -> Rows:
        """Constraints at qpos q (..., nq) and qvel v (..., nv)."""
        past = self.sign * (q[..., self.address] - self.end) - self.margin
        x = q[..., self.other] - self.other_zero
        powers = torch.stack([torch.ones_like(x), x, x * x, x**3, x**4], -1)
        miss = q[..., self.first] - self.first_zero - (powers * self.table).sum(-1)
        factor = torch.arange(1, 5, dtype=q.dtype)
        slope = (powers[..., :4] * self.table[:, 1:] * factor).sum(-1)
        tied = self.first_row - slope[..., None] * self.other_row
        jacobian = torch.cat([self.row.expand(*past.shape, -1), tied], -2)
        both = torch.cat([past, miss], -1)
        depth = torch.where(self.pulls, both.abs(), (-both).clamp(min=0.0))
        d = self.impedance(depth)
        rate = (jacobian @ v[..., None])[..., 0]
        reference = -self.damping * rate - self.stiffness * d * both
        on = self.pulls | (both < 0.0)
        return Rows(jacobian, reference, torch.where(on, gain(d) / self.weight, 0.0), self.pulls)


def forces(rows: Rows, a: Tensor) -> tuple[Tensor, Tensor]:
    """Force (..., n) N or N*m of every constraint at qacc a (..., nv), and minus its derivative by
    the acceleration there, without gradient."""
    missing = rows.reference - (rows.jacobian @ a[..., None])[..., 0]
    on = rows.pulls | (missing > 0.0)
    slope = torch.where(on, rows.gain, 0.0)
    return slope * missing, slope.detach()


def _check(mj: mujoco.MjModel) -> None:
    """Balls have no range here; `supported` has refused them by name."""
    kinds = mujoco.mjtJoint
    turned = mj.jnt_type[mj.jnt_limited.astype(bool)]
    assert not (turned == kinds.mjJNT_BALL).any()


def _ids(values: np.ndarray) -> Tensor:
    return torch.as_tensor(np.asarray(values, dtype=np.int64))
