"""Header and parameters of a C3D file, read without trusting any of its counts and addresses.

Format: header of 512 bytes, parameter section (chained records of groups and parameters), data
section. See the C3D file format user guide (www.c3d.org).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError

BLOCK = 512
MAGIC = 0x50
ORDERS = {84: "<", 85: "<", 86: ">"}  # Intel, DEC, MIPS
_WIDTHS = {-1: 1, 1: 1, 2: 2, 4: 4}
MOST_FRAMES = 10_000_000


@dataclass(frozen=True)
class Parameter:
    """A record of the parameter section: type (-1 text, 1, 2, 4 bytes), dimensions, bytes."""

    kind: int
    dimensions: tuple[int, ...]
    content: bytes
    processor: int

    @property
    def value(self) -> Any:
        """Words as a list, numbers as an array of the parameter's dimensions."""
        if self.kind == -1:
            width = self.dimensions[0] if self.dimensions else len(self.content)
            cut = [self.content[i : i + width] for i in range(0, len(self.content), max(width, 1))]
            return [word.decode("utf-8", "replace").strip(" \0") for word in cut]
        numbers = decode(self.content, {1: "u1", 2: "i2", 4: "f4"}[self.kind], self.processor)
        return numbers.reshape(self.dimensions or (1,), order="F")

    def integers(self) -> tuple[int, ...]:
        """Values of a whole-number parameter as unsigned numbers; () for any other type."""
        code = {1: "B", 2: "H"}.get(self.kind)
        count = len(self.content) // max(self.kind, 1)
        return struct.unpack(f"{ORDERS[self.processor]}{count}{code}", self.content) if code else ()


@dataclass(frozen=True)
class Layout:
    """What the header and the parameters promise, found to fit the file.

    first: frame number from 0; start: byte of the data; scale: of whole-number data, else 0;
    unread: bytes other than zero behind the last parameter (a chain that ends too early).
    """

    points: int
    channels: int
    samples_per_frame: int
    frames: int
    first: int
    rate: float
    start: int
    scale: float
    processor: int
    parameters: dict[tuple[str, str], Parameter]
    unread: int


def check(path: str | Path, content: bytes) -> Layout:
    """The layout of a C3D file. Raises BioenvError naming the file and the field that is wrong."""
    section, end, processor = _section(path, content)
    order = ORDERS[processor]
    records = _Records(path, content, section + 4, end, processor)
    parameters = records.read()
    points, measured, first, last = struct.unpack(f"{order}4H", content[2:10])
    start, per_frame = struct.unpack(f"{order}2H", content[16:20])
    scale, rate = (float(decode(content[at : at + 4], "f4", processor)[0]) for at in (12, 20))
    if not (np.isfinite(rate) and 0.1 <= rate <= 1e5):
        raise BioenvError(f"'{path}' header: frame rate {rate:g} Hz; expected 0.1 to 100,000 Hz")
    if not np.isfinite(scale) or scale == 0.0 or scale > 1e4:
        raise BioenvError(f"'{path}' header: scale {scale:g}; expected -1 (floats) or 0 to 10,000")
    if per_frame and measured % per_frame:
        raise BioenvError(
            f"'{path}' header: {measured} analog values in a frame of {per_frame} samples is no "
            "whole number of channels"
        )
    channels = measured // per_frame if per_frame else 0
    _check_used(path, parameters, points, channels)
    frames = _frames(path, parameters, first, last)
    if start < 2 or (start - 1) * BLOCK < end:
        raise BioenvError(
            f"'{path}' header: data in block {start}, which lies in the parameter section"
        )
    needed = frames * (4 * points + measured) * (2 if scale > 0 else 4)
    held = len(content) - (start - 1) * BLOCK
    if needed > held:
        raise BioenvError(
            f"'{path}' is cut short or its header is wrong: {frames} frames with {points} points "
            f"and {measured} analog values need {needed:,} bytes after block {start}, the file "
            f"holds {max(held, 0):,}"
        )
    unread = sum(map(bool, content[records.at : end]))
    return Layout(
        points, channels, per_frame, frames, max(first - 1, 0), rate, (start - 1) * BLOCK,
        max(scale, 0.0), processor, parameters, unread,
    )  # fmt: skip


def _section(path: str | Path, content: bytes) -> tuple[int, int, int]:
    """First byte and end of the parameter section, and the processor type."""
    if len(content) < 2 * BLOCK or content[1] != MAGIC:
        raise BioenvError(
            f"'{path}' is not a C3D file: expected at least {2 * BLOCK} bytes and the mark 0x50 in "
            f"byte 2, got {len(content)} bytes and 0x{content[1] if len(content) > 1 else 0:02x}"
        )
    section = (content[0] - 1) * BLOCK
    if content[0] < 2 or section + BLOCK > len(content):
        raise _wrong(path, "header byte 1", f"parameters in block {content[0]}", len(content))
    blocks, processor = content[section + 2], content[section + 3]
    if processor not in ORDERS:
        raise BioenvError(
            f"'{path}' parameter section: processor type {processor}, expected 84 (Intel), 85 "
            "(DEC) or 86 (MIPS): the parameter section is damaged or at another place"
        )
    end = section + blocks * BLOCK
    if blocks < 1 or end > len(content):
        raise _wrong(path, "parameter section", f"{blocks} blocks of parameters", len(content))
    return section, end, processor


