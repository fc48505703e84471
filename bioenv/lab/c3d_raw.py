"""The numbers of a C3D file in its own units and axes.

Read with NumPy from a checked layout: C++ readers follow a damaged file's addresses and crash. The
tests compare with ezc3d.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.lab.c3d_layout import Layout, Parameter, check, decode
from bioenv.lab.finding import Finding
from bioenv.lab.text import read_bytes
from bioenv.lab.trc import METRES

Array = NDArray[np.float64]


class Raw(NamedTuple):
    """Parameters by (group, name); positions (T, M, 3), NaN where a point is invalid; analog
    (S, C) in the channels' units; rates Hz; first frame from 0."""

    path: str
    parameters: Mapping[tuple[str, str], Parameter]
    positions: Array
    analog: Array
    rate: float
    analog_rate: float
    first: int
    findings: tuple[Finding, ...]

    def get(self, group: str, name: str) -> Any:
        """The value of a parameter, or None."""
        entry = self.parameters.get((group, name))
        return entry.value if entry is not None else None

    def words(self, group: str, name: str) -> list[str]:
        """A parameter of words, with its continuations NAME2, NAME3, ..."""
        found: list[str] = []
        for number in ("", *map(str, range(2, 10))):
            value = self.get(group, name + number)
            if isinstance(value, list):
                found += value
        return found

    def numbers(self, group: str, name: str) -> Array:
        """A parameter of numbers with its continuations NAME2, ..., flat; empty when absent."""
        found = [
            np.ravel(value, order="F")
            for number in ("", *map(str, range(2, 10)))
            if isinstance(value := self.get(group, name + number), np.ndarray)
        ]
        return np.concatenate(found) if found else np.empty(0)

    @property
    def metres(self) -> float:
        """m per unit of POINT:UNITS. Raises BioenvError when that is no unit of length."""
        unit = (self.words("POINT", "UNITS") or [""])[0]
        if unit.lower() not in METRES:
            raise BioenvError(
                f"'{self.path}' POINT:UNITS is {unit[:20]!r}, expected one of {', '.join(METRES)}"
            )
        return METRES[unit.lower()]


def read_raw(path: str | Path) -> Raw:
    """The content of a C3D file before any interpretation. Raises BioenvError for damage."""
    content = read_bytes(path)
    layout = check(path, content)
    measured = layout.channels * layout.samples_per_frame
    width = 4 * layout.points + measured
    code = "i2" if layout.scale else "f4"
    size = layout.frames * width * int(code[1])
    block = content[layout.start : layout.start + size]
    rows = decode(block, code, layout.processor).reshape(layout.frames, width)
    points = rows[:, : 4 * layout.points].reshape(layout.frames, layout.points, 4)
    positions = points[..., :3] * (layout.scale or 1.0)
    # The fourth word is -1 for a point nobody saw, otherwise residual and cameras.
    lost = ~(points[..., 3] >= 0) | ~np.isfinite(positions).all(axis=-1)
    positions[lost] = np.nan
    raw = Raw(
        str(path), layout.parameters, positions, np.empty((0, 0)), layout.rate,
        layout.rate * layout.samples_per_frame, layout.first, _doubts(path, layout),
    )  # fmt: skip
    stored = rows[:, 4 * layout.points :].reshape(-1, layout.channels)
    if layout.scale and "UNSIGNED" in raw.words("ANALOG", "FORMAT"):
        stored = stored % 65536
    return raw._replace(analog=_scaled(raw, stored))


def _doubts(path: str | Path, layout: Layout) -> tuple[Finding, ...]:
    """A chain of parameters that breaks off, and rates that contradict each other."""
    found = []
    if layout.unread > 64:
        message = f"{layout.unread} bytes of parameters behind the last one could not be read"
        found.append(Finding("parameters", str(path), message))
    for group, factor in (("POINT", 1), ("ANALOG", layout.samples_per_frame)):
        said, rate = layout.parameters.get((group, "RATE")), layout.rate * factor
        values = said.value if said is not None and said.kind == 4 else np.empty(0)
        if rate and values.size == 1 and not abs(float(values.flat[0]) / rate - 1.0) < 1e-3:
            message = f"{group}:RATE is {values.flat[0]:g} Hz, the header has {rate:g} Hz (taken)"
            found.append(Finding("sampling", str(path), message))
    return tuple(found)


def _scaled(raw: Raw, stored: Array) -> Array:
    """Channels in their units: (stored - OFFSET) * SCALE * GEN_SCALE."""
    count = stored.shape[1]
    if not count:
        return stored
    scale, offset = raw.numbers("ANALOG", "SCALE"), raw.numbers("ANALOG", "OFFSET")
    general = raw.numbers("ANALOG", "GEN_SCALE")
    for name, values, least in (("SCALE", scale, 1), ("GEN_SCALE", general, 1)):
        if values.size < least or not np.isfinite(values).all():
            raise BioenvError(f"'{raw.path}' ANALOG:{name} is missing or holds no finite numbers")
    whole = np.ones(count)
    whole[: scale.size] = scale[:count]
    zero = np.zeros(count)
    zero[: offset.size] = offset[:count]
    values = (stored - zero) * whole * general[0]
    if not np.isfinite(values).all():
        at, channel = np.argwhere(~np.isfinite(values))[0]
        raise BioenvError(
            f"'{raw.path}' analog channel {channel + 1} holds {values[at, channel]} at sample "
            f"{at + 1}: the file is damaged"
        )
    return values


def unique(raw: Raw, group: str, count: int) -> tuple[list[str], list[Finding]]:
    """`count` labels, all different; missing and repeated ones get a number."""
    labels = raw.words(group, "LABELS")[:count]
    labels += [""] * (count - len(labels))
    result: list[str] = []
    seen: dict[str, int] = {}
    for i, label in enumerate(labels):
        plain = label or f"unnamed_{i + 1}"
        seen[plain] = seen.get(plain, 0) + 1
        result.append(plain if seen[plain] == 1 and plain not in result else f"{plain}#{i + 1}")
    changed = [new for new, old in zip(result, labels, strict=True) if new != old]
    if not changed:
        return result, []
    message = f"{group}:LABELS repeat or lack names; given here: {', '.join(changed[:8])}"
    return result, [Finding("names", raw.path, message)]
