"""Gaps in marker trajectories, filled with what the other samples know, and every guess marked.

Gaps short against the movement are bridged by a spline in time. For longer ones there are two
sources, and a rehearsal on frames before and after the gap, where the marker was seen, decides
which of them places this marker better:

- the rigid body: markers that kept their distance to the lost one place it (least-squares fit of
  Söderkvist and Wedin 1993, J Biomech 26:1473). Exact for marker plates, whatever the movement;
- the movement as a whole: how the markers, near ones above all, moved together where the lost one
  was seen (low rank; after Gløersen and Federolf 2016, PLoS ONE 11:e0152616). Better on skin in a
  movement that repeats.

Both join the seen samples at the ends of the gap. What neither reaches stays NaN; a spline never
runs beyond the first or last seen sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from bioenv.errors import BioenvError
from bioenv.lab.gap_sources import is_seen, low_rank, rigid

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

SEEN, SPLINE, RIGID, LOW_RANK, MISSING = range(5)
METHODS = ("seen", "spline", "rigid", "low rank", "missing")


@dataclass(frozen=True, eq=False)
class Filled:
    """Marker positions (T, M, 3) m and, for each, where it comes from.

    method (T, M): index into METHODS. invented (T, M): not measured. notes: in words, per marker.
    """

    positions: Array
    method: NDArray[np.int8]
    notes: tuple[str, ...]

    @property
    def invented(self) -> Mask:
        """(T, M) True where a position was filled in."""
        mask: Mask = (self.method != SEEN) & (self.method != MISSING)
        return mask


def fill(
    time: ArrayLike,
    positions: ArrayLike,
    names: Sequence[str] | None = None,
    *,
    spline_s: float = 0.1,
    rigid_m: float = 0.01,
) -> Filled:
    """Fill gaps: the short ones in time, longer ones from the other markers.

    Args:
        time: (T,) s, increasing.
        positions: (T, M, 3) m; NaN where unseen.
        names: of the markers, for the notes.
        spline_s: gaps up to this long between seen samples are bridged in time. Of a movement of
            frequency f Hz a cubic spline still follows gaps well below 1/(2 f).
        rigid_m: markers whose distance to the lost one varies by less (standard deviation) belong
            to the same segment; skin moves about 1 cm on a thigh.

    Returns:
        Positions with a record of what was invented; unfilled ones are NaN and named in the notes.

    Raises BioenvError for wrong shapes or when no marker was ever seen.
    """
    stamps, points, labels = _checked(time, positions, names)
    method = np.where(is_seen(points), SEEN, MISSING).astype(np.int8)
    points[method == MISSING] = np.nan
    for marker in range(points.shape[1]):
        _spline(stamps, points, method, marker, spline_s)
    # Later sources learn from what was seen or bridged, never from each other's guesses.
    known = points.copy()
    for marker in map(int, np.flatnonzero((method == MISSING).any(axis=0))):
        for gap in runs(method[:, marker] == MISSING):
            # One frame more on each side, where the guess can be compared with the marker itself.
            wide = slice(max(gap.start - 1, 0), min(gap.stop + 1, len(stamps)))
            source = _better_source(known, marker, wide, rigid_m)
            guess = _guess(known, marker, wide, rigid_m, source)
            if guess is not None:
                joined = _joined(stamps[wide], known[wide, marker], guess)
                points[gap, marker] = joined[gap.start - wide.start :][: gap.stop - gap.start]
                method[gap, marker] = source
    return Filled(points, method, _notes(stamps, method, labels))


def runs(mask: ArrayLike) -> list[slice]:
    """Slices of the stretches where a mask (T,) is True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], np.asarray(mask, bool), [False]])))
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _spline(
    time: Array, points: Array, method: NDArray[np.int8], marker: int, longest: float
) -> None:
    """Bridge the short inner gaps of one marker with a cubic spline through its seen samples."""
    seen = method[:, marker] == SEEN
    if seen.sum() < 4:
        return
    curve = None
    for gap in runs(~seen):
        inner = gap.start > 0 and gap.stop < len(time)
        if not inner or time[gap.stop] - time[gap.start - 1] > longest * (1 + 1e-9):
            continue
        curve = curve or CubicSpline(time[seen], points[seen, marker])
        points[gap, marker] = curve(time[gap])
        method[gap, marker] = SPLINE


