"""C3D files: markers, force plates, EMG and events, on one time line.

Force plates are turned into force, pressure center and free moment; writing goes through ezc3d
(`bioenv.lab.c3d_write`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bioenv.lab import axes as laboratory
from bioenv.lab.c3d_plates import Plate
from bioenv.lab.c3d_platform import forces_of, plates_of
from bioenv.lab.c3d_raw import Raw, read_raw, unique
from bioenv.lab.events import Event, named
from bioenv.lab.finding import Finding
from bioenv.lab.trial import Emg, Markers, Trial

Array = NDArray[np.float64]

_VOLTS = {"v": 1.0, "volt": 1.0, "volts": 1.0, "mv": 1e-3, "uv": 1e-6, "µv": 1e-6}
_NO_EMG = re.compile(
    r"load.?cell|gonio|sync|trig|button|pedal|acc|gyro|imu|^f[xyz]?\d|^[fm][xyz]|force|moment",
    re.IGNORECASE,
)
_COMPUTED = ("ANGLES", "FORCES", "MOMENTS", "POWERS", "SCALARS", "REACTIONS")


def read(path: str | Path, *, axes: Sequence[str] | None = None) -> Trial:
    """Read a .c3d file as a Trial in the world frame, m, N, N*m, V.

    axes: the file's axes that point forward, left and up; by default found from the force plates
    (which lie flat), the file's screen axes and the way the person goes, and told in a finding.
    The clock is the file's: its first frame need not be at 0 s. Raises BioenvError naming the file
    and the field that is wrong.
    """
    raw = read_raw(path)
    findings = list(raw.findings)
    names, positions, notes = _points(raw)
    findings += notes
    plates, notes = plates_of(raw)
    findings += notes
    if axes is None:
        up = _up(raw, plates)
        chosen = laboratory.detect(names, positions, up=up, where=raw.path)
        axes, told = chosen.axes, "flat plates" if plates else "markers"
        findings += chosen.findings
        message = f"axes {axes} point forward, left and up, by {told} and the way the person goes"
        findings.append(Finding("axes", raw.path, message, "note"))
    turn = laboratory.matrix(axes)
    markers = None
    if names:
        time = (raw.first + np.arange(len(positions))) / raw.rate
        markers = Markers(time, names, positions @ turn.T + 0.0, raw.rate)
    forces, used = forces_of(raw, plates, turn)
    emg, notes = _emg(raw, used)
    findings += notes
    return Trial(
        Path(path).stem, markers, forces, emg, None, _events(raw), findings=tuple(findings)
    )


def _points(raw: Raw) -> tuple[tuple[str, ...], Array, list[Finding]]:
    """Names and positions (T, M, 3) m of markers; computed angles and forces are left out."""
    count = raw.positions.shape[1] if raw.positions.size else 0
    if not count:
        return (), np.empty((0, 0, 3)), []
    labels, notes = unique(raw, "POINT", count)
    computed = {word for group in _COMPUTED for word in raw.words("POINT", group)}
    keep = [i for i, label in enumerate(labels) if label not in computed]
    if len(keep) < count:
        message = f"{count - len(keep)} points are computed angles, forces or powers: left out"
        notes.append(Finding("points", raw.path, message, "note"))
    positions = raw.positions[:, keep] * raw.metres
    zero = (positions == 0.0).all(axis=-1)
    positions[zero | ~np.isfinite(positions).all(axis=-1)] = np.nan
    if zero.any():
        message = f"{int(zero.sum())} positions of exactly (0, 0, 0) were read as unseen"
        notes.append(Finding("occlusion", raw.path, message, "note"))
    if np.isfinite(positions).any() and np.nanmax(np.abs(positions)) > 1e4:
        message = f"a marker is {np.nanmax(np.abs(positions)):.3g} m away: damaged or other units"
        notes.append(Finding("length_unit", raw.path, message, "error"))
    return tuple(labels[i] for i in keep), positions, notes


def _emg(raw: Raw, used: set[int]) -> tuple[Emg | None, list[Finding]]:
    """Channels in volts that belong to no force plate and are not named as something else."""
    count = raw.analog.shape[1] if raw.analog.size else 0
    if not count:
        return None, []
    labels, notes = unique(raw, "ANALOG", count)
    units = raw.words("ANALOG", "UNITS")
    units += [units[-1] if units else "V"] * (count - len(units))
    rest = [i for i in range(count) if i not in used]
    mine = [i for i in rest if units[i].lower() in _VOLTS and not _NO_EMG.search(labels[i])]
    other = [labels[i] for i in rest if i not in mine]
    if other:
        message = f"analog channels that are not taken for EMG: {', '.join(other)}"
        notes.append(Finding("analog", raw.path, message, "note"))
    if not mine:
        return None, notes
    factor = np.array([_VOLTS[units[i].lower()] for i in mine])
    time = raw.first / raw.rate + np.arange(len(raw.analog)) / raw.analog_rate
    values = raw.analog[:, mine] * factor
    return Emg(time, tuple(labels[i] for i in mine), values, "V", raw.analog_rate), notes


def _events(raw: Raw) -> tuple[Event, ...]:
    times = raw.get("EVENT", "TIMES")
    labels, contexts = raw.words("EVENT", "LABELS"), raw.words("EVENT", "CONTEXTS")
    if times is None or isinstance(times, list) or np.ndim(times) != 2 or len(times) != 2:
        return ()
    contexts += [""] * (len(labels) - len(contexts))
    seconds = 60.0 * times[0] + times[1]
    found = [named(*event) for event in zip(seconds, labels, contexts, strict=False)]
    return tuple(sorted(found, key=lambda event: event.time))


def _up(raw: Raw, plates: Sequence[Plate]) -> str | None:
    """The file's vertical axis: against the plates' z, else the screen's vertical."""
    if plates:
        normal = -np.sum([plate.rotation[:, 2] for plate in plates], axis=0)
        axis = int(np.argmax(np.abs(normal)))
        return ("-" if normal[axis] < 0 else "") + "xyz"[axis]
    screen = (raw.words("POINT", "Y_SCREEN") or [""])[0].lower().removeprefix("+")
    return screen if re.fullmatch(r"-?[xyz]", screen) else None
