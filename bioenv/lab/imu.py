"""Inertial sensors: which way they point, joint angles between two of them, and their limits.

World frame z up. Accelerometers read +g upward at rest, gyroscopes rad/s, both in the sensor's
frame. Orientations are (T, 3, 3) matrices from sensor to world.

Without a magnetometer nothing tells the heading: it starts at an arbitrary value and drifts with
what is left of the gyroscope's bias. Inclination does not drift, and flexion of a joint whose axis
stays horizontal hardly does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from bioenv.errors import BioenvError
from bioenv.lab.filters import butterworth, finite, power_share
from bioenv.lab.gaps import runs

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

TILT_CUTOFF = 0.05  # Hz; far below any stride, above the drift of a gyroscope
_REST_S = 0.5  # s
_REST_TURN = 0.03  # rad/s, spread of a gyroscope at rest
_REST_PUSH = 0.3  # m/s^2, spread of an accelerometer at rest
_BIAS = 0.2  # rad/s; no gyroscope is further off
_NEAR_NYQUIST = 0.01  # share of the power above 0.8 times half the rate


class Orientation(NamedTuple):
    """rotation (T, 3, 3) sensor to world; bias (3,) rad/s taken off; rest (T,) samples it was read
    from; notes in words."""

    rotation: Array
    bias: Array
    rest: Mask
    notes: tuple[str, ...]


class Hinge(NamedTuple):
    """A joint seen as a hinge: axis (3,) in the proximal frame, angle (T,) rad about it, positive
    towards the larger excursion; off_axis: rms of the rotation that is not about it, rad."""

    axis: Array
    angle: Array
    off_axis: float


def orientation(
    gyroscope: ArrayLike,
    accelerometer: ArrayLike,
    rate: float,
    *,
    bias: ArrayLike | None = None,
    cutoff: float = TILT_CUTOFF,
) -> Orientation:
    """Orientation from angular velocity and acceleration, without lag, all samples at once.

    The gyroscope is integrated; seen from that frame the measured acceleration is gravity plus
    what averages out over strides, so its slow part says where up is, and the frame is tilted back
    by the least rotation (the inclination correction of Laidig and Seel 2023, Information Fusion
    91:187, here with a zero-lag filter since the whole trial is known). Least sure, by a few
    degrees, at the ends of a trial that is cut in mid-stride.

    Args:
        gyroscope: (T, 3) rad/s. accelerometer: (T, 3) m/s^2 with gravity. No NaN.
        rate: Hz.
        bias: (3,) rad/s of the gyroscope; None reads it from rest in the trial.
        cutoff: Hz that separates gravity from movement. A trial shorter than its period is
            corrected by its mean, which is exact for whole strides.

    Raises BioenvError for wrong shapes, NaN, degrees for radians or g for m/s^2.
    """
    turn, push = _checked(gyroscope, accelerometer)
    still = at_rest(turn, push, rate)
    notes: tuple[str, ...] = ()
    if bias is not None:
        offset = np.asarray(bias, dtype=np.float64)
    elif still.any():
        offset = turn[still].mean(axis=0)
    else:
        offset = np.zeros(3)
        notes += (f"no rest of {_REST_S:g} s in the trial: the gyroscope's bias is not known",)
    frame = _integrated(turn - offset, rate)
    up = frame.apply(push)
    if len(up) > max(rate / cutoff, 4):
        # Mirrored ends: an odd continuation would hang on the one last sample, a step or a kick.
        up = butterworth(up, rate, cutoff, padding="even")
    else:
        up = np.tile(up.mean(axis=0), (len(up), 1))
        notes += ("short trial: tilt is corrected by its mean",)
    tilt = _least_rotation(up)
    return Orientation((tilt * frame).as_matrix(), offset, still, notes)


def at_rest(gyroscope: ArrayLike, accelerometer: ArrayLike, rate: float) -> Mask:
    """(T,) windows of half a second in which the sensor neither turns nor shakes."""
    turn, push = np.asarray(gyroscope, dtype=float), np.asarray(accelerometer, dtype=float)
    width = max(round(_REST_S * rate), 2)
    count = len(turn) // width
    shape = (count, width, 3)
    windows = turn[: count * width].reshape(shape), push[: count * width].reshape(shape)
    quiet = (windows[0].std(axis=1).max(axis=1, initial=0) < _REST_TURN) & (
        windows[1].std(axis=1).max(axis=1, initial=0) < _REST_PUSH
    )
    quiet &= np.linalg.norm(windows[0].mean(axis=1), axis=1) < _BIAS
    still = np.zeros(len(turn), dtype=bool)
    still[: count * width] = np.repeat(quiet, width)
    return still


def sensor_to_segment(
    static: ArrayLike, heading: float = 0.0, segment: ArrayLike | None = None
) -> Array:
    """(3, 3) the segment's axes in the sensor's frame, from a pose in which they are known.

    static: (T, 3, 3) sensor to world while the person stands in the pose. heading: direction the
    person faces then, rad about z from the world's x; it must be known (from a magnetometer, or
    from a sensor whose axis is known to point forward), or use `hinge`, which needs none. segment:
    (3, 3) the segment in the pose, axes relative to forward, left, up; by default the identity,
    upright. The segment's orientation in any trial is then ``rotation @ sensor_to_segment``.
    """
    pose = Rotation.from_matrix(_matrices(static)).mean().as_matrix()
    known = np.eye(3) if segment is None else np.asarray(segment, dtype=np.float64)
    facing = Rotation.from_rotvec([0.0, 0.0, heading]).as_matrix()
    return np.asarray(pose.T @ facing @ known, dtype=np.float64)


def joint_angles(proximal: ArrayLike, distal: ArrayLike) -> Array:
    """(T, 3) rad: flexion, adduction and rotation of a distal segment in a proximal one.

    Segment frames x forward, y left, z up, (T, 3, 3) to a common world; angles about y, then x,
    then z (Grood and Suntay 1983). Signs are those of the axes: the first one is positive when the
    lower end swings backward (flexion of the knee, extension of the hip). Sensors must share their
    heading; where they do not, use `hinge`.
    """
    relative = np.swapaxes(_matrices(proximal), 1, 2) @ _matrices(distal)
    angles = Rotation.from_matrix(relative).as_euler("YXZ")
    return np.unwrap(angles, axis=0)


def hinge(proximal: ArrayLike, distal: ArrayLike, static: ArrayLike | slice) -> Hinge:
    """The main axis of a joint between two sensors, and the angle about it, from the movement.

    proximal, distal: (T, 3, 3) to a common world; how they sit on the segments does not matter.
    static: samples (mask or slice) of a pose with angle zero. The axis is the main direction of
    the rotation vectors from that pose. Needs sensors that share their heading.
    """
    first, second = _matrices(proximal), _matrices(distal)
    relative = Rotation.from_matrix(np.swapaxes(first, 1, 2) @ second)
    chosen = np.arange(len(first))[static] if isinstance(static, slice) else np.asarray(static)
    away = relative * relative[chosen].mean().inv()
    vectors = away.as_rotvec()
    axis = np.linalg.svd(vectors, full_matrices=False)[2][0]
    parts = away.as_quat(canonical=True)
    angle = np.unwrap(2 * np.arctan2(parts[:, :3] @ axis, parts[:, 3]))
    if abs(angle.min()) > abs(angle.max()):
        axis, angle = -axis, -angle
    about = Rotation.from_rotvec(np.outer(angle, axis))
    off = float(np.sqrt(np.mean((away * about.inv()).magnitude() ** 2)))
    return Hinge(axis, angle, off)


def sampling_notes(
    values: ArrayLike, rate: float, what: str, full_scale: float | None = None
) -> tuple[str, ...]:
    """What the sampling of a signal (T, C) may have lost, in words: impacts too fast, clipping.

    Power close to half the rate means that there was more beyond it: heel strikes reach 100 Hz and
    more at the shank, and a sensor at 100 Hz shows them too small and in the wrong place.
    full_scale: the sensor's range in the signal's unit. Joint angles suffer little; peak
    accelerations, loading rates and jerk do.
    """
    signal = finite(values, what)
    flat = signal.reshape(len(signal), -1)
    notes: tuple[str, ...] = ()
    share = float(power_share(flat, rate, 0.4 * rate).max())
    if share > _NEAR_NYQUIST:
        notes += (
            f"{what}: {100 * share:.2g} % of the power lies above {0.4 * rate:g} Hz, close to half "
            f"the sampling rate of {rate:g} Hz: impacts are not resolved, their peaks are wrong",
        )
    limit = np.abs(flat).max() if full_scale is None else 0.995 * full_scale
    clipped = [run for column in flat.T for run in runs(np.abs(column) >= limit)]
    stuck = [run for run in clipped if run.stop - run.start >= (3 if full_scale is None else 1)]
    if stuck and np.ptp(flat) > 0:
        notes += (
            f"{what}: clipped at {np.abs(flat).max():g} in {len(stuck)} places, first at sample "
            f"{stuck[0].start}: the true peaks are higher",
        )
    return notes


def _integrated(turn: Array, rate: float) -> Rotation:
    """Rotations from each sample's frame to the first one's: prefix products of the steps.

    A step turns by the mean rate of its ends, with the coning term of second order (Savage 1998).
    Products by doubling: log2 T vectorised multiplications instead of a loop over T samples.
    """
    step = (turn[:-1] + turn[1:]) / (2 * rate) + np.cross(turn[:-1], turn[1:]) / (12 * rate**2)
    parts = Rotation.from_rotvec(np.concatenate([np.zeros((1, 3)), step])).as_quat()
    reach = 1
    while reach < len(parts):
        product = Rotation.from_quat(parts[:-reach]) * Rotation.from_quat(parts[reach:])
        parts[reach:] = product.as_quat()
        reach *= 2
    return Rotation.from_quat(parts)


def _least_rotation(up: Array) -> Rotation:
    """The smallest rotations that turn each vector (T, 3) to z; one common part taken off first."""
    mean = _to_vertical(up.mean(axis=0)[None])
    return _to_vertical(mean.apply(up)) * mean[0]


def _to_vertical(vectors: Array) -> Rotation:
    """Smallest rotation of each vector (T, 3) onto z; half a turn about x for -z."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    # Quaternion of the half way: (u x z, 1 + u . z), which fails only for u = -z.
    parts = np.stack([unit[:, 1], -unit[:, 0], np.zeros(len(unit)), 1 + unit[:, 2]], axis=1)
    parts[np.linalg.norm(parts, axis=1) < 1e-6] = [1.0, 0.0, 0.0, 0.0]
    return Rotation.from_quat(parts)


