"""Interventions on a causal model: what is set, by how much, and when."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError, unknown

Array = NDArray[np.float64]
How = Literal["=", "+=", "*="]

TARGETS = ("excitation", "activation", "strength", "load", "push", "assistance", "target")
"""What can be intervened on."""
_TEXT = re.compile(
    r"(?P<node>\w+)(\.(?P<label>\w+))?\s*(?P<how>[-+*]?=)\s*(?P<value>[^@=]+)"
    r"(@(?P<start>[^:]*):(?P<stop>.*))?"
)
_FORM = "NODE.LABEL=VALUE, += or *= for a change, @START:STOP in s for an interval"
_RANGE: Mapping[str, tuple[float, float, str]] = {
    "excitation": (0.0, 1.0, ""), "activation": (0.0, 1.0, ""), "strength": (0.0, 20.0, ""),
    "load": (0.0, 100.0, " kg"), "push": (-5e3, 5e3, " N"), "assistance": (-1e3, 1e3, " N*m"),
    "target": (-10.0, 10.0, " rad"),
}  # fmt: skip


@dataclass(frozen=True)
class Do:
    """One intervention: ``do(node.label = value)`` from `start` until before `stop` (s).

    Args:
        node: one of `TARGETS`. label: a muscle, coordinate or axis, or a group of them ("biceps",
            "elbow"); empty for all.
        value: excitation and activation 0..1, strength a factor, load kg, push N, assistance N*m,
            target rad.
        how: "=" sets it, "+=" and "*=" change what it would have been at that instant (a modified
            treatment: Haneuse and Rotnitzky 2013, Stat Med 32:5260-5277).
        start, stop: None for the ends of the trial.

    Raises BioenvError for an unknown node, a value out of range or an empty interval.
    """

    node: str
    label: str = ""
    value: float = 0.0
    how: How = "="
    start: float | None = None
    stop: float | None = None

    def __post_init__(self) -> None:
        if self.node not in TARGETS:
            raise unknown("node to intervene on", self.node, TARGETS)
        low, high, unit = _RANGE[self.node]
        low = {"=": low, "+=": low - high, "*=": 0.0}[self.how]
        if not np.isfinite(self.value) or not low <= self.value <= high:
            raise BioenvError(
                f"do({self.text}): the number after {self.how} lies between {low:g} and "
                f"{high:g}{unit if self.how != '*=' else ''}"
            )
        times = [t for t in (self.start, self.stop) if t is not None]
        if not np.isfinite(times).all() or (len(times) == 2 and times[0] >= times[1]):
            raise BioenvError(f"do({self.text}): the interval must begin before it ends, in s")

    @classmethod
    def parse(cls, text: str) -> Do:
        """From text: "strength.biceps=1.2", "excitation.flexors+=0.1@0.4:0.45", "load+=0.5".

        Raises BioenvError for text of another form.
        """
        found = _TEXT.fullmatch(text.strip())
        if found is None:
            raise BioenvError(f"cannot read the intervention {text!r}; expected {_FORM}")
        try:
            value = float(found["value"])
            ends = [float(t) if t else None for t in (found["start"], found["stop"])]
        except ValueError as error:
            raise BioenvError(f"{text!r}: {error}; expected {_FORM}") from error
        how: How = "*=" if found["how"] == "*=" else "=" if found["how"] == "=" else "+="
        if found["how"] == "-=":
            value = -value
        return cls(found["node"], found["label"] or "", value, how, *ends)

    @property
    def text(self) -> str:
        """As `parse` reads it."""
        name = f"{self.node}.{self.label}" if self.label else self.node
        when = ""
        if self.start is not None or self.stop is not None:
            ends = ["" if t is None else f"{t:g}" for t in (self.start, self.stop)]
            when = f"@{ends[0]}:{ends[1]}"
        return f"{name}{self.how}{self.value:g}{when}"

    def apply(self, natural: Array) -> Array:
        """What the node becomes, of the same shape as what it would have been."""
        if self.how == "=":
            return np.full_like(natural, self.value)
        return natural + self.value if self.how == "+=" else natural * self.value

    def steps(self, time: Array) -> NDArray[np.intp]:
        """Indices of the instants (T,) s at which it acts.

        Raises BioenvError when there are none.
        """
        start = -np.inf if self.start is None else self.start - 1e-9
        stop = np.inf if self.stop is None else self.stop - 1e-9
        found = np.flatnonzero((time >= start) & (time < stop))
        if not len(found):
            raise BioenvError(
                f"do({self.text}) acts at no instant of a trial from {time[0]:g} to {time[-1]:g} s"
            )
        return found


GROUPS: Mapping[str, tuple[str, ...]] = {
    "biceps": ("BIClong", "BICshort"), "triceps": ("TRIlong", "TRIlat", "TRImed"),
    "brachialis": ("BRA",), "flexors": ("BIClong", "BICshort", "BRA"),
    "extensors": ("TRIlong", "TRIlat", "TRImed"),
}  # fmt: skip
"""Groups of the arms' muscles."""


def select(labels: Sequence[str], name: str, kind: str) -> NDArray[np.intp]:
    """Positions of a name among labels: the label, a group, both sides, or the one that it begins.

    "" is all. Raises BioenvError naming the valid ones.
    """
    if not name:
        return np.arange(len(labels))
    wanted = {name, f"{name}_r", f"{name}_l"} | set(GROUPS.get(name, ()))
    found = [i for i, label in enumerate(labels) if label in wanted]
    if not found:
        found = [i for i, label in enumerate(labels) if label.startswith(name)]
        if len(found) != 1:
            groups = [g for g, members in GROUPS.items() if set(members) <= set(labels)]
            raise unknown(kind, name, (*labels, *groups))
    return np.array(found)
