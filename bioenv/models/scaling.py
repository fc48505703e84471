"""Scaling of a model to a subject, as OpenSim's scale tool does, on a MuJoCo specification.

- Lengths: every segment by its own ratio (given length, else height), with all that is fixed to
  it: joint centres, muscle paths, wrapping surfaces, foot spheres, centre of mass.
- Masses: in proportion to body mass, so that the distribution stays and the total is exact;
  inertias by mass * length^2.
- Optimal fiber and tendon slack lengths: in proportion to the muscle's path at the home pose, so
  that the fiber's normalized length there does not change.
- Maximum isometric force: the mass-length law of Correa and Pandy (2011, J Biomech
  44:2785-2789): muscle volume follows body mass, hence force follows mass / fiber length; for
  geometrically similar bodies that is mass^(2/3).
- Passive joints: stiffness (N*m/rad) by mass * height, damping by mass * height^1.5, as dynamic
  similarity under gravity asks; for slides (elastic tendons, N/m) mass / height and
  mass / height^0.5.
"""

from __future__ import annotations

from collections.abc import Mapping

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.models.standing import height_that_carries_weight, home_pose
from bioenv.models.subject import Subject

SIDES = ("_r", "_l")


def own_subject(spec: mujoco.MjSpec) -> Subject | None:
    """The person a specification describes (numerics subject_mass, subject_height), or None."""
    data = {numeric.name: numeric.data for numeric in spec.numerics}
    if "subject_mass" not in data or "subject_height" not in data:
        return None
    return Subject(float(data["subject_mass"][0]), float(data["subject_height"][0]))


def scale(spec: mujoco.MjSpec, subject: Subject) -> None:
    """Scale `spec` in place to `subject`; the model's own subject leaves it as it is.

    Raises BioenvError when the model does not say whose body it is, for unknown segment or muscle
    names, and for a segment without a length of its own.
    """
    own = own_subject(spec)
    if own is None:
        raise BioenvError(
            f"model {spec.modelname!r} cannot be scaled: it lacks "
            '<numeric name="subject_mass"/> and <numeric name="subject_height"/>'
        )
    ratios = _length_ratios(spec, subject, own)
    strength = _by_name(subject.strength, [a.name for a in spec.actuators], "muscle")
    mass = subject.mass / own.mass
    height = subject.height / own.height
    if mass == 1.0 and all(ratio == 1.0 for ratio in ratios.values()):
        _strengthen(spec, strength)
        return
    before = _path_lengths(spec)
    _scale_bodies(spec, ratios, mass)
    _scale_joints(spec, mass, height)
    _scale_muscles(spec, _path_lengths(spec) / before, mass)
    _strengthen(spec, strength)
    _stand(spec, height)


def _length_ratios(spec: mujoco.MjSpec, subject: Subject, own: Subject) -> dict[str, float]:
    """Length ratio of every body by name; the world's is 1."""
    bodies = [body for body in spec.bodies if body.name != "world"]
    names = [body.name for body in bodies]
    wanted = _by_name(subject.segment_lengths, names, "segment")
    ratios = {"world": 1.0}
    for body in bodies:
        ratios[body.name] = subject.height / own.height
        if body.name in wanted:
            children = _links(body)
            if len(children) != 1:
                long = [b.name for b in bodies if len(_links(b)) == 1]
                raise BioenvError(
                    f"segment {body.name!r} has no length between two joints; "
                    f"these have: {', '.join(long)}"
                )
            ratios[body.name] = wanted[body.name] / float(np.linalg.norm(children[0].pos))
    return ratios


def _links(body: mujoco.MjsBody) -> list[mujoco.MjsBody]:
    """The segments below one; what slides along a bone is a tendon's end, no segment."""
    slide = mujoco.mjtJoint.mjJNT_SLIDE
    return [b for b in body.bodies if not any(j.type == slide for j in b.joints)]


def _by_name(given: float | Mapping[str, float], names: list[str], kind: str) -> dict[str, float]:
    """Values by full name; a name without side means both sides."""
    if not isinstance(given, Mapping):
        return {name: float(given) for name in names}
    found: dict[str, float] = {}
    for key, value in given.items():
        full = [name for name in names if name == key or name in (key + SIDES[0], key + SIDES[1])]
        if not full:
            raise unknown(kind, key, names)
        found |= {name: float(value) for name in full}
    return found


def _scale_bodies(spec: mujoco.MjSpec, ratios: Mapping[str, float], mass: float) -> None:
    for body in spec.bodies:
        if body.name == "world":
            continue
        ratio = ratios[body.name]
        body.pos = np.array(body.pos) * ratios[body.parent.name]
        body.ipos = np.array(body.ipos) * ratio
        body.mass *= mass
        body.inertia = np.array(body.inertia) * mass * ratio**2
        body.fullinertia = np.array(body.fullinertia) * mass * ratio**2
        for geom in body.geoms:
            # fromto is NaN when unused; NaN stays NaN.
            geom.pos, geom.size = np.array(geom.pos) * ratio, np.array(geom.size) * ratio
            geom.fromto = np.array(geom.fromto) * ratio
        for item in (*body.sites, *body.joints):
            item.pos = np.array(item.pos) * ratio


def _scale_joints(spec: mujoco.MjSpec, mass: float, height: float) -> None:
    for joint in spec.joints:
        if joint.type == mujoco.mjtJoint.mjJNT_HINGE:
            joint.stiffness = joint.stiffness * mass * height
            joint.damping = joint.damping * mass * height**1.5
            joint.armature *= mass * height**2
        elif joint.type == mujoco.mjtJoint.mjJNT_SLIDE:
            joint.stiffness = joint.stiffness * mass / height
            joint.damping = joint.damping * mass / height**0.5
            joint.armature *= mass


def _scale_muscles(spec: mujoco.MjSpec, paths: NDArray[np.float64], mass: float) -> None:
    for actuator, path in zip(spec.actuators, paths, strict=True):
        actuator.lengthrange = np.array(actuator.lengthrange) * path
        _multiply_force(actuator, mass / path)


def _strengthen(spec: mujoco.MjSpec, strength: Mapping[str, float]) -> None:
    for actuator in spec.actuators:
        _multiply_force(actuator, strength.get(actuator.name, 1.0))


def _multiply_force(actuator: mujoco.MjsActuator, factor: float) -> None:
    for parameters in (actuator.gainprm, actuator.biasprm):
        parameters[2] *= factor  # the force of MuJoCo's muscle element


def _path_lengths(spec: mujoco.MjSpec) -> NDArray[np.float64]:
    """(nm,) m, muscle-tendon lengths at the joint angles of the home pose."""
    mj = spec.compile()
    data = mujoco.MjData(mj)
    data.qpos[:] = home_pose(mj)
    mujoco.mj_fwdPosition(mj, data)
    return np.array(data.actuator_length)


def _stand(spec: mujoco.MjSpec, height: float) -> None:
    """Put the feet of the home pose on the floor again."""
    for key in spec.keys:
        if key.name == "home":
            mj = spec.compile()
            key.qpos = height_that_carries_weight(mj, home_pose(mj), height)
