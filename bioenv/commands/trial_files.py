"""The files named on the command line, read into a body and a measured trial."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bioenv import models
from bioenv.errors import BioenvError
from bioenv.inverse.markers import read_marker_weights
from bioenv.inverse.measured import Measured, coordinates_of
from bioenv.lab import sto
from bioenv.lab.checks import check_markers, check_plates
from bioenv.lab.external_loads import ExternalForce, forces_of, read_external_loads
from bioenv.lab.trial import ForcePlate, Markers
from bioenv.lab.trial_files import read_emg, read_trial
from bioenv.models import osim
from bioenv.models.anatomy import Anatomy
from bioenv.models.native_anatomy import NativeAnatomy

C3D = ".c3d"
Plates = tuple[tuple[ForcePlate, str | None], ...]


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
    result = osim.scale_to_static(description, markers.names, markers.positions, mass=mass)
    scaled = osim.OsimAnatomy(result.description)
    return scaled, (*scaled.notes, *result.notes)


def read_markers(file: str) -> Markers:
    """Markers of a .trc or .c3d file."""
    trial = read_trial(file)
    if trial.markers is None:
        raise BioenvError(f"{file} holds no markers")
    return trial.markers


def read_weights(file: str) -> Mapping[str, float]:
    """Marker weights of an OpenSim task set."""
    return read_marker_weights(file).markers


def read_measured(
    anatomy: Anatomy,
    *,
    markers: str | None,
    coordinates: str | None,
    forces: str | None,
    external_loads: str | None,
    emg: str | None,
    notes: tuple[str, ...] = (),
) -> Measured:
    """Everything the trial's files hold. A .c3d of markers brings its plates along."""
    found = list(notes)
    seen = time = q = None
    plates: Plates = ()
    if markers is not None:
        trial = read_trial(markers)
        if trial.markers is None:
            raise BioenvError(f"{markers} holds no markers")
        seen = trial.markers
        plates = tuple((plate, None) for plate in trial.forces)
        found += map(str, (*trial.findings, *check_markers(seen, Path(markers).name)))
    else:
        assert coordinates is not None
        table = sto.read(coordinates)
        q, more = coordinates_of(anatomy, table)
        time = table.time
        found += [*map(str, table.findings), *more]
    if forces is not None or external_loads is not None:
        plates, more = read_plates(forces, external_loads)
        found += more
    found += map(str, check_plates([plate for plate, _ in plates], anatomy.mass))
    recorded = read_emg(emg) if emg is not None else None
    return Measured(
        name=Path(markers or coordinates or "trial").stem,
        markers=seen,
        time=time,
        q=q,
        plates=plates,
        emg=recorded,
        notes=tuple(dict.fromkeys(found)),
    )


def read_plates(forces: str | None, external_loads: str | None) -> tuple[Plates, tuple[str, ...]]:
    """Plates with the bodies they act on, as an ExternalLoads file or the columns' names say."""
    if forces is not None and Path(forces).suffix.lower() == C3D:
        trial = read_trial(forces)
        if not trial.forces:
            raise BioenvError(f"{forces} holds no force plates")
        return tuple((plate, None) for plate in trial.forces), tuple(map(str, trial.findings))
    if forces is not None:
        loads = forces_of(forces, external_loads)
    else:
        assert external_loads is not None
        loads = read_external_loads(external_loads)
    findings = [str(finding) for load in loads for finding in load.findings]
    return tuple(_plate(load) for load in loads), tuple(dict.fromkeys(findings))


def _plate(load: ExternalForce) -> tuple[ForcePlate, str | None]:
    return load.plate, load.body
