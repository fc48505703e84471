"""Does a motion obey Newton? Root residuals and the mismatch with the muscles' torques.

Judged by Hicks JL, Uchida TK, Seth A, Rajagopal A, Delp SL (2015). Is my model good enough? Best
practices for verification and validation of musculoskeletal models and simulations of movement. J
Biomech Eng 137(2):020905: residual forces below 5 % of the peak external force, residual moments
below 1 % of the height of the center of mass times that force.

Accelerations are differences of the motion's own velocities, not those a simulator reports, so a
motion whose velocities, forces and positions do not belong together shows.
"""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.inverse.dynamics import Contact, foot_contacts, inverse_dynamics, muscle_torque
from bioenv.inverse.frames import Frames, body_id
from bioenv.inverse.limits import limit_torque
from bioenv.models import Model, load, muscle
from bioenv.models.skeleton import floating
from bioenv.motion import Motion

Array = NDArray[np.float64]

FORCE_LIMIT_PERCENT = 5.0
"""Residual force over the peak external force (Hicks et al. 2015)."""
MOMENT_LIMIT_PERCENT = 1.0
"""Residual moment over center-of-mass height times the peak external force (Hicks et al. 2015)."""


class _State(NamedTuple):
    """Frames that can be judged: what moved, and how the motion's clock runs."""

    frames: slice
    qpos: Array
    qvel: Array
    qacc: Array
    stepped: bool  # velocities are those of a semi-implicit simulator, one physics step apart


def check(motion: Motion, model: Model | None = None) -> dict[str, float]:
    """Figures of physical consistency of a motion.

    Args:
        motion: with qpos and qvel (every coordinate of the model); with ground_reaction_force and
            center_of_pressure where feet touch the ground (labels: the model's feet; a label
            ``toes_<foot>`` is the part of that foot's force under its toes; any other is a body);
            optionally free_moment, muscle_force or activation.
        model: the body; loaded by ``motion.model`` when None.

    Returns:
        figures by name; those that the motion's channels do not allow are absent.
        ``root_force_rms``, ``root_force_peak`` N and ``..._percent`` of the peak external force;
        ``root_moment_rms``, ``root_moment_peak`` N*m and ``..._percent`` of center-of-mass height
        times that force; ``external_force_peak`` N; ``com_height`` m;
        ``torque_mismatch_rms/<coordinate>`` N*m between inverse dynamics and muscles + passive
        structures + ends of range, and ``torque_mismatch_percent/<coordinate>`` of that
        coordinate's peak net torque (of the muscle's peak force for the stretch of an elastic
        tendon); ``torque_mismatch_percent``, the largest of these.
        The toe joint is left out unless the force under the toes is given.

    In a simulated motion at the physics rate, frame k holds the state and the forces of one instant
    and the simulator advanced ``v[k+1] = v[k] + h a[k]``, with damping and the muscles' velocity
    dependence taken at v[k+1] (implicitfast). Other motions use central differences.

    Raises BioenvError when the motion lacks qpos or qvel, belongs to another body, or is shorter
    than three frames.
    """
    body = _body(motion, model)
    state = _state(motion, body)
    contacts = _contacts(motion, body, state.frames)
    net = inverse_dynamics(
        body, state.qpos, state.qvel, state.qacc, contacts=contacts, net=True
    )  # fmt: skip
    root = floating(body.mj)
    figures = _root_figures(body, state, contacts, net, root)
    known = _muscles_and_passive(motion, body, state)
    if known is not None:
        muscles, others = known
        skip = root | _below_feet(body, contacts)
        peak = np.abs(np.where(_tendons(body), muscles, net)).max(axis=0)
        figures |= _mismatch(body, peak, net - muscles - others, ~skip)
    return figures


def _tendons(model: Model) -> NDArray[np.bool_]:
    """(nv,) slides within the body: elastic tendons, whose spring bears the muscle's force, so that
    the net force is next to nothing."""
    slide = model.mj.jnt_type == mujoco.mjtJoint.mjJNT_SLIDE
    tendons: NDArray[np.bool_] = slide[model.mj.dof_jntid] & ~floating(model.mj)
    return tendons


