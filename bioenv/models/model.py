"""Model: an MjModel with names, muscle parameters and a standing pose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.models.energy import muscle_mass
from bioenv.models.parameters import MuscleParameters
from bioenv.models.scaling import own_subject, scale
from bioenv.models.standing import home_pose
from bioenv.models.subject import Subject
from bioenv.paths import asset


@dataclass(frozen=True, eq=False)
class Model:
    """A compiled model and its names. Arrays are read-only; do not change `mj` in place.

    Attributes:
        name: "walker2d"; mj: the MjModel; subject: whose body it is, None when unknown.
        coordinates: joint names in qpos order; muscles: actuator names in ctrl order.
        feet: sides with a sensor grf_<side>; contact_joints: joints with a sensor contact_<joint>.
        muscle: parameters, each (nm,).
        mass kg; body_weight N; home (nq,): the standing pose.
        mirror_qpos (nq,), mirror_muscle (nm,): index of the same coordinate or muscle on the
            other side. mirror_sign (nq,): -1 where the mirrored coordinate changes its sign (what
            goes from side to side), so that `mirror_sign * qpos[mirror_qpos]` is the mirrored pose.
    """

    name: str
    mj: mujoco.MjModel
    subject: Subject | None
    coordinates: tuple[str, ...]
    muscles: tuple[str, ...]
    feet: tuple[str, ...]
    contact_joints: tuple[str, ...]
    muscle: MuscleParameters
    mass: float
    body_weight: float
    home: NDArray[np.float64]
    mirror_qpos: NDArray[np.intp]
    mirror_sign: NDArray[np.float64]
    mirror_muscle: NDArray[np.intp]

    def coordinate_index(self, name: str) -> int:
        """Position of a coordinate in qpos and qvel."""
        return _index(self.coordinates, name, "coordinate")

    def muscle_index(self, name: str) -> int:
        """Position of a muscle in every (nm,) array."""
        return _index(self.muscles, name, "muscle")

    def sensor_slice(self, name: str) -> slice:
        """Where a sensor lies in sensordata."""
        sensors = _names(self.mj, mujoco.mjtObj.mjOBJ_SENSOR, self.mj.nsensor)
        index = _index(sensors, name, "sensor")
        start = int(self.mj.sensor_adr[index])
        return slice(start, start + int(self.mj.sensor_dim[index]))


def available() -> tuple[str, ...]:
    """Names that `load` knows."""
    return tuple(sorted(path.parent.name for path in asset().glob("*/model.xml")))


def load(
    name_or_path: str | Path,
    subject: Subject | None = None,
    *,
    edit: Callable[[mujoco.MjSpec], None] | None = None,
) -> Model:
    """A built-in model by name, or a model file in MJCF by path.

    `edit` changes the specification in place after scaling and before compiling: a seat, a prop.

    Raises BioenvError for an unknown name, a missing or broken file, or a model without muscles.
    """
    path = _path(name_or_path)
    try:
        spec = mujoco.MjSpec.from_file(str(path))
        if subject is None:
            subject = own_subject(spec)
        else:
            scale(spec, subject)
        if edit is not None:
            edit(spec)
        mj = spec.compile()
    except BioenvError:
        raise
    except ValueError as error:
        raise BioenvError(f"{path} is no valid MuJoCo model: {error}") from error
    return from_mujoco(mj, path.parent.name if path.name == "model.xml" else path.stem, subject)


def from_mujoco(mj: mujoco.MjModel, name: str, subject: Subject | None = None) -> Model:
    """Read names, parameters and the home pose from a compiled model.

    Raises BioenvError when joints are not hinges or slides, or an actuator is not a muscle.
    """
    coordinates = _names(mj, mujoco.mjtObj.mjOBJ_JOINT, mj.njnt)
    kinds = mujoco.mjtJoint
    for joint, kind in zip(coordinates, mj.jnt_type, strict=True):
        if kinds(int(kind)) not in (kinds.mjJNT_HINGE, kinds.mjJNT_SLIDE):
            is_a = kinds(int(kind)).name.removeprefix("mjJNT_").lower()
            raise BioenvError(
                f"model {name!r}: every joint must be a hinge or a slide; {joint!r} is a {is_a}"
            )
    muscles = _names(mj, mujoco.mjtObj.mjOBJ_ACTUATOR, mj.nu)
    sensors = _names(mj, mujoco.mjtObj.mjOBJ_SENSOR, mj.nsensor)
    mass = float(mj.body_subtreemass[0])
    return Model(
        name=name,
        mj=mj,
        subject=subject,
        coordinates=coordinates,
        muscles=muscles,
        feet=_suffixes(sensors, "grf_"),
        contact_joints=tuple(
            s.removeprefix("contact_") for s in sensors if s.startswith("contact_")
        ),
        muscle=muscle_parameters(mj, name),
        mass=mass,
        body_weight=mass * float(np.linalg.norm(mj.opt.gravity)),
        home=_frozen(home_pose(mj)),
        mirror_qpos=_frozen(mirrored_names(coordinates)),
        mirror_sign=_frozen(_mirror_sign(mj, mirrored_names(coordinates))),
        mirror_muscle=_frozen(mirrored_names(muscles)),
    )


def _path(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    if path.suffix == ".xml":
        if not path.is_file():
            raise BioenvError(f"no model file {str(path)!r}")
        return path
    if str(name_or_path) not in available():
        raise unknown("model", str(name_or_path), available())
    return asset(str(name_or_path), "model.xml")


def _names(mj: mujoco.MjModel, kind: mujoco.mjtObj, count: int) -> tuple[str, ...]:
    return tuple(mujoco.mj_id2name(mj, kind, i) or f"{i}" for i in range(count))


def _index(names: tuple[str, ...], name: str, kind: str) -> int:
    if name not in names:
        raise unknown(kind, name, names)
    return names.index(name)


def _frozen(array: NDArray) -> NDArray:
    array.flags.writeable = False
    return array


def _suffixes(names: tuple[str, ...], prefix: str) -> tuple[str, ...]:
    return tuple(name.removeprefix(prefix) for name in names if name.startswith(prefix))


def mirrored_names(names: tuple[str, ...]) -> NDArray[np.intp]:
    """(n,) index of the name of the other side ("soleus_l" for "soleus_r"), or of the same."""
    swap = {"r": "l", "l": "r"}
    other = ("_".join(swap.get(part, part) for part in name.split("_")) for name in names)
    return np.array(
        [names.index(o) if o in names else i for i, o in enumerate(other)], dtype=np.intp
    )


def _mirror_sign(mj: mujoco.MjModel, mirror: NDArray[np.intp]) -> NDArray[np.float64]:
    """(nq,) sign of each coordinate in the image on the other side of the x-z plane.

    A slide's axis is a vector, (x, -y, z) in the mirror; a hinge's turns: (-x, y, -z).
    """
    data = mujoco.MjData(mj)
    data.qpos[:] = mj.qpos0
    mujoco.mj_kinematics(mj, data)
    hinge = mj.jnt_type == mujoco.mjtJoint.mjJNT_HINGE
    image = data.xaxis * np.where(hinge[:, None], [-1.0, 1.0, -1.0], [1.0, -1.0, 1.0])
    along = np.einsum("ij,ij->i", image, data.xaxis[mirror])
    return np.where(along < 0.0, -1.0, 1.0)


def muscle_parameters(mj: mujoco.MjModel, name: str) -> MuscleParameters:
    """The muscles' parameters of a compiled model, (nu,) each.

    Raises BioenvError when an actuator is no muscle or lacks pennation and fiber properties.
    """
    if mj.nu == 0 or (mj.actuator_gaintype != mujoco.mjtGain.mjGAIN_MUSCLE).any():
        raise BioenvError(f"model {name!r}: every actuator must be a muscle, and there must be one")
    if mj.nuser_actuator < 3:
        raise BioenvError(
            f'model {name!r}: each muscle needs user="pennation fast_fiber_ratio specific_tension"'
        )
    range_min, range_max, force, _, lmin, lmax, vmax, fpmax, fvmax = mj.actuator_gainprm[:, :9].T
    low, high = mj.actuator_lengthrange.T
    pennation, fast, tension = mj.actuator_user[:, :3].T
    element_length = (high - low) / (range_max - range_min)
    cosine = np.cos(pennation)
    strength, fiber = force / cosine, element_length / cosine
    tau_act, tau_deact, tausmooth = mj.actuator_dynprm[:, :3].T
    return MuscleParameters(
        max_isometric_force=strength,
        optimal_fiber_length=fiber,
        tendon_slack_length=low - range_min * element_length,
        pennation=pennation,
        max_velocity=vmax,
        fast_fiber_ratio=fast,
        specific_tension=tension,
        mass=muscle_mass(strength, fiber, tension),
        element_force=force,
        element_length=element_length,
        range_min=range_min,
        range_max=range_max,
        length_range_min=low,
        length_range_max=high,
        lmin=lmin,
        lmax=lmax,
        vmax=vmax,
        fpmax=fpmax,
        fvmax=fvmax,
        tau_act=tau_act,
        tau_deact=tau_deact,
        tausmooth=tausmooth,
    )
