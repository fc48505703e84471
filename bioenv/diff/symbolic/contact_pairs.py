"""Which points of a model can touch a fixed flat face, with the parameters of their contact.

A face is a plane, or the uppermost face of a box that does not move: a seat, a step. A box's other
faces and its edges are not expressed; where a sphere's center leaves the face, its contact fades.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError

Array = NDArray[np.float64]
_PLANE, _SPHERE, _CAPSULE, _BOX = (
    int(getattr(mujoco.mjtGeom, f"mjGEOM_{kind}")) for kind in ("PLANE", "SPHERE", "CAPSULE", "BOX")
)
_FLAT = (_PLANE, _BOX)


@dataclass(frozen=True, eq=False)
class Face:
    """A flat face: normal (3,) outward, point (3,) m on it, world.

    sides (2, 3) unit vectors along its edges and half (2,) m; half is infinite for a plane.
    """

    normal: Array
    point: Array
    sides: Array
    half: Array


@dataclass(frozen=True, eq=False)
class ContactPoint:
    """A sphere of a body over a fixed face.

    name; body id; local (3,) m center in the body's frame; radius m; frame (3, 3) rows normal and
    two tangents, world; axis (3,) of a capsule in the body's frame, along which the first tangent
    turns, or None; offset m of the face along its normal; face: how far it goes; margin m;
    friction (2,) sliding along the tangents, None without; solref, solref_friction, solimp:
    MuJoCo's; inverse_weight 1/kg of both bodies.
    """

    name: str
    body: int
    local: Array
    radius: float
    frame: Array
    axis: Array | None
    offset: float
    face: Face
    margin: float
    friction: Array | None
    solref: Array
    solref_friction: Array
    solimp: Array
    inverse_weight: float


@dataclass(frozen=True, eq=False)
class _Law:
    dim: int
    friction: Array
    solref: Array
    solref_friction: Array
    solimp: Array
    margin: float


def contact_points(mj: mujoco.MjModel) -> tuple[ContactPoint, ...]:
    """All contact points, explicit pairs first, in MuJoCo's order.

    Raises BioenvError for a pair of geoms that can collide but is not a sphere or capsule over a
    plane, or a sphere over a box, that does not move; or with torsional or rolling friction.
    """
    if mj.opt.disableflags & (
        mujoco.mjtDisableBit.mjDSBL_CONTACT | mujoco.mjtDisableBit.mjDSBL_CONSTRAINT
    ):
        return ()
    data = mujoco.MjData(mj)
    mujoco.mj_kinematics(mj, data)
    out: list[ContactPoint] = []
    for first, second, law in _pairs(mj):
        if int(mj.geom_type[second]) in _FLAT:
            first, second = second, first
        out += _points(mj, data, first, second, law)
    return tuple(out)


def _pairs(mj: mujoco.MjModel) -> Iterator[tuple[int, int, _Law]]:
    explicit = set()
    for i in range(mj.npair):
        g1, g2 = int(mj.pair_geom1[i]), int(mj.pair_geom2[i])
        explicit.add(frozenset((g1, g2)))
        yield g1, g2, _Law(
            int(mj.pair_dim[i]), mj.pair_friction[i], mj.pair_solref[i],
            mj.pair_solreffriction[i], mj.pair_solimp[i],
            float(mj.pair_margin[i]),
        )  # fmt: skip
    bits = (mj.geom_contype != 0) | (mj.geom_conaffinity != 0)
    active = [int(geom) for geom in np.flatnonzero(bits)]
    for n, g1 in enumerate(active):
        for g2 in active[n + 1 :]:
            if frozenset((g1, g2)) not in explicit and _may_touch(mj, g1, g2):
                yield g1, g2, _mixed(mj, g1, g2)


def _may_touch(mj: mujoco.MjModel, g1: int, g2: int) -> bool:
    """MuJoCo's filter of geoms: bits, fixed bodies, parent and child, excluded bodies."""
    if not (
        mj.geom_contype[g1] & mj.geom_conaffinity[g2]
        or mj.geom_contype[g2] & mj.geom_conaffinity[g1]
    ):
        return False
    b1, b2 = int(mj.geom_bodyid[g1]), int(mj.geom_bodyid[g2])
    w1, w2 = (int(mj.body_weldid[b]) for b in (b1, b2))
    if w1 == w2:
        return False
    p1, p2 = (int(mj.body_weldid[mj.body_parentid[w]]) for w in (w1, w2))
    if w1 and w2 and (w1 == p2 or w2 == p1):
        return False
    low, high = sorted((b1, b2))
    return (low << 16) + high not in mj.exclude_signature


