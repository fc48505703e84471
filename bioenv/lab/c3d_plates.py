"""Force plates of C3D files, types 1 to 4: channels to force, pressure center and free moment.

Conventions of the C3D user guide: a plate's frame has x from its second to its first corner, y from
its fourth to its first, z downward into the floor; the channels hold the force of the ground on the
person in that frame (so the vertical channel is negative under load).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError

Array = NDArray[np.float64]

CHANNELS = {1: 6, 2: 6, 3: 8, 4: 6}
LOADED = 10.0  # N, vertical: below this the pressure center is noise


@dataclass(frozen=True, eq=False)
class Plate:
    """A plate of the file: type; channels (k,), counted from 0; corners (4, 3) m in the file's
    axes; origin (3,) m in the plate's; calibration (6, 6) of type 4, from channels to N and N*m."""

    kind: int
    channels: NDArray[np.intp]
    corners: Array
    origin: Array
    calibration: Array | None = None

    @property
    def rotation(self) -> Array:
        """(3, 3), columns are the plate's axes in the file's. Raises BioenvError if corners are no
        rectangle."""
        x, y = self.corners[0] - self.corners[1], self.corners[0] - self.corners[3]
        z = np.cross(x, y)
        if not np.isfinite(z).all() or np.linalg.norm(z) < 1e-4:
            raise BioenvError(f"corners {self.corners.tolist()} m span no plate")
        y = np.cross(z, x)
        return np.column_stack([v / np.linalg.norm(v) for v in (x, y, z)])


class Wrench(NamedTuple):
    """In the file's axes: force (T, 3) N, point (T, 3) m (NaN unloaded), moment (T, 3) N*m about
    the point (zero unloaded)."""

    force: Array
    point: Array
    moment: Array


def wrench(plate: Plate, signals: Array) -> Wrench:
    """Force, pressure center and free moment from a plate's channels (T, k) in N, N*m and m.

    Types: 1 force, center, free moment; 2 force and moment at the plate's origin; 3 eight Kistler
    forces (x12 x34 y14 y23 z1 z2 z3 z4); 4 like 2 after multiplication with a calibration matrix.
    Closed form of the guide; the same as ezc3d's ForcePlatforms.
    """
    force, moment, center = _in_plate(plate, signals)
    loaded = np.abs(force[:, 2]) >= LOADED
    safe = np.where(loaded, force[:, 2], np.inf)
    if center is None:
        flat = np.zeros(len(force))
        center = np.column_stack([-moment[:, 1] / safe, moment[:, 0] / safe, flat])
        free = moment - np.cross(center, force)
    else:
        free = moment
    turn = plate.rotation
    point = center @ turn.T + plate.corners.mean(axis=0)
    free = np.where(loaded[:, None], free @ turn.T, 0.0)
    return Wrench(force @ turn.T, np.where(loaded[:, None], point, np.nan), free)


def channels_of(plate: Plate, force: Array, moment: Array) -> Array:
    """(T, 6) channels of a type 2 plate, N and N*m, whose origin is the middle of its corners.

    force and moment (T, 3) about that middle, in the file's axes: the inverse of `wrench`.
    """
    turn = plate.rotation
    return np.hstack([force @ turn, moment @ turn])


def _in_plate(plate: Plate, signals: Array) -> tuple[Array, Array, Array | None]:
    """Force, moment about the middle of the surface, and pressure center where it is measured."""
    x, y, z = plate.origin
    if plate.kind == 1:
        flat = np.zeros(len(signals))
        center = np.column_stack([signals[:, 3], signals[:, 4], flat])
        return signals[:, :3], np.column_stack([flat, flat, signals[:, 5]]), center
    if plate.kind == 3:
        x12, x34, y14, y23, z1, z2, z3, z4 = signals.T
        force = np.column_stack([x12 + x34, y14 + y23, z1 + z2 + z3 + z4])
        moment = np.column_stack(
            [y * (z1 + z2 - z3 - z4), x * (z2 + z3 - z1 - z4), y * (x34 - x12) + x * (y14 - y23)]
        )
        return force, moment + np.cross(force, [0.0, 0.0, z]), None
    if plate.calibration is not None:
        signals = signals @ plate.calibration.T
    force = signals[:, :3]
    return force, signals[:, 3:] + np.cross(force, plate.origin), None
