"""Files of a Motion: NetCDF-3, NumPy, and OpenSim's tables. Degrees and y-up exist only here.

The table writer is shared with `bioenv.lab.sto`, which reads and writes OpenSim files.
"""

from __future__ import annotations

import io
import json
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.io import netcdf_file

from bioenv.errors import BioenvError
from bioenv.motion import CHANNELS, Motion, Signal

FORMAT = "bioenv motion 1"
_BAND, _FLAG = "__band", "__flag"  # of a channel's estimate, beside its values
# Everything scipy, numpy and zipfile raise on damaged or foreign bytes.
_BROKEN = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, OSError, MemoryError,
    OverflowError, AssertionError, RuntimeError, NotImplementedError,
    struct.error, zlib.error, zipfile.BadZipFile,
)  # fmt: skip


def save(motion: Motion, path: Path) -> Path:
    """Write a Motion as .nc or .npz, atomically. Raises BioenvError for another suffix."""
    encode = {".nc": _to_netcdf, ".npz": _to_npz}.get(path.suffix)
    if encode is None:
        raise BioenvError(
            f"cannot save a motion as '{path.name}': the name must end in .nc or .npz"
        )
    return write_atomically(path, encode(motion))


def load(path: Path) -> Motion:
    """Read a Motion from .nc or .npz. Raises BioenvError naming the file and what was expected."""
    decode = {".nc": _from_netcdf, ".npz": _from_npz}.get(path.suffix)
    if decode is None:
        raise BioenvError(f"cannot load '{path}' as a motion: the name must end in .nc or .npz")
    if not path.is_file():
        raise BioenvError(f"no motion file '{path}'")
    try:
        return decode(path.read_bytes())
    except BioenvError as error:
        raise BioenvError(f"'{path}' holds no valid motion: {error}") from error
    except _BROKEN as error:
        raise BioenvError(
            f"'{path}' is not a motion file or is damaged: expected '{FORMAT}' as "
            f"{'NetCDF-3' if path.suffix == '.nc' else 'an npz archive'} ({error})"
        ) from error


