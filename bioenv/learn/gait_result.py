"""From the fitted network to what an inverse analysis holds: contacts, torques, muscles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioenv.inverse.analysis import Analysis, GroundContact, Settings
from bioenv.inverse.dynamics import Contact
from bioenv.inverse.generalized import generalized_forces
from bioenv.inverse.markers import RMS_LIMIT
from bioenv.inverse.muscles.methods import share
from bioenv.inverse.muscles.problem import Sharing
from bioenv.inverse.sharing_task import sharing_problem
from bioenv.inverse.standard import to_motion
from bioenv.learn.gait_body import Load
from bioenv.learn.gait_torque import span_of
from bioenv.models.anatomy import Anatomy
from bioenv.motion import Motion

Array = NDArray[np.float64]

FAINT = 20.0  # N, vertical: below it the pressure center means nothing and stays with the load
NONE = 1.0  # N: a foot with less counts as unloaded
ANGLE_LIMIT, PLACE_LIMIT = np.radians(2.0), 0.02  # rad and m, of coordinates
FORCE_LIMIT, MOMENT_LIMIT = 0.02, 0.01  # body weights, and times 1 m: of the root's residual, RMS


def contacts_of(
    loads: Sequence[Load], place: Array, names: Sequence[str], measured: Sequence[GroundContact]
) -> tuple[GroundContact, ...]:
    """One contact per body from loads that act at `place` (T, c, 3) m, world.

    A plate's contact keeps its name; forces that were found are called ground_<body>. names: of
    MuJoCo's bodies.
    """
    found = []
    for body in dict.fromkeys(load.body for load in loads):
        mine = [i for i, load in enumerate(loads) if load.body == body]
        force = np.stack([loads[i].force for i in mine])
        moment = np.stack([_moment(loads[i]) for i in mine])
        name = names[body]
        plates = [c.name for c in measured if c.body == name]
        label = plates[0] if len(plates) == 1 else f"ground_{name}"
        found.append(GroundContact(label, name, *_summed(force, moment, place[:, mine])))
    return tuple(found)


def _summed(force: Array, moment: Array, place: Array) -> tuple[Array, Array, Array]:
    """Force (T, 3), pressure center and moment about it of forces and moments (c, T, 3) at place
    (T, c, 3); unloaded frames have no point."""
    total = force.sum(axis=0)
    weight = np.linalg.norm(force, axis=2).T + 1e-9
    middle = (weight[..., None] * place).sum(axis=1) / weight.sum(axis=1)[:, None]
    arm = place.transpose(1, 0, 2) - middle
    about = (moment + np.cross(arm, force)).sum(axis=0)
    firm = total[:, 2] > FAINT
    lift = np.where(firm, total[:, 2], 1.0)
    shift = np.column_stack([-about[:, 1] / lift, about[:, 0] / lift, np.zeros(len(lift))])
    shift *= firm[:, None]
    on = np.linalg.norm(total, axis=1) > NONE
    point = np.where(on[:, None], middle + shift, np.nan)
    left = about - np.cross(shift, total)
    return np.where(on[:, None], total, 0.0), point, np.where(on[:, None], left, 0.0)


def with_torques(found: Analysis, basis: Array) -> tuple[Analysis, Array]:
    """The analysis with the generalized force of every coordinate, and what was taken off it.

    Of the torque only what functions `basis` (T, F) can follow is kept: a force that is faster than
    the movement was allowed to be has no acceleration to balance it. Both (T, n).
    """
    moved = found.kinematics
    external = [Contact(c.body, c.force, c.point, c.moment) for c in found.contacts]
    torque = generalized_forces(
        found.anatomy, moved.q, moved.qd, moved.qdd, external, like_opensim=False
    )
    span = span_of(basis)
    kept = span @ (span.T @ torque)
    return replace(found, torque=kept), torque - kept


def with_muscles(found: Analysis, settings: Settings) -> Analysis:
    """The analysis with activations in [0, 1] that give its joint torques as far as they can."""
    moved, anatomy = found.kinematics, found.anatomy
    assert found.torque is not None
    geometry = anatomy.muscle_geometry(moved.q, moved.qd)
    capacity = anatomy.muscle_capacity(geometry)
    problem = sharing_problem(
        anatomy, moved.time, moved.q, found.torque, geometry, capacity, settings
    )
    sharing: Sharing = share(problem, settings)
    return replace(found, geometry=geometry, capacity=capacity, problem=problem, sharing=sharing)


def torque_misfit(found: Analysis) -> dict[str, float]:
    """Root mean square, N*m by coordinate, of what muscles with activations in [0, 1] leave."""
    if found.sharing is None or found.problem is None:
        return {}
    left = found.sharing.missing_torque + found.sharing.reserve_torque
    size = np.sqrt((left**2).mean(axis=0))
    return dict(zip(found.problem.coordinates, map(float, size), strict=True))


def root_residual(anatomy: Anatomy, torque: Array) -> dict[str, float]:
    """Root mean square of what Newton lacks at the root: force N, moment N*m; torque (T, n)."""
    rows = anatomy.root
    if not rows.any():
        return {}
    square = torque**2
    parts = (("force_rms", rows & ~anatomy.rotational), ("moment_rms", rows & anatomy.rotational))
    return {name: float(np.sqrt(square[:, part].sum(axis=1).mean())) for name, part in parts}


def too_large(residual: dict[str, float], anatomy: Anatomy) -> list[str]:
    """In words, what is larger than a good fit allows."""
    weight = anatomy.body_weight
    limits = {
        "marker_rms": (RMS_LIMIT, "m"),
        "angle_rms": (ANGLE_LIMIT, "rad"),
        "position_rms": (PLACE_LIMIT, "m"),
        "force_rms": (FORCE_LIMIT * weight, "N"),
        "moment_rms": (MOMENT_LIMIT * weight, "N*m"),
    }
    return [
        f"{name} {residual[name]:.3g} {unit}, above {limit:.3g}"
        for name, (limit, unit) in limits.items()
        if residual.get(name, 0.0) > limit
    ]


def estimated(found: Analysis, **meta: Any) -> Motion:
    """The analysis as a Motion whose channels are estimated; markers stay measured."""
    motion = to_motion(found).with_meta(task="gait network", **meta)
    for name in motion.signals:
        if name != "markers":
            motion = motion.add(name, motion[name], labels=motion.labels(name), source="estimated")
    return motion


def _moment(load: Load) -> Array:
    return np.zeros_like(load.force) if load.moment is None else load.moment
