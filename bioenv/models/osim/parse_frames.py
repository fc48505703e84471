"""Which body a frame of an OpenSim file belongs to, and where on it.

Version 4 joins components by paths ("/bodyset/pelvis", "/jointset/hip_r/pelvis_offset", "..");
version 3 names bodies. Offset frames are folded away: everything ends at a body or the ground.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import unknown
from bioenv.models.osim.description import GROUND, Pose
from bioenv.models.osim.parse_xml import Node

Array = NDArray[np.float64]

_OFFSET = "PhysicalOffsetFrame"


def rotation_xyz(angles: Array) -> Array:
    """(3, 3) body-fixed rotations about x, y, z by three angles, rad: OpenSim's orientations."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cx, -sx], [0.0, sx, cx]])
    about_y = np.array([[cy, 0.0, sy], [0.0, 1.0, 0.0], [-sy, 0.0, cy]])
    about_z = np.array([[cz, -sz, 0.0], [sz, cz, 0.0], [0.0, 0.0, 1.0]])
    return about_x @ about_y @ about_z


def identity() -> Pose:
    """A frame that coincides with its parent."""
    return Pose(np.zeros(3), np.eye(3))


def compose(outer: Pose, inner: Pose) -> Pose:
    """`inner`, given in the frame `outer` places."""
    position = outer.rotation @ inner.position + outer.position
    return Pose(position, outer.rotation @ inner.rotation)


def read_pose(node: Node, translation: str, orientation: str) -> Pose:
    """A translation and an orientation of body-fixed x, y, z angles."""
    zero = np.zeros(3)
    angles = node.numbers(orientation, count=3, default=zero)
    return Pose(node.numbers(translation, count=3, default=zero), rotation_xyz(angles))


class Frames:
    """All frames of a file by path; `resolve` gives the body and the pose in it."""

    def __init__(self, model: Node, bodies: Iterable[str]) -> None:
        self.bodies = {GROUND, *bodies}
        self._offsets: dict[str, list[tuple[str, Node]]] = {}
        self._collect(model, "")

    def _collect(self, node: Node, path: str) -> None:
        for child in node.children():
            if child.tag == _OFFSET:
                own = f"{path}/{child.name}"
                self._offsets.setdefault(child.name, []).append((own, child))
                self._collect(child, own)
            else:
                # Properties and <objects> are no steps of a component's path.
                self._collect(child, f"{path}/{child.name}" if child.name else path)

    def resolve(self, node: Node, connectee: str, depth: int = 0) -> tuple[str, Pose]:
        """Body and pose of the frame that `node` names. Raises BioenvError for an unknown one."""
        steps = [step for step in connectee.split("/") if step not in ("", ".", "..")]
        name = steps[-1] if steps else ""
        if len(steps) <= 2 and name in self.bodies:
            return name, identity()
        candidates = self._offsets.get(name, [])
        nested = list(node.element.iter(_OFFSET))
        inside = [own for _, own in candidates if own.element in nested]
        fitting = [own for path, own in candidates if path.endswith("/" + "/".join(steps))]
        # A bare name means the element's own offset frame, a path the one it leads to.
        first, second = (inside, fitting) if len(steps) == 1 else (fitting, inside)
        found = (first or second or [own for _, own in candidates])[:1]
        if not found:
            error = unknown("body or frame", connectee, sorted(self.bodies))
            raise node.fail(str(error))
        if depth > 20:
            raise node.fail(f"the frames behind {connectee!r} follow each other in a circle")
        frame = found[0]
        parent = frame.text("socket_parent", "socket_parent_frame", "socket_parent_connectee_name")
        body, outer = self.resolve(frame, parent, depth + 1)
        return body, compose(outer, read_pose(frame, "translation", "orientation"))

    def of(self, node: Node) -> tuple[str, Pose]:
        """Body and pose of the frame that a point, marker or contact sphere is fixed to."""
        sockets = ("socket_parent_frame", "socket_frame")
        named = (f"{socket}_connectee_name" for socket in sockets)
        return self.resolve(node, node.text(*sockets, *named, "body", "body_name"))
