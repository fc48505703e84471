"""Gait events: instants with a name and a side, from a file or from forces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from bioenv.lab.cycles import events as force_events

if TYPE_CHECKING:
    from bioenv.lab.trial import ForcePlate

Array = NDArray[np.float64]
Side = Literal["r", "l", ""]

STRIKE, OFF = "foot strike", "foot off"
_SAME = {
    "foot strike": STRIKE, "heel strike": STRIKE, "initial contact": STRIKE, "foot contact": STRIKE,
    "hs": STRIKE, "fs": STRIKE, "ic": STRIKE,
    "foot off": OFF, "toe off": OFF, "to": OFF, "fo": OFF,
}  # fmt: skip


@dataclass(frozen=True)
class Event:
    """An instant: time s, on the clock of its trial; name; side "r", "l" or "" (general).

    Names of strikes and offs are unified to "foot strike" and "foot off", others are kept.
    """

    time: float
    name: str
    side: Side = ""


def named(time: float, label: str, context: str) -> Event:
    """An event from a file's label and context ("Left", "R", "General")."""
    plain = label.strip().lower().replace("-", " ").replace("_", " ")
    first = context.strip().lower()[:1]
    side: Side = "r" if first == "r" else "l" if first == "l" else ""
    return Event(float(time), _SAME.get(plain, label.strip()), side)


def instants(events: Sequence[Event], name: str, side: str) -> Array:
    """Times (n,) s of the events of one name and side, increasing."""
    return np.sort([e.time for e in events if e.name == name and e.side == side]).astype(np.float64)


def from_forces(plates: Sequence[ForcePlate], feet: Mapping[str, str]) -> tuple[Event, ...]:
    """Strikes and offs from vertical force: `feet` maps a plate's name to "r" or "l".

    Plates of the same foot are added up, on the clock of the first one. Thresholds: those of
    `bioenv.lab.cycles.events`.
    """
    found: list[Event] = []
    sides: tuple[Side, ...] = ("r", "l")
    for side in sides:
        mine = [plate for plate in plates if feet.get(plate.name) == side]
        if not mine:
            continue
        time = mine[0].time
        vertical = sum(
            (np.interp(time, p.time, np.nan_to_num(p.force[:, 2]), 0.0, 0.0) for p in mine),
            np.zeros(time.size),
        )
        at = force_events(time, vertical)
        found += [Event(float(t), STRIKE, side) for t in at.strikes]
        found += [Event(float(t), OFF, side) for t in at.offs]
    return tuple(sorted(found, key=lambda event: event.time))
