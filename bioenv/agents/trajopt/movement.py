"""The movement of a trajectory as a Motion: forces, and the other half of a symmetric stride."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioenv.agents.trajopt.guess import Trajectory
from bioenv.agents.trajopt.problem import Problem
from bioenv.models import Model, muscle
from bioenv.motion import Motion, Signal

Array = NDArray[np.float64]

_LOADED = 1.0  # N on a foot below which it has no center of pressure


def whole_stride(problem: Problem, t: Trajectory) -> Trajectory:
    """Half a stride and its mirror image; other movements as they are."""
    if problem.symmetry != "mirror":
        return t
    model = problem.model
    other = t.q[1:, model.mirror_qpos]
    if problem.travel is not None:
        i = model.coordinate_index(problem.travel)
        other[:, i] = t.q[1:, i] + t.q[-1, i] - t.q[0, i]
    q, m = model.mirror_qpos, model.mirror_muscle
    return Trajectory(
        np.concatenate([t.q, other]),
        np.concatenate([t.v, t.v[1:, q]]),
        np.concatenate([t.a, t.a[1:, q]]),
        np.concatenate([t.act, t.act[1:, m]]),
        np.concatenate([t.rate, t.rate[1:, m]]),
        2.0 * t.duration,
    )


def motion_of(problem: Problem, symbolic: Any, trajectory: Trajectory, p: Array) -> Motion:
    """The Motion of a trajectory, a whole stride where half of one was found.

    Channels: qpos, qvel, qacc, activation, excitation, muscle_force, muscle_length,
    muscle_velocity, joint_torque of the muscles, ground_reaction_force and center_of_pressure (of
    each foot, ``toes_<foot>`` of the share under its toes, and bodies that rest on a seat).
    """
    t, model = whole_stride(problem, trajectory), problem.model

    def table(values: Any) -> Array:
        return np.asarray(values).T

    columns = [t.q.T, t.v.T, t.act.T, np.tile(p[:, None], (1, len(t.q)))]
    force = table(symbolic.muscle(*columns)[0])
    length, velocity = _muscle_path(symbolic, t)
    torque = table(symbolic.muscle_torque(*columns))
    coordinates, muscles = model.coordinates, model.muscles
    channels = {
        "qpos": (t.q, coordinates), "qvel": (t.v, coordinates), "qacc": (t.a, coordinates),
        "activation": (t.act, muscles), "excitation": (excitation(model, t), muscles),
        "muscle_force": (force, muscles), "muscle_length": (length, muscles),
        "muscle_velocity": (velocity, muscles),
        "fiber_length": (muscle.fiber_length(length, model.muscle), muscles),
        "joint_torque": (torque, coordinates),
    }  # fmt: skip
    signals = {name: Signal(*pair, "optimized") for name, pair in channels.items()}
    if model.feet and symbolic.n_contact:
        signals |= _ground(symbolic, t, p)
    return Motion(t.time, signals, model.name, _told(problem))


def _told(problem: Problem) -> dict[str, Any]:
    """What a reader of the motion should know: aims, what was given, and how it repeats."""
    fixed = {"speed": problem.speed, "cadence": problem.duration}
    told = {
        "mass_kg": problem.model.mass, "goals": dict(problem.goals),
        "rewarded": list(problem.goals), "tracks": [t.name for t in problem.tracks],
        "imposed": [name for name, span in fixed.items() if span and span[0] == span[1]],
        "parameters": dict(problem.parameters), "symmetry": problem.symmetry,
        "travel": problem.travel or "",
    }  # fmt: skip
    if problem.added_mass:
        told["added_mass_kg"] = dict(problem.added_mass)
    if problem.changes:
        told["changes"] = dict(problem.changes)
    return told


def excitation(model: Model, t: Trajectory) -> Array:
    """(T, nm) the excitation that gives the activation its rate, within 0..1."""
    shape = 0.5 + 1.5 * t.act
    constant = np.where(t.rate > 0, model.muscle.tau_act * shape, model.muscle.tau_deact / shape)
    return np.clip(t.act + t.rate * constant, 0.0, 1.0)


def _muscle_path(symbolic: Any, t: Trajectory) -> tuple[Array, Array]:
    """Muscle-tendon length and velocity, (T, nm) m and m/s."""
    count, m = len(t.q), t.act.shape[1]
    length, arm = symbolic.muscle_path.map(count)(t.q.T)
    arms = np.asarray(arm).reshape(m, count, t.q.shape[1])
    return np.asarray(length).T, np.einsum("mtj,tj->tm", arms, t.v)


def _ground(symbolic: Any, t: Trajectory, p: Array) -> dict[str, Signal]:
    """Force and center of pressure of each foot, of its toes, and of bodies that rest."""
    count, n = len(t.q), symbolic.n_contact
    parameters = np.tile(p[:, None], (1, count))
    forces = symbolic.contact_force.map(count)(t.q.T, t.v.T, t.a.T, parameters)
    points = symbolic.contact_point.map(count)(t.q.T)
    force, point = (
        np.asarray(values).reshape(n, count, 3).transpose(1, 0, 2) for values in (forces, points)
    )
    mj, feet = symbolic.model.mj, symbolic.model.feet
    bodies = [mj.body(int(contact.body)).name for contact in symbolic.contacts]
    groups = {foot: symbolic.contact_foot == i for i, foot in enumerate(feet)}
    for foot in feet:
        toes = np.array([name == f"toes_{foot}" for name in bodies])
        if toes.any():
            groups[f"toes_{foot}"] = toes
    for i in np.flatnonzero(symbolic.contact_foot < 0).tolist():  # on a seat
        groups[bodies[i]] = (symbolic.contact_foot < 0) & (np.array(bodies) == bodies[i])
    total = np.stack([force[:, part].sum(axis=1) for part in groups.values()], axis=1)
    center = np.full(total.shape, np.nan)
    for i, part in enumerate(groups.values()):
        loaded = total[:, i, 2] > _LOADED
        weight = force[loaded][:, part, 2]
        moment = np.einsum("tc,tcx->tx", weight, point[loaded][:, part])
        center[loaded, i] = moment / weight.sum(axis=1)[:, None]
    labels = tuple(groups)
    return {
        "ground_reaction_force": Signal(total, labels, "optimized"),
        "center_of_pressure": Signal(center, labels, "optimized"),
    }
