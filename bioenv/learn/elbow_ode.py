"""The joint ``I θ'' + b θ' + k θ = τ(t)``: its exact motion, and how well it can be known."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicHermiteSpline, CubicSpline
from scipy.linalg import expm

from bioenv.errors import BioenvError, unknown

Array = NDArray[np.float64]
Torque = Callable[[Array], Array]  # s -> N*m

STEP = 1e-3  # s between the instants where the torque is read
SINGULAR = 1e-7  # of the largest: combinations of unknowns the motion does not tell
NAMES = ("inertia", "damping", "stiffness")


class JointMotion(NamedTuple):
    """time (T,) s, angle (T,) rad, velocity (T,) rad/s, acceleration (T,) rad/s^2."""

    time: Array
    angle: Array
    velocity: Array
    acceleration: Array


def simulate(
    time: ArrayLike,
    torque: object,
    inertia: float,
    damping: float,
    stiffness: float,
    *,
    angle: float = 0.0,
    velocity: float = 0.0,
) -> JointMotion:
    """The motion that starts at ``time[0]`` with `angle` (rad) and `velocity` (rad/s).

    Exact but for the torque, which is taken as linear over 1 ms and read from `torque` as
    :func:`torque_of` does. inertia kg m^2 > 0, damping N m s/rad, stiffness N m/rad.

    Raises BioenvError for times that are not finite and ascending, and an inertia of 0 or less.
    """
    at = np.asarray(time, dtype=float)
    if at.ndim != 1 or not len(at) or not np.isfinite(at).all() or (np.diff(at) <= 0).any():
        raise BioenvError("time must be finite, strictly ascending instants in s")
    if not inertia > 0:
        raise BioenvError(f"inertia must be above 0 kg m^2, got {inertia}")
    grid = at[0] + STEP * np.arange(int(np.ceil((at[-1] - at[0]) / STEP)) + 2)
    drive = torque_of(torque)(np.minimum(grid, at[-1])) / inertia
    matrix = np.array([[0.0, 1.0], [-stiffness / inertia, -damping / inertia]])
    states = _held(matrix, drive, grid[1] - grid[0], np.array([angle, velocity]))
    rate = states @ matrix.T
    rate[:, 1] += drive
    # Both states have their slope: quintic accuracy is not needed at 1 ms.
    curve = [CubicHermiteSpline(grid, states[:, i], rate[:, i])(at) for i in (0, 1)]
    applied = np.interp(at, grid, drive)
    return JointMotion(at, curve[0], curve[1], matrix[1, 0] * curve[0] + matrix[1, 1] * curve[1]
                       + applied)  # fmt: skip


def _held(matrix: Array, drive: Array, step: float, start: Array) -> Array:
    """States (T, 2) of x' = A x + (0, u) with u (T,) linear in between (first-order hold)."""
    big = np.zeros((4, 4))
    big[:2, :2], big[1, 2], big[2, 3] = matrix, 1.0, 1.0
    moved = expm(big * step)
    keep, now, slope = moved[:2, :2], moved[:2, 2], moved[:2, 3]
    pushed = np.outer(drive[:-1], now) + np.outer(np.diff(drive) / step, slope)
    states = np.empty((len(drive), 2))
    a, b = (float(one) for one in start)
    states[0] = start
    (k00, k01), (k10, k11) = keep.tolist()
    for row, (p, q) in enumerate(pushed.tolist(), start=1):  # a recurrence
        a, b = k00 * a + k01 * b + p, k10 * a + k11 * b + q
        states[row] = a, b
    return states


def torque_of(given: object) -> Torque:
    """A function (T,) s -> (T,) N*m of a function, a number, or a pair of times and samples.

    Samples are joined by a cubic spline and must cover what is asked: outside of them the function
    raises BioenvError, as it does for values that are not finite. Raises BioenvError for samples
    that are not finite, not ascending, or not as many as their times.
    """
    if isinstance(given, _Checked | _Sampled):
        return given
    if callable(given):
        return _Checked(given)
    if isinstance(given, float | int):
        constant = float(given)
        return _Checked(lambda time: np.full(np.shape(time), constant))
    if isinstance(given, tuple) and len(given) == 2:
        return _Sampled(*given)
    raise BioenvError(
        "torque must be a function of time (s -> N*m), a number, or a pair (times, samples); "
        f"got {type(given).__name__}"
    )


class _Checked:
    def __init__(self, function: Callable[[Array], object]) -> None:
        self.function = function

    def __call__(self, time: Array) -> Array:
        try:
            value = np.asarray(self.function(time), dtype=float)
        except BioenvError:
            raise
        except (TypeError, ValueError):  # a function of one instant
            value = np.array([self.function(float(t)) for t in time], dtype=float)  # type: ignore[arg-type]
        if value.shape not in ((), time.shape):
            raise BioenvError(
                f"the torque function must give one N m per instant: {value.shape} for {time.shape}"
            )
        if not np.isfinite(value).all():
            bad = float(time[np.argmin(np.isfinite(np.broadcast_to(value, time.shape)))])
            raise BioenvError(f"the torque function is not finite at {bad:g} s")
        return np.broadcast_to(value, time.shape)


