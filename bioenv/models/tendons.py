"""What the tendons of a MuJoCo model pull on: forces of every straight piece, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError

Array = NDArray[np.float64]

MOMENT_FIELDS = ("actuator_moment", "moment_rownnz", "moment_rowadr", "moment_colind")
"""MjData fields that `length_slopes` reads."""

FIELDS = ("wrap_xpos", "wrap_obj", "ten_wrapadr", "ten_wrapnum")
"""MjData fields that `tendon_pieces` reads."""


class Pieces(NamedTuple):
    """Tendons as straight pieces between neighbouring path points.

    point (n, P, 3) m, world; body (n, P) id; force (n, P - 1, 3) N along the piece, toward the
    later point: the body of the nearer end is pulled by it, that of the further end by minus it.
    """

    point: Array
    body: NDArray[np.intp]
    force: Array


def tendon_pieces(mj: mujoco.MjModel, fields: dict[str, Array], pull: Array) -> Pieces:
    """All pieces of all tendons under the actuators' `pull` (n, nu) N.

    Args:
        fields: each of `FIELDS` (n, ...) at the n frames.

    Raises BioenvError for tendons with pulleys.
    """
    if (mj.wrap_type == mujoco.mjtWrap.mjWRAP_PULLEY).any():
        raise BioenvError("joint contact forces of tendons with pulleys are not supported")
    tendon = mj.actuator_trnid[:, 0]
    spatial = mj.actuator_trntype == mujoco.mjtTrn.mjTRN_TENDON
    tension = np.zeros((len(pull), mj.ntendon))
    for muscle in np.flatnonzero(spatial):
        tension[:, tendon[muscle]] += pull[:, muscle] * mj.actuator_gear[muscle, 0]

    points = fields["wrap_xpos"].reshape(len(pull), -1, 3)
    owner = fields["wrap_obj"].reshape(len(pull), -1).astype(np.intp)
    step = np.diff(points, axis=1)
    length = np.linalg.norm(step, axis=2)
    unit = step / np.maximum(length, 1e-12)[..., None]
    # Tension along every piece between neighbouring points; zero between two tendons.
    start, stop = fields["ten_wrapadr"], fields["ten_wrapadr"] + fields["ten_wrapnum"]
    piece = np.arange(step.shape[1])
    along = np.zeros_like(length)
    for t in range(mj.ntendon):
        inside = (piece >= start[:, t, None]) & (piece < stop[:, t, None] - 1)
        along += inside * tension[:, t, None]
    return Pieces(points, _point_bodies(mj, owner), along[..., None] * unit)


def body_wrenches(mj: mujoco.MjModel, pieces: Pieces) -> Array:
    """(n, nbody, 6) force N and moment N*m about the world origin on every body."""
    count, points = pieces.body.shape
    at_point = np.zeros((count, points, 6))
    at_point[:, :-1, :3] += pieces.force
    at_point[:, 1:, :3] -= pieces.force
    at_point[..., 3:] = np.cross(pieces.point, at_point[..., :3])
    slot = (np.arange(count)[:, None] * mj.nbody + pieces.body).ravel()
    flat, size = at_point.reshape(-1, 6), count * mj.nbody
    out = np.empty((size, 6))
    for k in range(6):
        out[:, k] = np.bincount(slot, weights=flat[:, k], minlength=size)
    return out.reshape(count, mj.nbody, 6)


def _point_bodies(mj: mujoco.MjModel, owner: NDArray[np.intp]) -> NDArray[np.intp]:
    """(n, points) body of every path point; a geom's number names its body, -1 is the next site.

    Sites are always on the path and geoms only while they touch it, so the k-th -1 of a frame is
    the k-th site of the model's tendons. What lies behind the last tendon is the world.
    """
    sites = mj.wrap_objid[mj.wrap_type == mujoco.mjtWrap.mjWRAP_SITE]
    order = np.clip(np.cumsum(owner == -1, axis=1) - 1, 0, len(sites) - 1)
    return np.where(owner == -1, mj.site_bodyid[sites][order], mj.geom_bodyid[np.maximum(owner, 0)])


def length_slopes(mj: mujoco.MjModel, get: Mapping[str, Array]) -> Array:
    """(n, nu, nv) d length / d qpos of every muscle, m or m/rad, from MuJoCo's sparse rows.

    get: `MOMENT_FIELDS` of n frames. A row may be shorter in some frames than in others.
    """
    values, count, address, column = (get[name] for name in MOMENT_FIELDS)
    slope, frame = np.zeros((len(values), mj.nu, mj.nv)), np.arange(len(values))
    for muscle in range(mj.nu):
        for k in range(int(count[:, muscle].max())):
            here = frame[k < count[:, muscle]]
            entry = address[here, muscle].astype(np.intp) + k
            slope[here, muscle, column[here, entry].astype(np.intp)] = values[here, entry]
    return slope
