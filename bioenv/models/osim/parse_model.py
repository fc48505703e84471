"""An OpenSim model file, read into a Description."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from bioenv.errors import BioenvError
from bioenv.models.osim.description import (
    GROUND,
    Body,
    Contact,
    Description,
    Joint,
    Marker,
)
from bioenv.models.osim.parse_frames import Frames
from bioenv.models.osim.parse_joints import is_enforced, read_couplers, read_joints
from bioenv.models.osim.parse_muscles import KINDS, read_muscles, read_wraps
from bioenv.models.osim.parse_xml import Node, read_xml

# Before it, joints and muscles were written in other words.
_OLDEST = 20302
_CONTACT_FORCES = ("SmoothSphereHalfSpaceForce", "HuntCrossleyForce", "ElasticFoundationForce")


def parse(path: str | Path) -> Description:
    """Read an .osim file of OpenSim 3 or 4 (file versions 20302 to 40600).

    What the file holds and this program does not use is named in ``notes``.

    Raises BioenvError, naming the file and the element, for a file that is missing, damaged or no
    OpenSim model, and for joints, functions or surfaces that cannot be read.
    """
    path = Path(path)
    document = Node(read_xml(path), path)
    model, version = _model(document)
    bodies = _bodies(model)
    frames = Frames(model, [body.name for body in bodies])
    joints = read_joints(model, frames)
    coordinates = [c.name for joint in joints for c in joint.coordinates]
    _check_unique(model, "coordinate", coordinates)
    wraps = read_wraps(model, frames)
    _check_unique(model, "wrap object", [wrap.name for wrap in wraps])
    muscles = read_muscles(model, frames, coordinates, [wrap.name for wrap in wraps])
    _check_unique(model, "muscle", [muscle.name for muscle in muscles])
    order = [joint.child for joint in joints]
    return Description(
        name=model.name or path.stem,
        version=version,
        gravity=model.numbers("gravity", count=3, default=np.array([0.0, -9.80665, 0.0])),
        bodies=tuple(sorted(bodies, key=lambda body: order.index(body.name))),
        joints=joints,
        couplers=read_couplers(model, coordinates),
        muscles=muscles,
        wraps=wraps,
        markers=_markers(model, frames),
        contacts=_contacts(model, frames),
        notes=tuple(_notes(model, joints)),
        credits=model.text("credits", default=""),
    )


def _model(document: Node) -> tuple[Node, int]:
    """The <Model> with the file's defaults, and the file version."""
    if document.tag != "OpenSimDocument":
        raise document.fail("no OpenSim file: the outermost element should be <OpenSimDocument>")
    text = document.element.get("Version", "")
    version = int(text) if text.isdigit() else 0
    if version < _OLDEST:
        raise document.fail(
            f"file version {text or 'missing'} is too old: expected {_OLDEST} or later. "
            "Open the model in OpenSim 4 and save it again"
        )
    element = document.element.find("Model")
    if element is None:
        raise document.fail("<Model> is missing: is this a setup file?")
    defaults = {child.tag: child for found in document.element.iter("defaults") for child in found}
    return Node(element, document.path, defaults), version


def _bodies(model: Node) -> list[Body]:
    nodes = [node for node in model.members("BodySet") if node.name != GROUND]
    _check_unique(model, "body", [node.name for node in nodes])
    if not nodes:
        raise model.fail("the model has no bodies")
    return [_body(node) for node in nodes]


def _body(node: Node) -> Body:
    if node.find("inertia") is not None:
        xx, yy, zz, xy, xz, yz = node.numbers("inertia", count=6)
    else:
        xx, yy, zz, xy, xz, yz = (
            node.number(f"inertia_{axes}", default=0.0)
            for axes in ("xx", "yy", "zz", "xy", "xz", "yz")
        )
    mass = node.number("mass")
    if mass < 0.0 or min(xx, yy, zz) < 0.0:
        raise node.fail("mass or a moment of inertia is negative")
    inertia = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    return Body(node.name, mass, node.numbers("mass_center", count=3, default=np.zeros(3)), inertia)


def _markers(model: Node, frames: Frames) -> tuple[Marker, ...]:
    found = []
    for node in model.members("MarkerSet"):
        body, frame = frames.of(node)
        location = node.numbers("location", count=3)
        found.append(Marker(node.name, body, frame.rotation @ location + frame.position))
    _check_unique(model, "marker", [marker.name for marker in found])
    return tuple(found)


def _contacts(model: Node, frames: Frames) -> tuple[Contact, ...]:
    found = []
    for node in model.members("ContactGeometrySet"):
        if node.tag != "ContactSphere":
            continue
        body, frame = frames.of(node)
        location = node.numbers("location", count=3, default=np.zeros(3))
        center = frame.rotation @ location + frame.position
        if body != GROUND:
            found.append(Contact(node.name, body, center, node.number("radius")))
    return tuple(found)


def _check_unique(model: Node, kind: str, names: list[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1 or not name:
            said = f"{count} times" if name else "without a name"
            raise BioenvError(f"'{model.path}': {kind} {name!r} stands in the file {said}")


def _notes(model: Node, joints: tuple[Joint, ...]) -> list[str]:
    """What the file holds and the Description leaves out."""
    notes = []
    kinds = Counter(node.tag for node in model.members("ForceSet") if node.tag not in KINDS)
    for kind, count in kinds.items():
        kept = " (its spheres are kept)" if kind in _CONTACT_FORCES else ""
        notes.append(f"{count} {kind} left out{kept}")
    constraints = model.members("ConstraintSet")
    others = Counter(c.tag for c in constraints if c.tag != "CoordinateCouplerConstraint")
    notes += [f"{count} {kind} left out" for kind, count in others.items()]
    idle = [c.name for c in constraints if not is_enforced(c)]
    if idle:
        notes.append(f"constraints not enforced: {', '.join(idle)}")
    for name in ("ControllerSet", "ProbeSet", "ComponentSet"):
        members = Counter(node.tag for node in model.members(name))
        notes += [f"{count} {kind} of {name} left out" for kind, count in members.items()]
    notes += [
        f"body {joint.child!r} has no joint: a free joint from the ground was added"
        for joint in joints
        if joint.name == f"free_{joint.child}" and joint.kind == "FreeJoint"
    ]
    prescribed = [
        node.get("name", "")
        for node in model.element.iter("Coordinate")
        if (node.findtext("prescribed") or "").strip().lower() == "true"
    ]
    if prescribed:
        notes.append(f"prescribed functions left out: {', '.join(prescribed)}")
    return notes