class _Sampled:
    def __init__(self, time: ArrayLike, value: ArrayLike) -> None:
        self.time, value = np.asarray(time, dtype=float), np.asarray(value, dtype=float)
        if self.time.shape != value.shape or self.time.ndim != 1 or len(value) < 4:
            raise BioenvError(
                "torque samples need as many times as values, 4 or more; got shapes "
                f"{self.time.shape} and {value.shape}"
            )
        if not (np.isfinite(self.time).all() and np.isfinite(value).all()):
            raise BioenvError("torque samples contain NaN or infinite values; fill them first")
        if (np.diff(self.time) <= 0).any():
            raise BioenvError("the times of torque samples must ascend strictly; sort them first")
        self.curve = CubicSpline(self.time, value)

    def __call__(self, time: Array) -> Array:
        first, last = self.time[0], self.time[-1]
        slack = 1e-9 * (last - first)
        if len(time) and (time.min() < first - slack or time.max() > last + slack):
            raise BioenvError(
                f"torque samples cover {first:g} to {last:g} s, but {time.min():g} to "
                f"{time.max():g} s is needed; give more samples or a function"
            )
        return np.asarray(self.curve(time))


def cramer_rao(
    time: ArrayLike,
    torque: object,
    inertia: float,
    damping: float,
    stiffness: float,
    noise: float,
    *,
    angle: float = 0.0,
    velocity: float = 0.0,
    start_known: bool = False,
    known: tuple[str, ...] = (),
) -> dict[str, float]:
    """Least standard deviations that any unbiased method can reach, before an experiment is made.

    The Cramér-Rao bound for angles sampled at `time` (T,) s, the first when the motion starts, with
    independent Gaussian noise (rad): roots of the diagonal of ``noise^2 (J'J)^-1``, J (T, p) the
    sensitivities of the exact motion to the unknowns, by central differences.

    Args:
        start_known: angle and velocity at the start are known and not estimated.
        known: names of `NAMES` that are known.

    Returns:
        By name, in kg m^2, N m s/rad, N m/rad, infinite where only a ratio can be known; and
        "angle": the root mean square over the samples of the deviation of the trajectory, rad.

    Raises BioenvError for unknown names in `known` and for a motion that depends on nothing.
    """
    for name in known:
        if name not in NAMES:
            raise unknown("parameter of the joint", name, NAMES)
    at = np.asarray(time, dtype=float)
    place = np.array([inertia, damping, stiffness, angle, velocity], dtype=float)
    free = [i for i, name in enumerate(NAMES) if name not in known]
    places = free + ([] if start_known else [3, 4])
    slope = sensitivities(at, torque, place)[:, places]
    return _bound(slope, noise, [NAMES[i] for i in free])


def _bound(slope: Array, noise: float, names: list[str]) -> dict[str, float]:
    """Deviations of the first unknowns by name and of the angle; slope (T, p)."""
    scale = np.linalg.norm(slope, axis=0)
    blind = [name for name, size in zip(names, scale, strict=False) if not size > 0]
    if blind or not len(scale):
        raise BioenvError(
            f"the motion depends on none of {blind or 'the unknowns'}; apply a torque"
        )
    left, values, right = np.linalg.svd(slope / scale, full_matrices=False)
    with np.errstate(divide="ignore", invalid="ignore"):
        shrunk = np.where(values > SINGULAR * values[0], values, 0.0)
        # What a blind direction does not touch stays known.
        parts = np.where(np.abs(right.T) > SINGULAR, right.T, 0.0) ** 2
        spread = np.where(parts > 0, parts / shrunk**2, 0.0).sum(axis=1)
    deviation = noise * np.sqrt(spread) / scale
    told = {name: float(size) for name, size in zip(names, deviation, strict=False)}
    return told | {"angle": float(noise * np.sqrt((left**2).sum() / len(slope)))}


def sensitivities(time: Array, torque: object, place: Array) -> Array:
    """(T, 5) slopes of the angle with inertia, damping, stiffness, start angle and velocity."""
    size = np.where(place[:3] != 0, np.abs(place[:3]), 1.0)
    steps = np.concatenate([1e-5 * size, [1e-4, 1e-4]])
    columns = []
    for number, step in enumerate(steps):
        up, down = place.copy(), place.copy()
        up[number] += step
        down[number] -= step
        one, two = (_angle(time, torque, p) for p in (up, down))
        columns.append((one - two) / (2.0 * step))
    return np.stack(columns, axis=1)


def _angle(time: Array, torque: object, place: Array) -> Array:
    return simulate(time, torque, *place[:3], angle=place[3], velocity=place[4]).angle


def carried_on(
    end: float, time: Array, torque: Torque, place: Array, covariance: Array
) -> tuple[Array, Array]:
    """(3, T) state at times after `end` and its standard deviations, to first order.

    place (5,): inertia, damping, stiffness, and angle and velocity at `end`; covariance (5, 5).
    """
    at = np.concatenate([[end], time])

    def state(p: Array) -> Array:
        found = simulate(at, torque, *p[:3], angle=p[3], velocity=p[4])
        return np.stack(found[1:])[:, 1:]

    slopes = []
    for step in np.diag(1e-5 * np.maximum(np.abs(place), 1e-3)):
        slopes.append((state(place + step) - state(place - step)) / (2.0 * step.sum()))
    slope = np.stack(slopes, axis=-1)
    spread = np.einsum("ati,ij,atj->at", slope, covariance, slope)
    return state(place), np.sqrt(np.maximum(spread, 0.0))
