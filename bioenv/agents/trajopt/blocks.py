"""Blocks: one small function applied at many places of a large sparse problem.

A block reads a few numbers (those of a node, or of two neighbours), each a fixed weighted sum of a
few unknowns, and gives constraints and a share of the objective. Its derivatives are taken once,
for one place and by what it reads; the problem's Jacobian and Hessian are their values, summed into
place by a constant sparse matrix. That keeps building and evaluating cheap: the cost of both grows
with the block, not with the mesh or with what stands behind the numbers that it reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import casadi as ca
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bioenv.diff.symbolic.compiled import PLAIN, Evaluation

Index = NDArray[np.intp]
Array = NDArray[np.float64]
Part = tuple[Index, Index, Array]  # rows, columns and weights of values in a matrix


@dataclass(frozen=True, eq=False)
class Block:
    """A function of local unknowns w, local data d and the problem's parameters p.

    Attributes:
        name: for messages.
        w (nw,), d (nd,), p (np,): SX symbols.
        g (ng,): constraints, SX. cost: SX scalar, the share of the objective.
        squares (nr,): SX whose squares are added to the objective; of their curvature only the
            product of slopes is used (Gauss-Newton).
        labels: what each constraint is, for messages; lower, upper (ng,): its bounds.
        index (n, nw, k): for each of the n places, which unknowns each number sums up,
        weight (nw, k): and with which weights; 0 for none.
        data (n, nd): for each place, its local data.
        time (n,): share 0..1 of the horizon where the place lies, for messages.
    """

    name: str
    w: ca.SX
    d: ca.SX
    p: ca.SX
    g: ca.SX
    cost: ca.SX
    labels: tuple[str, ...]
    lower: Array
    upper: Array
    index: Index
    weight: Array
    data: Array
    time: Array
    squares: ca.SX = field(default_factory=lambda: ca.SX(0, 1))


class _Placed:
    """A block's functions, mapped over its places, and where their values go."""

    def __init__(self, block: Block, first_row: int, evaluation: Evaluation) -> None:
        self.block, self.n = block, len(block.index)
        w, d, p = block.w, block.d, block.p
        # Equal parts are made one before derivatives are taken, not after: a third fewer operations
        # in the Hessian, and half the time of building it.
        g, share, squares = ca.cse([block.g, block.cost, block.squares])
        cost = share + ca.sumsqr(squares)
        self.ng = g.numel()
        self.rows = first_row + np.arange(self.n * self.ng).reshape(self.n, self.ng)
        lam_f, lam_g = ca.SX.sym("lam_f"), ca.SX.sym("lam_g", self.ng)
        jacobian, gradient = ca.jacobian(g, w), ca.gradient(cost, w)
        lagrangian = lam_f * share + (ca.dot(lam_g, g) if self.ng else 0)
        slope = ca.jacobian(squares, w)
        hessian = ca.triu(ca.hessian(lagrangian, w)[0] + 2.0 * lam_f * (slope.T @ slope))
        self.jacobian_entries = np.array(jacobian.sparsity().get_triplet(), dtype=np.intp)
        self.hessian_entries = np.array(hessian.sparsity().get_triplet(), dtype=np.intp)

        def function(name: str, inputs: list[ca.SX], outputs: list[ca.SX]) -> ca.Function:
            return evaluation.over(ca.Function(f"{block.name}_{name}", inputs, outputs), self.n)

        values = jacobian.nz[:]
        second = hessian.nz[:]
        self.cost = function("cost", [w, d, p], [cost])
        self.value = function("value", [w, d, p], [g])
        self.slope = function("jacobian", [w, d, p], [g, values])
        self.gradient = function("gradient", [w, d, p], [cost, ca.densify(gradient)])
        self.curvature = function("hessian", [w, d, p, lam_f, lam_g], [second])

    def arguments(self, x: ca.MX, p: ca.MX) -> list[ca.MX]:
        """Unknowns, data and parameters of every place, one column each."""
        count, nw, k = self.block.index.shape
        weight = np.tile(self.block.weight.ravel(), count)
        target = np.repeat(np.arange(count * nw), k)
        read = _sums(target, self.block.index.ravel(), (count * nw, x.numel()), weight)
        w = ca.reshape(ca.mtimes(read, x), nw, count)
        return [w, ca.MX(ca.DM(self.block.data.T)), ca.repmat(p, 1, self.n)]