def _body(motion: Motion, model: Model | None) -> Model:
    if model is None:
        if motion.model is None:
            raise BioenvError("the motion names no model; give check(motion, model=...)")
        model = load(motion.model)
        mass = motion.meta.get("mass_kg", model.mass)
        if abs(mass - model.mass) > 1e-3 * model.mass:
            raise BioenvError(
                f"the motion's body weighs {mass:g} kg, {motion.model!r} weighs {model.mass:g} kg; "
                "give the scaled one: check(motion, model=...)"
            )
    for name in ("qpos", "qvel"):
        if name not in motion:
            raise BioenvError(f"the motion has no channel {name}; the physics check needs it")
    axes = {"qpos": model.coordinates, "qvel": model.coordinates, "qacc": model.coordinates,
            "activation": model.muscles, "muscle_force": model.muscles}  # fmt: skip
    for name, labels in axes.items():
        if name in motion and motion.labels(name) != labels:
            raise BioenvError(
                f"{name} of the motion is for {', '.join(motion.labels(name))}; "
                f"the model has {', '.join(labels)}"
            )
    if len(motion.time) < 3:
        raise BioenvError(f"the physics check needs three frames, the motion has {len(motion)}")
    return model


def _state(motion: Motion, model: Model) -> _State:
    step = np.diff(motion.time)
    # A rollout at another physics step than the model's says so.
    h = float(motion.meta.get("timestep", model.mj.opt.timestep))
    stepped = motion.source("qvel") == "simulated" and bool(np.allclose(step, h, rtol=1e-3))
    qpos, qvel = motion["qpos"], motion["qvel"]
    if not stepped:
        qacc = np.gradient(qvel, motion.time, axis=0, edge_order=2)
        return _State(slice(None), qpos, qvel, qacc, False)
    qacc = np.diff(qvel, axis=0) / step[:, None]
    return _State(slice(0, -1), qpos[:-1], qvel[:-1], qacc, True)


def _contacts(motion: Motion, model: Model, frames: slice) -> list[Contact]:
    if "ground_reaction_force" not in motion or "center_of_pressure" not in motion:
        return []
    labels = motion.labels("ground_reaction_force")
    if motion.labels("center_of_pressure") != labels:
        raise BioenvError("ground_reaction_force and center_of_pressure differ in their labels")
    force, point = motion["ground_reaction_force"], motion["center_of_pressure"]
    contacts: list[Contact] = []
    for i, label in enumerate(labels):
        f, p = force[frames, i], point[frames, i]
        moment = None
        if "free_moment" in motion and label in motion.labels("free_moment"):
            moment = motion["free_moment"][frames, motion.labels("free_moment").index(label)]
        if label in model.feet:
            whole = foot_contacts(
                model, f[:, None], p[:, None], None if moment is None else moment[:, None], (label,)
            )
            contacts += whole
            continue
        body_id(model.mj, label)
        contacts.append(Contact(label, f, p, moment))
        foot = label.removeprefix("toes_")
        if foot != label and foot in labels:  # already counted in the whole foot's force
            contacts.append(Contact(f"calcn_{foot}", -f, p, None if moment is None else -moment))
    return contacts


def _root_figures(
    model: Model, state: _State, contacts: list[Contact], net: Array, root: NDArray[np.bool_]
) -> dict[str, float]:
    if not root.any():
        return {}
    kind = model.mj.jnt_type[model.mj.dof_jntid]
    slides = root & (kind == mujoco.mjtJoint.mjJNT_SLIDE)
    turns = root & (kind == mujoco.mjtJoint.mjJNT_HINGE)
    external = np.zeros((len(net), 3))
    for contact in contacts:
        external += np.where(np.isfinite(contact.point), contact.force, 0.0)
    peak = float(np.linalg.norm(external, axis=1).max())
    height = _com_height(model, state.qpos)
    figures = {"external_force_peak": peak, "com_height": height}
    for name, dofs, scale in (("force", slides, peak), ("moment", turns, peak * height)):
        size = np.linalg.norm(net[:, dofs], axis=1)
        for what, value in (("rms", np.sqrt(np.mean(size**2))), ("peak", size.max())):
            figures[f"root_{name}_{what}"] = float(value)
            if scale > 0:
                figures[f"root_{name}_{what}_percent"] = float(100 * value / scale)
    return figures