def _matrices(values: ArrayLike) -> Array:
    """(T, 3, 3) rotations. Raises BioenvError for another shape or what is no rotation."""
    matrices = np.asarray(values, dtype=np.float64)
    if matrices.ndim != 3 or matrices.shape[1:] != (3, 3):
        raise BioenvError(f"orientations have shape {matrices.shape}: give (T, 3, 3)")
    error = np.abs(matrices @ np.swapaxes(matrices, 1, 2) - np.eye(3)).max(initial=0.0)
    if not error < 1e-3 or not (np.linalg.det(matrices) > 0).all():
        raise BioenvError(f"orientations are no rotation matrices: off by {error:.2g}")
    return matrices


def _checked(gyroscope: ArrayLike, accelerometer: ArrayLike) -> tuple[Array, Array]:
    turn = finite(gyroscope, "the gyroscope")
    push = finite(accelerometer, "the accelerometer")
    if turn.ndim != 2 or turn.shape[1] != 3 or push.shape != turn.shape or len(turn) < 2:
        raise BioenvError(f"gyroscope {turn.shape}, accelerometer {push.shape}: give (T, 3) each")
    level = float(np.median(np.linalg.norm(push, axis=1)))
    if not 4.0 < level < 30.0:
        raise BioenvError(
            f"the accelerometer reads {level:.3g} m/s^2 on the whole, gravity is 9.81: give m/s^2 "
            "with gravity (values in g times 9.81)"
        )
    if np.abs(turn).max() > 60.0:
        raise BioenvError(
            f"the gyroscope reads up to {np.abs(turn).max():.0f}: nobody turns that fast in rad/s; "
            "multiply degrees/s by pi/180"
        )
    return turn, push