@dataclass(frozen=True, eq=False)
class Program:
    """A nonlinear program: functions in the form that CasADi's `nlpsol` takes.

    value: (x, p) -> (f, g); cost_terms etc. are the caller's. rows: block name -> (n, ng) indices
    into g. lower, upper (ng,). kept: what the functions call and CasADi does not keep alive.
    """

    size: int
    value: ca.Function
    gradient: ca.Function
    jacobian: ca.Function
    hessian: ca.Function
    lower: Array
    upper: Array
    rows: dict[str, Index]
    blocks: dict[str, Block]
    kept: tuple[Any, ...] = ()

    def worst(self, g: Array, count: int = 1) -> list[tuple[str, float, float]]:
        """The most violated constraints: (label, share of the horizon, violation), worst first."""
        excess = np.maximum(np.maximum(self.lower - g, g - self.upper), 0.0)
        found = []
        for row in np.argsort(-excess)[:count]:
            for name, rows in self.rows.items():
                if rows.size and rows[0, 0] <= row <= rows[-1, -1]:
                    place, which = divmod(int(row - rows[0, 0]), rows.shape[1])
                    block = self.blocks[name]
                    label, share = block.labels[which], float(block.time[place])
                    found.append((label, share, float(excess[row])))
        return found


def assemble(
    size: int, parameters: int, blocks: Sequence[Block], evaluation: Evaluation = PLAIN
) -> Program:
    """The program of all blocks over ``size`` unknowns and ``parameters`` parameters."""
    x, p = ca.MX.sym("x", size), ca.MX.sym("p", parameters)
    placed, first = [], 0
    for block in blocks:
        placed.append(_Placed(block, first, evaluation))
        first += placed[-1].n * placed[-1].ng
    arguments = [one.arguments(x, p) for one in placed]
    f = sum((ca.sum2(o.cost(*a)) for o, a in zip(placed, arguments, strict=True)), ca.MX(0))
    g = ca.vertcat(*(ca.vec(o.value(*a)) for o, a in zip(placed, arguments, strict=True) if o.ng))
    return Program(
        size=size,
        value=ca.Function("nlp", [x, p], [f, g], ["x", "p"], ["f", "g"]),
        gradient=_gradient(x, p, placed, arguments),
        jacobian=_jacobian(x, p, placed, arguments, first),
        hessian=_hessian(x, p, placed, arguments, first),
        lower=np.concatenate([np.tile(o.block.lower, o.n) for o in placed]),
        upper=np.concatenate([np.tile(o.block.upper, o.n) for o in placed]),
        rows={o.block.name: o.rows for o in placed},
        blocks={o.block.name: o.block for o in placed},
        kept=tuple(placed),
    )


def _gradient(x: ca.MX, p: ca.MX, placed: list[_Placed], arguments: list) -> ca.Function:
    costs, gradient = ca.MX(0), ca.MX(x.numel(), 1)
    for one, inputs in zip(placed, arguments, strict=True):
        cost, slope = one.gradient(*inputs)
        costs += ca.sum2(cost)
        count, nw, k = one.block.index.shape
        source = np.repeat(np.arange(count * nw), k)
        weight = np.tile(one.block.weight.ravel(), count)
        gather = _sums(one.block.index.ravel(), source, (x.numel(), count * nw), weight)
        gradient += ca.mtimes(gather, ca.vec(slope))
    names = ["f", "grad_f_x"]
    return ca.Function("nlp_grad_f", [x, p], [costs, gradient], ["x", "p"], names)


