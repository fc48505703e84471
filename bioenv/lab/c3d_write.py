"""Trials written as C3D files, by ezc3d."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.lab.c3d_plates import Plate, channels_of
from bioenv.lab.trial import ForcePlate, Markers, Trial
from bioenv.motion_io import write_atomically

Array = NDArray[np.float64]

_SIDES = {"r": "Right", "l": "Left", "": "General"}
_PLATE = 0.3 * np.array([[1.0, -1, 0], [-1, -1, 0], [-1, 1, 0], [1, 1, 0]])  # m, where unknown


def write(path: str | Path, trial: Trial) -> Path:
    """Write markers, force plates, EMG and events as a .c3d file; mm, N, N*mm, V, z up.

    A C3D file has one clock: force plates and EMG must share one rate, a whole multiple of the
    markers', and cover the markers' frames. Values are stored as 32-bit floats. Raises BioenvError
    otherwise, and without markers. Returns the path.
    """
    import ezc3d

    if trial.markers is None:
        raise BioenvError(f"trial {trial.name!r} has no markers: a C3D file needs them")
    markers = trial.markers
    first = round(markers.time[0] * markers.rate)
    if abs(first / markers.rate - markers.time[0]) > 0.01 / markers.rate:
        raise BioenvError(
            f"the first frame at {markers.time[0]:g} s is no whole number of frames at "
            f"{markers.rate:g} Hz: a C3D file counts frames from 0 s"
        )
    file = ezc3d.c3d()
    _write_points(file, markers)
    _write_devices(file, trial, markers)
    for event in trial.events:
        minutes, seconds = divmod(event.time, 60.0)
        file.add_event([minutes, seconds], _SIDES[event.side], event.name.title())
    file["header"]["points"]["first_frame"] = first
    return _save(file, Path(path))


def _write_devices(file: Any, trial: Trial, markers: Markers) -> None:
    """Force plates and EMG as analog channels."""
    labels: list[str] = []
    units: list[str] = []
    blocks, corners = [], []
    ratio = _ratio(trial)
    for number, plate in enumerate(trial.forces, 1):
        signals, where = _plate(plate)
        blocks.append(_covered(signals, plate.time, markers, ratio, f"plate {plate.name}"))
        corners.append(1000.0 * where.T)
        labels += [f"{kind}{axis}{number}" for kind in "FM" for axis in "xyz"]
        units += ["N"] * 3 + ["Nmm"] * 3
    if trial.emg is not None:
        emg = trial.emg
        blocks.append(_covered(emg.values, emg.time, markers, ratio, "the EMG"))
        labels += emg.names
        units += [emg.unit] * len(emg.names)
    if blocks:
        _write_analog(file, np.hstack(blocks), labels, units, markers.rate * ratio)
    if corners:
        _write_platforms(file, corners)


def _write_points(file: Any, markers: Markers) -> None:
    seen = markers.seen().T
    points = np.ones((4, len(markers.names), len(markers.time)))
    points[:3] = np.nan_to_num(1000.0 * markers.positions.transpose(2, 1, 0))
    points[:3, ~seen] = np.nan
    file["data"]["points"] = points
    file["data"]["meta_points"]["residuals"] = np.where(seen, 0.0, -1.0)[None]
    parameters = file["parameters"]["POINT"]
    parameters["RATE"]["value"] = [markers.rate]
    parameters["LABELS"]["value"] = list(markers.names)
    parameters["UNITS"]["value"] = ["mm"]
    for name, axis in (("X_SCREEN", "+X"), ("Y_SCREEN", "+Z")):
        file.add_parameter("POINT", name, [axis])


def _write_analog(
    file: Any, values: Array, labels: list[str], units: list[str], rate: float
) -> None:
    file["data"]["analogs"] = values.T[None]
    parameters = file["parameters"]["ANALOG"]
    parameters["RATE"]["value"] = [rate]
    parameters["LABELS"]["value"] = labels
    parameters["UNITS"]["value"] = units
    parameters["SCALE"]["value"] = [1.0] * len(labels)
    parameters["OFFSET"]["value"] = [0] * len(labels)


def _write_platforms(file: Any, corners: list[Array]) -> None:
    count = len(corners)
    for name, value in (
        ("USED", [count]),
        ("TYPE", [2] * count),
        ("ZERO", [1, 0]),
        ("CORNERS", np.stack(corners, axis=-1)),
        ("ORIGIN", np.zeros((3, count))),
        ("CHANNEL", 1.0 + np.arange(6 * count).reshape(6, count, order="F")),
    ):
        file.add_parameter("FORCE_PLATFORM", name, value)


def _plate(plate: ForcePlate) -> tuple[Array, Array]:
    """Channels (T, 6) in N and N*mm of a type 2 plate, and its corners so that z points down."""
    corners = np.array(_PLATE if plate.corners is None else plate.corners)
    made = Plate(2, np.arange(6), corners, np.zeros(3))
    if made.rotation[2, 2] > 0:
        corners = corners[::-1]
        made = Plate(2, np.arange(6), corners, np.zeros(3))
    moment = plate.moment_about(corners.mean(axis=0))
    signals = channels_of(made, plate.force, moment)
    signals[:, 3:] *= 1000.0
    return signals, corners


def _ratio(trial: Trial) -> int:
    """Analog samples in a frame."""
    assert trial.markers is not None
    rates = [plate.rate for plate in trial.forces] + ([trial.emg.rate] if trial.emg else [])
    if not rates:
        return 1
    ratio = round(rates[0] / trial.markers.rate)
    if ratio < 1 or any(abs(rate / trial.markers.rate - ratio) > 0.01 for rate in rates):
        raise BioenvError(
            f"force plates and EMG at {', '.join(f'{rate:g}' for rate in rates)} Hz do not share "
            f"a whole multiple of the markers' {trial.markers.rate:g} Hz: resample them first"
        )
    return ratio


def _covered(values: Array, time: Array, markers: Markers, ratio: int, what: str) -> Array:
    """The samples of the markers' frames. Raises BioenvError where there are none."""
    start = int(np.argmin(np.abs(time - markers.time[0])))
    stop = start + ratio * len(markers.time)
    off = abs(time[start] - markers.time[0]) * markers.rate * ratio
    # The last frame's later samples may be missing: devices stop together.
    if off > 0.5 or stop > len(time) + ratio - 1:
        raise BioenvError(
            f"{what} lasts from {time[0]:g} to {time[-1]:g} s and does not cover the markers' "
            f"{markers.time[0]:g} to {markers.time[-1]:g} s"
        )
    found = values[start:stop]
    missing = stop - start - len(found)
    return np.vstack([found, np.repeat(found[-1:], missing, axis=0)]) if missing else found


def _save(file: Any, path: Path) -> Path:
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "trial.c3d"
        try:
            file.write(str(made))
        except (RuntimeError, ValueError, IndexError, KeyError, TypeError) as error:
            raise BioenvError(f"'{path}' cannot be written as a C3D file: {error}") from error
        return write_atomically(path, made.read_bytes())
