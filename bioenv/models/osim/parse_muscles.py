"""Muscles, their paths and the surfaces they wrap over, from an OpenSim file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import unknown
from bioenv.models.osim.description import GROUND, Muscle, PathPoint, PathWrap, Pose, WrapObject
from bioenv.models.osim.functions import Constant, Function
from bioenv.models.osim.parse_frames import Frames, compose, read_pose
from bioenv.models.osim.parse_functions import held_function
from bioenv.models.osim.parse_xml import Node, number_or_none

Array = NDArray[np.float64]

KINDS = (
    "Thelen2003Muscle",
    "Millard2012EquilibriumMuscle",
    "Millard2012AccelerationMuscle",
    "DeGrooteFregly2016Muscle",
    "RigidTendonMuscle",
    "Schutte1993Muscle_Deprecated",
    "Thelen2003Muscle_Deprecated",
    "Delp1990Muscle_Deprecated",
)
# Lowest activation of classes of OpenSim 4.6, below which no control goes; 0 for the others.
_MIN_ACTIVATION = {
    "Thelen2003Muscle": 0.01,
    "Millard2012EquilibriumMuscle": 0.01,
    "Millard2012AccelerationMuscle": 0.01,
}
_OWN_FIELDS = {
    "max_isometric_force",
    "optimal_fiber_length",
    "tendon_slack_length",
    "pennation_angle_at_optimal",
    "pennation_angle",
    "max_contraction_velocity",
    "Vmax",
    "min_control",
    "max_control",
    "appliesForce",
    "isDisabled",
    "optimal_force",
}
_WRAPS = {
    "WrapCylinder": "cylinder",
    "WrapSphere": "sphere",
    "WrapEllipsoid": "ellipsoid",
    "WrapTorus": "torus",
}


def read_muscles(
    model: Node, frames: Frames, coordinates: Collection[str], wraps: Collection[str]
) -> tuple[Muscle, ...]:
    """All muscles of the known classes, in the file's order."""
    nodes = [node for node in model.members("ForceSet") if node.tag in KINDS]
    return tuple(_muscle(node, frames, coordinates, wraps) for node in nodes)


def read_wraps(model: Node, frames: Frames) -> tuple[WrapObject, ...]:
    """The wrap objects of every body, the ground and offset frames."""
    found = []
    for element in model.element.iter():
        owner = model.wrap(element)
        for node in owner.members("WrapObjectSet"):
            name = GROUND if owner.tag == "Ground" else owner.name
            found.append(_wrap(node, *frames.resolve(owner, name)))
    return tuple(found)


def _wrap(node: Node, body: str, frame: Pose) -> WrapObject:
    if node.tag not in _WRAPS:
        raise node.fail(f"this surface cannot be read; readable are {', '.join(_WRAPS)}")
    kind = cast(Literal["cylinder", "sphere", "ellipsoid", "torus"], _WRAPS[node.tag])
    radius = length = 0.0
    dimensions = np.zeros(3)
    if kind == "cylinder":
        radius, length = node.number("radius"), node.number("length", default=1.0)
    elif kind == "sphere":
        radius = node.number("radius")
    elif kind == "torus":
        radius, length = node.number("inner_radius"), node.number("outer_radius")
    else:
        dimensions = node.numbers("dimensions", count=3)
    if min(radius, length, *dimensions) < 0.0:
        raise node.fail("a radius, length or dimension is negative")
    pose = compose(frame, read_pose(node, "translation", "xyz_body_rotation"))
    quadrant = node.text("quadrant", default="all").lower() or "all"
    if quadrant not in ("all", *(f"{sign}{axis}" for sign in ("", "+", "-") for axis in "xyz")):
        raise node.fail(f"<quadrant> should be all, x, -x, y, -y, z or -z, found {quadrant!r}")
    active = node.flag("active", default=True)
    return WrapObject(node.name, body, kind, pose, radius, length, dimensions, quadrant, active)


