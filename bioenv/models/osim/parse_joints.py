"""Joints of an OpenSim file, every kind written as three translations and three rotations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bioenv.errors import BioenvError
from bioenv.models.osim.description import GROUND, Axis, Coordinate, Coupler, Joint
from bioenv.models.osim.functions import Constant, Linear, Scaled
from bioenv.models.osim.parse_frames import Frames, identity, read_pose
from bioenv.models.osim.parse_functions import read_function
from bioenv.models.osim.parse_xml import Node

# The motions of each kind in the order of its coordinates: a rotation "r" or a translation "t"
# about or along a frame axis. Rotations are body-fixed, in this order.
_MOTIONS = {
    "WeldJoint": (),
    "PinJoint": ("rz",),
    "SliderJoint": ("tx",),
    "UniversalJoint": ("rx", "ry"),
    "BallJoint": ("rx", "ry", "rz"),
    "GimbalJoint": ("rx", "ry", "rz"),
    "PlanarJoint": ("rz", "tx", "ty"),
    "FreeJoint": ("rx", "ry", "rz", "tx", "ty", "tz"),
}
_UNITS = dict(zip("xyz", np.eye(3), strict=True))
_AXES = ("rotation1", "rotation2", "rotation3", "translation1", "translation2", "translation3")


def read_joints(model: Node, frames: Frames) -> tuple[Joint, ...]:
    """All joints, parents first, in the order of the file where that allows it."""
    found = [_new_joint(node, frames) for node in model.members("JointSet")]
    for body in model.members("BodySet"):
        holder = body.find("Joint")
        nested = () if holder is None else holder.children()
        found += [_old_joint(joint, body.name, frames) for joint in nested]
    named = {joint.child for joint in found}
    loose = [name for name in sorted(frames.bodies) if name not in named and name != GROUND]
    found += [_free_joint(name) for name in loose]
    return _tree_order(found, model)


def read_couplers(model: Node, coordinates: Sequence[str]) -> tuple[Coupler, ...]:
    """Enforced CoordinateCouplerConstraints."""
    nodes = [n for n in model.members("ConstraintSet") if n.tag == "CoordinateCouplerConstraint"]
    return tuple(_coupler(n, coordinates) for n in nodes if is_enforced(n))


def is_enforced(constraint: Node) -> bool:
    """Whether a constraint acts: `isEnforced` of version 4, the opposite of 3's `isDisabled`."""
    disabled = constraint.flag("isDisabled", default=False)
    return constraint.flag("isEnforced", default=not disabled)


def _coupler(node: Node, coordinates: Sequence[str]) -> Coupler:
    names = node.text("independent_coordinate_names").split()
    dependent = node.text("dependent_coordinate_name")
    if len(names) != 1:
        raise node.fail(f"one independent coordinate can be read, found {len(names)}: {names}")
    for name in (*names, dependent):
        if name not in coordinates:
            raise node.fail(
                f"unknown coordinate {name!r}; the joints have {', '.join(coordinates)}"
            )
    function = read_function(node)
    if function is None:
        raise node.fail("<coupled_coordinates_function> is missing")
    factor = node.number("scale_factor", default=1.0)
    if factor != 1.0:
        function = Scaled(function, factor)
    return Coupler(node.name, dependent, names[0], function)


def _new_joint(node: Node, frames: Frames) -> Joint:
    tags = ("socket_{}_frame", "socket_{}_frame_connectee_name", "{}_frame")
    (parent, outer), (child, inner) = (
        frames.resolve(node, node.text(*(tag.format(end) for tag in tags)))
        for end in ("parent", "child")
    )
    coordinates = node.members("coordinates") or node.members("CoordinateSet")
    return _joint(node, Joint(node.name, "", parent, child, outer, inner, (), (), ()), coordinates)


def _old_joint(node: Node, child: str, frames: Frames) -> Joint:
    if node.flag("reverse", default=False):
        raise node.fail("reversed joints cannot be read; swap parent and child in OpenSim")
    parent, _ = frames.resolve(node, node.text("parent_body"))
    outer = read_pose(node, "location_in_parent", "orientation_in_parent")
    inner = read_pose(node, "location", "orientation")
    plain = Joint(node.name, "", parent, child, outer, inner, (), (), ())
    return _joint(node, plain, node.members("CoordinateSet"))


def _free_joint(body: str) -> Joint:
    """A body without a joint floats, as in OpenSim."""
    name = f"free_{body}"
    kinds = _MOTIONS["FreeJoint"]
    coordinates = tuple(
        Coordinate(f"{name}_coord_{i}", 0.0, (-10.0, 10.0), kind[0] == "r")
        for i, kind in enumerate(kinds)
    )
    rotations, translations = _plain_axes(kinds, coordinates)
    return Joint(
        name,
        "FreeJoint",
        GROUND,
        body,
        identity(),
        identity(),
        coordinates,
        rotations,
        translations,
    )


