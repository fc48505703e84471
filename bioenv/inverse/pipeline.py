"""From a measured trial to angles, moments, muscle forces and joint loads, stage by stage.

    markers ─► kinematics ─► filter ─► inverse dynamics ─► muscle forces ─► joint loads
                 forces ────────────────────┘     EMG ──────────┘

A stage whose input is missing is left out and said; the others still run.
"""

from __future__ import annotations

import json
import time as clock
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.inverse.analysis import (
    Analysis,
    GroundContact,
    Kinematics,
    Loads,
    Settings,
    Stage,
)
from bioenv.inverse.dynamics import Contact
from bioenv.inverse.electromyography import Heard, hear
from bioenv.inverse.emg_agreement import agreement
from bioenv.inverse.generalized import generalized_forces
from bioenv.inverse.ground import ground_contacts
from bioenv.inverse.hicks import judge
from bioenv.inverse.kinematics import inverse_kinematics
from bioenv.inverse.measured import Measured
from bioenv.inverse.muscles.methods import share
from bioenv.inverse.muscles.problem import Status
from bioenv.inverse.muscles.wellposed import WellPosedness, wellposedness
from bioenv.inverse.reaction import joint_reaction
from bioenv.inverse.residual_reduction import reduce_residuals
from bioenv.inverse.sharing_task import sharing_problem
from bioenv.lab.opensim_filter import opensim_coordinates
from bioenv.models.anatomy import Anatomy