def _muscle(
    node: Node, frames: Frames, coordinates: Collection[str], wraps: Collection[str]
) -> Muscle:
    path = node.find("GeometryPath")
    if path is None:
        raise node.fail("<GeometryPath> is missing")
    points = tuple(_point(p, frames, coordinates) for p in path.members("PathPointSet"))
    if len(points) < 2:
        raise node.fail(f"a path needs two points or more, found {len(points)}")
    lowest = node.number("minimum_activation", default=_MIN_ACTIVATION.get(node.tag, 0.0))
    disabled = node.flag("isDisabled", default=False)
    muscle = Muscle(
        name=node.name,
        kind=node.tag,
        max_isometric_force=node.number("max_isometric_force", default=1000.0),
        optimal_fiber_length=node.number("optimal_fiber_length", default=0.1),
        tendon_slack_length=node.number("tendon_slack_length", default=0.2),
        pennation=node.number("pennation_angle_at_optimal", "pennation_angle", default=0.0),
        max_velocity=node.number("max_contraction_velocity", "Vmax", default=10.0),
        points=points,
        wraps=tuple(_path_wrap(w, wraps, len(points)) for w in path.members("PathWrapSet")),
        curves=_curves(node),
        min_control=max(lowest, node.number("min_control", default=0.0)),
        max_control=node.number("max_control", default=1.0),
        enabled=node.flag("appliesForce", default=not disabled),
    )
    if muscle.max_isometric_force <= 0.0 or muscle.optimal_fiber_length <= 0.0:
        raise node.fail("max_isometric_force and optimal_fiber_length must be positive")
    return muscle


def _path_wrap(node: Node, wraps: Collection[str], points: int) -> PathWrap:
    name = node.text("wrap_object")
    if name not in wraps:
        raise node.fail(str(unknown("wrap object", name, wraps)))
    start, end = node.numbers("range", count=2, default=np.array([-1.0, -1.0])).astype(int)
    if max(start, end) > points:
        raise node.fail(f"<range> {start} {end} goes beyond the path's {points} points")
    method = node.text("method", default="hybrid").lower() or "hybrid"
    return PathWrap(name, method, int(start), int(end))


def _point(node: Node, frames: Frames, coordinates: Collection[str]) -> PathPoint:
    body, frame = frames.of(node)
    location = node.numbers("location", count=3, default=np.zeros(3))
    location = frame.rotation @ location + frame.position
    if node.tag == "PathPoint":
        return PathPoint(node.name, body, location)
    if node.tag == "ConditionalPathPoint":
        low, high = node.numbers("range", count=2)
        name = _coordinate(node, ("socket_coordinate", "coordinate"), coordinates)
        return PathPoint(node.name, body, location, active=(name, float(low), float(high)))
    if node.tag == "MovingPathPoint":
        if not np.allclose(frame.rotation, np.eye(3)) or frame.position.any():
            raise node.fail("a moving point in an offset frame cannot be read; use the body's own")
        return PathPoint(node.name, body, location, motion=_motion(node, coordinates))
    raise node.fail("readable are PathPoint, MovingPathPoint and ConditionalPathPoint")


def _motion(
    node: Node, coordinates: Collection[str]
) -> tuple[tuple[str, Function] | None, ...] | None:
    parts: list[tuple[str, Function] | None] = []
    for axis in "xyz":
        location = node.find(f"{axis}_location")
        function = None if location is None else held_function(location)
        if function is None:
            parts.append(None)
            continue
        if isinstance(function, Constant):
            name = next(iter(coordinates))  # of no effect
        else:
            tags = (f"socket_{axis}_coordinate", f"{axis}_coordinate")
            name = _coordinate(node, tags, coordinates)
        parts.append((name, function))
    return tuple(parts)


def _coordinate(node: Node, tags: tuple[str, ...], coordinates: Collection[str]) -> str:
    suffixed = tuple(f"{tag}_connectee_name" for tag in tags)
    name = node.text(*tags, *suffixed).rsplit("/", 1)[-1]
    if name not in coordinates:
        raise node.fail(str(unknown("coordinate", name, coordinates)))
    return name


def _curves(node: Node) -> Mapping[str, float]:
    """Every further number of the class, those of nested curves as "Curve.parameter"."""
    found: dict[str, float] = {}
    sources = [node.defaults[node.tag]] if node.tag in node.defaults else []
    for source in (*sources, node.element):
        for child in source:
            if child.tag in _OWN_FIELDS or child.tag == "GeometryPath":
                continue
            _collect(found, child.tag, child.text)
            for inner in child:
                _collect(found, f"{child.tag}.{inner.tag}", inner.text)
    return found


def _collect(found: dict[str, float], name: str, text: str | None) -> None:
    word = (text or "").strip().lower()
    value = {"true": 1.0, "false": 0.0}.get(word, number_or_none(word))
    if value is not None:
        found[name] = value
