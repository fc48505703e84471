"""Axes of a laboratory: which of a file's axes point forward, left and up.

Axes are given as three signed letters, the file's axes that point forward, left and up:
``("x", "-z", "y")`` is OpenSim's ground frame, ``("x", "y", "z")`` bioenv's world.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.lab.finding import Finding

Array = NDArray[np.float64]

OPENSIM = ("x", "-z", "y")
WORLD = ("x", "y", "z")
_LETTERS = ("x", "-x", "y", "-y", "z", "-z")

WALKED = 0.5  # m; a shorter way tells no direction
_FRONT = re.compile(r"toe|mt[1-5p]|meta|hallux|asis|asi$", re.IGNORECASE)
_BACK = re.compile(r"heel|hee$|cal|psis|psi$|sacr", re.IGNORECASE)


class Direction(NamedTuple):
    """Axes that were detected, how ("force plates", "markers", ...), and what is doubtful."""

    axes: tuple[str, str, str]
    findings: tuple[Finding, ...]


def matrix(axes: Sequence[str]) -> Array:
    """(3, 3) with ``world = matrix @ file``. Raises BioenvError unless axes are right-handed."""
    letters = tuple(str(one).lower().removeprefix("+") for one in axes)
    if len(letters) != 3 or any(one not in _LETTERS for one in letters):
        raise BioenvError(
            f"axes {tuple(axes)!r}: expected three of {', '.join(_LETTERS)}, the file's axes that "
            f"point forward, left and up; OpenSim's files have {OPENSIM!r}"
        )
    rotation = np.zeros((3, 3))
    for row, one in enumerate(letters):
        rotation[row, "xyz".index(one[-1])] = -1.0 if one[0] == "-" else 1.0
    if np.linalg.det(rotation) < 0.5:
        flipped = letters[1].removeprefix("-") if letters[1][0] == "-" else "-" + letters[1]
        raise BioenvError(
            f"axes {letters!r} are not right-handed (or repeat an axis); did you mean "
            f"{(letters[0], flipped, letters[2])!r}?"
        )
    return rotation


def to_world(vectors: Array, axes: Sequence[str]) -> Array:
    """(..., 3) vectors of a file with these axes in the world: x forward, y left, z up."""
    return vectors @ matrix(axes).T + 0.0  # + 0.0 turns -0 into 0


def from_world(vectors: Array, axes: Sequence[str]) -> Array:
    """(..., 3) world vectors in a file's axes; the inverse of `to_world`."""
    return vectors @ matrix(axes) + 0.0


def detect(
    names: Sequence[str], positions: Array, *, up: str | None = None, where: str = "markers"
) -> Direction:
    """Axes from markers (T, M, 3) in the file's frame.

    up: the vertical axis where it is known (force plates lie flat, a file's screen axes), else
    the axis along which people are tallest. Forward: the axis nearest to the way the markers go,
    or, on a treadmill and in static trials, the axis from heels to toes or from the back of
    the pelvis to its front. What could not be told, or contradicts itself, is a finding.
    """
    found: list[Finding] = []
    if up is None:
        up, sure = _tallest(positions)
        if not sure:
            message = f"the vertical axis is a guess ({up}); give axes= to be sure"
            found.append(Finding("axes", where, message))
    way = _travel(positions)
    facing = _facing(names, positions)
    flat = np.ones(3)
    flat["xyz".index(up[-1])] = 0.0
    way, facing = way * flat, facing * flat
    moved = float(np.linalg.norm(way))
    if moved > WALKED and way @ facing < -0.5 * moved * np.linalg.norm(facing) < 0.0:
        message = "the person walks backward: forward is where the toes point"
        found.append(Finding("axes", where, message))
        forward = _nearest(facing)
    elif moved > WALKED:
        forward = _nearest(way)
    elif np.linalg.norm(facing) > 0.05:
        forward = _nearest(facing)
    else:
        forward = "xyz"[("xyz".index(up[-1]) + 1) % 3]
        message = "nobody walks and no toe or pelvis markers show where forward is"
        message += f": {forward} was taken; give axes= to be sure"
        found.append(Finding("axes", where, message))
    return Direction((forward, _cross(up, forward), up), tuple(found))