def decode(content: bytes, code: str, processor: int) -> NDArray[np.float64]:
    """Numbers of a type code ("f4", "i2", "u1") as the processor wrote them."""
    if code == "f4" and processor == 85:
        # DEC's F format: the two 16-bit words swapped, the exponent two higher.
        words = np.frombuffer(content, "<u2").reshape(-1, 2)[:, ::-1]
        stored = np.ascontiguousarray(words).view("<f4")[:, 0]
    else:
        stored = np.frombuffer(content, ORDERS[processor] + code)
    with np.errstate(invalid="ignore"):  # a signalling NaN in damaged bytes
        values = stored.astype(np.float64)
    return values / 4 if code == "f4" and processor == 85 else values


class _Records:
    """Walks the chain of groups and parameters; never outside [start, end)."""

    def __init__(
        self, path: str | Path, content: bytes, start: int, end: int, processor: int
    ) -> None:
        self.path, self.content, self.at, self.end = path, content, start, end
        self.processor, self.order = processor, ORDERS[processor]
        self.groups: dict[int, str] = {}
        self.found: dict[tuple[int, str], Parameter] = {}

    def read(self) -> dict[tuple[str, str], Parameter]:
        while self._record():
            pass
        return {
            (self.groups.get(group, str(group)), name): parameter
            for (group, name), parameter in self.found.items()
        }

    def _record(self) -> bool:
        """Read one record; False at the end of the chain."""
        if self.at >= self.end:
            return False  # some programs leave out the closing record
        length = struct.unpack("b", self._take(1))[0]
        if length == 0:
            return False
        group = struct.unpack("b", self._take(1))[0]
        name = self._take(abs(length)).decode("latin-1").strip().upper()
        anchor = self.at
        offset = struct.unpack(f"{self.order}H", self._take(2))[0]
        following = anchor + offset
        if group == 0:
            raise BioenvError(
                f"'{self.path}' parameter {name[:20]!r} belongs to group 0, expected 1 to 127"
            )
        if group < 0:
            self.groups[-group] = name
        else:
            self.found[group, name] = self._parameter(name)
        self._take(self._take(1)[0])
        if offset == 0:
            return False
        if following < self.at or following > self.end:
            raise BioenvError(
                f"'{self.path}' parameter section: {name[:20]!r} points to byte {following} "
                f"for the next record, expected {self.at} to {self.end}"
            )
        self.at = following
        return True

    def _parameter(self, name: str) -> Parameter:
        kind, count = struct.unpack("bB", self._take(2))
        if kind not in _WIDTHS or count > 7:
            raise BioenvError(
                f"'{self.path}' parameter {name[:20]!r}: type {kind} with {count} dimensions, "
                "expected type -1, 1, 2 or 4 and at most 7 dimensions"
            )
        dimensions = tuple(self._take(count))
        content = self._take(prod(dimensions) * _WIDTHS[kind])
        return Parameter(kind, dimensions, content, self.processor)

    def _take(self, count: int) -> bytes:
        if self.at + count > self.end:
            raise BioenvError(
                f"'{self.path}' parameter section: a record at byte {self.at} needs {count} bytes, "
                f"the section ends at byte {self.end}: the file is damaged"
            )
        self.at += count
        return self.content[self.at - count : self.at]


def _check_used(
    path: str | Path, parameters: dict[tuple[str, str], Parameter], points: int, channels: int
) -> None:
    """The counts of header and parameters must agree: programs differ in which they follow."""
    for group, header in (("POINT", points), ("ANALOG", channels)):
        used = parameters.get((group, "USED"))
        if used is None:
            if header:
                raise BioenvError(f"'{path}' has no parameter {group}:USED, the header {header}")
            continue
        values = used.integers()
        if len(values) != 1 or values[0] != header:
            raise BioenvError(
                f"'{path}': {group}:USED is {values[0] if values else 'no number'}, the header "
                f"says {header}; one of them is wrong"
            )


def _frames(
    path: str | Path, parameters: dict[tuple[str, str], Parameter], first: int, last: int
) -> int:
    """The number of frames; from TRIAL:ACTUAL_*_FIELD where the header's 16 bits do not suffice."""
    frames = last - first + 1
    ends = [parameters.get(("TRIAL", f"ACTUAL_{what}_FIELD")) for what in ("START", "END")]
    words = [one.integers() if one is not None else () for one in ends]
    if last == 0xFFFF and all(len(word) == 2 for word in words):
        low, high = (word[0] + 65536 * word[1] for word in words)
        frames = max(frames, high - low + 1)
    if not 0 < frames <= MOST_FRAMES:
        raise BioenvError(f"'{path}' header: frames {first} to {last} are {frames} frames")
    said = parameters.get(("POINT", "FRAMES"))
    values = said.integers() if said is not None else ()
    if len(values) == 1 and values[0] not in (frames, frames % 65536, 0xFFFF, 0):
        raise BioenvError(
            f"'{path}': POINT:FRAMES is {values[0]}, the header's frames {first} to {last} are "
            f"{frames}; one of them is wrong"
        )
    return frames


def _wrong(path: str | Path, field: str, what: str, size: int) -> BioenvError:
    return BioenvError(f"'{path}' {field}: {what} are outside the file of {size:,} bytes")
