"""Reserve and residual actuators as OpenSim lists them in an actuator file or in a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.models.osim.parse_xml import Node, read_xml

Array = NDArray[np.float64]

_ON_COORDINATES = ("CoordinateActuator", "ActivationCoordinateActuator")
KINDS = (*_ON_COORDINATES, "PointActuator", "TorqueActuator")


@dataclass(frozen=True, eq=False)
class Reserve:
    """A motor that makes up for what muscles or measurements miss.

    name, kind: as in the file. optimal_force: N or N*m at control 1. coordinate: what an actuator
    of a coordinate drives, None for the others. body: what a PointActuator or TorqueActuator acts
    on, else None. axis (3,): direction of the force or axis of the torque; point (3,) m of a
    PointActuator; both in the file's axes (y up), the ground's where axis_global and point_global
    say so, otherwise the body's. control: least and largest control signal.
    """

    name: str
    kind: str
    optimal_force: float
    coordinate: str | None
    body: str | None
    axis: Array
    point: Array
    axis_global: bool
    point_global: bool
    control: tuple[float, float]


def read_reserves(path: str | Path) -> tuple[Reserve, ...]:
    """All actuators of an OpenSim file that are on, in its order; muscles are not among them.

    Raises BioenvError for a file that is no OpenSim XML, has no such actuator, or gives one without
    a coordinate, body or positive optimal force. The message names file and actuator.
    """
    file = Path(path)
    root = read_xml(file)
    defaults = {
        child.tag: child for block in root.iter("defaults") for child in block if child.tag in KINDS
    }
    of_defaults = set(defaults.values())
    nodes = [
        Node(element, file, defaults)
        for element in root.iter()
        if element.tag in KINDS and element not in of_defaults
    ]
    found = [_reserve(node) for node in nodes if _is_on(node)]
    if not found:
        raise BioenvError(f"'{file}' holds no actuator that is on; read are {', '.join(KINDS)}")
    return tuple(found)


def reserve_forces(reserves: Sequence[Reserve], coordinates: Sequence[str]) -> Array:
    """(k,) optimal forces for `SharingProblem.reserve`, 0 where nothing drives a coordinate.

    Several motors on one coordinate count as one: shared at least cost, motors of optimal forces
    R1, R2 ... cost as much as one of sqrt(R1^2 + R2^2 + ...). Actuators on bodies are left out:
    they act on the root, which muscles do not move.
    """
    squares = dict.fromkeys(coordinates, 0.0)
    for one in reserves:
        if one.coordinate in squares:
            squares[one.coordinate] += one.optimal_force**2
    return np.sqrt(np.array([squares[name] for name in coordinates]))


def _is_on(node: Node) -> bool:
    return node.flag("appliesForce", default=not node.flag("isDisabled", default=False))


def _reserve(node: Node) -> Reserve:
    force = node.number("optimal_force", default=1.0)
    if not (force > 0.0 and np.isfinite(force)):
        raise node.fail(f"optimal_force must be positive and finite, got {force:g}")
    coordinate = body = None
    if node.tag in _ON_COORDINATES:
        coordinate = _named(node, "socket_coordinate", "coordinate")
    elif node.tag == "PointActuator":
        body = _named(node, "socket_body", "body")
    else:
        body = _named(node, "socket_bodyA", "bodyA")
    turns = node.tag == "TorqueActuator"
    axis, flag = ("axis", "torque_is_global") if turns else ("direction", "force_is_global")
    return Reserve(
        name=node.name,
        kind=node.tag,
        optimal_force=force,
        coordinate=coordinate,
        body=body,
        axis=node.numbers(axis, count=3, default=np.eye(3)[2 if turns else 0]),
        point=node.numbers("point", count=3, default=np.zeros(3)),
        axis_global=node.flag(flag, default=turns),
        point_global=node.flag("point_is_global", default=False),
        control=(_limit(node, "min_control", -np.inf), _limit(node, "max_control", np.inf)),
    )


def _named(node: Node, *tags: str) -> str:
    name = node.text(*tags, default="").rsplit("/", 1)[-1]
    if not name:
        raise node.fail(f"<{tags[-1]}> is missing or empty: nothing to act on")
    return name


def _limit(node: Node, tag: str, default: float) -> float:
    """OpenSim writes Inf, -Inf and infinity."""
    word = node.text(tag, default="").lower()
    if word in ("", "inf", "+inf", "infinity", "-inf", "-infinity"):
        return default if not word else (-np.inf if word.startswith("-") else np.inf)
    return node.number(tag)