def _joint(node: Node, plain: Joint, given: list[Node]) -> Joint:
    """`plain` with coordinates and axes of its kind."""
    if node.tag == "CustomJoint":
        coordinates = tuple(_coordinate(c, c.name, True) for c in given)
        axes = _custom_axes(node, {c.name for c in coordinates})
        coordinates = tuple(_coordinate(c, c.name, _turns(c.name, axes)) for c in given)
        rotations, translations = axes[:3], axes[3:]
    elif node.tag in _MOTIONS:
        kinds = _MOTIONS[node.tag]
        if len(given) > len(kinds):
            raise node.fail(f"has {len(given)} coordinates, a {node.tag} takes {len(kinds)}")
        coordinates = tuple(
            _coordinate(given[i], given[i].name, kind[0] == "r")
            if i < len(given)
            else Coordinate(f"{node.name}_coord_{i}", 0.0, (-10.0, 10.0), kind[0] == "r")
            for i, kind in enumerate(kinds)
        )
        rotations, translations = _plain_axes(kinds, coordinates)
    else:
        known = ", ".join((*_MOTIONS, "CustomJoint"))
        raise node.fail(f"this joint cannot be read; readable are {known}")
    return Joint(
        plain.name, node.tag, plain.parent, plain.child, plain.parent_pose, plain.child_pose,
        coordinates, rotations, translations,
    )  # fmt: skip


def _turns(name: str, axes: tuple[Axis, ...]) -> bool:
    """Whether OpenSim calls the coordinate of a CustomJoint rotational: a rotation is ± it.

    One that only drives functions, like the patella's, is "coupled": never given in degrees.
    """
    return any(
        axis.coordinate == name
        and isinstance(axis.function, Linear)
        and abs(axis.function.gradient) == 1.0
        for axis in axes[:3]
    )


def _coordinate(node: Node, name: str, rotational: bool) -> Coordinate:
    low, high = node.numbers("range", count=2, default=np.array([-10.0, 10.0]))
    if low > high:
        raise node.fail(f"<range> should rise, found {low} {high}")
    return Coordinate(
        name=name,
        default=node.number("default_value", default=0.0),
        range=(float(low), float(high)),
        rotational=rotational,
        locked=node.flag("locked", default=False),
        clamped=node.flag("clamped", default=False),
    )


def _plain_axes(
    kinds: tuple[str, ...], coordinates: tuple[Coordinate, ...]
) -> tuple[tuple[Axis, ...], tuple[Axis, ...]]:
    """Rotations and translations of a joint whose coordinates are its motions."""
    moving = {
        kind: Axis(_UNITS[kind[1]], coordinate.name, Linear(1.0))
        for kind, coordinate in zip(kinds, coordinates, strict=True)
    }
    still = {axis: Axis(_UNITS[axis], None, Constant(0.0)) for axis in "xyz"}
    turning = [kind[1] for kind in kinds if kind[0] == "r"]
    # Idle rotations are identities, wherever they stand.
    order = [*turning, *(axis for axis in "xyz" if axis not in turning)]
    rotations = tuple(moving.get(f"r{axis}", still[axis]) for axis in order)
    return rotations, tuple(moving.get(f"t{axis}", still[axis]) for axis in "xyz")


def _custom_axes(node: Node, names: set[str]) -> tuple[Axis, ...]:
    spatial = node.find("SpatialTransform")
    if spatial is None:
        raise node.fail("<SpatialTransform> is missing")
    by_name = {child.name: child for child in spatial.children()}
    axes = []
    for i, name in enumerate(_AXES):
        if name not in by_name:
            axes.append(Axis(np.eye(3)[i % 3], None, Constant(0.0)))
            continue
        axes.append(_custom_axis(by_name[name], names))
    return tuple(axes)


def _custom_axis(node: Node, names: set[str]) -> Axis:
    direction = node.numbers("axis", count=3, default=np.array([1.0, 0.0, 0.0]))
    length = float(np.linalg.norm(direction))
    if length == 0.0:
        raise node.fail("<axis> is zero")
    given = node.text("coordinates", default="").split()
    if len(given) > 1:
        raise node.fail(f"a function of one coordinate can be read, found {len(given)}: {given}")
    if given and given[0] not in names:
        raise node.fail(
            f"unknown coordinate {given[0]!r}; the joint has {', '.join(sorted(names))}"
        )
    function = read_function(node) or Constant(0.0)
    # A constant function of a coordinate is a constant.
    moving = given and not isinstance(function, Constant)
    return Axis(direction / length, given[0] if moving else None, function)


def _tree_order(joints: list[Joint], model: Node) -> tuple[Joint, ...]:
    placed, ordered, waiting = {GROUND}, [], list(joints)
    for joint in joints:
        if joint.child == GROUND or [j.child for j in joints].count(joint.child) > 1:
            raise BioenvError(
                f"'{model.path}': joint {joint.name!r} makes a loop or hangs the ground on a body: "
                f"each body needs one joint, to a parent nearer the ground"
            )
    while waiting:
        ready = next((j for j in waiting if j.parent in placed), None)
        if ready is None:
            names = ", ".join(j.name for j in waiting)
            raise BioenvError(f"'{model.path}': no path from the ground to the joints {names}")
        waiting.remove(ready)
        placed.add(ready.child)
        ordered.append(ready)
    return tuple(ordered)