def _com_height(model: Model, qpos: Array) -> float:
    """Mean height of the whole body's center of mass, m."""
    parts = [
        batch.bind("subtree_com")[ids, 0, 2]
        for _, batch, ids in Frames(model.mj, qpos, None, ("subtree_com",))
    ]
    return float(np.concatenate(parts).mean())


def _muscles_and_passive(motion: Motion, model: Model, state: _State) -> tuple[Array, Array] | None:
    """(n, nv) what muscles do, and passive structures and ends of range; None without muscles."""
    force = motion["muscle_force"][state.frames] if "muscle_force" in motion else None
    activation = motion["activation"][state.frames] if "activation" in motion else None
    if force is None and activation is None:
        return None
    implicit = model.mj.opt.integrator == mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    ahead = state.qvel + np.diff(motion.time)[:, None] * state.qacc if state.stepped else None
    late = ahead if implicit and ahead is not None else state.qvel
    length, fast, passive = _muscle_kinematics(model, state.qpos, late)
    if activation is not None:
        now = _muscle_kinematics(model, state.qpos, state.qvel)[1]
        used = muscle.muscle_force(length, fast, activation, model.muscle)
        # The recorded force is what is judged; the step adds its change with velocity.
        if force is not None:
            used += force - muscle.muscle_force(length, now, activation, model.muscle)
        force = used
    assert force is not None
    recorded = motion["qacc"][state.frames] if "qacc" in motion else state.qacc
    ends = limit_torque(model, state.qpos, state.qvel, recorded)
    return muscle_torque(model, state.qpos, force), passive + ends


def _muscle_kinematics(model: Model, qpos: Array, qvel: Array) -> tuple[Array, Array, Array]:
    """Muscle-tendon length and velocity (n, nm) and passive joint torque (n, nv)."""
    fields = ("actuator_length", "actuator_velocity", "qfrc_passive")
    parts = [
        [batch.bind(name)[ids].copy() for name in fields]
        for _, batch, ids in Frames(model.mj, qpos, qvel, fields)
    ]
    length, velocity, passive = (np.concatenate(each) for each in zip(*parts, strict=True))
    return length, velocity, passive


def _below_feet(model: Model, contacts: list[Contact]) -> NDArray[np.bool_]:
    """(nv,) toe joints of a loaded foot whose force is not split between foot and toes."""
    mj, loaded = model.mj, {contact.body for contact in contacts}
    whole = {f"calcn_{foot}" for foot in model.feet} & loaded
    skip = np.zeros(mj.nv, dtype=bool)
    for dof, body in enumerate(mj.dof_bodyid):
        parent = mj.body(int(mj.body_parentid[body])).name
        skip[dof] = parent in whole and mj.body(int(body)).name not in loaded
    return skip


def _mismatch(
    model: Model, peak: Array, difference: Array, joints: NDArray[np.bool_]
) -> dict[str, float]:
    figures: dict[str, float] = {}
    percent = []
    for i in np.flatnonzero(joints):
        name, rms = model.coordinates[i], float(np.sqrt(np.mean(difference[:, i] ** 2)))
        figures[f"torque_mismatch_rms/{name}"] = rms
        if peak[i] > 0:
            percent.append(100 * rms / float(peak[i]))
            figures[f"torque_mismatch_percent/{name}"] = percent[-1]
    if percent:
        figures["torque_mismatch_percent"] = max(percent)
    return figures