Array = NDArray[np.float64]
Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, its number and how many there are."""

STAGES = (
    "inverse kinematics", "filter", "inverse dynamics", "residual reduction", "muscle geometry",
    "muscle forces", "well-posedness", "joint loads",
)  # fmt: skip


class _Watch:
    """Times the stages and tells how far the work is."""

    def __init__(self, progress: Progress | None) -> None:
        self.stages: list[Stage] = []
        self._progress = progress

    def run(self, name: str, frames: int, work: Callable[[], Any]) -> Any:
        if self._progress is not None:
            self._progress(name, STAGES.index(name), len(STAGES))
        start = clock.perf_counter()
        result = work()
        self.stages.append(Stage(name, frames, clock.perf_counter() - start))
        return result


def analyse(
    anatomy: Anatomy,
    measured: Measured,
    settings: Settings | None = None,
    *,
    progress: Progress | None = None,
) -> Analysis:
    """Analyse one trial of one body.

    Args:
        anatomy: the body, scaled to the person (`bioenv.models.osim.load`).
        measured: markers or coordinates, plates, EMG.
        settings: cutoff and method; the defaults are OpenSim's custom for walking.
        progress: called as each stage begins.

    What could not be computed is None in the result and its `notes` say why.
    Raises BioenvError when the trial and the model do not belong together.
    """
    settings = settings or Settings()
    watch = _Watch(progress)
    kinematics, notes = _kinematics(anatomy, measured, settings, watch)
    found = Analysis(measured.name, anatomy, settings, kinematics)
    found, more = _torques(found, measured, watch)
    notes += more
    heard = None
    if measured.emg is not None:
        heard = hear(measured.emg, anatomy.muscles, settings.emg_side)
        notes += heard.notes
    if anatomy.muscles:
        found, more = _muscle_forces(found, heard, watch)
        notes += more
    found = _loads(found, watch)
    if heard is not None:
        found = _with_agreement(found, heard)
    return replace(
        found, stages=tuple(watch.stages), notes=(*measured.notes, *dict.fromkeys(notes))
    )


def _kinematics(
    anatomy: Anatomy, measured: Measured, settings: Settings, watch: _Watch
) -> tuple[Kinematics, list[str]]:
    """Coordinates of the file or of the markers, filtered and differentiated."""
    notes: list[str] = []
    fitted: dict[str, Any] = {}
    if measured.markers is not None:
        markers = measured.markers
        result = watch.run(
            "inverse kinematics",
            len(markers.time),
            lambda: inverse_kinematics(
                anatomy,
                markers.time,
                markers.names,
                markers.positions,
                weights=settings.weights or None,
            ),
        )
        time, raw = markers.time, result.q
        notes += list(result.notes)
        fitted = {
            "marker_names": result.marker_names,
            "markers": result.markers,
            "marker_error": result.marker_error,
        }
    else:
        assert measured.time is not None
        assert measured.q is not None
        time, raw = measured.time, measured.q
    smooth = watch.run("filter", len(time), lambda: opensim_coordinates(time, raw, settings.cutoff))
    at = smooth.time
    inside = _window(at, settings)
    at = at[inside]
    q, qd, qdd = (np.asarray(smooth(at, order)) for order in (0, 1, 2))
    if len(at) != len(time) or not np.allclose(at, time, atol=1e-9, rtol=0):
        notes += _resampled(len(time), len(at), settings)
        raw = _nearest(time, raw, at)
        if fitted:
            fitted["markers"] = _nearest(time, fitted["markers"], at)
            fitted["marker_error"] = _nearest(time, fitted["marker_error"], at)
    return Kinematics(at, raw, anatomy.couple(q), qd, qdd, **fitted), notes


def _window(time: Array, settings: Settings) -> NDArray[np.bool_]:
    start = -np.inf if settings.start is None else settings.start
    stop = np.inf if settings.stop is None else settings.stop
    inside: NDArray[np.bool_] = (time >= start - 1e-9) & (time <= stop + 1e-9)
    if inside.sum() < 2:
        raise BioenvError(
            f"fewer than two frames between {start:g} and {stop:g} s; the trial covers "
            f"{time[0]:g} to {time[-1]:g} s"
        )
    return inside


def _resampled(before: int, after: int, settings: Settings) -> list[str]:
    if settings.start is not None or settings.stop is not None:
        return []
    return [f"time stamps are not evenly spaced: {before} rows became {after} evenly spaced frames"]


def _nearest(time: Array, values: Array, at: Array) -> Array:
    """Rows of `values` nearest in time; not interpolated, since angles and gaps do not allow it."""
    right = np.clip(np.searchsorted(time, at), 1, len(time) - 1)
    left = right - 1
    return np.asarray(values[np.where(at - time[left] <= time[right] - at, left, right)])


def _torques(found: Analysis, measured: Measured, watch: _Watch) -> tuple[Analysis, list[str]]:
    # A body fixed to the ground (an arm) moves without ground forces; a walker does not.
    if not measured.plates and found.anatomy.root.any():
        return found, [
            "no ground forces: moments, muscle forces and joint loads need them; angles and "
            "muscle lengths were computed"
        ]
    moved, anatomy = found.kinematics, found.anatomy
    contacts, notes = ground_contacts(anatomy, moved.q, moved.time, measured.plates)
    if not contacts and anatomy.root.any():
        return found, [*notes, "no plate could be given to a foot: no moments were computed"]
    external = _external(contacts)
    torque = watch.run(
        "inverse dynamics",
        len(moved.time),
        lambda: generalized_forces(anatomy, moved.q, moved.qd, moved.qdd, external),
    )
    found = replace(found, contacts=contacts, torque=torque)
    if found.settings.reduce_residuals:
        found, said = _reduced(found, external, watch)
        notes = (*notes, *said)
    assert found.torque is not None
    now = found.kinematics
    verdict = judge(found.anatomy, now.time, now.q, found.torque, external)
    return replace(found, residuals={**found.residuals, **verdict.figures}), [
        *notes,
        *verdict.notes,
    ]


def _reduced(found: Analysis, external: list[Contact], watch: _Watch) -> tuple[Analysis, list[str]]:
    """The same trial with mass distribution and motion adjusted a little, as asked for."""
    moved = found.kinematics
    result = watch.run(
        "residual reduction",
        len(moved.time),
        lambda: reduce_residuals(found.anatomy, moved.time, moved.q, moved.qd, moved.qdd, external),
    )
    adjusted = replace(moved, q=result.q, qd=result.qd, qdd=result.qdd)
    return replace(
        found,
        anatomy=result.anatomy,
        kinematics=adjusted,
        torque=result.torque,
        residuals={"reduction": result.changes},
    ), list(result.notes)


def _external(contacts: tuple[GroundContact, ...]) -> list[Contact]:
    return [Contact(c.body, c.force, c.point, c.moment) for c in contacts]


def _muscle_forces(
    found: Analysis, heard: Heard | None, watch: _Watch
) -> tuple[Analysis, list[str]]:
    anatomy, moved, frames = found.anatomy, found.kinematics, len(found.time)

    def geometry_and_capacity() -> Any:
        geometry = anatomy.muscle_geometry(moved.q, moved.qd)
        return geometry, anatomy.muscle_capacity(geometry)

    geometry, capacity = watch.run("muscle geometry", frames, geometry_and_capacity)
    found = replace(found, geometry=geometry, capacity=capacity)
    if found.torque is None:
        return found, []
    problem = sharing_problem(
        anatomy, moved.time, moved.q, found.torque, geometry, capacity, found.settings
    )
    signals = () if heard is None else (heard.at(moved.time), heard.electrodes)
    sharing = watch.run("muscle forces", frames, lambda: share(problem, found.settings, *signals))
    report: WellPosedness = watch.run(
        "well-posedness", frames, lambda: wellposedness(problem, sharing)
    )
    notes = [line.strip() for line in report.summary().splitlines()]
    unsolved = int(np.sum(sharing.status == Status.UNSOLVED))
    if unsolved:
        notes.append(f"muscle forces did not converge in {unsolved} of {frames} frames")
    well_posed = json.loads(report.to_json())
    return replace(found, problem=problem, sharing=sharing, well_posed=well_posed), notes


def _loads(found: Analysis, watch: _Watch) -> Analysis:
    if found.sharing is None:
        return found
    moved, anatomy = found.kinematics, found.anatomy
    sharing = found.sharing
    reaction = watch.run(
        "joint loads",
        len(moved.time),
        lambda: joint_reaction(
            anatomy, moved.q, moved.qd, moved.qdd, sharing.force, _external(found.contacts)
        ),
    )
    children = (anatomy.mj.body(joint.child).name for joint in anatomy.joints)
    columns = tuple(
        f"{joint}_on_{child}_in_{child}"
        for joint, child in zip(reaction.joints, children, strict=True)
    )
    return replace(found, loads=Loads(reaction.joints, columns, *reaction[1:]))


def _with_agreement(found: Analysis, heard: Heard) -> Analysis:
    """How far the activations agree with the electrodes."""
    found = replace(found, emg_time=heard.time, emg=heard.envelopes)
    if found.sharing is None or not heard.electrodes:
        return found
    figures = agreement(
        found.time, found.sharing.activation, found.anatomy.muscles,
        found.anatomy.max_isometric_force, heard.time, heard.envelopes, heard.electrodes,
    )  # fmt: skip
    return replace(found, agreement=figures)
