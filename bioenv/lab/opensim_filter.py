"""OpenSim's own smoothing, so that inverse results can agree with OpenSim's number for number.

InverseDynamicsTool and AnalyzeTool treat a file of coordinates alike (OpenSim 4.6, read in
OpenSim/Common/{Storage,Signal,GCVSpline}.cpp):

1. half as many rows as there are are added at each end, mirrored through the end point
   (Storage::pad, Signal::Pad);
2. where the smallest step is below the mean step, rows are resampled at the smallest step on a
   quintic spline (Storage::resample); rounding of the time stamps suffices for that;
3. a third-order Butterworth low-pass runs forward and back (Signal::LowpassIIR), started on the
   first three samples as they are. Both passes halve the amplitude at the cutoff: the frequency
   where 0.71 of it is left, is 0.86 of the number given;
4. an interpolating natural quintic spline (GCVSpline, degree 5, error variance 0) gives values,
   speeds and accelerations.

External forces are not filtered: ExternalForce interpolates force, point and moment with natural
cubic splines, which overshoot where a force sets in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import BSpline, make_interp_spline
from scipy.signal import butter, lfilter

from bioenv.errors import BioenvError

Array = NDArray[np.float64]

_FEWEST = 12  # rows a quintic GCVSpline needs (twice its order)
_MOST = 100_000  # rows of Storage::resample
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Smoothed:
    """Smooth coordinates. Call with times (k,) s for values (k, n), or their derivatives.

    time (T,) s: the rows OpenSim reports; those given, or evenly spaced ones where they were not.
    span: first and last time that was given. spline runs through rows (R,) s, the padded ends too.
    """

    time: Array
    span: tuple[float, float]
    spline: BSpline
    rows: Array

    def __call__(self, time: ArrayLike, derivative: int = 0) -> Array:
        """Values (k, n), their first or second derivative. Raises BioenvError outside the trial."""
        at = np.atleast_1d(np.asarray(time, dtype=np.float64))
        _inside(at, self.span, "the coordinates", 1e-9)
        return np.asarray(self.spline(at, derivative), dtype=np.float64)

    @cached_property
    def value(self) -> Array:
        """Values (T, n) at `time`."""
        return self(self.time)

    @cached_property
    def first(self) -> Array:
        """Speeds (T, n), unit/s."""
        return self(self.time, 1)

    @cached_property
    def second(self) -> Array:
        """Accelerations (T, n), unit/s^2, as InverseDynamicsTool takes them."""
        return self(self.time, 2)

    @cached_property
    def second_of_speeds(self) -> Array:
        """Accelerations (T, n) as StaticOptimization takes them.

        AnalyzeTool keeps speeds in a table and fits another quintic spline to that; its slope
        differs a little from `second`.
        """
        return np.asarray(_natural(self.rows, self.spline(self.rows, 1), 5)(self.time, 1))


def opensim_coordinates(
    time: ArrayLike, values: ArrayLike, cutoff_hz: float | None = None
) -> Smoothed:
    """Coordinates smoothed as OpenSim 4.6 smooths them for inverse dynamics.

    Args:
        time: (T,) s, increasing; at least 12 rows.
        values: (T, n), m, rad or degrees: the chain is linear in them.
        cutoff_hz: low-pass cutoff; None fits the spline to the values as they are.

    Raises BioenvError for NaN, time that does not increase, too few rows, and a cutoff at or above
    half the sampling rate (OpenSim would quietly change the cutoff).
    """
    stamps, rows = _checked(time, values, _FEWEST)
    span = float(stamps[0]), float(stamps[-1])
    if cutoff_hz is None:
        return Smoothed(stamps, span, _natural(stamps, rows, 5), stamps)
    padded, smooth = _pad(stamps, len(stamps) // 2)[:, 0], _pad(rows, len(stamps) // 2)
    step = float(np.diff(padded).min())
    mean = (padded[-1] - padded[0]) / (len(padded) - 1)
    rate = 1.0 / mean
    if not 0 < cutoff_hz < 0.5 * rate:
        raise BioenvError(
            f"cutoff {cutoff_hz:g} Hz for coordinates at {rate:g} Hz: give one between 0 and "
            f"{rate / 2:g} Hz, half the sampling rate (6 Hz is usual for walking)"
        )
    even = (mean - step) <= 1e-6 * mean
    if (mean - step) > _EPS:
        step = max(step, (padded[-1] - padded[0]) / _MOST)
        spline = _natural(padded, smooth, 5)
        # Added up step by step as OpenSim does: rounding decides whether the last row is kept.
        grid = np.full(int((padded[-1] - padded[0]) / step) + 2, step)
        grid[0] = padded[0]
        padded = np.add.accumulate(grid)
        padded = padded[padded <= spline.t[-1]]
        smooth = np.asarray(spline(padded))
    smooth = _lowpass_twice(smooth, cutoff_hz, step)
    inside = (padded >= span[0] - 1e-9) & (padded <= span[1] + 1e-9)
    reported = stamps if even else padded[inside]
    return Smoothed(reported, span, _natural(padded, smooth, 5), padded)


def opensim_forces(time: ArrayLike, values: ArrayLike) -> Callable[[ArrayLike], Array]:
    """Interpolation of external forces, points or moments as OpenSim's ExternalForce does it.

    time (T,) s, values (T, ...). Natural cubic spline; straight lines for 2 or 3 rows, a constant
    for one. The callable takes times (k,) s and gives (k, ...). It continues straight for at most
    one sample beyond the ends (a force file often ends a sample before the coordinates) and raises
    BioenvError further out, where OpenSim would extrapolate without a word.
    """
    stamps, rows = _checked(time, values, 1)
    spline = _natural(stamps, rows, 3) if len(stamps) > 3 else None

    def at(when: ArrayLike) -> Array:
        moments = np.atleast_1d(np.asarray(when, dtype=np.float64))
        if len(stamps) == 1:
            return np.repeat(rows, len(moments), axis=0)
        step = float(np.diff(stamps).max())
        _inside(moments, (stamps[0], stamps[-1]), "the forces", (1 + 1e-6) * step)
        if spline is None:
            flat = rows.reshape(len(stamps), -1)
            lines = [np.interp(moments, stamps, column) for column in flat.T]
            return np.stack(lines, axis=1).reshape(len(moments), *rows.shape[1:])
        within = np.clip(moments, stamps[0], stamps[-1])
        beyond = (moments - within).reshape(-1, *(1,) * (rows.ndim - 1))
        result: Array = spline(within) + beyond * spline(within, 1)
        return result

    return at


def _natural(time: Array, values: Array, degree: int) -> BSpline:
    """Interpolating spline whose derivatives of order (degree + 1) / 2 ... degree - 1 vanish at
    both ends: the spline of least curvature (of that order), GCVSPL without smoothing."""
    none = np.zeros(values.shape[1:])
    ends = [(order, none) for order in range((degree + 1) // 2, degree)]
    return make_interp_spline(time, values, k=degree, bc_type=(ends, ends))


def _pad(values: Array, count: int) -> Array:
    """(T + 2 count, n): both ends continued by their point reflection."""
    rows = values.reshape(len(values), -1)
    before = 2 * rows[0] - rows[count:0:-1]
    after = 2 * rows[-1] - rows[-2 : -count - 2 : -1]
    return np.concatenate([before, rows, after])


def _lowpass_twice(values: Array, cutoff: float, step: float) -> Array:
    """Signal::LowpassIIR: third-order Butterworth there and back, the first three samples kept."""
    b, a = butter(3, cutoff, fs=1 / step)
    once = _recursive(b, a, values)
    return np.ascontiguousarray(_recursive(b, a, once[::-1])[::-1])


def _recursive(b: Array, a: Array, values: Array) -> Array:
    """IIR filter whose first three outputs are the inputs themselves."""
    past = values[2::-1]
    state = np.stack([np.tensordot((b - a)[m:], past[: 4 - m], axes=1) for m in (1, 2, 3)])
    filtered, _ = lfilter(b, a, values[3:], axis=0, zi=state)
    return np.concatenate([values[:3], filtered])


def _checked(time: ArrayLike, values: ArrayLike, fewest: int) -> tuple[Array, Array]:
    """time (T,) and values (T, ...) as arrays of float. Raises BioenvError."""
    stamps = np.asarray(time, dtype=np.float64)
    rows = np.asarray(values, dtype=np.float64)
    if stamps.ndim != 1 or rows.ndim < 1 or len(rows) != len(stamps):
        raise BioenvError(
            f"time has shape {stamps.shape}, values {rows.shape}: give (T,) and (T, n)"
        )
    if len(stamps) < fewest:
        raise BioenvError(f"{len(stamps)} rows: at least {fewest} are needed for the spline")
    if not np.isfinite(stamps).all() or (np.diff(stamps) <= 0).any():
        raise BioenvError("time must be finite and increase from row to row")
    bad = ~np.isfinite(rows)
    if bad.any():
        first = int(np.flatnonzero(bad.reshape(len(rows), -1).any(axis=1))[0])
        raise BioenvError(
            f"{int(bad.sum())} values are NaN or infinite, first at {stamps[first]:g} s: "
            "fill the gaps first (bioenv.lab.gaps)"
        )
    return stamps, rows


def _inside(at: Array, span: tuple[float, float], what: str, margin: float) -> None:
    """Raise BioenvError when a time lies more than `margin` s outside the data."""
    wrong = ~((at >= span[0] - margin) & (at <= span[1] + margin))
    if wrong.any():
        raise BioenvError(
            f"{what} are known from {span[0]:g} to {span[1]:g} s, not at {at[wrong][0]:g} s: "
            "cut the request or the other data to that range"
        )