def _jacobian(x: ca.MX, p: ca.MX, placed: list[_Placed], arguments: list, rows: int) -> ca.Function:
    values, slopes, parts = [], [], []
    for one, inputs in zip(placed, arguments, strict=True):
        if not one.ng:
            continue
        g, slope = one.slope(*inputs)
        values.append(ca.vec(g))
        slopes.append(ca.vec(slope))
        local_row, local_column = one.jacobian_entries
        column = one.block.index[:, local_column]
        row = np.broadcast_to(one.rows[:, local_row][..., None], column.shape)
        parts.append((row, column, np.broadcast_to(one.block.weight[local_column], column.shape)))
    matrix = _scatter(slopes, parts, (rows, x.numel()))
    outputs = [ca.vertcat(*values), matrix]
    return ca.Function("nlp_jac_g", [x, p], outputs, ["x", "p"], ["g", "jac_g_x"])


def _hessian(x: ca.MX, p: ca.MX, placed: list[_Placed], arguments: list, rows: int) -> ca.Function:
    lam_f, lam_g = ca.MX.sym("lam_f"), ca.MX.sym("lam_g", rows)
    values, parts = [], []
    for one, inputs in zip(placed, arguments, strict=True):
        multiplier = ca.MX(0, one.n)
        if one.ng:
            multiplier = ca.reshape(lam_g[one.rows.ravel().tolist()], one.ng, one.n)
        curvature = one.curvature(*inputs, ca.repmat(lam_f, 1, one.n), multiplier)
        values.append(ca.vec(curvature))
        parts.append(_curved(one))
    matrix = _scatter(values, parts, (x.numel(), x.numel()))
    inputs_, names = [x, p, lam_f, lam_g], ["x", "p", "lam_f", "lam_g"]
    return ca.Function("nlp_hess_l", inputs_, [matrix], names, ["triu_hess_gamma_x_x"])


def _curved(one: _Placed) -> Part:
    """Where each local second derivative goes: to every pair of unknowns behind its two numbers.

    The local Hessian is given by its upper triangle; an entry off its diagonal stands for two. Of
    the sum only the upper triangle is kept.
    """
    first, second = one.hessian_entries
    index, weight = one.block.index, one.block.weight
    a, b = index[:, first, :, None], index[:, second, None, :]
    factor = weight[first][:, :, None] * weight[second][:, None, :]
    a, b, factor = np.broadcast_arrays(a, b, factor[None])
    mirrored = factor * (first != second)[None, :, None, None]
    row, column = np.stack([a, b], axis=-1), np.stack([b, a], axis=-1)
    factor = np.stack([factor, mirrored], axis=-1) * (row <= column)
    flat = (one.n, first.size, 2 * index.shape[2] ** 2)
    return row.reshape(flat), column.reshape(flat), factor.reshape(flat)


def _scatter(values: list[ca.MX], parts: list[Part], shape: tuple[int, int]) -> ca.MX:
    """The sparse matrix to which every value is added at its places, with their weights.

    parts: for each vector of values, (places, entries, k) row, column and weight.
    """
    row: list[Index] = []
    column: list[Index] = []
    weight: list[Array] = []
    source, first = [], 0
    for part in parts:
        places, entries, _ = part[0].shape
        which = first + np.arange(places * entries).reshape(places, entries, 1)
        used = part[2] != 0.0
        row.append(part[0][used])
        column.append(part[1][used])
        weight.append(part[2][used])
        source.append(np.broadcast_to(which, used.shape)[used])
        first += places * entries
    # CasADi stores columns one after another: entries are ranked by column, then row.
    flat = np.concatenate(column) * shape[0] + np.concatenate(row)
    key, place = np.unique(flat, return_inverse=True)
    sparsity = ca.Sparsity.triplet(*shape, (key % shape[0]).tolist(), (key // shape[0]).tolist())
    gather = _sums(place, np.concatenate(source), (key.size, first), np.concatenate(weight))
    return ca.MX(sparsity, ca.mtimes(gather, ca.vertcat(*values)))


def _sums(target: Index, source: Index, shape: tuple[int, int], weight: Array) -> ca.DM:
    """The constant matrix that adds ``weight`` times element ``source`` to element ``target``."""
    used = weight != 0.0
    matrix = sparse.coo_array((weight[used], (target[used], source[used])), shape).tocsc()
    columns, rows = matrix.indptr.tolist(), matrix.indices.tolist()
    return ca.DM(ca.Sparsity(*shape, columns, rows), matrix.data)
