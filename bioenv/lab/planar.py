"""Planar inverse dynamics of one leg from six markers and a force plate, after Winter (2009).

The classic two-dimensional analysis of hip, knee and ankle: marker lines are segments, Winter's
table gives their inertia, Newton-Euler runs from foot to hip. Angles, moments and the real-time
filter follow `leg2d` of the GaitAnalysisToolKit (A.J. van den Bogert, csu-hmc, Apache-2.0), whose
published benchmark this module reproduces.

The plane is x forward, y up; rotations count counterclockwise. Flexion of hip and knee and
plantarflexion are positive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_banded

from bioenv.errors import BioenvError

Array = NDArray[np.float64]

MARKERS = ("shoulder", "hip", "knee", "ankle", "heel", "toe")
JOINTS = ("hip", "knee", "ankle")
GRAVITY = 9.81  # m/s^2
WINTER_DOUBLE_PASS = 0.802  # cutoff of one pass of second order over that of both (Winter 2009)

# Thigh, shank, foot (heel to toe): mass / body mass, mass center and radius of gyration / length.
# Winter (2009), table 4.1.
WINTER = ((0.100, 0.433, 0.323), (0.0465, 0.433, 0.302), (0.0145, 0.500, 0.475))

# Markers of trunk, thigh, shank, foot, and of the joint above each but the trunk.
_PROXIMAL = np.array([0, 1, 2, 4])
_DISTAL = np.array([1, 2, 3, 5])
_JOINT_MARKER = (1, 2, 3)
_SENSE = np.array([1.0, -1.0, -1.0])


@dataclass(frozen=True, eq=False)
class PlanarLeg:
    """Hip, knee, ankle over T frames.

    angle (T, 3) rad, velocity (T, 3) rad/s, moment (T, 3) N*m, force (T, 3, 2) N on the distal
    segment at its proximal joint. invented (T, 6): marker positions that were interpolated.
    """

    time: Array
    angle: Array
    velocity: Array
    moment: Array
    force: Array
    invented: NDArray[np.bool_]


def leg_dynamics(
    time: ArrayLike,
    markers: ArrayLike,
    plate: ArrayLike,
    mass: float,
    cutoff: float = 6.0,
    *,
    segments: ArrayLike = WINTER,
    carry_over: bool = False,
) -> PlanarLeg:
    """Joint angles, moments and forces of a leg in the sagittal plane.

    Args:
        time: (T,) s, increasing.
        markers: (T, 6, 2) m in the order of MARKERS; NaN where unseen. Missing samples are left out
            of the filter, and the filtered curves are interpolated linearly there.
        plate: (T, 3) force x, y N and moment N*m about the origin of the plane, on the foot.
        mass: kg, of the whole body.
        cutoff: Hz of both filter passes together.
        segments: (3, 3) thigh, shank, foot by mass share, mass center and radius of gyration.
        carry_over: start the filter as the published benchmark does; see `two_way_filter`.

    Raises BioenvError for wrong shapes, NaN in the plate, or a marker unseen at the first or last
    frame (that would be extrapolation).
    """
    stamps, points, load = _checked(time, markers, plate, mass, cutoff)
    table = np.asarray(segments, dtype=np.float64)
    if table.shape != (3, 3):
        raise BioenvError(f"segments must be (3, 3), thigh, shank, foot; got {table.shape}")
    invented = np.asarray(np.isnan(points).any(axis=2))
    motion = np.empty((3, *points.shape))
    for i in range(len(MARKERS)):
        seen = ~invented[:, i]
        filtered = two_way_filter(stamps[seen], points[seen, i], cutoff, carry_over=carry_over)
        for order, curve in enumerate(filtered):
            for axis in range(2):
                motion[order, :, i, axis] = np.interp(stamps, stamps[seen], curve[:, axis])
    load = two_way_filter(stamps, load, cutoff, carry_over=carry_over)[0]
    loads = _newton_euler(motion, load, mass, table)
    return PlanarLeg(stamps, *loads, invented)


def two_way_filter(
    time: ArrayLike, values: ArrayLike, cutoff: float, *, carry_over: bool = False
) -> tuple[Array, Array, Array]:
    """Second-order Butterworth filter for uneven time, run back and forth, with derivatives.

    The filter is the differential equation ``y'' + b y' + a y = a x`` stepped with the midpoint
    rule, so that y' and y'' come with it (van den Bogert et al. 2013). Both passes start at rest on
    their first sample. The benchmark's code let the forward pass go on from the state of the
    backward one, over a step from -time[0] to time[0]: carry_over=True does the same (needs
    time[0] > 0); its first tenths of a second carry that.

    time (T,) s, values (T, n); returns values, first and second derivative, (T, n) each.
    """
    stamps = np.asarray(time, dtype=np.float64)
    rows = np.asarray(values, dtype=np.float64)
    each = cutoff / WINTER_DOUBLE_PASS
    back, slope, _ = _filter(-stamps[::-1], rows[::-1], each, rows[-1], np.zeros_like(rows[-1]))
    once = back[::-1]
    if not carry_over:
        return _filter(stamps, once, each, once[0], np.zeros_like(once[0]))
    if stamps[0] <= 0:
        raise BioenvError(f"carry_over needs time to start above 0 s, not at {stamps[0]:g} s")
    stamps = np.concatenate([[-stamps[0]], stamps])
    once = np.concatenate([rows[:1], once])
    value, first, second = _filter(stamps, once, each, back[-1], slope[-1])
    return value[1:], first[1:], second[1:]


def _filter(
    time: Array, values: Array, cutoff: float, start: Array, slope: Array
) -> tuple[Array, Array, Array]:
    """One pass from state (start, slope). All steps are one banded system: no loop over frames."""
    step = np.diff(time)
    a, b = (2 * np.pi * cutoff) ** 2, np.sqrt(2) * 2 * np.pi * cutoff
    scale = 4 + 2 * step * b + step**2 * a
    mean = (values[1:] + values[:-1]) / 2
    # Unknowns y0, y0', y1, y1', ...: row of y_i reaches back 2, row of y_i' reaches back 3.
    bands = np.zeros((4, 2 * len(time)))
    bands[0] = 1.0
    bands[2, 0:-2:2] = -(4 + 2 * step * b - step**2 * a) / scale
    bands[1, 1:-2:2] = -4 * step / scale
    bands[3, 0:-2:2] = 4 * step * a / scale
    bands[2, 1:-2:2] = -(4 - 2 * step * b - step**2 * a) / scale
    right = np.empty((2 * len(time), values.shape[1]))
    right[0], right[1] = start, slope
    right[2::2] = (2 * step**2 * a / scale)[:, None] * mean
    right[3::2] = (4 * step * a / scale)[:, None] * mean
    state = solve_banded((3, 0), bands, right)
    first = state[1::2]
    second = np.zeros_like(first)
    second[1:] = np.diff(first, axis=0) / step[:, None]
    return state[::2], first, second


def _newton_euler(
    motion: Array, load: Array, mass: float, table: Array
) -> tuple[Array, Array, Array, Array]:
    """Markers (3 derivatives, T, 6, 2) and load (T, 3) to angle, velocity, moment and force."""
    line = motion[:, :, _DISTAL] - motion[:, :, _PROXIMAL]
    center = motion[:, :, _PROXIMAL[1:]] + table[:, 1, None] * line[:, :, 1:]
    length = np.linalg.norm(line[0], axis=2)
    angle = np.unwrap(np.arctan2(line[0, ..., 1], line[0, ..., 0]), axis=0)
    turning = _cross(line[0], line[1])
    rate = turning / length**2
    spin = _cross(line[0], line[2]) / length**2
    spin -= 2 * turning * (line[0] * line[1]).sum(axis=2) / length**4
    inertia = mass * table[:, 0] * (table[:, 2] * length[:, 1:].mean(axis=0)) ** 2
    count = len(load)
    force, moment = np.empty((count, 3, 2)), np.empty((count, 3))
    distal_force, distal_moment, distal_point = load[:, :2], load[:, 2], np.zeros((count, 2))
    for joint in (2, 1, 0):
        where, middle = motion[0, :, _JOINT_MARKER[joint]], center[:, :, joint]
        own = mass * table[joint, 0] * (middle[2] + [0.0, GRAVITY])
        force[:, joint] = own - distal_force
        moment[:, joint] = (
            inertia[joint] * spin[:, joint + 1]
            - distal_moment
            - _cross(distal_point - middle[0], distal_force)
            - _cross(where - middle[0], force[:, joint])
        )
        distal_force, distal_moment, distal_point = -force[:, joint], -moment[:, joint], where
    angles, rates = _SENSE * np.diff(angle, axis=1), _SENSE * np.diff(rate, axis=1)
    return angles, rates, _SENSE * moment, force


def _cross(a: Array, b: Array) -> Array:
    result: Array = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return result


def _checked(
    time: ArrayLike, markers: ArrayLike, plate: ArrayLike, mass: float, cutoff: float
) -> tuple[Array, Array, Array]:
    stamps = np.asarray(time, dtype=np.float64)
    points = np.asarray(markers, dtype=np.float64)
    load = np.asarray(plate, dtype=np.float64)
    count = len(stamps)
    if points.shape != (count, len(MARKERS), 2) or load.shape != (count, 3):
        raise BioenvError(
            f"markers have shape {points.shape} and the plate {load.shape} with {count} times: "
            f"expected ({count}, 6, 2), markers {', '.join(MARKERS)}, and ({count}, 3)"
        )
    if count < 3 or not np.isfinite(stamps).all() or (np.diff(stamps) <= 0).any():
        raise BioenvError("time must be finite and increase over at least 3 rows")
    if not np.isfinite(load).all():
        raise BioenvError("the plate holds NaN: fill unloaded samples with 0")
    if not mass > 0 or not cutoff > 0:
        raise BioenvError(f"mass {mass:g} kg and cutoff {cutoff:g} Hz must be positive")
    ends = ~np.isfinite(points[[0, -1]]).all(axis=(0, 2))
    if ends.any():
        names = ", ".join(np.array(MARKERS)[ends])
        raise BioenvError(
            f"unseen at the first or last frame: {names}. Cut the trial to frames where all "
            "markers are seen at both ends"
        )
    return stamps, points, load
