"""OpenSim's ScaleTool setup files: what to measure, by hand or between markers, and the posture."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.inverse.markers import IkTasks, read_marker_weights
from bioenv.inverse.static_factors import Measurement

Array = NDArray[np.float64]


class ScaleSetup(NamedTuple):
    """mass kg or None; measurements and factors (3,) by body that replace them; tasks of the
    posture's inverse kinematics; time_range s of the static trial or None; whether bodies keep
    their share of the mass. Made for `scale_to_static`."""

    mass: float | None
    measurements: tuple[Measurement, ...]
    factors: dict[str, Array]
    tasks: IkTasks
    time_range: tuple[float, float] | None
    preserve_mass_distribution: bool


def read_scale_setup(path: str | Path) -> ScaleSetup:
    """Read a ScaleTool setup file. What is not applied is left out.

    Raises BioenvError naming the file and field.
    """
    file = Path(path)
    try:
        root = ET.parse(file).getroot()
    except OSError as error:
        raise BioenvError(f"cannot read '{file}': {error.strerror}") from error
    except ET.ParseError as error:
        raise BioenvError(f"'{file}' is not XML: {error}") from error
    scaler = next(root.iter("ModelScaler"), None)
    if scaler is None:
        raise BioenvError(f"'{file}' has no ModelScaler: it must be an OpenSim ScaleTool setup")
    order = (scaler.findtext("scaling_order") or "measurements manualScale").split()
    measurements = tuple(
        part for one in scaler.iter("Measurement") if _on(one) for part in _measurement(file, one)
    )
    manual = {
        (one.findtext("segment") or "").strip(): _numbers(file, one, "scales", 3)
        for one in scaler.iter("Scale")
        if _on(one)
    }
    mass = _numbers(file, next(root.iter("ScaleTool"), root), "mass", 1, default=-1.0)[0]
    span = _numbers(file, scaler, "time_range", 2, default=-1.0)
    try:
        tasks = read_marker_weights(file)
    except BioenvError:  # a setup without MarkerPlacer
        tasks = IkTasks({}, {}, {})
    keep = (scaler.findtext("preserve_mass_distribution") or "false").strip().lower()
    return ScaleSetup(
        float(mass) if mass > 0 else None,
        measurements if "measurements" in order else (),
        manual if "manualScale" in order else {},
        tasks,
        (float(span[0]), float(span[1])) if span[1] > span[0] else None,
        keep == "true",
    )


def _measurement(file: Path, node: ET.Element) -> list[Measurement]:
    """One for every set of axes along which it scales bodies."""
    name = node.get("name", "")
    pairs = []
    for pair in node.iter("MarkerPair"):
        names = (pair.findtext("markers") or "").split()
        if len(names) != 2:
            raise BioenvError(
                f"'{file}': a marker pair of measurement {name!r} must name two markers, "
                f"found {' '.join(names)!r}"
            )
        pairs.append((names[0], names[1]))
    bodies: dict[str, list[str]] = {}
    for body in node.iter("BodyScale"):
        axes = "".join((body.findtext("axes") or "X Y Z").split()).lower()
        if not axes or set(axes) - set("xyz"):
            raise BioenvError(f"'{file}': axes of measurement {name!r} should be X Y Z: {axes!r}")
        bodies.setdefault(axes, []).append(body.get("name", ""))
    return [Measurement(name, tuple(pairs), tuple(on), axes) for axes, on in bodies.items()]


def _on(node: ET.Element) -> bool:
    return (node.findtext("apply") or "true").strip().lower() == "true"


def _numbers(
    file: Path, node: ET.Element, field: str, count: int, default: float | None = None
) -> Array:
    text = node.findtext(field)
    if (text is None or not text.strip()) and default is not None:
        return np.full(count, default)
    try:
        values = np.array([float(word) for word in (text or "").split()])
    except ValueError:
        values = np.zeros(0)
    if len(values) != count or not np.isfinite(values).all():
        raise BioenvError(f"'{file}': <{field}> should be {count} numbers, found {text!r}")
    return values
