"""Sizes of a body's segments from a static trial: by distances between markers, or all at once.

All at once: pose and one factor per segment are fitted to the markers together. In a fixed posture
every marker is linear in the factors, its derivative by the logarithm of a segment's being the way
from the segment's joint to the next one on the way to the marker; so this is Gauss-Newton with
exact derivatives. Factors of segments the markers say little about are drawn to the common size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.inverse.kinematics import MarkerKinematics, inverse_kinematics
from bioenv.models.anatomy import BodyMarker
from bioenv.models.osim.anatomy import OsimAnatomy
from bioenv.models.osim.description import GROUND, Description
from bioenv.models.osim.scale_model import scale

Array = NDArray[np.float64]

NOISE, SPREAD = 0.01, 0.2  # m of a marker; usual deviation of a factor from the common one
SHORT = 0.1  # m; a segment without markers that is shorter takes its parent's factor
STEPS, TOLERANCE = 25, 1e-7


class Measurement(NamedTuple):
    """Bodies are scaled along `axes` by the mean ratio of measured to modelled marker distances."""

    name: str
    pairs: tuple[tuple[str, str], ...]
    bodies: tuple[str, ...]
    axes: str = "xyz"


def measured_factors(
    description: Description,
    measurements: Sequence[Measurement],
    names: Sequence[str],
    positions: Array,
) -> dict[str, Array]:
    """Factors (3,) by body as OpenSim's ModelScaler computes them, the model in default posture.

    positions: (T, M, 3) m, NaN unseen; distances are averaged over frames. A later measurement of
    the same body and axis replaces an earlier one.
    """
    modelled = default_markers(description)
    bodies = [body.name for body in description.bodies]
    factors: dict[str, Array] = {}
    for one in measurements:
        if not one.pairs:
            raise BioenvError(f"measurement {one.name!r} has no marker pair")
        ratios = []
        for pair in one.pairs:
            for name in pair:
                if name not in names:
                    raise unknown(f"marker of measurement {one.name!r}", name, names)
                if name not in modelled:
                    raise unknown(f"model marker of measurement {one.name!r}", name, modelled)
            first, second = (positions[:, list(names).index(name)] for name in pair)
            apart = np.linalg.norm(first - second, axis=1)
            if not np.isfinite(apart).any():
                raise BioenvError(f"markers {pair[0]} and {pair[1]} are never seen together")
            inside = np.linalg.norm(modelled[pair[0]] - modelled[pair[1]])
            ratios.append(float(np.nanmean(apart)) / float(inside))
        for body in one.bodies:
            if body not in bodies:
                raise unknown(f"body of measurement {one.name!r}", body, bodies)
            factor = factors.setdefault(body, np.ones(3))
            factor[["xyz".index(axis) for axis in one.axes.lower()]] = np.mean(ratios)
    return factors


def default_markers(description: Description) -> dict[str, Array]:
    """(3,) m world position of every marker of a model in its default posture."""
    anatomy = OsimAnatomy(description)
    position, rotation = anatomy.body_frames(anatomy.couple(anatomy.default[None]))
    return {m.name: position[0, m.body] + rotation[0, m.body] @ m.location for m in anatomy.markers}


def fitted_factors(
    description: Description,
    names: Sequence[str],
    positions: Array,
    *,
    weights: Mapping[str, float] | None = None,
    symmetric: bool = True,
) -> dict[str, Array]:
    """Factors (3,) by body, the same along all axes, fitted together with the posture.

    positions: (1, M, 3) m, NaN unseen. symmetric: left and right (names ending in _l and _r) share
    a factor.
    """
    group, count = _groups(description, set(names), symmetric)
    size = np.zeros(count)  # logarithms
    bones = replace(description, muscles=())  # paths would cost time and change nothing here
    for _ in range(STEPS):
        factors = {body: np.full(3, np.exp(size[g])) for body, g in group.items()}
        anatomy = OsimAnatomy(scale(bones, factors))
        found = inverse_kinematics(anatomy, [0.0], names, positions, weights=weights)
        change = _improvement(anatomy, found, group, size)
        size = size + change
        if np.abs(change).max() < TOLERANCE:
            break
    return {body: np.full(3, float(np.exp(size[g]))) for body, g in group.items()}


def _improvement(
    anatomy: OsimAnatomy, found: MarkerKinematics, group: Mapping[str, int], size: Array
) -> Array:
    """Gauss-Newton step of the logarithms of the factors, posture free to follow."""
    seen = np.isfinite(found.marker_error[0])
    by_name = {marker.name: marker for marker in anatomy.markers}
    markers = [by_name[name] for name in found.marker_names]
    root = np.sqrt(found.weights[seen])[:, None, None]
    stretches = _stretches(anatomy, found, markers, group, len(size))
    along = (root * stretches[seen]).reshape(-1, len(size))
    turns = (root * _levers(anatomy, found, markers)[seen]).reshape(len(along), -1)
    left = (root[:, :, 0] * (found.markers - found.fitted)[0, seen]).ravel()
    # What no change of posture can take up: the part across the columns of `turns`.
    basis, value, _ = np.linalg.svd(turns, full_matrices=False)
    basis = basis[:, value > 1e-9 * value[0]]
    along -= basis @ (basis.T @ along)
    left = left - basis @ (basis.T @ left)
    # Every factor's distance from the mean of all costs as much as NOISE does a marker.
    prior = np.eye(len(size)) - 1.0 / len(size)
    prior *= (NOISE / SPREAD) ** 2
    matrix = along.T @ along + prior
    step = np.linalg.lstsq(matrix, along.T @ left - prior @ size, rcond=1e-12)[0]
    return np.asarray(np.clip(step, -0.3, 0.3))


def _stretches(
    anatomy: OsimAnatomy,
    found: MarkerKinematics,
    markers: Sequence[BodyMarker],
    group: Mapping[str, int],
    count: int,
) -> Array:
    """(M, 3, count) derivative of every marker by the logarithm of every group's factor."""
    position, rotation = anatomy.body_frames(found.q)
    center = {
        joint.child: position[0, joint.child] + rotation[0, joint.child] @ joint.center
        for joint in anatomy.joints
    }
    out = np.zeros((len(markers), 3, count))
    for row, marker in enumerate(markers):
        body, end = marker.body, found.fitted[0, row]
        while body in center:
            out[row, :, group[anatomy.body_names[body]]] += end - center[body]
            end, body = center[body], int(anatomy.mj.body_parentid[body])
    return out