def _mixed(mj: mujoco.MjModel, g1: int, g2: int) -> _Law:
    """Parameters of a contact between two geoms (MuJoCo documentation, "contact parameters")."""
    order = int(mj.geom_priority[g1]) - int(mj.geom_priority[g2])
    if mj.geom_margin[[g1, g2]].any() or mj.geom_gap[[g1, g2]].any():
        raise BioenvError(
            f"{_name(mj, g1)} and {_name(mj, g2)} have a contact margin; give it in a <pair>"
        )
    if order:
        chosen = g1 if order > 0 else g2
        share = 1.0 if order > 0 else 0.0
        friction, dim = mj.geom_friction[chosen], int(mj.geom_condim[chosen])
    else:
        total = float(mj.geom_solmix[[g1, g2]].sum())
        share = float(mj.geom_solmix[g1]) / total if total > 0 else 0.5
        friction = np.maximum(mj.geom_friction[g1], mj.geom_friction[g2])
        dim = int(max(mj.geom_condim[[g1, g2]]))
    refs = mj.geom_solref[[g1, g2]]
    mixed = share * refs[0] + (1.0 - share) * refs[1]
    solref = mixed if order or (refs[:, 0] > 0).all() else refs.min(axis=0)
    solimp = share * mj.geom_solimp[g1] + (1.0 - share) * mj.geom_solimp[g2]
    wide = friction[[0, 0, 1, 2, 2]]
    return _Law(dim, wide, solref, np.zeros(2), solimp, 0.0)


def _points(
    mj: mujoco.MjModel, data: mujoco.MjData, flat: int, other: int, law: _Law
) -> list[ContactPoint]:
    kind, body = int(mj.geom_type[other]), int(mj.geom_bodyid[other])
    _check(mj, flat, other, law)
    face = _face(mj, data, flat)
    frame = _frame(face.normal)
    axis = np.zeros(3)
    mujoco.mju_rotVecQuat(axis, np.array([0.0, 0.0, 1.0]), mj.geom_quat[other])
    half = float(mj.geom_size[other, 1]) if kind == _CAPSULE else 0.0
    ends = (1.0, -1.0) if half else (0.0,)
    weight = mj.body_invweight0[[body, mj.geom_bodyid[flat]], 0].sum()
    return [
        ContactPoint(
            name=_name(mj, other) + ("" if not half else "_a" if end > 0 else "_b"),
            body=body,
            local=mj.geom_pos[other] + end * half * axis,
            radius=float(mj.geom_size[other, 0]),
            frame=frame,
            axis=axis if half else None,
            offset=float(face.normal @ face.point),
            face=face,
            margin=law.margin,
            friction=law.friction[:2].copy() if law.dim == 3 else None,
            solref=law.solref.copy(),
            solref_friction=law.solref_friction.copy(),
            solimp=law.solimp.copy(),
            inverse_weight=float(weight),
        )
        for end in ends
    ]


def _check(mj: mujoco.MjModel, flat: int, other: int, law: _Law) -> None:
    """Raise BioenvError for shapes and frictions that the law cannot express."""
    shapes = int(mj.geom_type[flat]), int(mj.geom_type[other])
    fixed = mj.body_weldid[mj.geom_bodyid[flat]] == 0
    if not fixed or shapes not in ((_PLANE, _SPHERE), (_PLANE, _CAPSULE), (_BOX, _SPHERE)):
        raise BioenvError(
            f"contact of {_name(mj, flat)} with {_name(mj, other)} is not supported: expected a "
            "fixed plane and a sphere or capsule, or a fixed box and a sphere; use those, or "
            "exclude the pair"
        )
    if law.dim not in (1, 3):
        raise BioenvError(
            f"contact of {_name(mj, flat)} with {_name(mj, other)} has condim {law.dim}; "
            "supported: 1 and 3"
        )


def _face(mj: mujoco.MjModel, data: mujoco.MjData, geom: int) -> Face:
    """A plane, or the face of a box that looks up most: on seats and steps one comes from above."""
    axes, center = data.geom_xmat[geom].reshape(3, 3).T, data.geom_xpos[geom]
    if int(mj.geom_type[geom]) == _PLANE:
        return Face(axes[2].copy(), center.copy(), axes[:2].copy(), np.full(2, np.inf))
    up = int(np.argmax(np.abs(axes[:, 2])))
    normal = axes[up] * np.sign(axes[up, 2])
    size, sides = mj.geom_size[geom], [i for i in range(3) if i != up]
    return Face(normal, center + size[up] * normal, axes[sides], size[sides].copy())


def _frame(normal: Array) -> Array:
    """(3, 3) rows normal and tangents as MuJoCo's mju_makeFrame chooses them."""
    start = np.array([0.0, 1.0, 0.0]) if abs(normal[1]) < 0.5 else np.array([0.0, 0.0, 1.0])
    first = start - normal * (normal @ start)
    first /= np.linalg.norm(first)
    return np.array([normal, first, np.cross(normal, first)])


def _name(mj: mujoco.MjModel, geom: int) -> str:
    return mj.geom(geom).name or f"geom {geom}"
