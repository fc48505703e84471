"""legs3d as MuJoCo's XML: what was measured and fitted, dressed, the left side the right's mirror.

Vectors are z up here: x forward, y left, z up, in every body at rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from legs3d_dress import DRESS, FEET, FOOTER, HEADER, JOINT_CLASS, SENSOR_JOINTS
from numpy.typing import NDArray

from bioenv.models.osim.skeleton import quaternion
from bioenv.models.osim.tendon import Path, Roll

Array = NDArray[np.float64]

_SIDE_GAP = 0.02  # m: a side site stands this far off its roll
_HALF_LENGTH = 0.04  # m, of a wrapping cylinder; MuJoCo wraps over endless ones
_FLIP = np.array([1.0, -1.0, 1.0])


class Hinge(NamedTuple):
    """A joint: name without side, axis (3,), "hinge" or "slide"."""

    name: str
    axis: Array
    kind: str = "hinge"


@dataclass(eq=False)
class Segment:
    """A body: place in its parent, its joints (through its origin), mass, center, inertia."""

    name: str
    parent: str
    position: Array
    hinges: Sequence[Hinge]
    mass: float
    center: Array
    inertia: Array
    lines: list[str] = field(default_factory=list)


class Actuator(NamedTuple):
    """A muscle: force N and length m of the element along the tendon, slack m, pennation rad."""

    force: float
    length: float
    slack: float
    pennation: float
    fast: float
    tension: float


def number(value: float) -> str:
    """At most six decimals, no exponent, no minus zero."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _numbers(values: Iterable[float]) -> str:
    return " ".join(number(v) for v in values)


def _fine(value: float) -> str:
    text = f"{value:.9f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _named(name: str, side: str) -> str:
    return f"{name}_{side}" if side else name


def write(
    segments: Sequence[Segment],
    paths: Mapping[str, Path],
    shift: Mapping[str, Array],
    actuators: Mapping[str, Actuator],
    home: str,
) -> str:
    """The whole file.

    segments: trunk first, right side only ("femur", ...); paths by muscle with bodies "femur_r" in
    the file's frames, which `shift` (3,) m takes to the segments' origins; home: qpos.
    """
    body = {segment.name: segment for segment in segments}
    out = [HEADER, *_tree(body, "", "pelvis", paths, shift, 4), "  </worldbody>", "", *_contacts()]
    out += ["", "  <tendon>"]
    out += [_tendon(name, path, s) for s in "rl" for name, path in paths.items()]
    out += ["  </tendon>", "", "  <actuator>"]
    out += ["    <!-- user: pennation rad, share of fast fibers, specific tension Pa. -->"]
    out += [_muscle(name, actuator, s) for s in "rl" for name, actuator in actuators.items()]
    out += ["  </actuator>", "", *_sensors(segments), "", FOOTER.format(home=home)]
    return "\n".join(out) + "\n"


def _tree(
    body: Mapping[str, Segment],
    side: str,
    name: str,
    paths: Mapping[str, Path],
    shift: Mapping[str, Array],
    indent: int,
) -> list[str]:
    segment, pad = body[name], " " * (indent + 2)
    flip = _FLIP if side == "l" else np.ones(3)
    place = f' pos="{_numbers(segment.position * flip)}"' if segment.position.any() else ""
    out = [
        f'{" " * indent}<body name="{_named(name, side)}"{place}>',
        pad + _inertial(segment, flip),
    ]
    dress = [line for line in DRESS.get(name, ()) if line]
    out += [pad + line for line in dress if line.startswith("<camera")]
    out += [pad + _joint(hinge, side, flip) for hinge in segment.hinges]
    if name in SENSOR_JOINTS:
        out.append(f'{pad}<site name="{SENSOR_JOINTS[name]}_{side}" class="joint_site"/>')
    for s in side or "rl":
        for muscle, path in paths.items():
            out += [pad + line for line in _points(muscle, path, body, name, s, shift)]
    for foot, (where, center, radius) in FEET.items():
        if where == name:
            spot = _numbers(np.array(center) * flip)
            out.append(
                f'{pad}<geom name="{foot}_{side}" class="foot" pos="{spot}" size="{radius}"/>'
            )
    out += [pad + _dressed(line, side) for line in dress if not line.startswith("<camera")]
    for child in body.values():
        if child.parent == name:
            for s in side or ("rl" if child.name != "torso" else ("",)):
                out += _tree(body, s, child.name, paths, shift, indent + 2)
    return [*out, f"{' ' * indent}</body>"]


def _dressed(line: str, side: str) -> str:
    """A line written for the right side, {s} its letter, {m:y} a coordinate y that is mirrored."""
    sign = -1.0 if side == "l" else 1.0

    class Mirror:
        def __format__(self, spec: str) -> str:
            return number(sign * float(spec))

    return line.format(s=side, m=Mirror())


