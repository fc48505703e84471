"""Interventions on a body: contracture, legs of unlike length, a lifted shoe, an ankle spring.

Each is one name and one number, applied to the specification before it is compiled, so that
simulation, optimal control and inverse analysis see one and the same changed body:

- ``contracture.gastroc = 0.8``: fibers of 0.8 times their optimal length, on a tendon as long as
  before. They are stretched earlier, pull passively earlier, and are slower in m/s; their greatest
  force stays (Ong et al. 2019, PLoS Comput Biol 15:e1006993, model contracture so).
- ``leg_length.r = 0.02``: thigh and shank of the right leg together 2 cm longer, in proportion,
  with all that is fixed to them, by the rules of :mod:`bioenv.models.scaling`.
- ``lift.r = 0.03``: a sole 3 cm thicker under the right foot, without mass.
- ``exo.ankle = 180``: a spring of 180 N*m/rad beside the calf that is slack below the angle
  ``exo_angle.ankle`` (rad, 0 unless given) and holds against dorsiflexion above it: a cord over the
  joint, as in Collins, Wiggin and Sawicki 2015 (Nature 522:212-215), but without their clutch.

A muscle or ankle without side means both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.models.changed import with_mass, with_parameters
from bioenv.models.model import Model, load
from bioenv.models.standing import height_that_carries_weight, home_pose
from bioenv.models.subject import Subject

NEUTRAL: Mapping[str, float] = {
    "contracture": 1.0, "leg_length": 0.0, "lift": 0.0, "exo": 0.0, "exo_angle": 0.0
}  # fmt: skip
"""Kinds of interventions, and the value that changes nothing."""

_RANGES: Mapping[str, tuple[float, float, str]] = {
    "contracture": (0.3, 1.5, "of the optimal fiber length"), "leg_length": (-0.1, 0.1, "m"),
    "lift": (0.0, 0.1, "m"), "exo": (0.0, 2000.0, "N*m/rad"), "exo_angle": (-1.0, 1.0, "rad"),
}  # fmt: skip
_LEG = ("femur", "tibia")
_SOLE = ("calcn", "toes")
_OTHERS = ("mass", "strength")  # kinds that bioenv.models.changed knows
_SLACK = -1e3  # rad, lower end of the dead band: the cord only pulls
CORD = "exo_"
"""Prefix of the names of the tendons that are exoskeletons' springs."""


def changed(name: str, changes: Mapping[str, float]) -> Model:
    """A shipped model or model file with interventions; without any it is ``load(name)``.

    Args:
        changes: value by "kind.target", as above.

    Raises BioenvError for an unknown kind, muscle, side or joint, and for a value out of range.
    """
    by_kind = _checked(changes)
    if not any(by_kind.values()):
        return load(name)
    return load(name, _longer(name, by_kind["leg_length"]), edit=_edit(by_kind))


def body(name: str, settings: Mapping[str, float]) -> Model:
    """A model with interventions, added mass ("mass.torso", kg) and strength ("strength.soleus").

    Strength and mass as in :mod:`bioenv.models.changed`: for simulation and for judging motions.
    Optimal control keeps strength as a parameter of its equations.
    """
    kinds = {key: key.partition(".")[::2] for key in settings}
    model = changed(name, {k: v for k, v in settings.items() if kinds[k][0] not in _OTHERS})
    model = with_mass(model, {kinds[k][1]: v for k, v in settings.items() if kinds[k][0] == "mass"})
    strength = np.ones(len(model.muscles))
    for key, value in settings.items():
        if kinds[key][0] == "strength":
            for muscle in _both(kinds[key][1], list(model.muscles), "muscle"):
                strength[model.muscle_index(muscle)] = value
    return with_parameters(model, strength, model.mj.opt.gravity)


def cord_torque(model: Model, qpos: ArrayLike) -> NDArray[np.float64]:
    """Torque of the exoskeletons' springs, N*m.

    Args:
        qpos: (T, nq).

    Returns:
        (T, nv), in the direction of each coordinate; zeros for a body without exoskeleton.
    """
    mj, q = model.mj, np.asarray(qpos, dtype=float)
    torque = np.zeros((len(q), mj.nv))
    for tendon in range(mj.ntendon):
        if mj.tendon(tendon).name.startswith(CORD):
            joint = mj.wrap_objid[mj.tendon_adr[tendon]]
            stretch = q[:, mj.jnt_qposadr[joint]] - mj.tendon_lengthspring[tendon, 1]
            dof = mj.jnt_dofadr[joint]
            torque[:, dof] -= mj.tendon_stiffness[tendon] * np.maximum(stretch, 0.0)
    return torque


def one_sided(names: Mapping[str, float]) -> tuple[str, ...]:
    """The settings that make both sides unlike: "leg_length.r", "strength.soleus_r"."""
    return tuple(key for key in names if key.rpartition(".")[2].rpartition("_")[2] in ("r", "l"))


