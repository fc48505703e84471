"""Polynomials for what MuJoCo's wrapped muscle paths do: length, moment arms, pull at joints.

A muscle's length depends on the coordinates between the bodies it is attached to, so a polynomial
in those few is small, smooth and twice differentiable where the wrapped path is not. Fitted to
lengths and moment arms together, as van den Bogert et al. 2013 (doi:10.1016/j.piutam.2011.04.027)
and Falisse et al. 2019 (doi:10.1098/rsif.2019.0402) do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lstsq

from bioenv.models.frames import Frames
from bioenv.models.model import Model
from bioenv.models.tendons import FIELDS, tendon_pieces

Array = NDArray[np.float64]

DEGREE = {1: 10, 2: 8, 3: 6, 4: 5}
"""Total degree by the number of coordinates; 4 beyond."""
_MARGIN = 0.05  # rad or m beyond the ranges: soft limits give way
_SAMPLES, _CHECKS = 900, 400
_SPAN = math.pi / 2  # either side of home, for a coordinate without a range
_TERM = 1e-6  # m (or of a unit vector): terms that never contribute more are dropped
_ARM = 1e-7  # m/rad; coordinates with smaller arms everywhere are not the muscle's


@dataclass(frozen=True, eq=False)
class Polynomial:
    """Values as a polynomial of scaled coordinates ``(q[dofs] - middle) / half``.

    exponents (terms, k); coefficients (terms, values).
    """

    dofs: NDArray[np.intp]
    middle: Array
    half: Array
    exponents: NDArray[np.intp]
    coefficients: Array


@dataclass(frozen=True)
class PathError:
    """Largest errors of one fitted path over the range of motion, against MuJoCo."""

    length: float
    """m"""
    moment_arm: float
    """m (m/m for slides)"""
    length_rms: float
    moment_arm_rms: float


@dataclass(frozen=True, eq=False)
class Pull:
    """Unit pull (3,) of one muscle on the segment below a joint, in the joint site's frame."""

    joint: int
    muscle: int
    polynomial: Polynomial
    error: float
    """largest error of the unit vector"""


@dataclass(frozen=True, eq=False)
class FittedPaths:
    """One polynomial of the length (m) per muscle, and what crosses each loaded joint."""

    length: tuple[Polynomial, ...]
    error: tuple[PathError, ...]
    pull: tuple[Pull, ...]


def fit_paths(model: Model) -> FittedPaths:
    """Sample the model's range of motion and fit every muscle (about 0.3 s for 18 muscles)."""
    mj = model.mj
    poses = _poses(model, _SAMPLES, dense_ends=True)
    checks = _poses(model, _CHECKS, dense_ends=False, skip=_SAMPLES)
    data, test = _sample(model, poses), _sample(model, checks)
    polynomials, errors = [], []
    for muscle in range(mj.nu):
        arms = data.arm[:, muscle]
        dofs = np.flatnonzero(np.abs(arms).max(axis=0) > _ARM)
        fitted = _fit(model, dofs, poses, data.length[:, muscle, None], arms[:, dofs])
        length, slope = evaluate(fitted, checks)
        polynomials.append(fitted)
        errors.append(_error(length[:, 0] - test.length[:, muscle],
                             slope[:, 0] - test.arm[:, muscle][:, dofs]))  # fmt: skip
    return FittedPaths(
        tuple(polynomials), tuple(errors), _fit_pulls(model, polynomials, poses, data, checks, test)
    )


def evaluate(polynomial: Polynomial, q: Array) -> tuple[Array, Array]:
    """Values (n, values) and their derivatives (n, values, k) by the coordinates, at q (n, nq)."""
    basis, slopes = _basis(polynomial, q)
    value = basis @ polynomial.coefficients
    return value, np.einsum("ktn,nv->tvk", slopes, polynomial.coefficients)


@dataclass(frozen=True, eq=False)
class _Samples:
    length: Array  # (n, nm) m
    arm: Array  # (n, nm, nv)
    pull: Array  # (n, joints, nm, 3) unit pull below each joint in its frame