def disagreement(
    axes: Sequence[str], names: Sequence[str], positions: Array, where: str
) -> tuple[Finding, ...]:
    """Findings when markers (T, M, 3), in the file's frame, contradict the axes it was read with.

    Only a clear contradiction counts: another vertical axis, or walking away from forward.
    """
    up, sure = _tallest(positions)
    found = []
    if sure and up != axes[2]:
        found.append(
            Finding(
                "axes", where,
                f"read with {axes[2]} up, but the markers stand along {up}; give axes=", "error",
            )
        )  # fmt: skip
        return tuple(found)
    way = to_world(_travel(positions), axes)
    if np.linalg.norm(way[:2]) > WALKED and abs(np.degrees(np.arctan2(way[1], way[0]))) > 45.0:
        angle = np.degrees(np.arctan2(way[1], way[0]))
        found.append(
            Finding(
                "axes", where,
                f"the person goes {angle:.0f}° away from forward ({axes[0]}); give axes= if the "
                "direction matters (planar models)", "note",
            )
        )  # fmt: skip
    return tuple(found)


def _tallest(positions: Array) -> tuple[str, bool]:
    """The signed axis along which single frames extend most, and whether that is clear.

    Up is the sense in which all markers lie above the floor (zero).
    """
    if positions.shape[1] < 3 or not _seen(positions).any():
        return "z", False
    some = positions[:: max(1, len(positions) // 200)]
    whole = some[_seen(some).all(axis=1)]
    if not len(whole):
        whole = np.where(np.isfinite(some), some, np.nanmean(positions, axis=(0, 1)))
    extent = np.median(whole.max(axis=1) - whole.min(axis=1), axis=0)
    axis = int(np.argmax(extent))
    others = np.delete(extent, axis)
    low, high = whole[..., axis].min(), whole[..., axis].max()
    positive = low + high > 0
    # A standing or walking person is at least 1.3 times as tall as wide or long.
    sure = extent[axis] > 1.3 * others.max() and (low if positive else -high) > -0.2 * extent[axis]
    return ("" if positive else "-") + "xyz"[axis], bool(sure)


def _travel(positions: Array) -> Array:
    """(3,) the way of the markers' middle between the first and the last tenth of the trial."""
    if not len(positions) or not positions.shape[1]:
        return np.zeros(3)
    tenth = max(1, len(positions) // 10)
    start, stop = positions[:tenth], positions[-tenth:]
    both = _seen(start).any(axis=0) & _seen(stop).any(axis=0)
    if not both.any():
        return np.zeros(3)
    way = np.nanmedian(stop[:, both], axis=0) - np.nanmedian(start[:, both], axis=0)
    result: Array = np.median(way, axis=0)
    return result


def _facing(names: Sequence[str], positions: Array) -> Array:
    """(3,) m from heels and the back of the pelvis to toes and its front; zero when unnamed."""
    front = [i for i, name in enumerate(names) if _FRONT.search(name)]
    back = [i for i, name in enumerate(names) if _BACK.search(name)]
    some = positions[:: max(1, len(positions) // 200)]
    if not front or not back:
        return np.zeros(3)
    ahead, behind = some[:, front], some[:, back]
    if not (_seen(ahead).any() and _seen(behind).any()):
        return np.zeros(3)
    result: Array = np.nanmean(ahead, axis=(0, 1)) - np.nanmean(behind, axis=(0, 1))
    return result


def _seen(positions: Array) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(positions).all(axis=-1), dtype=np.bool_)


def _nearest(vector: Array) -> str:
    axis = int(np.argmax(np.abs(vector)))
    return ("-" if vector[axis] < 0 else "") + "xyz"[axis]


def _cross(first: str, second: str) -> str:
    unit = {one: np.eye(3)["xyz".index(one[-1])] * (-1 if one[0] == "-" else 1) for one in _LETTERS}
    return _nearest(np.cross(unit[first], unit[second]))