def _checked(changes: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Kind -> target -> value, without those that change nothing."""
    found: dict[str, dict[str, float]] = {kind: {} for kind in NEUTRAL}
    for key, value in changes.items():
        kind, _, target = key.partition(".")
        if kind not in NEUTRAL:
            raise unknown("intervention", kind, NEUTRAL)
        low, high, unit = _RANGES[kind]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not low <= value <= high:
            raise BioenvError(f"{key} is a number from {low:g} to {high:g} {unit}, not {value!r}")
        if not target:
            raise BioenvError(f"{kind} needs what it changes, for instance {_EXAMPLES[kind]}")
        if kind == "exo_angle" and f"exo.{target}" not in changes:
            raise BioenvError(
                f"{key} is where a spring begins; its stiffness exo.{target} is missing"
            )
        if value != NEUTRAL[kind]:
            found[kind][target] = float(value)
    return found


_EXAMPLES = {"contracture": "contracture.gastroc=0.8", "leg_length": "leg_length.r=0.02",
             "lift": "lift.r=0.03", "exo": "exo.ankle=180",
             "exo_angle": "exo_angle.ankle=0.1"}  # fmt: skip


def _longer(name: str, added: Mapping[str, float]) -> Subject | None:
    """The model's own person with longer or shorter legs, m by side; None for no change."""
    if not added:
        return None
    model = load(name)
    if model.subject is None:
        raise BioenvError(f"model {name!r} does not say whose body it is, so no leg can be scaled")
    mj, lengths = model.mj, dict[str, float]()
    for side, more in added.items():
        if side not in ("r", "l"):
            raise unknown("leg", side, ("r", "l"))
        segments = {f"{part}_{side}": _length(mj, f"{part}_{side}") for part in _LEG}
        factor = 1.0 + more / sum(segments.values())
        lengths |= {segment: factor * length for segment, length in segments.items()}
    return Subject(model.subject.mass, model.subject.height, lengths)


def _length(mj: mujoco.MjModel, segment: str) -> float:
    """m from the joint of a segment to that of the next one."""
    names = [mj.body(i).name for i in range(mj.nbody)]
    if segment not in names:
        raise unknown("segment", segment, names[1:])
    below = np.flatnonzero(mj.body_parentid == names.index(segment))
    return float(np.linalg.norm(mj.body_pos[below[0]]))


def _edit(by_kind: Mapping[str, Mapping[str, float]]) -> Callable[[mujoco.MjSpec], None]:
    def edit(spec: mujoco.MjSpec) -> None:
        _shorten(spec, by_kind["contracture"])
        _lift(spec, by_kind["lift"])
        _add_cords(spec, by_kind["exo"], by_kind["exo_angle"])

    return edit


def _both(target: str, names: list[str], kind: str) -> list[str]:
    """The full names of a target that may leave its side out."""
    found = [name for name in names if name in (target, f"{target}_r", f"{target}_l")]
    if not found:
        raise unknown(kind, target, names)
    return found


def _shorten(spec: mujoco.MjSpec, factors: Mapping[str, float]) -> None:
    """Scale optimal fiber lengths; MuJoCo keeps them as the range of lengths they stand for."""
    actuators = {actuator.name: actuator for actuator in spec.actuators}
    for target, factor in factors.items():
        for name in _both(target, list(actuators), "muscle"):
            one = actuators[name]
            low, high = np.array(one.lengthrange)
            first, last = one.gainprm[:2]
            fiber = (high - low) / (last - first)
            slack = low - first * fiber
            one.lengthrange = slack + factor * fiber * np.array([first, last])


def _lift(spec: mujoco.MjSpec, heights: Mapping[str, float]) -> None:
    """Lower the contact surfaces of a foot, and put the home pose on the floor again."""
    bodies = {body.name: body for body in spec.bodies}
    for side, height in heights.items():
        if side not in ("r", "l"):
            raise unknown("foot", side, ("r", "l"))
        for part in _SOLE:
            if f"{part}_{side}" not in bodies:
                raise unknown("body", f"{part}_{side}", bodies)
            for geom in bodies[f"{part}_{side}"].geoms:
                if geom.contype or geom.conaffinity:
                    geom.pos = np.array(geom.pos) - np.array([0.0, 0.0, height])
    if not heights:
        return
    for key in spec.keys:
        if key.name == "home":
            mj = spec.compile()
            key.qpos = height_that_carries_weight(mj, home_pose(mj))


def _add_cords(
    spec: mujoco.MjSpec, stiffness: Mapping[str, float], angle: Mapping[str, float]
) -> None:
    """A cord over each ankle, taut above an angle."""
    ankles = [j.name for j in spec.joints if j.name.startswith("ankle_angle")]
    short = [name.replace("ankle_angle", "ankle") for name in ankles]
    slack = {name: value for target, value in angle.items() for name in _both(target, short, "exo")}
    for target, k in stiffness.items():
        for name in _both(target, short, "exo"):
            cord = spec.add_tendon(
                name=f"{CORD}{name}", springlength=[_SLACK, slack.get(name, 0.0)]
            )
            cord.wrap_joint(ankles[short.index(name)], 1.0)
            cord.stiffness = np.array([k, *[0.0] * (len(cord.stiffness) - 1)])
