"""The files of an inverse analysis: OpenSim's tables, a Motion, and two reports in JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioenv.inverse.analysis import Analysis, Kinematics, Loads
from bioenv.inverse.emg_agreement import Agreement
from bioenv.inverse.standard import to_motion
from bioenv.motion_io import opensim_axes, write_atomically, write_table

Array = NDArray[np.float64]

FILES = (
    "kinematics.mot", "inverse_dynamics.sto", "muscle_activation.sto", "muscle_force.sto",
    "joint_contact_force.sto", "wellposedness.json", "residuals.json", "motion.nc",
)  # fmt: skip
"""What a complete analysis writes; a file whose content could not be computed is left out."""
ADJUSTED = "kinematics_adjusted.mot"  # beside the measured one, when residuals were reduced
MARK = "residuals.json"  # always there, and says who made it


def write(analysis: Analysis, directory: str | Path) -> list[Path]:
    """Write every file the analysis has content for, each whole or not at all.

    OpenSim's column names, coordinate senses and axes (y up), degrees in ``kinematics.mot``.
    Returns the paths.
    """
    folder = Path(directory)
    written = [write_json(folder / MARK, residual_report(analysis))]
    written += _kinematics(analysis, folder)
    if analysis.torque is not None:
        written.append(_torques(analysis, folder))
    if analysis.sharing is not None:
        for channel, values in (
            ("muscle_activation", analysis.sharing.activation),
            ("muscle_force", analysis.sharing.force),
        ):
            written.append(_muscles(analysis, folder / f"{channel}.sto", values))
    if analysis.loads is not None:
        written.append(_loads(analysis.loads, analysis.anatomy.y_up, analysis.time, folder))
    if analysis.well_posed:
        written.append(write_json(folder / "wellposedness.json", analysis.well_posed))
    written.append(to_motion(analysis).save(folder / "motion.nc"))
    return written


def residual_report(analysis: Analysis) -> dict[str, Any]:
    """JSON-able: residuals, marker errors, missing torque, agreement with EMG, notes, timing."""
    report: dict[str, Any] = {
        "made_by": "bioenv",
        "trial": analysis.name,
        "model": analysis.anatomy.name,
    }
    if analysis.kinematics.marker_error is not None:
        report["markers"] = _markers(analysis.kinematics)
    report["root"] = dict(analysis.residuals)
    if analysis.sharing is not None and analysis.problem is not None:
        missing = np.abs(analysis.sharing.missing_torque + analysis.sharing.reserve_torque)
        report["torque_beside_the_muscles"] = {
            name: {"rms": float(np.sqrt(np.mean(column**2))), "peak": float(column.max())}
            for name, column in zip(analysis.problem.coordinates, missing.T, strict=True)
        }
    if analysis.agreement:
        report |= _agreement(analysis.agreement)
    report["notes"] = list(analysis.notes)
    report["stages"] = [
        {"stage": s.name, "frames": s.frames, "seconds": round(s.seconds, 4)}
        for s in analysis.stages
    ]
    return report


def _markers(moved: Kinematics) -> dict[str, Any]:
    """Marker errors, m, of what was seen."""
    error = moved.marker_error
    assert error is not None
    return {
        "rms_m": float(np.sqrt(np.nanmean(error**2))),
        "max_m": float(np.nanmax(error)),
        "rms_by_marker_m": {
            name: float(np.sqrt(np.nanmean(column**2))) if np.isfinite(column).any() else None
            for name, column in zip(moved.marker_names, error.T, strict=True)
        },
    }


def _agreement(found: Sequence[Agreement]) -> dict[str, Any]:
    """Agreement with EMG by channel, and its mean."""
    known = [one.correlation for one in found if math.isfinite(one.correlation)]
    channels = {
        one.electrode.channel: {
            "muscles": list(one.electrode.muscles),
            "correlation": one.correlation,
            "on_off_share": one.on_off,
            "on_off_correlation": one.on_off_correlation,
        }
        for one in found
    }
    return {"emg": channels, "emg_mean_correlation": float(np.mean(known)) if known else None}


def write_json(path: Path, content: Mapping[str, Any]) -> Path:
    """Write JSON; numbers that are not finite become null."""
    text = json.dumps(_plain(content), indent=1, allow_nan=False, ensure_ascii=False)
    return write_atomically(path, (text + "\n").encode())


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _kinematics(analysis: Analysis, folder: Path) -> list[Path]:
    """The coordinates as measured or fitted; what residual reduction made of them beside these."""
    anatomy, moved = analysis.anatomy, analysis.kinematics
    factor = np.where(anatomy.rotational, 180 / np.pi, 1.0)
    tables = {"kinematics.mot": (moved.raw_time, moved.raw)}
    if "reduction" in analysis.residuals:
        tables[ADJUSTED] = moved.time, moved.q
    return [
        write_table(
            folder / name,
            ("time", *anatomy.coordinates),
            np.column_stack([time, q * factor]),
            in_degrees=True,
        )
        for name, (time, q) in tables.items()
    ]


def _torques(analysis: Analysis, folder: Path) -> Path:
    anatomy = analysis.anatomy
    assert analysis.torque is not None
    labels = ["time"] + [
        f"{name}_{'moment' if turns else 'force'}"
        for name, turns in zip(anatomy.coordinates, anatomy.rotational, strict=True)
    ]
    table = np.column_stack([analysis.time, analysis.torque])
    return write_table(folder / "inverse_dynamics.sto", tuple(labels), table, in_degrees=False)


def _muscles(analysis: Analysis, path: Path, values: Array) -> Path:
    assert analysis.problem is not None
    table = np.column_stack([analysis.time, values])
    return write_table(path, ("time", *analysis.problem.muscles), table, in_degrees=False)


def _loads(loads: Loads, y_up: bool, time: Array, folder: Path) -> Path:
    labels = ["time"]
    parts = [time[:, None]]
    for j, prefix in enumerate(loads.columns):
        for letter, values in (("f", loads.force), ("m", loads.moment), ("p", loads.point)):
            labels += [f"{prefix}_{letter}{axis}" for axis in "xyz"]
            parts.append(values[:, j] if y_up else opensim_axes(values[:, j]))
    table = np.hstack(parts)
    path = folder / "joint_contact_force.sto"
    return write_table(path, tuple(labels), table, in_degrees=False)
