"""Force plates: baseline, contact, filter, center of pressure, and the marker clock.

Order matters. Drift is removed first; contacts are read from the unfiltered force; force and
moment are filtered and resampled; the center of pressure comes last, as their quotient. A center of
pressure that is filtered or resampled itself jumps at every step, where it does not exist.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError
from bioenv.lab.cycles import events
from bioenv.lab.filters import butterworth, finite, sampling_rate
from bioenv.lab.resample import resample
from bioenv.lab.trial import ForcePlate

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

THRESHOLD = 20.0  # N; below it the quotient moment / force is noise
_FEWEST = 0.05  # s of an unloaded plate that a baseline can be read from


class Conditioned(NamedTuple):
    """A plate made ready for inverse dynamics.

    plate: force, point and free moment, zero and NaN outside contact. contacts (n, 2): start and
    stop of each, s. drift (2, 3) N: the force of the empty plate at the first and last sample, as
    it was before removal. notes: in words.
    """

    plate: ForcePlate
    contacts: Array
    drift: Array
    notes: tuple[str, ...]


def condition(
    plate: ForcePlate,
    *,
    cutoff: float | None = None,
    onto: float | ArrayLike | None = None,
    threshold: float = THRESHOLD,
    remove: bool = False,
) -> Conditioned:
    """Remove drift, filter, resample and find the center of pressure anew.

    Args:
        plate: force of the ground on the person, z up.
        cutoff: Hz of a zero-lag low-pass on force and moment. Inverse dynamics wants the same
            cutoff here as for the markers: otherwise the impact at heel strike meets no matching
            acceleration and passes for a joint moment (Kristianslund 2012, J Biomech 45:666).
        onto: rate in Hz or times (K,) s, usually those of the markers; None keeps the plate's own.
        threshold: N of vertical force below which the plate counts as empty.
        remove: allow the anti-alias filter of `resample` to remove what it must.

    Raises BioenvError when the vertical force points down (force of the body on the plate), for
    NaN in the force, uneven time, and as `resample` does.
    """
    force = finite(plate.force, f"the force of plate {plate.name}")
    if force[:, 2].mean() < 0 and force[:, 2].min() < -threshold:
        raise BioenvError(
            f"the vertical force of plate {plate.name} points down (mean {force[:, 2].mean():.0f} "
            "N): this is the body on the plate. Give the ground on the body: change its sign"
        )
    rate = sampling_rate(plate.time)
    base, notes = baseline(plate.time, force, threshold)
    loaded = np.isfinite(plate.point).all(axis=1)
    center = plate.point[loaded].mean(axis=0) if loaded.any() else np.zeros(3)
    wrench = np.concatenate([force - base, plate.moment_about(center)], axis=1)
    spans = contacts(plate.time, wrench[:, 2])
    time = plate.time
    if cutoff is not None:
        wrench = butterworth(wrench, rate, cutoff)
    if onto is not None:
        moved = resample(time, wrench.reshape(-1, 2, 3), onto, remove=remove)
        time, wrench = moved.time, moved.values.reshape(-1, 6)
    wrench[~within(time, spans)] = 0.0
    made = from_wrench(
        plate.name, time, wrench[:, :3], wrench[:, 3:], center,
        surface=float(center[2]), threshold=threshold, corners=plate.corners,
    )  # fmt: skip
    return Conditioned(made, spans, base[[0, -1]], notes)


def from_wrench(
    name: str,
    time: ArrayLike,
    force: ArrayLike,
    moment: ArrayLike,
    origin: ArrayLike = (0.0, 0.0, 0.0),
    *,
    surface: float = 0.0,
    threshold: float = THRESHOLD,
    corners: Array | None = None,
) -> ForcePlate:
    """A plate from what its sensors give: force (T, 3) N and moment (T, 3) N*m about `origin` m.

    World frame, z up, of the ground on the person. Below the threshold force and moment are set to
    zero and the point is NaN. surface: height of the plate's top, m. Raises BioenvError for NaN.
    """
    load = finite(force, f"the force of plate {name}").copy()
    point, free = center_of_pressure(load, moment, origin, surface=surface, threshold=threshold)
    load[np.isnan(point[:, 0])] = 0.0
    return ForcePlate(name, np.asarray(time, dtype=float), load, point, free, corners)


def center_of_pressure(
    force: ArrayLike,
    moment: ArrayLike,
    origin: ArrayLike = (0.0, 0.0, 0.0),
    *,
    surface: float = 0.0,
    threshold: float = THRESHOLD,
) -> tuple[Array, Array]:
    """Where the ground's force acts on the plate's top, (T, 3) m, and its free moment (T, 3) N*m.

    The point of the plane z = surface about which force (T, 3) N and moment (T, 3) N*m about
    `origin` (3,) m have no horizontal moment. NaN, and no moment, where the vertical force is
    below the threshold N.
    """
    f, m = np.asarray(force, dtype=np.float64), np.asarray(moment, dtype=np.float64)
    start = np.asarray(origin, dtype=np.float64)
    if f.ndim != 2 or f.shape[1] != 3 or m.shape != f.shape or start.shape != (3,):
        raise BioenvError(f"force {f.shape}, moment {m.shape}, origin {start.shape}: give (T, 3)")
    loaded = f[:, 2] > threshold
    vertical = np.where(loaded, f[:, 2], 1.0)
    height = surface - start[2]
    arm = np.empty_like(f)
    arm[:, 0] = (height * f[:, 0] - m[:, 1]) / vertical
    arm[:, 1] = (height * f[:, 1] + m[:, 0]) / vertical
    arm[:, 2] = height
    free = np.zeros_like(f)
    free[:, 2] = m[:, 2] - (arm[:, 0] * f[:, 1] - arm[:, 1] * f[:, 0])
    arm[~loaded], free[~loaded] = np.nan, 0.0
    return start + arm, free


def contacts(time: ArrayLike, vertical: ArrayLike) -> Array:
    """(n, 2) start and stop s of every contact from vertical force (T,) N; see `lab.cycles.events`.

    Contacts that the trial cuts begin or end with it.
    """
    stamps = np.asarray(time, dtype=np.float64)
    found = events(stamps, np.asarray(vertical, dtype=np.float64))
    starts, stops = found.strikes, found.offs
    if stops.size and (starts.size == 0 or stops[0] < starts[0]):
        starts = np.concatenate([stamps[:1], starts])
    if starts.size > stops.size:
        stops = np.concatenate([stops, stamps[-1:]])
    if starts.size == 0 and np.mean(np.asarray(vertical) > THRESHOLD) > 0.5:
        return np.array([[stamps[0], stamps[-1]]])  # loaded throughout
    return np.stack([starts, stops], axis=1)


def within(time: ArrayLike, spans: ArrayLike) -> Mask:
    """(T,) whether each time lies in one of the spans (n, 2)."""
    stamps, edges = np.asarray(time, dtype=float), np.asarray(spans, dtype=float).reshape(-1, 2)
    inside = np.searchsorted(edges[:, 0], stamps, side="right") - 1
    last = np.where(inside >= 0, inside, 0)
    result: Mask = (inside >= 0) & (stamps <= edges[last, 1]) if len(edges) else inside >= 0
    return result


def baseline(
    time: ArrayLike, values: ArrayLike, quiet: float = THRESHOLD
) -> tuple[Array, tuple[str, ...]]:
    """What an empty plate shows: (T, C) for channels (T, C) whose third is the vertical force N.

    The plate is empty where the force stays level and low. Through these samples goes a straight
    line; a level when they span less than half of the trial; zero, and a note, when there are none.
    `quiet` N bounds both the noise of an empty plate and its drift around the line.
    """
    stamps, signal = np.asarray(time, dtype=float), finite(values, "the plate's channels")
    vertical = signal[:, 2]
    empty = _level_and_low(stamps, vertical, quiet)
    if empty.any():
        line = _line(stamps, vertical[:, None], empty)[:, 0]
        empty &= np.abs(vertical - line) < quiet
    seconds = empty.sum() * float(np.diff(stamps).mean())
    if seconds < _FEWEST or np.abs(vertical[empty]).max() > 5 * quiet:
        return np.zeros_like(signal), ("the plate is never empty: drift was not removed",)
    fitted = _line(stamps, signal, empty)
    worst = float(np.abs(fitted[:, 2]).max())
    if worst > quiet / 2:
        return fitted, (f"the empty plate showed up to {worst:.1f} N: removed as drift",)
    return fitted, ()


def _level_and_low(time: Array, vertical: Array, quiet: float) -> Mask:
    """(T,) samples in windows of 50 ms with little spread, near the lowest level of the trial."""
    width = max(round(_FEWEST * (len(time) - 1) / float(time[-1] - time[0])), 2)
    count = len(vertical) // width
    windows = vertical[: count * width].reshape(count, width)
    mean = windows.mean(axis=1)
    bound = mean.min() + max(2 * quiet, 0.1 * float(np.ptp(mean))) if count else 0.0
    empty = np.zeros(len(vertical), dtype=bool)
    empty[: count * width] = np.repeat((mean <= bound) & (windows.std(axis=1) < quiet / 2), width)
    return empty


def _line(time: Array, signal: Array, chosen: Mask) -> Array:
    """(T, C) straight line (or level) through the chosen samples of each channel."""
    degree = 1 if np.ptp(time[chosen]) > 0.5 * np.ptp(time) else 0
    middle = time.mean()
    factors = np.polynomial.polynomial.polyfit(time[chosen] - middle, signal[chosen], degree)
    fitted = np.polynomial.polynomial.polyval(time - middle, factors)
    return np.asarray(np.atleast_2d(fitted).T, dtype=np.float64)
