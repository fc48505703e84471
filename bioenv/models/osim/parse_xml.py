"""Reading an OpenSim file's XML safely, and elements whose mistakes name the file and the place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError

Array = NDArray[np.float64]

_MAX_BYTES = 256 * 1024 * 1024
_MAX_DEPTH = 200


def read_xml(path: Path) -> Element:
    """The root element of an XML file.

    Document types and entities are refused: a few lines of them can grow to gigabytes, and no
    OpenSim file has any. Raises BioenvError for a missing, huge, malformed or truncated file.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise BioenvError(f"'{path}' is larger than {_MAX_BYTES >> 20} MB: no OpenSim model")
        content = path.read_bytes()
    except OSError as error:
        raise BioenvError(f"cannot read '{path}': {error.strerror or error}") from error
    return _parse(content, path)


def _parse(content: bytes, path: Path) -> Element:
    builder, depth = TreeBuilder(), 0
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise BioenvError(f"'{path}' nests more than {_MAX_DEPTH} elements: no OpenSim model")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: object) -> None:
        raise BioenvError(f"'{path}' declares a document type or entity; OpenSim models have none")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(content, True)
        return builder.close()
    except (expat.ExpatError, AssertionError, ValueError) as error:
        if isinstance(error, BioenvError):
            raise
        raise BioenvError(f"'{path}' is no well-formed XML: {error}") from error


@dataclass(frozen=True, eq=False)
class Node:
    """An element, the file it stands in, and the file's <defaults> by class name."""

    element: Element
    path: Path
    defaults: dict[str, Element] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        """Class name or property name."""
        return self.element.tag

    @property
    def name(self) -> str:
        """The attribute `name`, "" without one."""
        return self.element.get("name", "")

    def fail(self, message: str) -> BioenvError:
        """The error about this element; the caller raises it."""
        named = f' name="{self.name}"' if self.name else ""
        return BioenvError(f"'{self.path}', <{self.tag}{named}>: {message}")

    def wrap(self, element: Element) -> Node:
        """Another element of the same file."""
        return Node(element, self.path, self.defaults)

    def find(self, *tags: str) -> Node | None:
        """The first child with one of these tags, or the one <defaults> gives for this class."""
        sources = [self.element]
        if self.tag in self.defaults:
            sources.append(self.defaults[self.tag])
        for source in sources:
            for tag in tags:
                child = source.find(tag)
                if child is not None:
                    return self.wrap(child)
        return None

    def children(self) -> Iterator[Node]:
        """All child elements."""
        return (self.wrap(child) for child in self.element)

    def members(self, tag: str) -> list[Node]:
        """Elements of a set: ``<tag><objects>…``; a plain list of elements is accepted too."""
        found = self.element.find(tag)
        if found is None:
            return []
        objects = found.find("objects")
        return [self.wrap(child) for child in (found if objects is None else objects)]

    def text(self, *tags: str, default: str | None = None) -> str:
        """Text of a property. Without it, `default`; without that too, an error."""
        child = self.find(*tags)
        if child is not None:
            return (child.element.text or "").strip()
        if default is None:
            raise self.fail(f"<{tags[0]}> is missing")
        return default

    def numbers(self, *tags: str, count: int | None = None, default: Array | None = None) -> Array:
        """Finite numbers of a property (n,), `count` of them when given."""
        if default is not None and not self.text(*tags, default=""):
            return np.array(default, dtype=float)
        text = self.text(*tags)
        try:
            values = np.array([float(word) for word in text.replace(",", " ").split()])
        except ValueError:
            raise self.fail(f"<{tags[0]}> should hold numbers, found {text[:60]!r}") from None
        if (count is not None and values.size != count) or not np.isfinite(values).all():
            wanted = "finite numbers" if count is None else f"{count} finite numbers"
            raise self.fail(f"<{tags[0]}> should hold {wanted}, found {text[:60]!r}")
        return values

    def number(self, *tags: str, default: float | None = None) -> float:
        """One finite number of a property."""
        fallback = None if default is None else np.array([default])
        return float(self.numbers(*tags, count=1, default=fallback)[0])

    def flag(self, *tags: str, default: bool) -> bool:
        """True or false of a property."""
        word = self.text(*tags, default="").lower()
        if word not in ("", "true", "false", "1", "0"):
            raise self.fail(f"<{tags[0]}> should be true or false, found {word[:60]!r}")
        return default if word == "" else word in ("true", "1")


def number_or_none(text: str | None) -> float | None:
    """The finite number a text consists of, None when it is something else."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
