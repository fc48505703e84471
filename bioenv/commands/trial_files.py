"""The files named on the command line, read into a body and a measured trial."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bioenv import models
from bioenv.errors import BioenvError
from bioenv.inverse.markers import read_marker_weights
from bioenv.inverse.measured import Measured, coordinates_of
from bioenv.inverse.static_scaling import scale_to_static
from bioenv.lab.checks import check_markers, check_plates
from bioenv.lab.csv_table import read_table
from bioenv.lab.external_loads import forces_of, read_external_loads
from bioenv.lab.finding import words
from bioenv.lab.trial import ForcePlate, Markers
from bioenv.lab.trial_files import TABLES, read_emg, read_trial, suffix
from bioenv.models import osim
from bioenv.models.anatomy import Anatomy
from bioenv.models.native_anatomy import NativeAnatomy

C3D = ".c3d"
STILL = 0.05  # m, the median marker of someone who stands sways less
Plates = tuple[tuple[ForcePlate, str | None], ...]


def read_arguments(args: argparse.Namespace) -> tuple[Anatomy, Measured]:
    """The body and the trial that the options of `parsers_lab.trial_files` name, and EMG if asked.

    Raises BioenvError for files that cannot be read or do not fit the body.
    """
    anatomy, notes = read_body(args.model, static=args.static, mass=args.mass)
    return anatomy, read_measured(
        anatomy,
        markers=args.markers,
        coordinates=args.coordinates,
        angles=args.angles,
        forces=args.forces,
        external_loads=args.external_loads,
        emg=getattr(args, "emg", None),
        notes=notes,
    )


def read_body(
    model: str, *, static: str | None = None, mass: float | None = None
) -> tuple[Anatomy, tuple[str, ...]]:
    """The body to analyse, and notes on how it was scaled.

    `model` is an .osim file, a folder or model.xml that `bioenv import` wrote (the OpenSim model
    kept there is read), or the name or file of a MuJoCo model. `static` scales an OpenSim model to
    the markers of a standing trial, `mass` to a body mass.
    """
    path = Path(model)
    folder = path if path.is_dir() else path.parent
    source = folder / "model.osim" if path.is_dir() or path.name == "model.xml" else path
    if source.suffix == ".osim" and source.is_file():
        return _opensim_body(source, static, mass)
    if path.suffix == ".osim" or path.is_dir():
        raise BioenvError(f"no OpenSim model {source}")
    if static is not None or mass is not None:
        raise BioenvError("--static and --mass scale OpenSim models; give a .osim file as --model")
    return NativeAnatomy(models.load(model)), ()


def _opensim_body(
    source: Path, static: str | None, mass: float | None
) -> tuple[Anatomy, tuple[str, ...]]:
    description = osim.parse(source)
    if static is None and mass is None:
        anatomy = osim.OsimAnatomy(description)
        return anatomy, tuple(anatomy.notes)
    if static is None:
        scaled = osim.OsimAnatomy(osim.scale(description, {}, mass=mass))
        return scaled, (*scaled.notes, f"mass scaled from {description.mass:.1f} to {mass:.1f} kg")
    markers = read_markers(static)
    result = scale_to_static(description, markers.names, markers.positions, mass=mass)
    scaled = osim.OsimAnatomy(result.description)
    fit, name = result.report, Path(static).name
    grave = "" if fit.within_guide else "warning: "
    notes = [f"{grave}scaled to {name}: {str(fit).splitlines()[0]}", *result.notes]
    seen = markers.positions[:, markers.seen().any(axis=0)]
    moved = float(np.median(np.nanmax(seen, axis=0) - np.nanmin(seen, axis=0)))
    if moved > STILL:
        notes.append(
            f"warning: markers move by {moved:.2f} m in {name}, their mean was taken: is it a "
            "trial of standing?"
        )
    if mass is None:
        notes.append(f"the mass is still the model's, {description.mass:.1f} kg: give --mass")
    return scaled, (*scaled.notes, *notes)


def read_markers(file: str) -> Markers:
    """Markers of a .trc or .c3d file."""
    trial = read_trial(file)
    if trial.markers is None:
        raise BioenvError(f"{file} holds no markers")
    return trial.markers


def read_tasks(file: str) -> dict[str, Any]:
    """The settings `weights` and `pulls` that an OpenSim task set asks for.

    Raises BioenvError for a coordinate that should follow another file.
    """
    tasks = read_marker_weights(file)
    strong = {name: weight for name, weight in tasks.coordinates.items() if weight > 0}
    other = [name for name in strong if name not in tasks.targets]
    if other:
        raise BioenvError(
            f"'{file}' ties {', '.join(other)} to the values of another file, which is not read: "
            "set their value_type to default_value or manual_value, or their weight to 0"
        )
    pulls = {name: (weight, tasks.targets[name]) for name, weight in strong.items()}
    return {"weights": tasks.markers, "pulls": pulls}


def read_measured(
    anatomy: Anatomy,
    *,
    markers: str | None,
    coordinates: str | None,
    angles: str | None = None,
    forces: str | None,
    external_loads: str | None,
    emg: str | None,
    notes: tuple[str, ...] = (),
) -> Measured:
    """Everything the trial's files hold. A .c3d of markers brings its plates and EMG along.

    angles: "degrees" or "radians" in place of what the header of `coordinates` says.
    """
    trial = _moved(anatomy, markers, coordinates, angles)
    found, plates, recorded = [*notes, *trial.notes], trial.plates, trial.emg
    if forces is not None or external_loads is not None:
        plates, more = read_plates(forces, external_loads)
        found += more
    plates, odd = _usable(plates, anatomy.mass)
    found += odd
    if emg is not None:
        recorded = read_emg(emg)
        found += words(recorded.findings)
    return replace(trial, plates=plates, emg=recorded, notes=tuple(dict.fromkeys(found)))


def _moved(
    anatomy: Anatomy, markers: str | None, coordinates: str | None, angles: str | None
) -> Measured:
    """The trial's movement with what else its file holds."""
    if markers is not None:
        trial, name = read_trial(markers), Path(markers).name
        if trial.markers is None:
            raise BioenvError(f"{markers} holds no markers; joint angles go to --coordinates")
        # Gaps are summed up where they are filled, instead of a line for each marker.
        checked = check_markers(trial.markers, name)
        checked = tuple(one for one in checked if " is unseen in " not in one.message)
        return Measured(
            Path(markers).stem,
            markers=trial.markers,
            plates=tuple((plate, None) for plate in trial.forces),
            emg=trial.emg,
            notes=tuple(words((*trial.findings, *checked))),
        )
    assert coordinates is not None
    suffix(coordinates, TABLES)
    table = read_table(coordinates)
    if angles is not None:
        table = replace(table, in_degrees=angles == "degrees")
    q, more = coordinates_of(anatomy, table)
    notes = (*words(table.findings), *more)
    return Measured(Path(coordinates).stem, time=table.time, q=q, notes=notes)


