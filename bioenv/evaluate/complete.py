"""Channels that a motion does not carry, computed from those it does.

A rollout brings what MuJoCo computed; an optimized motion brings what its program needed. With the
channels added here both are judged alike.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bioenv.inverse import inverse_dynamics, joint_contact_force
from bioenv.models import Model, MuscleParameters
from bioenv.models.energy import bhargava2004
from bioenv.motion import Motion

_STATE = ("qpos", "qvel", "qacc")
_GROUND = ("ground_reaction_force", "center_of_pressure")
_MUSCLES = ("excitation", "activation", "muscle_length", "muscle_velocity", "muscle_force")
_TOES = "toes_"


def whole_feet(motion: Motion) -> Motion:
    """The motion without the shares under the toes ("toes_r"), which the feet's forces include."""
    for name in ("ground_reaction_force", "center_of_pressure", "free_moment"):
        if name not in motion:
            continue
        labels = motion.labels(name)
        feet = [
            label for label in labels
            if not (label.startswith(_TOES) and label.removeprefix(_TOES) in labels)
        ]  # fmt: skip
        if len(feet) < len(labels):
            signal = motion.signals[name].only(feet)
            motion = replace(motion, signals={**motion.signals, name: signal})
    return motion


def completed(motion: Motion, body: Model | None) -> Motion:
    """The motion with joint_torque, joint_contact_force and metabolic_rate where they can be had.

    What a motion carries stays, except for the torque of an optimized motion: it is that of the
    muscles alone, and published moments are net ones, with passive structures and ends of range.
    """
    if body is None or not weighs_as(motion, body):
        return motion
    for add in (_with_joint_torque, _with_joint_contact_force, _with_metabolic_rate):
        motion = add(motion, body)
    return motion


def weighs_as(motion: Motion, body: Model) -> bool:
    """Whether a motion may be of this body: it states no mass, or the same one."""
    mass = motion.meta.get("mass_kg")
    return mass is None or abs(mass - body.mass) <= 1e-3 * body.mass


def _carries(motion: Motion, body: Model, *names: str) -> bool:
    """Whether a motion has these channels, in the order of the body's own names."""
    axes = {**dict.fromkeys(_STATE, body.coordinates), **dict.fromkeys(_GROUND, body.feet),
            **dict.fromkeys(_MUSCLES, body.muscles)}  # fmt: skip
    return all(name in motion and motion.labels(name) == axes[name] for name in names)


def _with_joint_torque(motion: Motion, body: Model) -> Motion:
    """Net joint torques, as inverse dynamics of a measured person gives them."""
    given = "joint_torque" in motion and motion.source("joint_torque") != "optimized"
    needed = (*_STATE, *_GROUND)
    if given or not _carries(motion, body, *needed):
        return motion
    torque = inverse_dynamics(body, *(motion[name] for name in needed), net=True)
    return motion.add("joint_torque", torque, labels=body.coordinates, source="computed")


def _with_joint_contact_force(motion: Motion, body: Model) -> Motion:
    """Forces at the joints by Newton's law below each joint, muscles included."""
    ground = _GROUND if body.feet else ()
    if "joint_contact_force" in motion or not body.contact_joints:
        return motion
    if not _carries(motion, body, *_STATE, "muscle_force", *ground):
        return motion
    force = joint_contact_force(
        body, *(motion[name] for name in (*_STATE, "muscle_force", *ground))
    )  # fmt: skip
    return motion.add(
        "joint_contact_force", force, labels=body.contact_joints, source="computed"
    )  # fmt: skip


def _with_metabolic_rate(motion: Motion, body: Model) -> Motion:
    """Metabolic rate of every muscle by Bhargava et al. (2004), without the basal rate."""
    if "metabolic_rate" in motion or not _carries(motion, body, *_MUSCLES):
        return motion
    excitation, activation, length, velocity, force = (motion[name] for name in _MUSCLES)
    muscles = _strengthened(motion, body)
    rate = bhargava2004(excitation, activation, length, velocity, force, muscles)
    return motion.add("metabolic_rate", rate, labels=body.muscles, source="computed")


def _strengthened(motion: Motion, body: Model) -> MuscleParameters:
    """The body's muscles with the strength that an optimization gave them in meta["parameters"].

    "strength" scales all muscles, "strength.soleus" both sides, "strength.soleus_r" one: force and
    mass, since a stronger muscle of one length is a thicker one.
    """
    factor = np.ones(len(body.muscles))
    for name, value in motion.meta.get("parameters", {}).items():
        kind, _, muscle = name.partition(".")
        if kind == "strength":
            own = [not muscle or m in (muscle, f"{muscle}_r", f"{muscle}_l") for m in body.muscles]
            factor[own] = value
    p = body.muscle
    if (factor == 1.0).all():
        return p
    return replace(
        p, mass=p.mass * factor, element_force=p.element_force * factor,
        max_isometric_force=p.max_isometric_force * factor,
    )  # fmt: skip
