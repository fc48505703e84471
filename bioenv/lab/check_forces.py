"""Checks of force plates: sign, size, place of the pressure center, moving belts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bioenv.lab.finding import Finding
from bioenv.lab.trial import ForcePlate

Array = NDArray[np.float64]

GRAVITY = 9.81
LOADED = 50.0  # N, vertical
CLEARLY_LOADED = 200.0  # N; pressure centers are precise to a centimetre above this
WEIGHTS = (0.7, 4.0)  # peak vertical force of gait in body weights: partial steps to running
PERSON = (150.0, 6000.0)  # N, peak vertical force of any person
OUTSIDE = 0.02  # m beyond the plate's edge
FARTHEST = 50.0  # m from the laboratory's origin
FREE_MOMENT = 0.15  # m, moment over force: a foot twists by less than 0.02 of its load times 1 m
STEP = 0.3  # s; a shorter contact has no drift worth the name
DRIFT = -0.35  # m/s; on the floor the pressure center moves forward, 0.2 m in a step


def check_plates(plates: Sequence[ForcePlate], mass: float | None = None) -> tuple[Finding, ...]:
    """Sign of the vertical force, plausible body weight, pressure center on the plate, units."""
    found: list[Finding] = []
    for plate in plates:
        found += _check_plate(plate)
    found += _check_weight(plates, mass)
    return tuple(found)


def treadmill(plates: Sequence[ForcePlate]) -> tuple[Finding, ...]:
    """A hint that the ground moves: pressure centers that travel backward during steps.

    The speed in the message is that of the pressure center's middle half of each step, which lacks
    the 0.1-0.2 m the foot rolls forward meanwhile: the belt is somewhat faster.
    """
    drifts = [drift for plate in plates for drift in _drifts(plate)]
    if len(drifts) < 2 or float(np.median(drifts)) > DRIFT:
        return ()
    message = (
        f"pressure centers move backward at {-float(np.median(drifts)):.2f} m/s or more: a "
        "treadmill? Its belt speed must be added for measures over ground"
    )
    return (Finding("treadmill", "force plates", message, "note"),)


def _check_plate(plate: ForcePlate) -> list[Finding]:
    where = f"plate {plate.name}"
    vertical = plate.force[:, 2]
    if not np.isfinite(plate.force).all():
        lost = float(1.0 - np.isfinite(plate.force).all(axis=1).mean())
        return [Finding("gap", where, f"force is missing in {lost:.1%} of the samples", "error")]
    if np.abs(vertical).max() < LOADED:
        strongest = np.abs(vertical).max()
        message = f"never loaded: at most {strongest:.3g} N"
        return [Finding("unloaded", where, message, "note")]
    found = []
    heavy = np.abs(vertical) > CLEARLY_LOADED
    if heavy.any() and np.median(vertical[heavy]) < 0:
        message = (
            "vertical force is negative under load: the file holds the force of the foot on the "
            "ground, or its vertical axis points down; turn its sign, or give axes= to the reader"
        )
        found.append(Finding("force_sign", where, message, "error"))
    if heavy.any():
        found += _check_point(plate, heavy, where)
    return found


def _check_point(plate: ForcePlate, heavy: NDArray[np.bool_], where: str) -> list[Finding]:
    point, found = plate.point[heavy], []
    known = point[np.isfinite(point[:, :2]).all(axis=1)]
    if len(known) < len(point):
        share = 1.0 - len(known) / len(point)
        message = f"no pressure center in {share:.1%} of the loaded samples"
        found.append(Finding("gap", where, message))
    if len(known) and np.abs(known[:, :2]).max() > FARTHEST:
        message = f"pressure center at {np.abs(known[:, :2]).max():.4g} m: millimetres?"
        found.append(Finding("length_unit", where, message, "error"))
    lever = np.abs(plate.moment[heavy, 2]) / np.abs(plate.force[heavy, 2])
    if np.median(lever) > FREE_MOMENT:
        message = (
            f"free moment of {np.abs(plate.moment[heavy, 2]).max():.4g} N*m is too large: in N*mm, "
            "or about another point than the pressure center?"
        )
        found.append(Finding("moment_unit", where, message, "error"))
    if plate.corners is not None and len(known):
        beyond = _beyond(known, plate.corners)
        share = float((beyond > OUTSIDE).mean())
        if share > 0.01:
            message = (
                f"pressure center outside the plate in {share:.1%} of the loaded samples, up to "
                f"{beyond.max():.3g} m: corners, origin or axes are wrong"
            )
            severity = "error" if share > 0.5 else "warning"
            found.append(Finding("cop_outside", where, message, severity))  # type: ignore[arg-type]
    return found


def _check_weight(plates: Sequence[ForcePlate], mass: float | None) -> list[Finding]:
    total = _total(plates)
    if total is None:
        return []
    peak = float(np.quantile(total[1], 0.99))
    if peak < LOADED:
        return []
    if mass is not None:
        ratio = peak / (mass * GRAVITY)
        if WEIGHTS[0] <= ratio <= WEIGHTS[1]:
            return []
        message = f"peak vertical force is {ratio:.2g} body weights of {mass:g} kg: units or mass?"
    elif PERSON[0] <= peak <= PERSON[1]:
        return []
    else:
        message = f"peak vertical force is {peak:.4g} N, no person's: in kilograms, or volts?"
    return [Finding("body_weight", "force plates", message)]


def _total(plates: Sequence[ForcePlate]) -> tuple[Array, Array] | None:
    """Clock of the first plate and the vertical force of all of them, N."""
    if not plates:
        return None
    time = plates[0].time
    parts = [np.interp(time, p.time, np.nan_to_num(p.force[:, 2]), 0.0, 0.0) for p in plates]
    return time, np.sum(parts, axis=0)


def _drifts(plate: ForcePlate) -> list[float]:
    """Forward speeds m/s of the pressure center in the middle halves of the plate's contacts."""
    loaded = (plate.force[:, 2] > CLEARLY_LOADED) & np.isfinite(plate.point[:, 0])
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loaded.astype(np.int8), [0]])))
    found = []
    for start, stop in edges.reshape(-1, 2):
        quarter = (stop - start) // 4
        rows = slice(start + quarter, stop - quarter)
        time = plate.time[rows]
        if time.size > 3 and plate.time[stop - 1] - plate.time[start] > STEP:
            found.append(float(np.polyfit(time - time[0], plate.point[rows, 0], 1)[0]))
    return found


def _beyond(points: Array, corners: Array) -> Array:
    """(n,) m, how far points lie outside the plate's edges, horizontally; negative inside."""
    edge = np.roll(corners, -1, axis=0)[:, :2] - corners[:, :2]
    length = np.linalg.norm(edge, axis=1)
    normal = np.column_stack([edge[:, 1], -edge[:, 0]]) / np.maximum(length, 1e-12)[:, None]
    middle = corners[:, :2].mean(axis=0)
    outward = np.sign(((corners[:, :2] - middle) * normal).sum(axis=1))
    offset = points[:, None, :2] - corners[None, :, :2]
    result: Array = ((offset * normal).sum(axis=-1) * outward).max(axis=1)
    return result
