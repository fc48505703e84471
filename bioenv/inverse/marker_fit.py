"""How well a body fits measured markers: cost, gradient and Hessian of many frames at once.

For one frame the cost is ``1/2 sum_m w_m |x_m(q) - y_m|^2``. Seen from one joint, all markers that
move with it count only through sums over that subtree, so the work per joint does not grow with
the number of markers: the Gauss-Newton matrix is the mass matrix of a body whose mass is the
markers' weight, found as by the composite-rigid-body algorithm (Featherstone, Rigid Body Dynamics
Algorithms, 2008, ch. 6). The second-order term, the residuals' pull on lever arms that turn,
replaces ``sum w x x'`` by ``sum w x y'`` in it: Newton's method then converges quadratically
although residuals are centimeters.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import mujoco
import numpy as np
from mujoco.batch import Batch
from numpy.typing import NDArray

from bioenv.inverse.marker_links import Links
from bioenv.models.anatomy import Anatomy

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]

CHUNK = 192  # frames per pass: the arrays of one pass stay in the cache
# One pass takes well below a millisecond: waiting for a second thread costs more than it saves.
THREADS = 1
_POSITION = mujoco.mjtStage.mjSTAGE_POS.value


class Fit(NamedTuple):
    """cost (F,) m^2; gradient (F, k) and hessian (F, k, k) of it by the variables."""

    cost: Array
    gradient: Array
    hessian: Array


class MarkerFit:
    """The marker cost of a trial as a function of the free coordinates.

    Args:
        anatomy: the body; links: of its M markers with its joints.
        positions: (T, M, 3) m, world, z up; NaN where unseen.
        weights: (M,) weight of each marker.
        free: (k,) indices of the coordinates to find; the others keep `anatomy.default`, coupled
            ones follow.

    Attributes: angles (k,) bool; seen (T, M); weight (T, M), zero where unseen; target, stiffness
    (T, k): add ``1/2 stiffness (z - target)^2`` to the cost.
    """

    def __init__(
        self, anatomy: Anatomy, links: Links, positions: Array, weights: Array, free: Index
    ) -> None:
        self.anatomy, self.free = anatomy, np.asarray(free, dtype=np.intp)
        self.angles: Mask = anatomy.rotational[self.free]
        self._links = links.of(self.free)
        self.seen: Mask = np.asarray(np.isfinite(positions).all(axis=2))
        # Around the markers' middle: products of coordinates far from the origin lose digits.
        filled = np.where(self.seen[:, :, None], positions, 0.0)
        self.middle: Array = filled.sum(axis=1) / np.maximum(self.seen.sum(axis=1), 1)[:, None]
        filled -= self.middle[:, None]
        filled *= self.seen[:, :, None]
        self.measured = np.ascontiguousarray(filled.transpose(2, 0, 1))
        self.weigh(np.where(self.seen, weights, 0.0))
        self.target = np.zeros((len(positions), len(self.free)))
        self.stiffness = np.zeros_like(self.target)
        quiet = copy.copy(anatomy.mj)
        off = mujoco.mjtDisableBit
        quiet.opt.disableflags |= off.mjDSBL_CONSTRAINT | off.mjDSBL_SENSOR
        # The mass matrix is not read here; this keeps MuJoCo from warning that it is singular.
        quiet.dof_armature[:] = 1.0
        self._batch = Batch(quiet, min(CHUNK, max(len(positions), 1)), THREADS)
        for name in ("qpos", "xpos", "xmat", "xaxis", "xanchor"):
            self._batch.bind(name)

    def weigh(self, weight: Array) -> None:
        """Set the markers' weights (T, M) in every frame."""
        self.weight = weight
        carried = self._links.carried
        self._mass: Array = weight @ carried
        self._pulled: Array = (self.measured * weight) @ carried

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

    def evaluate(self, rows: Index, z: Array, second: Array) -> Fit:
        """Cost and derivatives at z (F, k) for the frames `rows` (F,) of the trial.

        second (F,): 1 adds the second-order term to the Hessian, 0 leaves Gauss-Newton's. The
        curvature of the coordinate functions is left out: it is some 1e-3 of the rest.
        """
        count, k = z.shape
        fit = Fit(np.empty(count), np.empty((count, k)), np.empty((count, k, k)))
        for part in _chunks(count):
            self._evaluate(rows[part], z[part], second[part], Fit(*(a[part] for a in fit)))
        stiffness = self.stiffness[rows]
        if stiffness.any():
            away = z - self.target[rows]
            pull = stiffness * away
            fit.cost[:] += 0.5 * (pull * away).sum(axis=1)
            fit.gradient[:] += pull
            np.einsum("fkk->fk", fit.hessian)[:] += stiffness
        return fit

    def _forward(self, rows: Index, q: Array) -> Array:
        """(3, F, M) the body's markers about the frames' middles; joints stay in the batch."""
        count, bodies = len(rows), self._links.bodies
        self._batch.qpos[:count] = self.anatomy.expand(q).qpos
        self._batch.forward(np.arange(count), _POSITION)
        pose = np.empty((3, count, len(bodies), 4))
        matrix = self._batch.xmat[:count].reshape(count, -1, 3, 3)
        pose[..., :3] = matrix[:, bodies].transpose(2, 0, 1, 3)
        pose[..., 3] = (self._batch.xpos[:count, bodies] - self.middle[rows, None]).transpose(
            2, 0, 1
        )
        flat: Array = pose.reshape(3 * count, -1) @ self._links.location
        return flat.reshape(3, count, -1)

    def _evaluate(self, rows: Index, z: Array, second: Array, out: Fit) -> None:
        links, q = self._links, self.coordinates(z)
        first, mixed, measured = self._sums(rows, self._forward(rows, q), second, out.cost)
        mass = self._mass[rows]
        force = first - self._pulled[:, rows]
        turn, move = self._twists(rows, q)
        body = links.body
        inward = (first - second[:, None] * force)[:, :, body]
        matrix = mixed[:, :, :, body]
        wrench = np.empty((6, *turn.shape[1:]))
        np.sum(matrix * turn, axis=1, out=wrench[:3])
        wrench[:3] -= (matrix[0, 0] + matrix[1, 1] + matrix[2, 2]) * turn
        wrench[:3] += _cross(inward, move)
        wrench[3:] = _cross(turn, first[:, :, body]) + mass[:, body] * move
        twist = np.concatenate([turn, move])
        half = twist.transpose(1, 2, 0) @ wrench.transpose(1, 0, 2)
        half *= links.above
        load = np.concatenate([_axial(measured), force])
        slope = (twist * load[:, :, body]).sum(axis=0)
        if links.choice is None:
            out.gradient[:] = slope
        else:
            out.gradient[:] = slope @ links.choice
            half = links.choice.T @ half @ links.choice
        np.add(half, half.transpose(0, 2, 1), out=out.hessian)

    def _sums(
        self, rows: Index, x: Array, second: Array, cost: Array
    ) -> tuple[Array, Array, Array]:
        """Of every body's subtree: sum of w x (3, F, B); the matrix (3, 3, F, B) of the Hessian,
        ``-w x x'`` or with the second-order term ``-w x y'``; ``sum w x y'``. Fills `cost`."""
        weight, y = self.weight[rows], self.measured[:, rows]
        weighed = x * weight
        plain = not second.all()
        right = np.empty((7 if plain else 4, *weight.shape))
        right[0], right[1:4] = 1.0, y
        if plain:
            right[4:] = x
        # Row i, column j: the sum of w x_i right_j.
        product = weighed[:, None] * right
        sums: Array = product.reshape(-1, weight.shape[1]) @ self._links.carried
        sums = sums.reshape(3, len(right), len(rows), -1)
        error = x - y
        cost[:] = 0.5 * np.einsum("ifm,ifm,fm->f", error, error, weight)
        first, measured = sums[:, 0], sums[:, 1:4]
        if not plain:
            return first, -measured, measured
        blend = second[:, None]
        return first, (blend - 1.0) * sums[:, 4:] - blend * measured, measured

    def _twists(self, rows: Index, q: Array) -> tuple[Array, Array]:
        """Angular velocity, and velocity of the point at the frame's middle, (3, F, G) each, that a
        unit speed of the coordinate gives through each group of joints."""
        count, links = len(rows), self._links
        axis = self._batch.xaxis[:count, links.joint].transpose(2, 0, 1)
        axis = axis * links.slope(self.anatomy, q)
        anchor = self._batch.xanchor[:count, links.joint] - self.middle[rows, None]
        turn = axis * links.hinge
        move = _cross(anchor.transpose(2, 0, 1), turn)
        move += axis - turn
        if links.group is None:
            return turn, move
        return turn @ links.group, move @ links.group


def _axial(matrix: Array) -> Array:
    """(3, ...) ``sum w x × (x - y)`` from ``sum w x y'`` (3, 3, ...)."""
    return np.stack(
        [matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0], matrix[1, 0] - matrix[0, 1]]
    )


def _cross(a: Array, b: Array) -> Array:
    """Cross product of component-first arrays (3, ...)."""
    out = np.empty(a.shape)
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        np.multiply(a[j], b[k], out=out[i])
        out[i] -= a[k] * b[j]
    return out


def _chunks(count: int) -> list[slice]:
    return [slice(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
