"""Inverse kinematics: the coordinates at which a body's markers come closest to measured ones.

Every frame minimizes ``sum_m w_m |x_m(q) - y_m|^2`` exactly: couplers and coordinate functions of
the model's joints hold, clamped coordinates stay in their range, and the result is the optimum to
rounding, not to a tolerance on the angle. The cost is that of OpenSim's InverseKinematicsTool.
"""

from __future__ import annotations

import time as clock
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.inverse.kinematics_smooth import smoothed
from bioenv.inverse.kinematics_swaps import swapped
from bioenv.inverse.kinematics_trial import Found, solve_trial
from bioenv.inverse.marker_fit import MarkerFit
from bioenv.inverse.marker_links import Links
from bioenv.inverse.markers import MarkerReport, Matching, match_markers, report
from bioenv.models.anatomy import Anatomy

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class MarkerKinematics:
    """Coordinates found from markers.

    Attributes:
        coordinates: names; time (T,) s; q (T, n) rad and m, as the anatomy has them.
        marker_names (M): those used; markers (T, M, 3) m, measured, NaN unseen;
        fitted: (T, M, 3) m, the body's; marker_error: (T, M) m, NaN unseen.
        status: (T,) "solved"; "estimated" where markers leave some coordinate open, which then
            follows its neighbours in time (`estimated`, (T, n)); "unseen" without any marker;
            "unconverged".
        iterations: (T,); seconds: taken by all.
        unused: names only the data have; missing: names only the body has; swapped: pairs of names
            whose exchange makes most of the error vanish.
        notes: in words, what was left out or looks wrong.
    """

    coordinates: tuple[str, ...]
    time: Array
    q: Array
    marker_names: tuple[str, ...]
    markers: Array
    fitted: Array
    marker_error: Array
    weights: Array
    status: NDArray[np.str_]
    estimated: NDArray[np.bool_]
    iterations: Index
    seconds: float
    unused: tuple[str, ...]
    missing: tuple[str, ...]
    swapped: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    @property
    def rms(self) -> Array:
        """(T,) m over the markers seen, unweighted as in OpenSim; NaN where none was."""
        seen = np.isfinite(self.marker_error)
        total = np.where(seen, self.marker_error, 0.0) ** 2
        count = seen.sum(axis=1)
        return np.where(count > 0, np.sqrt(total.sum(axis=1) / np.maximum(count, 1)), np.nan)

    @property
    def maximum(self) -> Array:
        """(T,) m, the worst marker of each frame; NaN where none was seen."""
        seen = np.isfinite(self.marker_error)
        top = np.where(seen, self.marker_error, 0.0).max(axis=1)
        return np.where(seen.any(axis=1), top, np.nan)

    def column(self, coordinate: str) -> Array:
        """(T,) one coordinate. Raises BioenvError listing them all."""
        if coordinate not in self.coordinates:
            raise unknown("coordinate", coordinate, self.coordinates)
        return self.q[:, self.coordinates.index(coordinate)]

    def report(self) -> MarkerReport:
        """Marker errors, judged by OpenSim's guide."""
        return report(self.marker_names, self.marker_error, self.swapped)