def joint_sites(model: Model) -> NDArray[np.intp]:
    """Site of every joint of ``model.contact_joints``."""
    sensors = [model.mj.sensor(f"contact_{joint}").id for joint in model.contact_joints]
    return np.array([model.mj.sensor_objid[s] for s in sensors], dtype=np.intp)


def subtree(mj: mujoco.MjModel, root: int) -> NDArray[np.bool_]:
    """(nbody,) True for a body and everything below it."""
    inside = np.zeros(mj.nbody, dtype=bool)
    for body in range(root, mj.nbody):
        inside[body] = body == root or (body > 0 and inside[mj.body_parentid[body]])
    return inside


def _poses(model: Model, count: int, *, dense_ends: bool, skip: int = 0) -> Array:
    """(count, nq) low-discrepancy poses over the ranges (additive recurrence, Roberts 2018)."""
    middle, half = _ranges(model)
    n = len(middle)
    golden = 1.5
    for _ in range(60):
        golden = (1.0 + golden) ** (1.0 / (n + 1))
    index = np.arange(1 + skip, 1 + skip + count)[:, None]
    unit = (0.5 + index * golden ** -np.arange(1.0, n + 1)) % 1.0
    spread = -np.cos(np.pi * unit) if dense_ends else 2.0 * unit - 1.0
    return middle + half * spread


def _ranges(model: Model) -> tuple[Array, Array]:
    """Middle and half width (nq,) of every coordinate's range, a margin included."""
    mj = model.mj
    limited = mj.jnt_limited.astype(bool)
    low = np.where(limited, mj.jnt_range[:, 0] - _MARGIN, model.home - _SPAN)
    high = np.where(limited, mj.jnt_range[:, 1] + _MARGIN, model.home + _SPAN)
    return 0.5 * (low + high), 0.5 * (high - low)


def _sample(model: Model, poses: Array) -> _Samples:
    mj, sites = model.mj, joint_sites(model)
    below = np.array([subtree(mj, int(mj.site_bodyid[s])) for s in sites])
    below = below.reshape(len(sites), mj.nbody)
    fields = ("actuator_length", "actuator_moment", "moment_rownnz", "moment_rowadr",
              "moment_colind", "site_xmat", *FIELDS)  # fmt: skip
    lengths, arms, pulls = [], [], []
    for _, batch, ids in Frames(mj, poses, None, fields):
        get = {name: batch.bind(name)[ids].copy() for name in fields}
        lengths.append(get["actuator_length"])
        arms.append(_dense_arms(mj, get))
        axes = get["site_xmat"].reshape(len(ids), -1, 3, 3)[:, sites]
        pulls.append(_unit_pulls(mj, get, below, axes))
    return _Samples(np.concatenate(lengths), np.concatenate(arms), np.concatenate(pulls))


def _dense_arms(mj: mujoco.MjModel, get: dict[str, Array]) -> Array:
    frames = np.arange(len(get["actuator_moment"]))
    arm = np.zeros((len(frames), mj.nu, mj.nv))
    count, start = get["moment_rownnz"], get["moment_rowadr"]
    for muscle in range(mj.nu):
        for k in range(int(count[:, muscle].max())):
            here = frames[k < count[:, muscle]]
            entry = start[here, muscle] + k
            arm[here, muscle, get["moment_colind"][here, entry]] = get["actuator_moment"][
                here, entry
            ]
    return arm


def _unit_pulls(
    mj: mujoco.MjModel, get: dict[str, Array], below: NDArray[np.bool_], axes: Array
) -> Array:
    """(n, joints, nm, 3): a straight piece with one end below a joint pulls that end along it."""
    count = len(axes)
    out = np.zeros((count, len(below), mj.nu, 3))
    if not len(below):
        return out
    pieces = tendon_pieces(mj, get, np.ones((count, mj.nu)))
    ends = below[:, pieces.body].astype(float)
    world = (ends[..., :-1] - ends[..., 1:])[..., None] * pieces.force  # (joints, n, pieces, 3)
    index = np.arange(world.shape[2])
    start, stop = get["ten_wrapadr"], get["ten_wrapadr"] + get["ten_wrapnum"]
    for muscle in range(mj.nu):
        tendon = int(mj.actuator_trnid[muscle, 0])
        inside = (index >= start[:, tendon, None]) & (index < stop[:, tendon, None] - 1)
        total = np.einsum("jtpk,tp->tjk", world, inside.astype(float))
        out[:, :, muscle] = np.einsum("tjki,tjk->tji", axes, total)
    return out


