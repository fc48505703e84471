"""What the sections of a report draw from: the motions with their gait cycles, and a reference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bioenv.evaluate.aims import Aim, aim_of
from bioenv.evaluate.gait import Gait
from bioenv.lab import cycles as cut
from bioenv.lab.reference import Reference
from bioenv.models import Model
from bioenv.motion import Motion

if TYPE_CHECKING:
    from bioenv.learn.consistency_result import Consistency

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shown:
    """One motion of the report.

    Attributes:
        label: what it is called in legends.
        model: the body it moves, or None when it is unknown (no film then).
        gait: its gait cycles.
        consistency: how far the nearest motion is that obeys Newton, or None.
    """

    label: str
    motion: Motion
    model: Model | None
    gait: Gait
    consistency: Consistency | None = None

    @cached_property
    def cycles(self) -> Mapping[str, Array]:
        """Start and stop times (n, 2) in s of the cycles of each side, "r" and "l"."""
        empty = np.empty((0, 3))
        return {side: self.gait.strides.get(side, empty)[:, [0, -1]] for side in ("r", "l")}

    @cached_property
    def aim(self) -> Aim:
        """What it was made for."""
        return aim_of(self.motion)

    @cached_property
    def mass(self) -> float:
        """Body mass in kg: the motion's own, else the model's."""
        own = self.motion.meta.get("mass_kg")
        if own is not None:
            return float(own)
        return self.model.mass if self.model is not None else float("nan")

    @property
    def weight(self) -> float:
        """Body weight in N."""
        return self.mass * cut.GRAVITY

    @property
    def walks(self) -> bool:
        """Whether it has at least one gait cycle."""
        return any(len(spans) for spans in self.cycles.values())

    def over_cycle(self, channel: str, label: str, side: str) -> Array:
        """One column of a channel over each cycle of a side: (cycles, 101) or (cycles, 101, 3)."""
        return self._resample(self.motion.column(channel, label), side)

    def all_over_cycle(self, channel: str, side: str) -> Array:
        """A whole channel over each cycle of a side: (cycles, 101, labels[, 3])."""
        return self._resample(self.motion[channel], side)

    @cached_property
    def inside_cycles(self) -> NDArray[np.bool_]:
        """(T,) samples from the first cycle's start to the last one's stop; all without cycles."""
        spans = np.concatenate([s.reshape(-1, 2) for s in self.cycles.values()])
        if not len(spans):
            return np.ones(len(self.motion), dtype=bool)
        inside: NDArray[np.bool_] = (self.motion.time >= spans.min()) & (
            self.motion.time <= spans.max()
        )
        return inside

    def film_span(self, strides: int = 3, seconds: float = 3.0) -> tuple[float, float]:
        """The stretch to film, in s: `strides` from the middle of a walk, else the beginning."""
        spans = self.cycles.get("r", np.empty((0, 2)))
        if not len(spans):
            start = float(self.motion.time[0])
            return start, min(start + 2 * seconds, float(self.motion.time[-1]))
        first = max(0, (len(spans) - strides) // 2)
        last = min(first + strides, len(spans)) - 1
        return float(spans[first, 0]), float(spans[last, 1])

    def _resample(self, values: Array, side: str) -> Array:
        return cut.resample(self.motion.time, values, self.cycles[side])


@dataclass(frozen=True, eq=False)
class Content:
    """The motions of a report and what they are compared with."""

    shown: Sequence[Shown]
    reference: Reference | None

    @cached_property
    def walking(self) -> list[Shown]:
        """The motions with gait cycles."""
        return [one for one in self.shown if one.walks]

    def walking_with(self, channel: str) -> list[Shown]:
        """The motions with gait cycles and a channel."""
        return [one for one in self.walking if channel in one.motion]

    def numbered(self, some: Iterable[Shown]) -> Iterator[tuple[int, Shown]]:
        """Motions with their number in the whole report, which fixes their colour."""
        order = {id(one): index for index, one in enumerate(self.shown)}
        return ((order[id(one)], one) for one in some)

    def why_not(self, channel: str) -> str:
        """The sentence that stands in place of a figure of a channel."""
        if not self.walking:
            why = next((one.gait.why for one in self.shown if one.gait.why), "no motion")
            return f"Left out: {why}."
        return f"Left out: the motion has no channel {channel}."
