"""Joint torques by inverse dynamics, and the physics check of a motion."""

from __future__ import annotations

from bioenv.errors import BioenvError
from bioenv.evaluate.gait import Measure, Measures
from bioenv.inverse import check, inverse_dynamics
from bioenv.models import Model
from bioenv.motion import Motion

_NEEDED = ("qpos", "qvel", "qacc", "ground_reaction_force", "center_of_pressure")


def with_joint_torque(motion: Motion, body: Model | None) -> Motion:
    """The motion with net joint torques, as inverse dynamics of a measured person gives them.

    Muscles, passive structures and ends of range together, so that they compare with published
    moments. Unchanged when it has joint_torque, or lacks what inverse dynamics needs.
    """
    if body is None or "joint_torque" in motion or not all(name in motion for name in _NEEDED):
        return motion
    if motion.labels("qpos") != body.coordinates or not _weighs_as(motion, body):
        return motion
    torque = inverse_dynamics(body, *(motion[name] for name in _NEEDED), net=True)
    return motion.add("joint_torque", torque, labels=body.coordinates, source="computed")


def physics_figures(motion: Motion, body: Model | None) -> tuple[Measures, str]:
    """Root residuals and torque mismatch (see `bioenv.inverse.check`), or why there are none."""
    if body is None:
        return {}, f"the body '{motion.model}' is no known model"
    if not _weighs_as(motion, body):
        return {}, (
            f"the motion's body weighs {motion.meta['mass_kg']:g} kg, the model {body.mass:g} kg: "
            "give evaluate the scaled model"
        )
    try:
        figures = check(motion, body)
    except BioenvError as error:
        return {}, str(error)
    return {name: Measure(value, _unit(name)) for name, value in figures.items()}, ""


def _weighs_as(motion: Motion, body: Model) -> bool:
    """Whether a motion may be of this body: it states no mass, or the same one."""
    mass = motion.meta.get("mass_kg")
    return mass is None or abs(mass - body.mass) <= 1e-3 * body.mass


def _unit(name: str) -> str:
    if "percent" in name:
        return "%"
    if name == "com_height":
        return "m"
    return "N*m" if "moment" in name or "torque" in name else "N"
