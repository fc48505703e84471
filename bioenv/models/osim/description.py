"""What an OpenSim model file says, as plain nouns: nothing is computed here.

Vectors are those of the file: body frames x forward, y up, z to the right; SI and radians.
A `Pose` places a frame in its parent: ``x_parent = rotation @ x + position``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bioenv.models.osim.functions import Function

Array = NDArray[np.float64]

GROUND = "ground"


@dataclass(frozen=True, eq=False)
class Pose:
    """A frame in its parent: position (3,) m, rotation (3, 3)."""

    position: Array
    rotation: Array


@dataclass(frozen=True, eq=False)
class Body:
    """mass kg; mass_center (3,) m in the body's frame; inertia (3, 3) kg*m^2 about mass_center."""

    name: str
    mass: float
    mass_center: Array
    inertia: Array


@dataclass(frozen=True, eq=False)
class Coordinate:
    """A generalized coordinate: default value, range (2,) m or rad.

    `rotational` is True when the values of a coordinate file in degrees are angles.
    """

    name: str
    default: float
    range: tuple[float, float]
    rotational: bool
    locked: bool = False
    clamped: bool = False


@dataclass(frozen=True, eq=False)
class Axis:
    """One of the six motions of a joint: about or along `direction` (3,) by function(coordinate).

    `coordinate` is None for a constant (`function` is then evaluated at 0).
    """

    direction: Array
    coordinate: str | None
    function: Function


@dataclass(frozen=True, eq=False)
class Joint:
    """Child body in parent body: ``parent_pose · translate · R1 R2 R3 · child_pose⁻¹``.

    Translations act along axes of the parent's joint frame, rotations are body-fixed, in order.
    """

    name: str
    kind: str
    parent: str
    child: str
    parent_pose: Pose
    child_pose: Pose
    coordinates: tuple[Coordinate, ...]
    rotations: tuple[Axis, ...]
    translations: tuple[Axis, ...]


@dataclass(frozen=True, eq=False)
class Coupler:
    """``dependent = function(independent)``: the patella follows the knee."""

    name: str
    dependent: str
    independent: str
    function: Function


@dataclass(frozen=True, eq=False)
class PathPoint:
    """A point of a muscle path, in the frame of `body`.

    location (3,) m. A moving point has `motion`: for x, y, z a (coordinate, Function), whose value
    replaces that component. A conditional point has `active`: (coordinate, low, high) in rad or m;
    it is on the path while the coordinate is inside.
    """

    name: str
    body: str
    location: Array
    motion: tuple[tuple[str, Function] | None, ...] | None = None
    active: tuple[str, float, float] | None = None


@dataclass(frozen=True, eq=False)
class WrapObject:
    """A surface muscles wrap over, in the frame of `body`.

    kind: cylinder (radius, length), sphere (radius), ellipsoid (dimensions (3,) half axes) or torus
    (radius = inner, length = outer radius). quadrant: "all", "x", "-x", "+y", ... the side the path
    must take.
    """

    name: str
    body: str
    kind: Literal["cylinder", "sphere", "ellipsoid", "torus"]
    pose: Pose
    radius: float = 0.0
    length: float = 0.0
    dimensions: Array = field(default_factory=lambda: np.zeros(3))
    quadrant: str = "all"
    active: bool = True


@dataclass(frozen=True)
class PathWrap:
    """Which wrap object a path meets. start, end: first and last path point (1-based), -1: ends."""

    wrap: str
    method: str = "hybrid"
    start: int = -1
    end: int = -1


@dataclass(frozen=True, eq=False)
class Muscle:
    """A muscle: its path and its parameters.

    kind: OpenSim's class name ("Thelen2003Muscle", "Millard2012EquilibriumMuscle",
    "DeGrooteFregly2016Muscle"). curves: further parameters of that class by OpenSim's name
    ("KshapeActive", "deactivation_time_constant", "active_force_width_scale", ...), numbers only;
    nested curve elements of Millard flattened as "ActiveForceLengthCurve.min_norm_..." .
    """

    name: str
    kind: str
    max_isometric_force: float
    optimal_fiber_length: float
    tendon_slack_length: float
    pennation: float
    max_velocity: float
    points: tuple[PathPoint, ...]
    wraps: tuple[PathWrap, ...] = ()
    curves: Mapping[str, float] = field(default_factory=dict)
    min_control: float = 0.01
    max_control: float = 1.0
    enabled: bool = True


@dataclass(frozen=True, eq=False)
class Marker:
    """A marker fixed to a body: location (3,) m in its frame."""

    name: str
    body: str
    location: Array


@dataclass(frozen=True, eq=False)
class Contact:
    """A contact sphere of the file's foot-ground model."""

    name: str
    body: str
    location: Array
    radius: float


@dataclass(frozen=True, eq=False)
class Description:
    """A whole model. Bodies and joints are in tree order, parents first; ground is not a body.

    `notes` says in words what the file holds and this program leaves out (bushings, limit forces).
    """

    name: str
    version: int
    gravity: Array
    bodies: tuple[Body, ...]
    joints: tuple[Joint, ...]
    couplers: tuple[Coupler, ...]
    muscles: tuple[Muscle, ...]
    wraps: tuple[WrapObject, ...]
    markers: tuple[Marker, ...]
    contacts: tuple[Contact, ...] = ()
    notes: tuple[str, ...] = ()
    credits: str = ""

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """All coordinates, in joint order."""
        return tuple(c for joint in self.joints for c in joint.coordinates)

    @property
    def mass(self) -> float:
        """kg."""
        return sum(body.mass for body in self.bodies)
