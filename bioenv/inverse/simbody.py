"""What OpenSim's joints accelerate otherwise than their motion says, so that numbers can agree.

Simbody's function-based joint (OpenSim's CustomJoint) takes the rate of its rotation axes as if the
first three coordinates turned about the first three axes, one each
(Simbody/src/MobilizedBodyImpl.h, FunctionBasedImpl::buildHdot). Where one coordinate drives several
rotations, as the knee of Rajagopal's model does, the angular acceleration is off by the product of
two of their rates: energy is then not conserved, and inverse dynamics of walking differs by up to
0.3 N*m RMS at the hip. The motion itself, its speeds and static forces are right.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bioenv.inverse.newton import Drift, cross
from bioenv.models.anatomy import Anatomy
from bioenv.models.osim.anatomy import OsimAnatomy
from bioenv.models.osim.description import Joint

Array = NDArray[np.float64]


def drifts(anatomy: Anatomy, q: Array, qd: Array) -> list[Drift]:
    """The joints whose acceleration Simbody takes differently at q, qd (T, n); none for others."""
    if not isinstance(anatomy, OsimAnatomy):
        return []
    return [
        Drift(
            anatomy.body_id(joint.child),
            joint.child_pose.position,
            anatomy.body_id(joint.parent),
            joint.parent_pose.rotation,
            _drift(joint, anatomy.coordinates, q, qd),
        )
        for joint in anatomy.description.joints
        if _drives_several(joint)
    ]


def _drives_several(joint: Joint) -> bool:
    """Whether a coordinate turns an axis that is not its own."""
    names = [coordinate.name for coordinate in joint.coordinates]
    moved = [None if a.coordinate is None else names.index(a.coordinate) for a in joint.rotations]
    turning = [i for i, c in enumerate(moved) if c is not None]
    return joint.kind == "CustomJoint" and len(turning) > 1 and moved != turning


def _drift(joint: Joint, coordinates: tuple[str, ...], q: Array, qd: Array) -> Array:
    """(T, 3) Simbody's angular acceleration minus the true one, in the parent's joint frame."""
    names = [coordinate.name for coordinate in joint.coordinates]
    column = [coordinates.index(name) for name in names]
    turned = np.eye(3)[None].repeat(len(q), axis=0)
    axes, part = [], np.zeros((len(q), 3, len(names)))  # rate of rotation i by coordinate c
    for i, axis in enumerate(joint.rotations):
        axes.append(turned @ axis.direction)
        if axis.coordinate is None:
            angle = np.full(len(q), float(axis.function.value(np.zeros(()))))
        else:
            c = names.index(axis.coordinate)
            x = q[:, column[c]]
            angle = axis.function.value(x)
            part[:, i, c] = axis.function.slope(x) * qd[:, column[c]]
        turned = turned @ _rotations(axis.direction, angle)
    w = np.stack(axes, axis=2)  # (T, 3, axes)
    rate = part.sum(axis=2)
    first = np.einsum("tki,ti->tk", w, part[:, :, 0])
    without_third = part[:, :, [c for c in range(len(names)) if c != 2]].sum(axis=2)
    both = np.einsum("tki,ti->tk", w, without_third)
    true_first = w[..., 0] * rate[:, :1]
    true_both = true_first + w[..., 1] * rate[:, 1:2]
    return (
        cross(first - true_first, w[..., 1]) * rate[:, 1:2]
        + cross(both - true_both, w[..., 2]) * rate[:, 2:]
    )


def _rotations(axis: Array, angle: Array) -> Array:
    """(T, 3, 3) rotations by `angle` (T,) about a unit axis."""
    x, y, z = axis
    skew = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    s, c = np.sin(angle)[:, None, None], 1.0 - np.cos(angle)[:, None, None]
    return np.eye(3) + s * skew + c * (skew @ skew)
