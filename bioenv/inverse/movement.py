"""How the body moved: coordinates from a file or from markers, filtered and differentiated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.inverse.analysis import Kinematics, Settings
from bioenv.inverse.kinematics import MarkerKinematics, inverse_kinematics
from bioenv.inverse.markers import RMS_LIMIT, match_markers
from bioenv.inverse.measured import Measured
from bioenv.inverse.stages import Watch
from bioenv.lab import gaps
from bioenv.lab.opensim_filter import opensim_coordinates
from bioenv.lab.trial import Markers
from bioenv.models.anatomy import Anatomy

Array = NDArray[np.float64]

FASTEST_TURN, FASTEST = 150.0, 20.0  # rad/s (a pitcher's shoulder: 130) and m/s (a sprinter: 12)
ABSURD = 100.0  # times as fast
FEWEST = 12  # frames the quintic spline needs


class _Raw(NamedTuple):
    """Coordinates q (R, n) at time (R,) before any filter, and what belongs to their markers."""

    time: Array
    q: Array
    fitted: dict[str, Any]
    notes: list[str]


def movement(
    anatomy: Anatomy, measured: Measured, settings: Settings, watch: Watch
) -> tuple[Kinematics, list[str]]:
    """The trial's movement between `settings.start` and `stop`, and what was noticed.

    Filtered on the whole trial, cut afterwards: the ends of the cut are no ends for the filter.
    Raises BioenvError when the markers do not fit the body, and for a window without frames.
    """
    raw = _of_markers(anatomy, measured, settings, watch)
    time, notes = raw.time, raw.notes
    if len(time) < FEWEST:
        raise BioenvError(
            f"trial {measured.name!r} has {len(time)} frames; {FEWEST} or more are needed to tell "
            "accelerations"
        )
    smooth = watch.run(
        "filter", len(time), lambda: opensim_coordinates(time, raw.q, settings.cutoff)
    )
    at, seen = _window(smooth.time, settings), _window(time, settings)
    q, qd, qdd = (np.asarray(smooth(smooth.time[at], order)) for order in (0, 1, 2))
    if len(smooth.time) != len(time) or not np.allclose(smooth.time, time, atol=1e-9, rtol=0):
        notes.append(
            f"time stamps are not evenly spaced: {len(time)} rows became {len(smooth.time)} evenly "
            "spaced frames"
        )
    notes += _jumps(anatomy, smooth.time[at], qd)
    fitted = {
        name: values[seen] if name != "marker_names" else values
        for name, values in raw.fitted.items()
    }
    return Kinematics(
        smooth.time[at], anatomy.couple(q), qd, qdd, time[seen], raw.q[seen], **fitted
    ), notes


def _of_markers(anatomy: Anatomy, measured: Measured, settings: Settings, watch: Watch) -> _Raw:
    """The file's coordinates, or those at which the body's markers come closest to the data's."""
    if measured.markers is None:
        assert measured.time is not None
        assert measured.q is not None
        return _Raw(measured.time, measured.q, {}, [])
    markers, notes = _present(measured.markers)
    positions, more = _filled(markers, settings, watch)
    notes += more
    found: MarkerKinematics = watch.run(
        "inverse kinematics",
        len(markers.time),
        lambda: inverse_kinematics(
            anatomy,
            markers.time,
            markers.names,
            positions,
            weights=settings.weights or None,
            coordinate_weights={name: weight for name, (weight, _) in settings.pulls.items()},
            coordinate_targets={name: target for name, (_, target) in settings.pulls.items()},
        ),
    )
    _refuse_unknown_root(anatomy, found)
    match = match_markers(anatomy, markers.names, settings.weights or None)
    column = dict(zip((m.name for m in match.markers), match.columns, strict=True))
    invented = ~markers.seen()[:, [column[name] for name in found.marker_names]]
    error = np.where(invented, np.nan, found.marker_error)
    part, said = _placed(anatomy, found)
    fitted = {
        "marker_names": found.marker_names,
        "markers": np.where(invented[..., None], np.nan, found.markers)[part],
        "marker_error": error[part],
    }
    notes += [*map(_weighed, found.notes), *said, *_poor_fit(found.marker_names, error[part])]
    return _Raw(found.time[part], found.q[part], fitted, notes)


def _present(markers: Markers) -> tuple[Markers, list[str]]:
    """The trial without the frames before the first and after the last marker is seen."""
    seen = np.flatnonzero(markers.seen().any(axis=1))
    if not seen.size or seen[-1] - seen[0] == len(markers.time) - 1:
        return markers, []
    start, stop = (float(markers.time[i]) for i in seen[[0, -1]])
    whole = f"{markers.time[0]:g} to {markers.time[-1]:g} s"
    return markers.between(start, stop), [
        f"markers are seen from {start:g} to {stop:g} s of {whole}: that part was analysed"
    ]