def _exponents(count: int, degree: int) -> NDArray[np.intp]:
    """(terms, k) all exponents of total degree up to ``degree``."""
    rows = [e for e in product(range(degree + 1), repeat=count) if sum(e) <= degree]
    return np.array(rows, dtype=np.intp).reshape(len(rows), count)


def _basis(polynomial: Polynomial, q: Array) -> tuple[Array, Array]:
    """Monomials (n, terms) and their slopes (k, n, terms) by the coordinates."""
    z = (q[:, polynomial.dofs] - polynomial.middle) / polynomial.half
    e = polynomial.exponents
    top = int(e.max(initial=0)) + 1
    power = z[:, :, None] ** np.arange(top)  # (n, k, top)
    factor = np.stack([power[:, i, e[:, i]] for i in range(z.shape[1])] or [np.ones((len(q), 1))])
    value = factor.prod(axis=0)
    slopes = np.empty((z.shape[1], *value.shape))
    for i in range(z.shape[1]):
        lower = e[:, i] * power[:, i, np.maximum(e[:, i] - 1, 0)] / polynomial.half[i]
        slopes[i] = lower * np.delete(factor, i, axis=0).prod(axis=0)
    return value, slopes


def _fit(
    model: Model, dofs: NDArray[np.intp], q: Array, values: Array, slopes: Array | None,
    degree: int | None = None,
) -> Polynomial:  # fmt: skip
    """Least squares of values (n, m) and, for one value, of its slopes (n, k); twice, to prune."""
    exponents = _exponents(len(dofs), DEGREE.get(len(dofs), 4) if degree is None else degree)
    full = _solve(model, dofs, q, values, slopes, exponents)
    kept = np.abs(full.coefficients).max(axis=1) > _TERM
    return full if kept.all() else _solve(model, dofs, q, values, slopes, exponents[kept])


def _solve(
    model: Model, dofs: NDArray[np.intp], q: Array, values: Array, slopes: Array | None,
    exponents: NDArray[np.intp],
) -> Polynomial:  # fmt: skip
    middle, half = (x[dofs] for x in _ranges(model))
    empty = np.zeros((len(exponents), values.shape[1]))
    shape = Polynomial(dofs, middle, half, exponents, empty)
    basis, slope_basis = _basis(shape, q)
    matrix, target = basis, values
    if slopes is not None:
        # A length error of 0.1 mm weighs like a moment arm error of 1 mm over the scaled range.
        rows = [0.1 * slope_basis[i] for i in range(len(dofs))]
        matrix = np.concatenate([basis, *rows])
        target = np.concatenate([values, 0.1 * slopes.T.reshape(-1, 1)])
    solution = lstsq(matrix, target, lapack_driver="gelsy", check_finite=False)[0]
    return Polynomial(dofs, middle, half, exponents, solution)


def _error(length: Array, arm: Array) -> PathError:
    return PathError(
        float(np.abs(length).max()), float(np.abs(arm).max(initial=0.0)),
        float(np.sqrt(np.mean(length**2))),
        float(np.sqrt(np.mean(arm**2))) if arm.size else 0.0,
    )  # fmt: skip


def _fit_pulls(
    model: Model, lengths: list[Polynomial], q: Array, data: _Samples, checks: Array, test: _Samples
) -> tuple[Pull, ...]:
    out = []
    for joint, muscle in np.argwhere((data.pull != 0.0).any(axis=(0, 3))):
        dofs = lengths[muscle].dofs
        degree = min(6, DEGREE.get(len(dofs), 4))
        fitted = _fit(model, dofs, q, data.pull[:, joint, muscle], None, degree)
        error = np.abs(evaluate(fitted, checks)[0] - test.pull[:, joint, muscle]).max()
        out.append(Pull(int(joint), int(muscle), fitted, float(error)))
    return tuple(out)