def write_atomically(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all: a temporary neighbour, then a rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


# -- NetCDF and npz ------------------------------------------------------------------------------


def _to_netcdf(motion: Motion) -> bytes:
    buffer = io.BytesIO()
    file = netcdf_file(buffer, "w", version=2)
    file.format = FORMAT.encode()
    file.model = json.dumps(motion.model).encode()
    file.meta = json.dumps(dict(motion.meta)).encode()
    file.createDimension("time", len(motion))
    file.createDimension("xyz", 3)
    time = file.createVariable("time", "d", ("time",))
    time[:] = motion.time
    time.units = b"s"
    for name, signal in motion.signals.items():
        channel = CHANNELS[name]
        labelled = f"{name}_{channel.axes[0]}"  # channels may carry different sets of labels
        file.createDimension(labelled, len(signal.labels))
        variable = file.createVariable(name, "d", ("time", labelled, *channel.axes[1:]))
        variable[:] = signal.values
        variable.units = channel.unit.encode()
        variable.source = signal.source.encode()
        variable.labels = json.dumps(signal.labels).encode()
        variable.doc = channel.doc.encode()
        _trust_to_netcdf(file, name, signal, variable.dimensions)
    file.flush()
    return buffer.getvalue()


def _from_netcdf(content: bytes) -> Motion:
    with netcdf_file(io.BytesIO(content), "r", mmap=False) as file:
        _check_format(getattr(file, "format", b"").decode("utf-8", "replace"))
        signals = {}
        for name, variable in file.variables.items():
            if name == "time" or name.endswith((_BAND, _FLAG)):
                continue
            values = np.array(variable[:], dtype=np.float64)
            labels = tuple(json.loads(variable.labels))
            trust = {
                part.lstrip("_"): np.array(file.variables[name + part][:])
                for part in (_BAND, _FLAG)
                if name + part in file.variables
            }
            signals[name] = Signal(values, labels, variable.source.decode(), **trust)
            _check_unit(name, variable.units.decode())
        time = np.array(file.variables["time"][:], dtype=np.float64)
        return Motion(time, signals, json.loads(file.model), json.loads(file.meta))


def _trust_to_netcdf(
    file: netcdf_file, name: str, signal: Signal, dimensions: tuple[str, ...]
) -> None:
    """Band and flag of an estimate beside its values."""
    if signal.band is not None:
        if "ends" not in file.dimensions:
            file.createDimension("ends", 2)
        band = file.createVariable(name + _BAND, "d", (*dimensions, "ends"))
        band[:] = signal.band
        band.doc = b"lower and upper end of the 90 % interval"
    if signal.flag is not None:
        flag = file.createVariable(name + _FLAG, "b", ("time",))
        flag[:] = signal.flag
        flag.doc = b"1 where the estimator is out of its depth"


def _to_npz(motion: Motion) -> bytes:
    header = {
        "format": FORMAT,
        "model": motion.model,
        "meta": dict(motion.meta),
        "signals": {
            name: {"labels": signal.labels, "source": signal.source, "unit": CHANNELS[name].unit}
            for name, signal in motion.signals.items()
        },
    }
    arrays: dict[str, NDArray[Any]] = {n: signal.values for n, signal in motion.signals.items()}
    for name, signal in motion.signals.items():
        if signal.band is not None:
            arrays[name + _BAND] = signal.band
        if signal.flag is not None:
            arrays[name + _FLAG] = signal.flag
    buffer = io.BytesIO()
    np.savez(buffer, header=np.array(json.dumps(header)), time=motion.time, **cast(Any, arrays))
    return buffer.getvalue()


def _from_npz(content: bytes) -> Motion:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        header = json.loads(str(archive["header"]))
        _check_format(header["format"])
        signals = {}
        for name, entry in header["signals"].items():
            _check_unit(name, entry["unit"])
            trust = {
                part.lstrip("_"): archive[name + part]
                for part in (_BAND, _FLAG)
                if name + part in archive
            }
            signals[name] = Signal(archive[name], tuple(entry["labels"]), entry["source"], **trust)
        return Motion(archive["time"], signals, header["model"], header["meta"])


def _check_format(found: str) -> None:
    if found != FORMAT:
        raise BioenvError(f"expected format '{FORMAT}', found '{found or 'none'}'")


def _check_unit(name: str, found: str) -> None:
    if name in CHANNELS and found != CHANNELS[name].unit:
        raise BioenvError(f"{name} is in '{found}', expected '{CHANNELS[name].unit}'")


# -- OpenSim -------------------------------------------------------------------------------------


def opensim_coordinate(name: str) -> tuple[str, float]:
    """OpenSim's name of one of our coordinates and the factor on its value.

    Radians become degrees; z up becomes y up (and y left becomes minus z); knee flexion, positive
    here, is negative in gait10dof18musc and gait2392, whose sign the export follows.

    >>> opensim_coordinate("pelvis_tz")
    ('pelvis_ty', 1.0)
    """
    if name.endswith("_tx"):
        return name, 1.0
    if name.endswith("_tz"):
        return name[:-1] + "y", 1.0
    if name.endswith("_ty"):
        return name[:-1] + "z", -1.0
    degrees = float(np.degrees(1.0))
    return name, -degrees if name.startswith("knee_angle") else degrees


def opensim_axes(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3) vectors from z up (x forward, y left) to OpenSim's y up (x forward, z right)."""
    return np.stack([vectors[..., 0], vectors[..., 2], -vectors[..., 1]], axis=-1)


def write_table(
    path: Path, labels: Sequence[str], values: NDArray[np.float64], *, in_degrees: bool
) -> Path:
    """Write an OpenSim .mot/.sto table: labels (n,) whose first is "time", values (T, n)."""
    if values.ndim != 2 or values.shape[1] != len(labels) or labels[0] != "time":
        raise BioenvError(
            f"an OpenSim table needs one label per column, the first 'time'; got "
            f"{len(labels)} labels for shape {values.shape}"
        )
    header = (
        f"{path.stem}\nversion=1\nnRows={len(values)}\nnColumns={len(labels)}\n"
        f"inDegrees={'yes' if in_degrees else 'no'}\nendheader\n" + "\t".join(labels) + "\n"
    )
    text = io.StringIO()
    text.write(header)
    np.savetxt(text, values, fmt="%.9g", delimiter="\t")
    return write_atomically(path, text.getvalue().encode())


def write_opensim(motion: Motion, directory: Path, stem: str) -> list[Path]:
    """Write the OpenSim files of a Motion (see `Motion.to_opensim`)."""
    written = []
    if "qpos" in motion:
        names, factors = zip(*map(opensim_coordinate, motion.labels("qpos")), strict=True)
        table = np.column_stack([motion.time, motion["qpos"] * np.array(factors)])
        path = directory / f"{stem}.mot"
        written.append(write_table(path, ("time", *names), table, in_degrees=True))
    if "ground_reaction_force" in motion:
        labels, table = _ground_table(motion)
        path = directory / f"{stem}_grf.mot"
        written.append(write_table(path, labels, table, in_degrees=False))
    for channel in ("activation", "muscle_force"):
        if channel in motion:
            table = np.column_stack([motion.time, motion[channel]])
            path = directory / f"{stem}_{channel}.sto"
            labels = ("time", *motion.labels(channel))
            written.append(write_table(path, labels, table, in_degrees=False))
    if not written:
        raise BioenvError(
            "nothing to export to OpenSim: the motion has none of qpos, ground_reaction_force, "
            "activation, muscle_force"
        )
    return written


def _ground_table(motion: Motion) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Columns ground_force_r_vx .. _px .. ground_torque_r_x .. of every foot, y up."""
    force = motion["ground_reaction_force"]
    names: list[str] = ["time"]
    columns = [motion.time[:, None]]
    for index, foot in enumerate(motion.labels("ground_reaction_force")):
        names += [f"ground_force_{foot}_v{axis}" for axis in "xyz"]
        names += [f"ground_force_{foot}_p{axis}" for axis in "xyz"]
        names += [f"ground_torque_{foot}_{axis}" for axis in "xyz"]
        columns.append(opensim_axes(force[:, index]))
        for channel in ("center_of_pressure", "free_moment"):
            vector = np.zeros_like(force[:, index])
            if channel in motion and foot in motion.labels(channel):
                # OpenSim reads no NaN: an unloaded foot's pressure centre is written as zero.
                vector = np.nan_to_num(motion.column(channel, foot))
            columns.append(opensim_axes(vector) + 0.0)  # + 0.0 turns -0 into 0
    return tuple(names), np.hstack(columns)
