"""What was measured of a movement, as a least-squares term of the fitted coordinates."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.inverse.kinematics import inverse_kinematics
from bioenv.inverse.marker_fit import MarkerFit
from bioenv.inverse.marker_links import Links
from bioenv.inverse.markers import match_markers
from bioenv.inverse.measured import Measured
from bioenv.lab.trial import Markers
from bioenv.models.anatomy import Anatomy

Array = NDArray[np.float64]
Index = NDArray[np.intp]

USUAL_RATE = 100.0  # frames per s of coordinates for which their noise is given; fewer count alike
FEWEST = 8  # frames that a movement is fitted to


class Term(Protocol):
    """Measured frames at `time` (T,) s as a term ``1/2 sum (r / noise)^2`` of z (T, k).

    free: (k,) indices of the fitted coordinates; start (T, k): a first guess, NaN where there is
    none; count: of numbers measured; notes: in words.
    """

    time: Array
    free: Index
    start: Array
    count: int
    notes: tuple[str, ...]

    def cost(self, z: Array) -> float:
        """The term at z."""
        ...

    def normal(self, z: Array) -> tuple[float, Array, Array]:
        """The term, its gradient (T, k) and Gauss-Newton matrices (T, k, k)."""
        ...

    def residual(self, z: Array) -> dict[str, float]:
        """Root mean square by name, in m or rad."""
        ...


class CoordinateTerm:
    """Coordinates with white noise of standard deviation `noise` (k,); NaN where unseen."""

    def __init__(
        self, time: Array, target: Array, free: Index, turns: NDArray[np.bool_], noise: Array
    ) -> None:
        self.time, self.free, self.start = time, free, target
        self.notes: tuple[str, ...] = ()
        self._seen, self._noise, self._turns = np.isfinite(target), noise, turns
        self._target = np.where(self._seen, target, 0.0)
        self.count = int(self._seen.sum())

    def cost(self, z: Array) -> float:
        return float(0.5 * (self._scaled(z) ** 2).sum())

    def normal(self, z: Array) -> tuple[float, Array, Array]:
        scaled = self._scaled(z)
        matrix = np.zeros((*z.shape, z.shape[1]))
        np.einsum("tkk->tk", matrix)[:] = self._seen / self._noise**2
        return float(0.5 * (scaled**2).sum()), scaled / self._noise, matrix

    def residual(self, z: Array) -> dict[str, float]:
        error = np.where(self._seen, z - self._target, np.nan)
        kinds = (("angle_rms", self._turns), ("position_rms", ~self._turns))
        return {
            name: float(np.sqrt(np.nanmean(error[:, kind] ** 2)))
            for name, kind in kinds
            if np.isfinite(error[:, kind]).any()
        }

    def _scaled(self, z: Array) -> Array:
        return np.asarray(self._seen * (z - self._target) / self._noise)


class MarkerTerm:
    """Markers with white noise of `noise` m along each axis; NaN where unseen."""

    def __init__(self, anatomy: Anatomy, markers: Markers, noise: float) -> None:
        positions = np.where(
            np.isfinite(markers.positions).all(axis=2, keepdims=True), markers.positions, np.nan
        )
        match = match_markers(anatomy, markers.names, None)
        found = inverse_kinematics(anatomy, markers.time, markers.names, positions)
        links = Links(anatomy, match.markers)
        moved = links.moved.any(axis=0) & anatomy.independent & ~anatomy.locked
        self.time, self.free = markers.time, np.flatnonzero(moved)
        self._fit = MarkerFit(anatomy, links, positions[:, match.columns], match.weights, self.free)
        guessed = found.estimated | (found.status == "unseen")[:, None]
        self.start = np.where(guessed, np.nan, found.q)[:, self.free]
        self._noise, self._rows = noise, np.arange(len(markers.time))
        self.count = 3 * int(self._fit.seen.sum())
        self.notes = found.notes

    def cost(self, z: Array) -> float:
        return self.normal(z)[0]

    def normal(self, z: Array) -> tuple[float, Array, Array]:
        found = self._fit.evaluate(self._rows, z, np.zeros(len(z)))
        scale = 1.0 / self._noise**2
        return float(found.cost.sum() * scale), found.gradient * scale, found.hessian * scale

    def residual(self, z: Array) -> dict[str, float]:
        found = self._fit.evaluate(self._rows, z, np.zeros(len(z)))
        mean = 2.0 * found.cost.sum() / max(self.count / 3, 1)
        return {"marker_rms": float(np.sqrt(mean))}


def term_of(
    anatomy: Anatomy,
    measured: Measured,
    window: tuple[float | None, float | None],
    *,
    marker_noise: float,
    angle_noise: float,
    position_noise: float,
) -> Term:
    """The term of a trial between two instants, s; None for its first and last.

    Raises BioenvError for time stamps that do not increase and for too few frames.
    """
    time = measured.time if measured.markers is None else measured.markers.time
    assert time is not None
    part = _window(np.asarray(time, dtype=float), window, measured.name)
    if measured.markers is not None:
        markers = measured.markers.between(float(time[part][0]), float(time[part][-1]))
        return MarkerTerm(anatomy, markers, marker_noise)
    assert measured.q is not None
    q = np.asarray(measured.q, dtype=float)
    if q.shape != (len(time), len(anatomy.coordinates)):
        raise BioenvError(
            f"coordinates must have shape ({len(time)}, {len(anatomy.coordinates)}), got {q.shape}"
        )
    if np.isinf(q).any():
        raise BioenvError(f"coordinates of {measured.name!r} hold infinite values")
    free = np.flatnonzero(anatomy.independent & ~anatomy.locked)
    never = [anatomy.coordinates[i] for i in free if not np.isfinite(q[part, i]).any()]
    if never:
        raise BioenvError(f"{', '.join(never)} of {measured.name!r} have no finite value")
    turns = anatomy.rotational[free]
    # More frames of a file of coordinates say no more: filters and splines made them.
    rate = 1.0 / float(np.median(np.diff(time)))
    noise = np.where(turns, angle_noise, position_noise) * np.sqrt(max(rate / USUAL_RATE, 1.0))
    return CoordinateTerm(np.asarray(time)[part], q[part][:, free], free, turns, noise)


def _window(time: Array, window: tuple[float | None, float | None], name: str) -> NDArray[np.bool_]:
    if not np.isfinite(time).all() or (np.diff(time) <= 0).any():
        raise BioenvError(f"time of {name!r} must be finite and increase from frame to frame")
    start, stop = (end if given is None else given
                   for given, end in zip(window, (time[0], time[-1]), strict=True))  # fmt: skip
    part = (time >= start - 1e-9) & (time <= stop + 1e-9)
    if part.sum() < FEWEST:
        raise BioenvError(
            f"{int(part.sum())} frames of {name!r} between {start:g} and {stop:g} s; the trial "
            f"covers {time[0]:g} to {time[-1]:g} s and a fit needs {FEWEST} frames"
        )
    return np.asarray(part)
