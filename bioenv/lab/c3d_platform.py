"""The FORCE_PLATFORM parameters of a C3D file: where its plates lie and which channels they use."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.lab.c3d_plates import CHANNELS, Plate, wrench
from bioenv.lab.c3d_raw import Raw
from bioenv.lab.finding import Finding
from bioenv.lab.trc import METRES
from bioenv.lab.trial import ForcePlate

Array = NDArray[np.float64]

_FORCE = {"n": 1.0, "kn": 1e3}
_MOMENT = {"nm": 1.0, "nmm": 1e-3, "ncm": 1e-2, "knm": 1e3}
# What a plate's channels measure: force, length, moment.
_MEANING = {1: "fffllm", 2: "fffmmm", 3: "ffffffff"}


def plates_of(raw: Raw) -> tuple[list[Plate], list[Finding]]:
    """The force plates of the file. Raises BioenvError naming a parameter that does not fit."""
    used = raw.numbers("FORCE_PLATFORM", "USED")
    if not used.size or used[0] == 0:
        return [], []
    if not 0 < used[0] < 256:
        raise BioenvError(f"'{raw.path}' FORCE_PLATFORM:USED is {used[0]:g}, expected 0 to 255")
    count = int(used[0])
    kinds = np.ravel(_needed(raw, "TYPE", count, 1)).astype(int)
    channels = _needed(raw, "CHANNEL", count, 6)
    corners = np.reshape(_needed(raw, "CORNERS", count, 12), (-1, 4, 3))
    origins = _needed(raw, "ORIGIN", count, 3)
    found, notes = [], []
    for i in range(count):
        if kinds[i] not in CHANNELS:
            message = f"force plate {i + 1} is of type {kinds[i]}; only 1 to 4 are read: left out"
            notes.append(Finding("plate_type", raw.path, message))
            continue
        mine = np.asarray(channels[i][: CHANNELS[kinds[i]]], dtype=np.intp) - 1
        if (
            len(mine) < CHANNELS[kinds[i]]
            or (mine < 0).any()
            or (mine >= raw.analog.shape[1]).any()
        ):
            raise BioenvError(
                f"'{raw.path}' FORCE_PLATFORM:CHANNEL of plate {i + 1} is {(mine + 1).tolist()}; "
                f"expected {CHANNELS[kinds[i]]} of the {raw.analog.shape[1]} channels"
            )
        origin = _origin(origins[i] * raw.metres, kinds[i])
        plate = Plate(
            kinds[i], mine, corners[i] * raw.metres, origin, _calibration(raw, i, kinds[i])
        )
        try:
            _ = plate.rotation
        except BioenvError as error:
            raise BioenvError(
                f"'{raw.path}' FORCE_PLATFORM:CORNERS of plate {i + 1}: {error}"
            ) from error
        found.append(plate)
    return found, notes


def _origin(vector: Array, kind: int) -> Array:
    """From a plate's transducers up to its surface, where z points down: z is negative.

    Some programs write the opposite. Type 3 has half distances between sensors for x and y.
    """
    if kind == 3:
        return np.array([*np.abs(vector[:2]), -abs(vector[2])])
    return -vector if vector[2] > 0 else vector


def _needed(raw: Raw, name: str, count: int, each: int) -> Array:
    """A parameter of the force plates as (count, >= each) numbers."""
    value = raw.get("FORCE_PLATFORM", name)
    if value is None or isinstance(value, list) or np.size(value) < count * each:
        raise BioenvError(
            f"'{raw.path}' FORCE_PLATFORM:{name} holds {0 if value is None else np.size(value)} "
            f"values for {count} plates, expected {each} for each"
        )
    flat = np.asarray(value, dtype=np.float64)
    # The last dimension counts plates; within one the first index runs fastest.
    rows = (
        flat.reshape(-1, flat.shape[-1], order="F").T if flat.ndim > 1 else flat.reshape(-1, each)
    )
    if len(rows) < count or rows.shape[1] < each or not (np.abs(rows) < 1e9).all():
        raise BioenvError(
            f"'{raw.path}' FORCE_PLATFORM:{name} has shape {flat.shape}, expected {each} finite "
            f"numbers for each of {count} plates"
        )
    return rows


def _calibration(raw: Raw, i: int, kind: int) -> Array | None:
    if kind != 4:
        return None
    value = raw.get("FORCE_PLATFORM", "CAL_MATRIX")
    if value is None or np.ndim(value) != 3 or value.shape[:2] != (6, 6) or value.shape[2] <= i:
        raise BioenvError(
            f"'{raw.path}' FORCE_PLATFORM:CAL_MATRIX has shape {np.shape(value)}; plate {i + 1} of "
            "type 4 needs 6 x 6"
        )
    matrix = np.array(value[:, :, i], dtype=np.float64)
    matrix[3:] *= raw.metres  # N times the file's unit of length
    return matrix


def forces_of(
    raw: Raw, plates: Sequence[Plate], turn: Array
) -> tuple[tuple[ForcePlate, ...], set[int]]:
    """Force plates in the world and the channels they use."""
    time = raw.first / raw.rate + np.arange(len(raw.analog)) / raw.analog_rate
    forces, used = [], set()
    for i, plate in enumerate(plates):
        used |= set(map(int, plate.channels))
        found = wrench(plate, _signals(raw, plate))
        force, point, moment = (v @ turn.T + 0.0 for v in found)
        forces.append(ForcePlate(f"{i + 1}", time, force, point, moment, plate.corners @ turn.T))
    return tuple(forces), used


def _signals(raw: Raw, plate: Plate) -> Array:
    """(S, k) a plate's channels in N, m and N*m by ANALOG:UNITS.

    Where the unit is none of those (volts are often written by mistake), N and POINT:UNITS are
    taken. Type 4 is left as it is: its matrix knows the units.
    """
    values = raw.analog[:, plate.channels]
    if plate.kind == 4:
        return values
    units = raw.words("ANALOG", "UNITS")
    units += [units[-1] if units else ""] * (raw.analog.shape[1] - len(units))
    factors = []
    for channel, meaning in zip(plate.channels, _MEANING[plate.kind], strict=True):
        unit = re.sub(r"[^a-z]", "", units[channel].lower())
        if meaning == "f":
            factors.append(_FORCE.get(unit, 1.0))
        elif meaning == "l":
            factors.append(METRES.get(unit, raw.metres))
        else:
            factors.append(_MOMENT.get(unit, raw.metres))
    return values * np.array(factors)
