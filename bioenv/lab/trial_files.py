"""The files of one trial, each by its kind, read into a Trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bioenv.errors import BioenvError
from bioenv.lab import anc, c3d, trc
from bioenv.lab.axes import OPENSIM
from bioenv.lab.csv_table import read_table
from bioenv.lab.external_loads import forces_of, guess_external_loads, read_external_loads
from bioenv.lab.finding import Finding
from bioenv.lab.trial import Emg, ForcePlate, Trial, rate_of

TABLES = (".mot", ".sto", ".csv", ".txt")
KINDS = (".c3d", ".trc", *TABLES, ".anc")
# Rectified and smoothed signals dip below zero only by filter ripple.
RIPPLE = 0.3


def read_trial(
    path: str | Path,
    *,
    forces: str | Path | None = None,
    external_loads: str | Path | None = None,
    coordinates: str | Path | None = None,
    emg: str | Path | None = None,
    axes: Sequence[str] | None = None,
) -> Trial:
    """Read a trial from its main file and, where given, further files of the same trial.

    Args:
        path: .c3d (markers, force plates, EMG, events), .trc (markers), .mot, .sto or .csv
            (ground forces or joint angles, told by their columns) or .anc (EMG).
        forces: table or .c3d of ground forces; replaces those of `path`.
        external_loads: OpenSim's .xml that says which columns are forces.
        coordinates: table of joint angles.
        emg: see `read_emg`.
        axes: the axes of markers that point forward, left and up, where the file does not have
            OpenSim's (.trc) or detection fails (.c3d); see `bioenv.lab.axes`.

    Every device keeps its own clock. Raises BioenvError naming the file, line or field.
    """
    trial = _main(path, axes)
    if forces is not None or external_loads is not None:
        plates, notes = read_forces(forces, external_loads, axes=axes)
        trial = replace(trial, forces=plates, findings=(*trial.findings, *notes))
    if coordinates is not None:
        table = read_table(coordinates)
        trial = replace(trial, coordinates=table, findings=(*trial.findings, *table.findings))
    if emg is not None:
        recorded = read_emg(emg)
        trial = replace(trial, emg=recorded, findings=(*trial.findings, *recorded.findings))
    return replace(trial, findings=tuple(dict.fromkeys((*trial.findings, *_clocks(trial)))))


def read_forces(
    path: str | Path | None,
    external_loads: str | Path | None = None,
    *,
    axes: Sequence[str] | None = None,
) -> tuple[tuple[ForcePlate, ...], tuple[Finding, ...]]:
    """Force plates of a .c3d or of a table, as an ExternalLoads file or the columns' names say.

    axes: of a .c3d file, see `read_trial`; tables have OpenSim's.
    """
    if path is not None and suffix(path, (".c3d", *TABLES)) == ".c3d":
        trial = c3d.read(path, axes=axes)
        if not trial.forces:
            raise BioenvError(f"'{path}' holds no force plates")
        return trial.forces, trial.findings
    if path is None:
        if external_loads is None:
            raise BioenvError("give a file of forces or an ExternalLoads file")
        loads = read_external_loads(external_loads)
    else:
        loads = forces_of(path, external_loads)
    findings = tuple(dict.fromkeys(finding for load in loads for finding in load.findings))
    return tuple(load.plate for load in loads), findings


def read_emg(path: str | Path, names: Sequence[str] | None = None) -> Emg:
    """EMG of an .anc or .c3d file (raw, V) or of a table (envelopes, or raw where they swing).

    names: the channels wanted, in this order; by default all. Raises BioenvError for an unknown
    channel and for a file without EMG.
    """
    readers: Mapping[str, Callable[[str | Path], Emg]] = {
        ".anc": lambda file: anc.emg(file, names),
        ".c3d": _emg_of_c3d,
    }
    found = readers.get(suffix(path, (".anc", ".c3d", *TABLES)), _emg_of_table)(path)
    if names is None:
        return found
    values = np.column_stack([found.channel(name) for name in names])
    return replace(found, names=tuple(names), values=values)


def suffix(path: str | Path, known: Sequence[str]) -> str:
    """A file's suffix in small letters. Raises BioenvError unless it is known."""
    kind = Path(path).suffix.lower()
    if kind not in known:
        raise BioenvError(
            f"'{path}': unknown kind of file {kind or 'without suffix'!r}; expected one of "
            f"{', '.join(known)}"
        )
    return kind


def _main(path: str | Path, axes: Sequence[str] | None) -> Trial:
    """What the main file of a trial holds."""
    kind = suffix(path, KINDS)
    name = Path(path).stem
    if kind == ".c3d":
        return c3d.read(path, axes=axes)
    if kind == ".trc":
        markers = trc.read(path, axes=axes or OPENSIM)
        return Trial(name, markers, findings=markers.findings)
    if kind == ".anc":
        recorded = anc.emg(path)
        return Trial(name, emg=recorded, findings=recorded.findings)
    table = read_table(path)
    if any(label.endswith("vx") for label in table.labels):
        plates = tuple(load.plate for load in guess_external_loads(table))
        return Trial(name, forces=plates, findings=table.findings)
    return Trial(name, coordinates=table, findings=table.findings)


def _emg_of_c3d(path: str | Path) -> Emg:
    trial = c3d.read(path)
    if trial.emg is None:
        raise BioenvError(f"'{path}' has no analog channel that looks like EMG (unit V)")
    return trial.emg


def _emg_of_table(path: str | Path) -> Emg:
    table = read_table(path)
    values = table.values[:, 1:]
    if not values.shape[1]:
        raise BioenvError(f"'{path}' has no channel besides time")
    known = values[np.isfinite(values)]
    if not known.size:
        raise BioenvError(f"'{path}' holds no number besides time")
    envelope = bool(known.min() > -RIPPLE * max(float(known.max()), 0.0))
    return Emg(
        table.time, table.labels[1:], values, "1", rate_of(table.time), envelope, table.findings
    )


def _clocks(trial: Trial) -> tuple[Finding, ...]:
    """Devices that do not overlap in time: different trials, or clocks that start elsewhere."""
    spans: dict[str, tuple[float, float]] = {}
    if trial.markers is not None:
        spans["markers"] = trial.markers.time[0], trial.markers.time[-1]
    if trial.forces:
        spans["forces"] = trial.forces[0].time[0], trial.forces[0].time[-1]
    if trial.emg is not None:
        spans["EMG"] = trial.emg.time[0], trial.emg.time[-1]
    if trial.coordinates is not None:
        spans["coordinates"] = trial.coordinates.time[0], trial.coordinates.time[-1]
    start, stop = (
        max((s[0] for s in spans.values()), default=0.0),
        min((s[1] for s in spans.values()), default=0.0),
    )
    if start <= stop:
        return ()
    told = ", ".join(f"{name} {a:g} to {b:g} s" for name, (a, b) in spans.items())
    message = f"devices do not overlap in time ({told}): other trials, or clocks that start anew?"
    return (Finding("clock", trial.name, message, "error"),)