def _guess(known: Array, marker: int, gap: slice, tolerance: float, source: int) -> Array | None:
    """The marker (G, 3) from one of the two sources; None when it cannot tell."""
    if source == RIGID:
        return rigid(known, marker, gap, tolerance)
    return low_rank(known, marker, gap)


def _better_source(known: Array, marker: int, gap: slice, tolerance: float) -> int:
    """RIGID or LOW_RANK, whichever can tell and errs less where the marker is hidden for a test.

    Tested on stretches as long as the gap, just before and just after it.
    """
    length = gap.stop - gap.start
    stages = [slice(max(gap.start - length, 0), gap.start), slice(gap.stop, gap.stop + length)]
    able = [s for s in (RIGID, LOW_RANK) if _guess(known, marker, gap, tolerance, s) is not None]
    if len(able) < 2:
        return able[0] if able else LOW_RANK
    error = {RIGID: 0.0, LOW_RANK: 0.0}
    for stage in (stage for stage in stages if len(known[stage])):
        hidden = known.copy()
        hidden[stage, marker] = np.nan
        for source in able:
            guess = _guess(hidden, marker, stage, tolerance, source)
            missed = np.inf if guess is None else np.nansum((guess - known[stage, marker]) ** 2)
            error[source] += float(missed)
    return RIGID if error[RIGID] <= error[LOW_RANK] else LOW_RANK


def _joined(time: Array, marker: Array, guess: Array) -> Array:
    """The guess (G, 3), shifted to meet the marker (G, 3) where that was seen, at the ends.

    The misfit of one end fades linearly into that of the other; at an end of the trial it stays.
    """
    ends = [i for i in (0, -1) if not np.isnan(marker[i]).any()]
    if not ends:
        return guess
    off = [marker[i] - guess[i] for i in ends]
    share = (time - time[0]) / (time[-1] - time[0]) if len(ends) == 2 else np.zeros(len(time))
    return guess + np.outer(1 - share, off[0]) + np.outer(share, off[-1])


def _notes(time: Array, method: NDArray[np.int8], names: Sequence[str]) -> tuple[str, ...]:
    """One line per gap that was not bridged in time, and one on the bridged ones."""
    notes = []
    for marker, name in enumerate(names):
        bridged = runs(method[:, marker] == SPLINE)
        if bridged:
            count = sum(gap.stop - gap.start for gap in bridged)
            notes.append(f"{name}: {len(bridged)} short gaps, {count} frames, spline in time")
        for kind in (RIGID, LOW_RANK, MISSING):
            for gap in runs(method[:, marker] == kind):
                span = f"{time[gap.start]:g} to {time[gap.stop - 1]:g} s"
                what = "left open" if kind == MISSING else f"filled, {METHODS[kind]}"
                notes.append(f"{name}: unseen {span}, {what}")
    return tuple(notes)


def _checked(
    time: ArrayLike, positions: ArrayLike, names: Sequence[str] | None
) -> tuple[Array, Array, Sequence[str]]:
    """time (T,), a copy of positions (T, M, 3) and M names. Raises BioenvError."""
    stamps = np.asarray(time, dtype=np.float64)
    points = np.array(positions, dtype=np.float64)
    if points.ndim != 3 or points.shape[2] != 3 or stamps.shape != points.shape[:1]:
        raise BioenvError(
            f"time has shape {stamps.shape}, positions {points.shape}: give (T,) and (T, M, 3)"
        )
    if not np.isfinite(stamps).all() or (np.diff(stamps) <= 0).any():
        raise BioenvError("time must be finite and increase from frame to frame")
    if np.isinf(points).any():
        raise BioenvError("positions hold infinite values: mark unseen markers with NaN")
    if not is_seen(points).any():
        raise BioenvError("no marker is seen in any frame: there is nothing to fill gaps from")
    labels = names if names is not None else [f"marker {i}" for i in range(points.shape[1])]
    if len(labels) != points.shape[1]:
        raise BioenvError(f"{len(labels)} names for {points.shape[1]} markers")
    return stamps, points, labels