def _levers(anatomy: OsimAnatomy, found: MarkerKinematics, markers: Sequence[BodyMarker]) -> Array:
    """(M, 3, k) derivative of every marker by every independent, unlocked coordinate."""
    free = np.flatnonzero(anatomy.independent & ~anatomy.locked)
    step = 1e-6
    moved = np.repeat(found.q, 2 * len(free), axis=0)
    moved[np.arange(len(free)), free] += step
    moved[len(free) + np.arange(len(free)), free] -= step
    position, rotation = anatomy.body_frames(anatomy.couple(moved))
    at = np.stack([position[:, m.body] + rotation[:, m.body] @ m.location for m in markers])
    return (at[:, : len(free)] - at[:, len(free) :]).transpose(0, 2, 1) / (2 * step)


def _groups(
    description: Description, names: set[str], symmetric: bool
) -> tuple[dict[str, int], int]:
    """Number of the factor of every body."""
    carrying = {marker.body for marker in description.markers if marker.name in names}
    joint_of = {joint.child: joint for joint in description.joints}
    below: set[str] = set()
    for body in carrying:
        while body != GROUND and body not in below:
            below.add(body)
            body = joint_of[body].parent
    length: dict[str, float] = {}
    for joint in description.joints:
        if joint.child in below and joint.parent != GROUND:
            start = joint_of[joint.parent].child_pose.position
            reach = float(np.linalg.norm(joint.parent_pose.position - start))
            length[joint.parent] = max(length.get(joint.parent, 0.0), reach)
    key: dict[str, str] = {}
    for segment in description.bodies:
        parent = joint_of[segment.name].parent
        told = segment.name in carrying or length.get(segment.name, 0.0) > SHORT
        own = (
            segment.name[:-2] if symmetric and segment.name.endswith(("_l", "_r")) else segment.name
        )
        key[segment.name] = own if told or parent == GROUND else key[parent]
    numbers = {name: i for i, name in enumerate(dict.fromkeys(key.values()))}
    return {body: numbers[name] for body, name in key.items()}, len(numbers)