def _inertial(segment: Segment, flip: Array) -> str:
    i = segment.inertia * np.outer(flip, flip)
    spread = [i[0, 1], i[0, 2], i[1, 2]]
    moments = [i[0, 0], i[1, 1], i[2, 2]]
    if np.abs(spread).max() < 5e-9:
        shape = f'diaginertia="{" ".join(_fine(v) for v in moments)}"'
    else:
        shape = f'fullinertia="{" ".join(_fine(v) for v in (*moments, *spread))}"'
    center = _numbers(segment.center * flip)
    return f'<inertial pos="{center}" mass="{number(segment.mass)}" {shape}/>'


def _joint(hinge: Hinge, side: str, flip: Array) -> str:
    name = _named(hinge.name, side)
    # A turn's axis keeps what lies across the mirror.
    axis = _numbers(hinge.axis * (flip if hinge.kind == "slide" else -flip if side == "l" else 1.0))
    kind = ' type="slide"' if hinge.kind == "slide" else ""
    return f'<joint name="{name}" class="{JOINT_CLASS[hinge.name]}"{kind} axis="{axis}"/>'


def _points(
    muscle: str,
    path: Path,
    body: Mapping[str, Segment],
    name: str,
    side: str,
    shift: Mapping[str, Array],
) -> list[str]:
    """Sites and cylinders of a muscle on one body; `path` is the right side's."""
    flip = _FLIP if side == "l" else np.ones(3)
    out = []
    for k, element in enumerate(path, start=1):
        stem = element.body.removesuffix("_r")
        if stem != name:
            continue
        origin = shift.get(stem, np.zeros(3))
        if not isinstance(element, Roll):
            spot = _numbers((element.position - origin) * flip)
            out.append(f'<site name="{muscle}_{side}-P{k}" pos="{spot}"/>')
            continue
        assert not element.sphere
        if element.side is not None:
            way = element.side * [1.0, 1.0, 0.0]
            offset = (element.radius + _SIDE_GAP) * way / np.linalg.norm(way)
            beside = _numbers((element.center + element.rotation @ offset - origin) * flip)
            out.append(f'<site name="{muscle}_{side}-side{k}" pos="{beside}"/>')
        center = _numbers((element.center - origin) * flip)
        # A turn in the mirror: its axis as a joint's.
        w, *axis = quaternion(element.rotation)
        quat = _numbers([w, *(np.array(axis) * (-flip if side == "l" else 1.0))])
        out.append(
            f'<geom name="{muscle}_{side}-wrap{k}" class="wrap" '
            f'size="{number(element.radius)} {_HALF_LENGTH}" pos="{center}" quat="{quat}"/>'
        )
    return out


def _tendon(muscle: str, path: Path, side: str) -> str:
    name, parts = f"{muscle}_{side}", []
    for k, element in enumerate(path, start=1):
        if isinstance(element, Roll):
            beside = "" if element.side is None else f' sidesite="{name}-side{k}"'
            parts.append(f'<geom geom="{name}-wrap{k}"{beside}/>')
        else:
            parts.append(f'<site site="{name}-P{k}"/>')
    return f'    <spatial name="{name}_tendon">{"".join(parts)}</spatial>'


def _muscle(muscle: str, a: Actuator, side: str) -> str:
    name = f"{muscle}_{side}"
    low, high = a.slack + 0.5 * a.length, a.slack + 1.5 * a.length
    return (
        f'    <muscle name="{name}" tendon="{name}_tendon" force="{_fine(a.force)}" '
        f'lengthrange="{_fine(low)} {_fine(high)}" '
        f'user="{_fine(a.pennation)} {number(a.fast)} {number(a.tension)}"/>'
    )


def _contacts() -> list[str]:
    pairs = [
        f'    <pair name="{foot}_{s}" geom1="floor" geom2="{foot}_{s}"/>'
        for s in "rl" for foot in FEET
    ]  # fmt: skip
    note = "    <!-- The floor meets the foot spheres; nothing else collides. -->"
    return ["  <contact>", note, *pairs, "  </contact>"]


def _sensors(segments: Sequence[Segment]) -> list[str]:
    netforce = 'reduce="netforce" data="found force torque pos"'
    out = [
        f'    <contact name="grf_{s}" geom1="floor" subtree2="calcn_{s}" {netforce}/>' for s in "rl"
    ]
    out += [
        f'    <force name="contact_{joint}_{s}" site="{joint}_{s}"/>'
        for s in "rl"
        for joint in SENSOR_JOINTS.values()
    ]
    for side in ("", "r", "l"):
        for segment in segments:
            if (segment.name in ("pelvis", "torso")) is bool(side):
                continue
            for hinge in segment.hinges:
                if JOINT_CLASS[hinge.name] != "root":
                    joint = _named(hinge.name, side)
                    out.append(f'    <jointlimitfrc name="limit_{joint}" joint="{joint}"/>')
    return ["  <sensor>", *out, "  </sensor>"]