def read_plates(forces: str | None, external_loads: str | None) -> tuple[Plates, tuple[str, ...]]:
    """Plates with the bodies they act on, as an ExternalLoads file or the columns' names say."""
    if forces is not None and Path(forces).suffix.lower() == C3D:
        if external_loads is not None:
            raise BioenvError(
                "--external-loads says which columns of a table act on which body; the plates of "
                f"{forces} are given to the feet by themselves: leave it out"
            )
        trial = read_trial(forces)
        if not trial.forces:
            raise BioenvError(f"{forces} holds no force plates")
        return tuple((plate, None) for plate in trial.forces), tuple(words(trial.findings))
    if forces is not None:
        suffix(forces, (C3D, *TABLES))
        loads = forces_of(forces, external_loads)
    else:
        assert external_loads is not None
        loads = read_external_loads(external_loads)
    findings = words(finding for load in loads for finding in load.findings)
    return tuple((load.plate, load.body) for load in loads), tuple(dict.fromkeys(findings))


def _usable(plates: Plates, mass: float) -> tuple[Plates, list[str]]:
    """The plates without those whose force points down, and what is odd about all of them."""
    both = [plate for plate, _ in plates]
    found = check_plates(both, mass)
    wrong = {one.where.removeprefix("plate ") for one in found if one.kind == "force_sign"}
    notes = words(found) + [f"plate {name} is left out" for name in sorted(wrong)]
    return tuple((plate, body) for plate, body in plates if plate.name not in wrong), notes
