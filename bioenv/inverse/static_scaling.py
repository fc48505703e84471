"""A model fitted to a person standing still: segment sizes, mass, and where the markers sit.

The steps of OpenSim's ScaleTool: scale the segments, find the posture by inverse kinematics, move
the model's markers to where they were measured.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.inverse.kinematics import MarkerKinematics, inverse_kinematics
from bioenv.inverse.markers import MarkerReport
from bioenv.inverse.static_factors import Measurement, fitted_factors, measured_factors
from bioenv.models.osim.anatomy import OsimAnatomy
from bioenv.models.osim.description import Description
from bioenv.models.osim.scale_model import scale

Array = NDArray[np.float64]
Pairs = Mapping[str, Sequence[tuple[str, str]]] | Sequence[Measurement]


@dataclass(frozen=True, eq=False)
class StaticScaling:
    """A scaled model and how it was found.

    description: the scaled model; factors: (3,) by body; posture: the static trial's kinematics
    with the scaled model before its markers were moved; moved: how far each was, m; notes.
    """

    description: Description
    factors: Mapping[str, Array]
    posture: MarkerKinematics
    moved: Mapping[str, float]
    notes: tuple[str, ...]

    @property
    def report(self) -> MarkerReport:
        """Marker errors of the scaled model before its markers were moved."""
        return self.posture.report()


def scale_to_static(
    description: Description,
    names: Sequence[str],
    positions: ArrayLike,
    *,
    pairs: Pairs | None = None,
    mass: float | None = None,
    factors: Mapping[str, ArrayLike] | None = None,
    weights: Mapping[str, float] | None = None,
    coordinate_weights: Mapping[str, float] | None = None,
    coordinate_targets: Mapping[str, ArrayLike | None] | None = None,
    place_markers: bool = True,
    fixed: Collection[str] = (),
    symmetric: bool = True,
    preserve_mass_distribution: bool = True,
) -> StaticScaling:
    """Scale a model to the markers of a static trial.

    Args:
        description: the generic model.
        names, positions: (M) markers and (T, M, 3) or (M, 3) m, world, z up, NaN unseen; frames are
            averaged.
        pairs: marker pairs whose measured over modelled distance scales a body: by body, or as
            `Measurement`s. None fits all segments and the posture to all markers together.
        mass: kg of the person; None keeps the model's.
        factors: by body, replace what was measured.
        weights, coordinate_weights, coordinate_targets: of the posture's inverse kinematics.
        place_markers: move the model's markers to the measured ones, except those `fixed`.
        symmetric: left and right share a factor; only without `pairs`.
        preserve_mass_distribution: see `bioenv.models.osim.scale`.

    Raises BioenvError for names and shapes that do not fit and markers that were never seen.
    """
    still, data = _averaged(names, positions)
    names = [str(name) for name in names]
    if pairs is None:
        found = fitted_factors(description, names, still, weights=weights, symmetric=symmetric)
    else:
        found = measured_factors(description, _measurements(pairs), names, data)
    for body, factor in (factors or {}).items():
        found[body] = np.broadcast_to(np.asarray(factor, dtype=float), (3,))
    scaled = scale(description, found, mass, preserve_mass_distribution=preserve_mass_distribution)
    posture = inverse_kinematics(
        OsimAnatomy(scaled),
        [0.0],
        names,
        still,
        weights=weights,
        coordinate_weights=coordinate_weights,
        coordinate_targets=coordinate_targets,
    )
    for name in fixed:
        if name not in [marker.name for marker in scaled.markers]:
            raise unknown("fixed marker", name, [marker.name for marker in scaled.markers])
    placed, moved = scaled, dict[str, float]()
    if place_markers:
        placed, moved = _placed(scaled, posture, names, still[0], set(fixed))
    notes = [*posture.notes, *_suspicious(found)]
    return StaticScaling(placed, found, posture, moved, tuple(notes))


def _averaged(names: Sequence[str], positions: ArrayLike) -> tuple[Array, Array]:
    """(1, M, 3) mean over the frames a marker is seen in, and (T, M, 3)."""
    data = np.array(positions, dtype=float)
    data = data[None] if data.ndim == 2 else data
    if data.ndim != 3 or data.shape[1:] != (len(names), 3) or not len(data):
        raise BioenvError(
            f"marker positions must have shape (T, {len(names)}, 3) or ({len(names)}, 3), "
            f"got {np.shape(positions)}"
        )
    seen = np.isfinite(data).all(axis=2)
    data[~seen] = np.nan
    total = np.where(seen[:, :, None], data, 0.0).sum(axis=0)
    count = seen.sum(axis=0)[:, None]
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)[None], data


def _measurements(pairs: Pairs) -> Sequence[Measurement]:
    if isinstance(pairs, Mapping):
        return [Measurement(body, tuple(some), (body,)) for body, some in pairs.items()]
    return pairs


def _placed(
    scaled: Description,
    posture: MarkerKinematics,
    names: Sequence[str],
    still: Array,
    fixed: set[str],
) -> tuple[Description, dict[str, float]]:
    """Markers at their measured places on the body, also those that did not weigh in the fit."""
    anatomy = OsimAnatomy(scaled)
    position, rotation = (part[0] for part in anatomy.body_frames(posture.q))
    measured = dict(zip(names, still, strict=True))
    moved: dict[str, float] = {}
    markers = []
    for marker, on in zip(scaled.markers, anatomy.markers, strict=True):
        place = measured.get(marker.name)
        if place is not None and np.isfinite(place).all() and marker.name not in fixed:
            location = rotation[on.body].T @ (place - position[on.body])
            moved[marker.name] = float(np.linalg.norm(location - marker.location))
            marker = replace(marker, location=location)
        markers.append(marker)
    return replace(scaled, markers=tuple(markers)), moved


def _suspicious(factors: Mapping[str, Array]) -> list[str]:
    odd = [
        f"{body} {factor.min():.2f}"
        for body, factor in factors.items()
        if factor.min() < 0.6 or factor.max() > 1.6
    ]
    if not odd:
        return []
    return [f"unusual scale factors, check the markers' names and places: {', '.join(odd)}"]