def _placed(anatomy: Anatomy, found: MarkerKinematics) -> tuple[slice, list[str]]:
    """The longest run of frames in which the markers say where the body is."""
    known = np.asarray(~(found.estimated & anatomy.root).any(axis=1))
    if known.all():
        return slice(0, len(known)), []
    longest = max(gaps.runs(known), key=lambda run: run.stop - run.start)
    return longest, [
        f"warning: markers leave the place of the body open in {int((~known).sum())} of "
        f"{len(known)} frames; the longest stretch between them, {found.time[longest.start]:g} to "
        f"{found.time[longest.stop - 1]:g} s, was analysed"
    ]


def _weighed(note: str) -> str:
    """A note of the kinematics with its gravity."""
    grave = "look swapped" in note or "did not converge" in note
    return f"warning: {note}" if grave else note


def _poor_fit(names: Sequence[str], error: Array) -> list[str]:
    """A warning when the markers do not fit the body, with the worst of them."""
    seen = np.isfinite(error)
    square = np.where(seen, error, 0.0) ** 2
    rms = float(np.sqrt(square.sum() / max(int(seen.sum()), 1)))
    if rms <= RMS_LIMIT:
        return []
    each = np.sqrt(square.sum(axis=0) / np.maximum(seen.sum(axis=0), 1))
    worst = [f"{names[i]} {1000 * each[i]:.0f} mm" for i in np.argsort(-each)[:3]]
    return [
        f"warning: marker error RMS {1000 * rms:.0f} mm, beyond the {1000 * RMS_LIMIT:.0f} mm of "
        f"OpenSim's guide, most {', '.join(worst)}: check names, places and the model's scale"
    ]


def _refuse_unknown_root(anatomy: Anatomy, found: MarkerKinematics) -> None:
    """Markers that leave the pelvis open in every frame are not those of this body."""
    guessed = np.flatnonzero(anatomy.root & found.estimated.all(axis=0))
    open_ = [anatomy.coordinates[i] for i in guessed]
    if open_:
        raise BioenvError(
            f"the markers that the data share with {anatomy.name!r} "
            f"({', '.join(found.marker_names[:8])}) leave {', '.join(open_)} open: rename the "
            f"markers as in the model, {', '.join(found.missing[:8])}, ..."
        )


def _filled(markers: Markers, settings: Settings, watch: Watch) -> tuple[Array, list[str]]:
    """Positions without the gaps that can be filled.

    A marker that comes and goes takes its share of the misfit along, and the angles jump at both
    ends of its gap: about ten times more than a filled gap is wrong.
    """
    seen = markers.seen()
    ever = seen.any(axis=0)
    lost = int((~seen[:, ever]).sum())
    if not lost or not ever.any():
        return markers.positions, []
    count = int((~seen[:, ever]).any(axis=0).sum())
    where = f"{count} marker{'s' if count > 1 else ''} in {lost} positions"
    if not settings.fill_gaps:
        return markers.positions, [f"gaps of {where} were left open, as asked for"]
    filled: gaps.Filled = watch.run(
        "gap filling",
        len(markers.time),
        lambda: gaps.fill(markers.time, markers.positions, markers.names),
    )
    parts: list[str] = []
    for kind, how in (
        (gaps.SPLINE, "filled in time"), (gaps.RIGID, "filled from markers of their segment"),
        (gaps.LOW_RANK, "filled from how the other markers moved"), (gaps.MISSING, "left open"),
    ):  # fmt: skip
        count = int((filled.method[:, ever] == kind).sum())
        if count:
            parts.append(f"{count} {how}")
    return filled.positions, [f"gaps of {where}: {', '.join(parts)}"]


def _jumps(anatomy: Anatomy, time: Array, qd: Array) -> list[str]:
    """Coordinates that move faster than anybody can. Raises BioenvError when absurdly so."""
    share = np.abs(qd) / np.where(anatomy.rotational, FASTEST_TURN, FASTEST)
    found = [
        f"{anatomy.coordinates[i]} moves at {abs(qd[k, i]):.4g} "
        f"{'rad/s' if anatomy.rotational[i] else 'm/s'} at {time[k]:.3f} s: do the values or the "
        "time stamps jump?"
        for i in np.flatnonzero(share.max(axis=0) > 1.0)
        for k in [int(np.argmax(share[:, i]))]
    ]
    if share.max() > ABSURD:
        raise BioenvError(found[0])
    return [f"warning: {one}" for one in found]


def _window(time: Array, settings: Settings) -> NDArray[np.bool_]:
    start = -np.inf if settings.start is None else settings.start
    stop = np.inf if settings.stop is None else settings.stop
    inside: NDArray[np.bool_] = (time >= start - 1e-9) & (time <= stop + 1e-9)
    if inside.sum() < 2:
        said = [
            f"{word} {value:g} s"
            for word, value in (("from", settings.start), ("to", settings.stop))
            if value is not None
        ]
        raise BioenvError(
            f"fewer than two frames {' '.join(said)}: the trial covers {time[0]:g} to "
            f"{time[-1]:g} s"
        )
    return inside
