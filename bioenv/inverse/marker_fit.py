"""How well a body fits measured markers: cost, gradient and Hessian of many frames at once.

For one frame the cost is ``1/2 sum_m w_m |x_m(q) - y_m|^2``. Seen from one joint, all markers that
move with it count only through sums over that subtree (weight, first and second moments, residual
force and moment), so the work per joint does not grow with the number of markers: the Gauss-Newton
matrix is the mass matrix of a body whose mass is the markers' weight, computed as by the
composite-rigid-body algorithm (Featherstone, Rigid Body Dynamics Algorithms, 2008, ch. 6). The
second-order term, the residuals' pull on the turning lever arms, costs three more columns of the
same product; with it Newton's method converges quadratically although residuals are centimeters.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import mujoco
import numpy as np
from mujoco.batch import Batch
from numpy.typing import NDArray

from bioenv.models.anatomy import Anatomy, BodyMarker

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]

CHUNK = 192  # frames per pass: the arrays of one pass stay in the cache
_POSITION = mujoco.mjtStage.mjSTAGE_POS.value
# Symmetric second moments xx, yy, zz, xy, xz, yz.
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


class Fit(NamedTuple):
    """cost (F,) m^2; gradient (F, k) and hessian (F, k, k) of it by the variables."""

    cost: Array
    gradient: Array
    hessian: Array


class MarkerFit:
    """The marker cost of a trial as a function of the free coordinates.

    Args:
        anatomy: the body.
        markers: (M) markers of the body, in the order of `positions`.
        positions: (T, M, 3) m, world, z up; NaN where unseen.
        weights: (M,) weight of each marker.
        free: (k,) indices of the coordinates to find; the others keep `anatomy.default`, coupled
            ones follow.

    Attributes: `target`, `stiffness` (T, k): adds ``1/2 stiffness (z - target)^2`` to the cost.
    """

    def __init__(
        self,
        anatomy: Anatomy,
        markers: tuple[BodyMarker, ...],
        positions: Array,
        weights: Array,
        free: Index,
    ) -> None:
        self.anatomy, self.free = anatomy, np.asarray(free, dtype=np.intp)
        seen = np.isfinite(positions).all(axis=2)
        self.seen = seen
        self.weight = np.where(seen, weights, 0.0)
        # Around the markers' middle: products of coordinates far from the origin lose digits.
        number = np.maximum(seen.sum(axis=1), 1)[:, None]
        filled = np.where(seen[:, :, None], positions, 0.0)
        self.middle = filled.sum(axis=1) / number
        self.measured = np.ascontiguousarray(
            np.where(seen[:, :, None], filled - self.middle[:, None], 0.0).transpose(2, 0, 1)
        )
        columns = np.flatnonzero(anatomy.independent)
        self._columns = np.searchsorted(columns, self.free)
        self._place(anatomy.mj, markers)
        self.target = np.zeros((len(positions), len(self.free)))
        self.stiffness = np.zeros_like(self.target)
        quiet = copy.copy(anatomy.mj)
        off = mujoco.mjtDisableBit
        quiet.opt.disableflags |= off.mjDSBL_CONSTRAINT | off.mjDSBL_SENSOR
        self._batch = Batch(quiet, min(CHUNK, max(len(positions), 1)))
        for name in ("qpos", "xpos", "xmat", "xaxis", "xanchor"):
            self._batch.bind(name)

    def _place(self, mj: mujoco.MjModel, markers: tuple[BodyMarker, ...]) -> None:
        """Which bodies carry markers, and which joints move which markers and which joints."""
        body = np.array([marker.body for marker in markers], dtype=np.intp)
        self._bodies, slot = np.unique(body, return_inverse=True)
        self._location = np.zeros((4 * len(self._bodies), len(markers)))
        for column, marker in enumerate(markers):
            rows = slice(4 * slot[column], 4 * slot[column] + 4)
            self._location[rows, column] = (*marker.location, 1.0)
        carries = np.zeros((mj.nbody, mj.nbody), dtype=bool)  # [a, b]: b is a or moves with it
        for b in range(mj.nbody):
            a = b
            while a > 0:
                carries[a, b] = True
                a = int(mj.body_parentid[a])
        moves = carries[mj.jnt_bodyid][:, body]
        self._dofs = np.flatnonzero(moves.any(axis=1))
        self.moves = np.ascontiguousarray(moves[self._dofs].T, dtype=float)
        at = mj.jnt_bodyid[self._dofs]
        order = np.arange(len(at))
        above = carries[np.ix_(at, at)] & ((at[:, None] != at) | (order[:, None] <= order))
        self._above = above * (1.0 - 0.5 * np.eye(len(at)))
        self._hinge = (mj.jnt_type[self._dofs] == mujoco.mjtJoint.mjJNT_HINGE).astype(float)

    def coordinates(self, z: Array) -> Array:
        """(F, n) all coordinates of the anatomy from the free ones (F, k)."""
        q = np.tile(self.anatomy.default, (len(z), 1))
        q[:, self.free] = z
        return self.anatomy.couple(q)

    def positions(self, rows: Index, z: Array) -> Array:
        """(F, M, 3) m where the body's markers are, world."""
        out = np.empty((len(rows), self.seen.shape[1], 3))
        for part in _chunks(len(rows)):
            found = self._forward(rows[part], self.coordinates(z[part]))
            out[part] = found.transpose(1, 2, 0)
            out[part] += self.middle[rows[part], None]
        return out

    def tied(self, stiffness: Array, target: Array, retarget: Mask | None = None) -> MarkerFit:
        """The same fit with more pull: `stiffness` (T, k) to `target` (T, k) where it is not zero.

        With `retarget` (T, k) the targets are replaced there and nothing else changes.
        """
        other = copy.copy(self)
        where = stiffness > 0 if retarget is None else retarget
        total = self.stiffness + stiffness
        pull = self.stiffness * self.target + stiffness * target
        mixed = target if retarget is not None else pull / np.where(total > 0, total, 1.0)
        other.target = np.where(where, mixed, self.target)
        other.stiffness = total
        return other

    def evaluate(self, rows: Index, z: Array, second: Array) -> Fit:
        """Cost and derivatives at z (F, k) for the frames `rows` (F,) of the trial.

        second (F,): 1 adds the second-order term to the Hessian, 0 leaves Gauss-Newton's. The
        curvature of the coordinate functions is left out: it is some 1e-3 of the rest.
        """
        count, k = z.shape
        fit = Fit(np.empty(count), np.empty((count, k)), np.empty((count, k, k)))
        for part in _chunks(count):
            self._evaluate(rows[part], z[part], second[part], Fit(*(a[part] for a in fit)))
        pull = self.stiffness[rows] * (z - self.target[rows])
        fit.cost[:] += 0.5 * np.einsum("fk,fk->f", pull, z - self.target[rows])
        fit.gradient[:] += pull
        np.einsum("fkk->fk", fit.hessian)[:] += self.stiffness[rows]
        return fit

    def _forward(self, rows: Index, q: Array) -> Array:
        """(3, F, M) the body's markers about the frames' middles; joints stay in the batch."""
        count = len(rows)
        self._batch.qpos[:count] = self.anatomy.expand(q).qpos
        self._batch.forward(np.arange(count), _POSITION)
        pose = np.empty((3, count, len(self._bodies), 4))
        matrix = self._batch.xmat[:count].reshape(count, -1, 3, 3)
        pose[..., :3] = matrix[:, self._bodies].transpose(2, 0, 1, 3)
        offset = self._batch.xpos[:count, self._bodies] - self.middle[rows, None]
        pose[..., 3] = offset.transpose(2, 0, 1)
        flat = pose.reshape(3 * count, -1) @ self._location
        return flat.reshape(3, count, -1)

    def _evaluate(self, rows: Index, z: Array, second: Array, out: Fit) -> None:
        q = self.coordinates(z)
        sums = self._subtree_sums(rows, self._forward(rows, q), out.cost)
        count = len(rows)
        turn, move = self._twists(rows)
        mass, first, force = sums[0], sums[1:4], sums[10:13]
        lever = sums[13:22].reshape(3, 3, count, -1)
        xx, yy, zz, xy, xz, yz = sums[4:10]
        outer = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        wrench = np.empty((6, *mass.shape))
        wrench[:3] = (xx + yy + zz) * turn - np.einsum("ij...,j...->i...", outer, turn)
        wrench[:3] += _cross(first, move)
        wrench[3:] = _cross(first, -turn) + mass * move
        pulled = np.einsum("ij...,j...->i...", lever, turn)
        pulled -= np.einsum("ii...->...", lever) * turn
        pulled += _cross(move, force)
        wrench[:3] += second[:, None] * pulled
        twist = np.concatenate([turn, move])
        upper = twist.transpose(1, 2, 0) @ wrench.transpose(1, 0, 2)
        upper *= self._above
        moment = np.array([lever[1, 2] - lever[2, 1], lever[2, 0] - lever[0, 2],
                           lever[0, 1] - lever[1, 0]])
        slope = np.einsum("ifd,ifd->fd", turn, moment) + np.einsum("ifd,ifd->fd", move, force)
        chain = self.chain(q)
        across = chain.transpose(0, 2, 1)
        half = across @ (upper @ chain)
        out.hessian[:] = half + half.transpose(0, 2, 1)
        out.gradient[:] = (across @ slope[:, :, None])[:, :, 0]

    def chain(self, q: Array) -> Array:
        """(F, D, k) how the joints that move markers follow the free coordinates."""
        reduction = self.anatomy.reduction(q)[:, :, self._columns]
        return self.anatomy.jacobian(q)[:, self._dofs] @ reduction

    def _subtree_sums(self, rows: Index, x: Array, cost: Array) -> Array:
        """(22, F, D) of every joint's markers: sums of w, w x, w x x', w e and w x e'.

        e is the residual x - y. Fills `cost`.
        """
        weight = self.weight[rows]
        error = x - self.measured[:, rows]
        product = np.empty((22, *weight.shape))
        product[0] = weight
        np.multiply(x, weight, out=product[1:4])
        for row, (i, j) in enumerate(_PAIRS, start=4):
            np.multiply(product[1 + i], x[j], out=product[row])
        np.multiply(error, weight, out=product[10:13])
        np.multiply(x[:, None], product[None, 10:13], out=product[13:22].reshape(3, 3, *x.shape[1:]))
        cost[:] = 0.5 * np.einsum("ifm,ifm->f", product[10:13], error)
        sums = product.reshape(-1, weight.shape[1]) @ self.moves
        return sums.reshape(22, len(rows), -1)

    def _twists(self, rows: Index) -> tuple[Array, Array]:
        """Angular velocity and velocity of the point at the middle, (3, F, D), per joint speed."""
        count = len(rows)
        axis = np.ascontiguousarray(self._batch.xaxis[:count, self._dofs].transpose(2, 0, 1))
        anchor = self._batch.xanchor[:count, self._dofs] - self.middle[rows, None]
        turn = axis * self._hinge
        return turn, _cross(anchor.transpose(2, 0, 1), turn) + axis * (1.0 - self._hinge)


def _cross(a: Array, b: Array) -> Array:
    """Cross product of component-first arrays (3, ...)."""
    out = np.empty(np.broadcast_shapes(a.shape, b.shape))
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        np.multiply(a[j], b[k], out=out[i])
        out[i] -= a[k] * b[j]
    return out


def _chunks(count: int) -> list[slice]:
    return [slice(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
