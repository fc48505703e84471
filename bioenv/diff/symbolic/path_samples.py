"""Muscle paths of a model at many poses over its range of motion, from MuJoCo."""

from __future__ import annotations

import math
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.models.frames import Frames
from bioenv.models.model import Model
from bioenv.models.tendons import FIELDS, MOMENT_FIELDS, length_slopes, tendon_pieces

Array = NDArray[np.float64]

_BEYOND_HINGE, _BEYOND_SLIDE = 0.25, 0.05  # rad and m past the ranges: soft limits give way
_JUMP = 1e-3  # m: a longer step of a length than its slope explains
_SWEEP, _SWEEPS = 121, 3
_LENGTHS = ("actuator_length", *MOMENT_FIELDS)
_SPAN = math.pi / 2  # either side of home, for a coordinate without a range


@dataclass(frozen=True, eq=False)
class Samples:
    """What MuJoCo says of every muscle at n poses."""

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


def poses(low: Array, high: Array, count: int, *, dense_ends: bool = False, skip: int = 0) -> Array:
    """(count, nq) low-discrepancy poses over the ranges (additive recurrence, Roberts 2018)."""
    n = len(low)
    golden = 1.5
    for _ in range(60):
        golden = (1.0 + golden) ** (1.0 / (n + 1))
    index = np.arange(1 + skip, 1 + skip + count)[:, None]
    unit = (0.5 + index * golden ** -np.arange(1.0, n + 1)) % 1.0
    spread = -np.cos(np.pi * unit) if dense_ends else 2.0 * unit - 1.0
    return 0.5 * (low + high) + 0.5 * (high - low) * spread


def ranges(model: Model) -> tuple[Array, Array]:
    """Low and high end (nq,) of every coordinate's range, a margin included."""
    mj = model.mj
    limited = mj.jnt_limited.astype(bool)
    hinge = mj.jnt_type == mujoco.mjtJoint.mjJNT_HINGE
    margin = np.where(hinge, _BEYOND_HINGE, _BEYOND_SLIDE)
    low = np.where(limited, mj.jnt_range[:, 0] - margin, model.home - _SPAN)
    high = np.where(limited, mj.jnt_range[:, 1] + margin, model.home + _SPAN)
    return low, high


def continuous_ranges(model: Model) -> tuple[Array, Array]:
    """The part (nq,), (nq,) of every coordinate's range in which no muscle's length jumps.

    Where a tendon slips to the other side of its wrapping surface, MuJoCo's length is not
    continuous. Each coordinate is swept at a few poses of the others; the longest piece is kept.
    """
    low, high = ranges(model)
    share = np.linspace(0.0, 1.0, _SWEEP)
    others = poses(low, high, _SWEEPS)
    arms = _lengths(model, others)[1]
    for dof in np.flatnonzero(np.abs(arms).max(axis=(0, 1)) > 0.0):
        line = low[dof] + (high[dof] - low[dof]) * share
        q = np.repeat(others, _SWEEP, axis=0)
        q[:, dof] = np.tile(line, _SWEEPS)
        length, arm = _lengths(model, q)
        length = length.reshape(_SWEEPS, _SWEEP, -1)
        slope = arm[:, :, dof].reshape(length.shape)
        mean = 0.5 * (slope[:, 1:] + slope[:, :-1]) * (line[1] - line[0])
        jumps = np.flatnonzero((np.abs(np.diff(length, axis=1) - mean) > _JUMP).any(axis=(0, 2)))
        ends = np.concatenate([[-1], jumps, [_SWEEP - 1]])  # a piece runs from one end + 1 to next
        best = int(np.argmax(np.diff(ends)))
        low[dof], high[dof] = line[ends[best] + 1], line[ends[best + 1]]
    return low, high


def _lengths(model: Model, q: Array) -> tuple[Array, Array]:
    """Lengths (n, nm) and moment arms (n, nm, nv)."""
    parts = []
    for _, batch, ids in Frames(model.mj, q, None, _LENGTHS):
        get = {name: batch.bind(name)[ids].copy() for name in _LENGTHS}
        parts.append((get["actuator_length"], length_slopes(model.mj, get)))
    lengths, arms = zip(*parts, strict=True)
    return np.concatenate(lengths), np.concatenate(arms)


def sample(model: Model, q: Array) -> Samples:
    """Lengths, moment arms and pulls at poses q (n, nq)."""
    mj, sites = model.mj, joint_sites(model)
    below = np.array([subtree(mj, int(mj.site_bodyid[s])) for s in sites])
    below = below.reshape(len(sites), mj.nbody)
    fields = (*_LENGTHS, "site_xmat", *FIELDS)
    lengths, arms, pulls = [], [], []
    for _, batch, ids in Frames(mj, q, None, fields):
        get = {name: batch.bind(name)[ids].copy() for name in fields}
        lengths.append(get["actuator_length"])
        arms.append(length_slopes(mj, get))
        axes = get["site_xmat"].reshape(len(ids), -1, 3, 3)[:, sites]
        pulls.append(_unit_pulls(mj, get, below, axes))
    return Samples(np.concatenate(lengths), np.concatenate(arms), np.concatenate(pulls))


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