def inverse_kinematics(
    anatomy: Anatomy,
    time: ArrayLike,
    names: Sequence[str],
    positions: ArrayLike,
    *,
    weights: Mapping[str, float] | None = None,
    coordinate_weights: Mapping[str, float] | None = None,
    coordinate_targets: Mapping[str, ArrayLike | None] | None = None,
    limits: bool = True,
    smooth: float | None = None,
) -> MarkerKinematics:
    """Find the coordinates of a trial from its markers, all frames at once.

    Args:
        anatomy: the body; its markers are paired with the data's by name. Locked coordinates, and
            those no marker moves with, keep the default.
        time: (T,) s, increasing.
        names, positions: (M) names and (T, M, 3) m, world, z up; NaN where a marker was not seen.
        weights: by marker; only those named count. All count 1 when None.
        coordinate_weights: pull of coordinates to their targets in OpenSim's sense: the cost is
            ``sum w e^2 / sum w + sum c (q - target)^2``.
        coordinate_targets: by coordinate, rad or m: a number, (T,) values, or None for the default
            (also when a weighted coordinate is not named).
        limits: keep clamped coordinates in their range, but for those that place the body in the
            room: where the person walks and turns is no property of the body.
        smooth: Hz; movement faster than this is damped: at this frequency to a half, where the
            markers alone determine the coordinate. None treats every frame by itself.

    Raises BioenvError for shapes, names and weights that do not fit, and when no marker was seen.
    """
    begin = clock.perf_counter()
    when, data = _checked(time, names, positions)
    match = match_markers(anatomy, names, weights)
    match, notes = _seen_at_all(match, data)
    measured = data[:, match.columns]
    pulls = _pulls(anatomy, coordinate_weights or {}, coordinate_targets or {}, len(when))
    links = Links(anatomy, match.markers)
    wanted = links.moved.any(axis=0) | (pulls[0] > 0)
    free = np.flatnonzero(anatomy.independent & ~anatomy.locked & wanted)
    if not len(free):
        raise BioenvError(f"no coordinate of {anatomy.name!r} moves any of the markers used")
    fit = MarkerFit(anatomy, links, measured, match.weights, free)
    _check_size(anatomy, fit)
    fit.target[:] = pulls[1][:, free]
    fit.stiffness[:] = pulls[0][free] * fit.weight.sum(axis=1, keepdims=True)
    bounds = np.tile([-np.inf, np.inf], (len(free), 1))
    if limits:
        bounded = (anatomy.clamped & ~anatomy.root)[free]
        bounds[bounded] = anatomy.coordinate_range[free][bounded]
    found = solve_trial(fit, bounds, links.moved[:, free])
    if smooth is not None:
        found = smoothed(fit, found, bounds, when, smooth)
    names_of = [marker.name for marker in match.markers]
    odd = swapped(fit, links, match.weights, measured, found.z, bounds)
    pairs = tuple((names_of[i], names_of[j]) for i, j in odd)
    notes += _notes(anatomy, match, fit, found, bounds)
    notes += [f"markers {a} and {b} look swapped: exchange their names" for a, b in pairs]
    return _result(anatomy, when, match, measured, fit, found, pairs, notes, begin)


def _result(
    anatomy: Anatomy,
    when: Array,
    match: Matching,
    measured: Array,
    fit: MarkerFit,
    found: Found,
    pairs: tuple[tuple[str, str], ...],
    notes: list[str],
    begin: float,
) -> MarkerKinematics:
    fitted = fit.positions(np.arange(len(when)), found.z)
    difference = fitted - measured
    # einsum of the difference: NaN stays where a marker was not seen.
    error = np.sqrt(np.einsum("tmi,tmi->tm", difference, difference))
    estimated = np.zeros((len(when), len(anatomy.coordinates)), dtype=bool)
    estimated[:, fit.free] = found.lacking
    status = np.where(found.lacking.any(axis=1), "estimated", "solved").astype("<U11")
    status[~fit.seen.any(axis=1)] = "unseen"
    status[~found.converged] = "unconverged"
    names = tuple(marker.name for marker in match.markers)
    return MarkerKinematics(
        anatomy.coordinates,
        when,
        fit.coordinates(found.z),
        names,
        measured,
        fitted,
        error,
        match.weights,
        status,
        estimated,
        found.iterations,
        clock.perf_counter() - begin,
        match.unused,
        match.missing,
        pairs,
        tuple(notes),
    )


def _checked(time: ArrayLike, names: Sequence[str], positions: ArrayLike) -> tuple[Array, Array]:
    when = np.asarray(time, dtype=float)
    data = np.array(positions, dtype=float)
    if when.ndim != 1 or not len(when):
        raise BioenvError(f"time must have shape (T,) with at least one frame, got {when.shape}")
    if not np.isfinite(when).all() or (np.diff(when) <= 0).any():
        raise BioenvError("time must be finite and increase from frame to frame")
    if data.shape != (len(when), len(names), 3):
        raise BioenvError(
            f"marker positions must have shape ({len(when)}, {len(names)}, 3) for {len(when)} "
            f"frames and {len(names)} names, got {data.shape}"
        )
    data[~np.isfinite(data).all(axis=2)] = np.nan
    return when, data


