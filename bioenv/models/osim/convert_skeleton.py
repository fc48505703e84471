"""The skeleton as a simulation needs it: limits, damping, and joints that follow others.

What is a function of a coordinate in the file becomes a joint that MuJoCo holds to a quartic of the
coordinate's joint (an equality constraint), fitted over the range of motion.
"""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.models.osim.convert_frame import Composed, unlocked, upright
from bioenv.models.osim.description import Coordinate, Description
from bioenv.models.osim.functions import Function, Linear
from bioenv.models.osim.skeleton import Drive, build

Array = NDArray[np.float64]

# What people's joints can do, degrees, in bioenv's senses: knee flexion positive. Hip, ankle and
# subtalar: Rajagopal et al. 2016 (IEEE Trans Biomed Eng 63:2068-2079), wider where they are tight.
HUMAN_RANGE = {
    "hip_flexion": (-30.0, 120.0),
    "hip_adduction": (-50.0, 30.0),
    "hip_rotation": (-40.0, 40.0),
    "knee_angle": (-10.0, 140.0),
    "ankle_angle": (-50.0, 40.0),
    "subtalar_angle": (-30.0, 30.0),
    "mtp_angle": (-40.0, 60.0),
    "lumbar_extension": (-60.0, 40.0),
    "lumbar_bending": (-40.0, 40.0),
    "lumbar_rotation": (-45.0, 45.0),
    "arm_flex": (-60.0, 150.0),
    "arm_add": (-120.0, 40.0),
    "arm_rot": (-90.0, 90.0),
    "elbow_flex": (0.0, 150.0),
}
# Held by a constraint, a light body would yield to its muscles' thousands of newtons. This inertia
# on the following joint alone keeps it within 1 mm of its place under violent excitations (0.3 mm
# in the median); reflected to the leading joint it is a few g*m^2, 1-2 % of a shank's.
_SLIDE_ARMATURE, _HINGE_ARMATURE = 2.0, 0.01  # kg, kg*m^2
_HOLD_REF, _HOLD_IMP = (0.005, 1.0), (0.999, 0.9999, 0.0005, 0.5, 2.0)
_DAMPING, _ARMATURE = 0.5, 0.005  # N*m*s/rad, kg*m^2


class Follower(NamedTuple):
    """A joint held to ``polynomial(leader's qpos)``, lowest power first (5,).

    error: the largest distance from the file's function over the range, m or rad.
    """

    joint: str
    leader: str
    polynomial: Array
    error: float


class Leader(NamedTuple):
    """A joint that is a coordinate of the file: ``qpos = sign · q``, range (2,) of qpos."""

    joint: str
    coordinate: str
    sign: float
    range: tuple[float, float]
    limited: bool
    root: bool


class Converted(NamedTuple):
    """A specification without muscles; leaders and followers in MuJoCo's joint order."""

    spec: mujoco.MjSpec
    description: Description
    leaders: tuple[Leader, ...]
    followers: tuple[Follower, ...]
    notes: tuple[str, ...]


def convert_skeleton(description: Description) -> Converted:
    """Bodies, joints, limits and followers of a model, every body z up at rest."""
    ready = unlocked(upright(description))
    skeleton = build(ready, np.eye(3))
    coordinates = {c.name: c for c in ready.coordinates}
    floating = _floating(ready)
    coupled = _couplings(ready)
    leaders = {
        drive.coordinate: _leader(drive, coordinates[drive.coordinate], floating)
        for drive in skeleton.drives
        if drive.own and drive.coordinate not in coupled
    }
    followers = [
        _follower(drive, leaders, coupled)
        for drive in skeleton.drives
        if not drive.own or drive.coordinate in coupled
    ]
    _dress(skeleton.spec, leaders, followers)
    notes = [f"impossible inertia of {name} replaced by its mean" for name in skeleton.impossible]
    locked = [c.name for c in description.coordinates if c.locked]
    if locked:
        notes.append(f"locked coordinates fixed at their default: {', '.join(locked)}")
    return Converted(skeleton.spec, ready, tuple(leaders.values()), tuple(followers), tuple(notes))


def human_range(coordinate: Coordinate, sign: float) -> tuple[float, float]:
    """Range of a leader's qpos: the file's, and within people's where the file's is not enforced.

    An unclamped range is a slider's width in a window (often ±120°), no property of a joint.
    """
    low, high = sorted(sign * value for value in coordinate.range)
    if coordinate.clamped:
        return low, high
    for prefix, degrees in HUMAN_RANGE.items():
        if coordinate.name.startswith(prefix):
            least, most = np.radians(degrees)
            if max(low, least) < min(high, most):
                return max(low, float(least)), min(high, float(most))
    return low, high


def polynomial_values(polynomial: Array, x: Array) -> tuple[Array, Array]:
    """Value and slope of a polynomial, lowest power first, at x."""
    line = np.polynomial.Polynomial(polynomial)
    return np.asarray(line(x)), np.asarray(line.deriv()(x))


def fit_quartic(x: Array, y: Array, slope: Array) -> Array:
    """(5,) the quartic nearest to values and slopes, lowest power first.

    A slope's error counts 0.3 times a value's: muscles feel both, as length and as moment arm.
    """
    powers = np.arange(5)
    rise = powers * x[:, None] ** np.maximum(powers - 1, 0)
    matrix = np.vstack([x[:, None] ** powers, 0.3 * rise])
    return np.linalg.lstsq(matrix, np.concatenate([y, 0.3 * slope]), rcond=None)[0]


def _floating(description: Description) -> set[str]:
    """Coordinates of the joint that carries the whole body."""
    return {
        c.name
        for joint in description.joints
        if joint.parent == "ground" and any(a.coordinate for a in joint.translations)
        for c in joint.coordinates
    }


def _couplings(description: Description) -> dict[str, tuple[str, Function]]:
    """Dependent coordinate -> (independent coordinate, function), chains joined."""
    direct = {c.dependent: (c.independent, c.function) for c in description.couplers}
    joined: dict[str, tuple[str, Function]] = {}
    for name, (source, function) in direct.items():
        for _ in range(len(direct)):
            if source in direct:
                source, inner = direct[source]
                function = Composed(function, inner)
        joined[name] = (source, function)
    return joined


def _leader(drive: Drive, coordinate: Coordinate, floating: set[str]) -> Leader:
    assert isinstance(drive.function, Linear)
    sign = drive.function.gradient
    low, high = human_range(coordinate, sign)
    root = coordinate.name in floating
    turns_freely = coordinate.rotational and high - low >= 2.0 * np.pi
    limited = not (root or turns_freely or high <= low)
    return Leader(drive.joint, coordinate.name, sign, (low, high), limited, root)


def _follower(
    drive: Drive, leaders: dict[str, Leader], coupled: dict[str, tuple[str, Function]]
) -> Follower:
    function, source = drive.function, drive.coordinate
    if source in coupled:
        source, inner = coupled[source]
        function = Composed(function, inner)
    if source not in leaders:
        raise BioenvError(
            f"joint {drive.joint!r} follows {source!r}, which no joint is: every motion of that "
            "coordinate is a function. Such a model can be analysed but not converted"
        )
    leader = leaders[source]
    low, high = sample_range(leader)
    x = np.linspace(low, high, 200)
    y, slope = function.value(leader.sign * x), function.slope(leader.sign * x) * leader.sign
    polynomial = fit_quartic(x, y, slope)
    error = float(np.abs(polynomial_values(polynomial, x)[0] - y).max())
    return Follower(drive.joint, leader.joint, polynomial, error)


def sample_range(leader: Leader) -> tuple[float, float]:
    """Where poses of a leader are drawn: its range, 90° to either side when that is endless."""
    low, high = leader.range
    return (max(low, -np.pi / 2), min(high, np.pi / 2)) if high - low > np.pi else (low, high)


def _dress(spec: mujoco.MjSpec, leaders: dict[str, Leader], followers: list[Follower]) -> None:
    """Limits, damping and armature of the joints, and the constraints."""
    for leader in leaders.values():
        joint = spec.joint(leader.joint)
        if leader.root:
            continue
        joint.damping, joint.armature = np.array([_DAMPING, 0.0, 0.0]), _ARMATURE
        if leader.limited:
            joint.limited, joint.range = mujoco.mjtLimited.mjLIMITED_TRUE, leader.range
            joint.solref_limit, joint.solimp_limit = (0.03, 1.0), (0.0, 0.95, 0.1, 0.5, 2.0)
    for follower in followers:
        hold(spec, follower, spec.joint(follower.joint))


def hold(spec: mujoco.MjSpec, follower: Follower, joint: mujoco.MjsJoint) -> None:
    """Make a joint follow: armature, and the constraint."""
    slides = joint.type == mujoco.mjtJoint.mjJNT_SLIDE
    joint.armature = _SLIDE_ARMATURE if slides else _HINGE_ARMATURE
    spec.add_equality(
        name=follower.joint,
        type=mujoco.mjtEq.mjEQ_JOINT,
        objtype=mujoco.mjtObj.mjOBJ_JOINT,
        name1=follower.joint,
        name2=follower.leader,
        data=np.concatenate([follower.polynomial, np.zeros(7)]),
        solref=_HOLD_REF,
        solimp=_HOLD_IMP,
    )