def _seen_at_all(match: Matching, data: Array) -> tuple[Matching, list[str]]:
    """Without the markers that are never seen."""
    kept = np.flatnonzero(np.isfinite(data[:, match.columns]).all(axis=2).any(axis=0))
    never = [marker.name for i, marker in enumerate(match.markers) if i not in kept]
    if len(never) == len(match.markers):
        raise BioenvError(
            f"none of the markers {', '.join(never)} is seen in any frame: all positions are NaN"
        )
    if not never:
        return match, []
    return match._replace(
        markers=tuple(match.markers[i] for i in kept),
        columns=match.columns[kept],
        weights=match.weights[kept],
    ), [f"never seen and left out: {', '.join(never)}"]


def _check_size(anatomy: Anatomy, fit: MarkerFit) -> None:
    """Refuse markers that are spread ten times wider or narrower than the body's: wrong units."""
    body = np.broadcast_to(anatomy.default[fit.free], fit.target.shape)
    there = np.where(fit.seen[:, :, None], fit.measured.transpose(1, 2, 0), np.nan)
    full = np.flatnonzero(fit.seen.sum(axis=1) == fit.seen.sum(axis=1).max())[:1]
    own = np.where(fit.seen[full, :, None], fit.positions(full, body[full]), np.nan)
    if fit.seen[full[0]].sum() < 3:
        return
    ratio = np.nanstd(there[full], axis=1).max() / max(np.nanstd(own, axis=1).max(), 1e-9)
    if not 0.1 < ratio < 10.0:
        raise BioenvError(
            f"the measured markers are spread {ratio:.3g} times as far as those of "
            f"{anatomy.name!r}: positions must be in meters (a TRC file may be in millimeters)"
        )


def _pulls(
    anatomy: Anatomy,
    weights: Mapping[str, float],
    targets: Mapping[str, ArrayLike | None],
    count: int,
) -> tuple[Array, Array]:
    """Weight (n,) and target (T, n) of every coordinate."""
    weight = np.zeros(len(anatomy.coordinates))
    target = np.tile(anatomy.default, (count, 1))
    for name in (*weights, *targets):
        if name not in anatomy.coordinates:
            raise unknown("coordinate", name, anatomy.coordinates)
    for name, value in weights.items():
        if not (np.isfinite(value) and value >= 0):
            raise BioenvError(f"the weight of coordinate {name!r} must be 0 or more, got {value!r}")
        weight[anatomy.coordinates.index(name)] = value
    for name, values in targets.items():
        if values is None:
            continue
        column = np.asarray(values, dtype=float)
        if column.shape not in ((), (count,)) or not np.isfinite(column).all():
            raise BioenvError(
                f"the target of coordinate {name!r} must be a finite number or have shape "
                f"({count},), got {column.shape}"
            )
        target[:, anatomy.coordinates.index(name)] = column
    return weight, target


def _notes(
    anatomy: Anatomy, match: Matching, fit: MarkerFit, found: Found, bounds: Array
) -> list[str]:
    notes = []
    held = anatomy.independent & ~anatomy.locked
    held[fit.free] = False
    names = np.array(anatomy.coordinates)
    if held.any():
        notes.append(f"no marker moves with {', '.join(names[held])}: left at the model's default")
    lacking = found.lacking.sum(axis=0)
    for count in np.unique(lacking[lacking > 0]):
        which = ", ".join(names[fit.free[lacking == count]])
        frames = "every frame" if count == len(found.z) else f"{count} of {len(found.z)} frames"
        notes.append(
            f"markers do not determine {which} in {frames}: estimated from the neighbouring frames"
        )
    unseen = int((~fit.seen.any(axis=1)).sum())
    if unseen:
        notes.append(f"no marker is seen in {unseen} of {len(found.z)} frames")
    for k, (low, high) in enumerate(bounds):
        count = int(((found.z[:, k] <= low) | (found.z[:, k] >= high)).sum())
        if count:
            notes.append(f"{names[fit.free[k]]} is at the end of its range in {count} frames")
    lost = int((~found.converged).sum())
    if lost:
        notes.append(f"{lost} of {len(found.z)} frames did not converge: see status")
    if match.missing:
        notes.append(f"markers of the model the data lack: {', '.join(match.missing)}")
    return notes
