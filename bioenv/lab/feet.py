"""Which foot stands on which force plate: pressure centers against foot positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError
from bioenv.lab.finding import Finding
from bioenv.lab.trial import ForcePlate, clock

Array = NDArray[np.float64]

LOADED = 50.0  # N, vertical: less leaves the pressure center uncertain
FARTHEST = 0.35  # m from heel to pressure center; a shoe is 0.3 m long
DOUBTFUL = 0.15  # of (farther - nearer) / (farther + nearer)
SHORTEST = 0.05  # s; a shorter contact tells nothing


@dataclass(frozen=True)
class Contact:
    """One time a plate was loaded, start to stop s, and the distances m of the feet from the
    pressure center: foot is the nearest one, None where no foot is near or both are."""

    plate: str
    start: float
    stop: float
    distance: Mapping[str, float]
    foot: str | None
    confidence: float


@dataclass(frozen=True)
class Feet:
    """feet: plate name to foot ("r", "l"); plates nobody clearly stands on are absent.

    confidence: per plate, 0 (both feet equally near) to 1; contacts: what it rests on.
    """

    feet: Mapping[str, str]
    confidence: Mapping[str, float]
    contacts: tuple[Contact, ...]
    findings: tuple[Finding, ...]


def assign_feet(
    plates: Sequence[ForcePlate],
    feet: Mapping[str, ArrayLike],
    time: ArrayLike,
    claimed: Mapping[str, str] | None = None,
) -> Feet:
    """Give every plate to the foot that follows its pressure center.

    Args:
        plates: world frame.
        feet: foot ("r", "l") to its position (T, 3) m, heel or middle; NaN where unseen.
        time: (T,) s of the feet's positions.
        claimed: plate name to foot as a file or custom says; a contradiction is a finding, and
            one of all plates is called a swap.

    A foot's distance from the pressure center is measured in all three directions (a swinging foot
    that passes by is lifted), over each time the plate is loaded with more than 50 N. Raises
    BioenvError for positions of another length than time.
    """
    at = clock(time, "the clock of the feet")
    where = {side: _lowered(side, np.asarray(path, dtype=np.float64), at)
             for side, path in feet.items()}  # fmt: skip
    contacts = tuple(c for plate in plates for c in _contacts(plate, where, at))
    chosen: dict[str, str] = {}
    confidence: dict[str, float] = {}
    findings: list[Finding] = []
    for plate in plates:
        mine = [contact for contact in contacts if contact.plate == plate.name]
        foot, sure, problem = _owner(mine)
        if problem:
            findings.append(Finding("feet", f"plate {plate.name}", problem))
        if foot is not None:
            chosen[plate.name], confidence[plate.name] = foot, sure
    findings += _contradictions(chosen, claimed or {})
    return Feet(chosen, confidence, contacts, tuple(findings))


def _lowered(side: str, path: Array, time: Array) -> Array:
    """The foot's path with its lowest height at the floor: heels and ankles count alike."""
    if path.shape != (time.size, 3):
        raise BioenvError(f"foot {side!r} needs positions ({time.size}, 3), got {path.shape}")
    seen = path[np.isfinite(path).all(axis=1), 2]
    floor = float(np.quantile(seen, 0.05)) if seen.size else 0.0
    return path - np.array([0.0, 0.0, floor])


def _contacts(plate: ForcePlate, feet: Mapping[str, Array], time: Array) -> list[Contact]:
    """The plate's loaded intervals within `time`."""
    inside = (time >= plate.time[0]) & (time <= plate.time[-1])
    force = np.interp(time, plate.time, np.nan_to_num(plate.force[:, 2]))
    near = np.clip(np.searchsorted(plate.time, time), 0, plate.time.size - 1)
    point = plate.point[near].copy()
    loaded = inside & (np.abs(force) > LOADED) & np.isfinite(point[:, :2]).all(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loaded.astype(np.int8), [0]])))
    found = []
    for start, stop in edges.reshape(-1, 2):
        if stop - start < 2 or time[stop - 1] - time[start] < SHORTEST:
            continue
        rows = slice(start, stop)
        floor = plate.corners[:, 2].mean() if plate.corners is not None else 0.0
        point[rows, 2] = floor
        distance = {}
        for side, path in feet.items():
            gap = np.linalg.norm(path[rows] - point[rows] + [0.0, 0.0, floor], axis=1)
            if np.isfinite(gap).any():
                distance[side] = float(np.nanmedian(gap))
        found.append(_contact(plate.name, float(time[start]), float(time[stop - 1]), distance))
    return found


def _contact(name: str, start: float, stop: float, distance: Mapping[str, float]) -> Contact:
    order = sorted(distance, key=lambda side: distance[side])
    if not order:
        return Contact(name, start, stop, distance, None, 0.0)
    nearest = distance[order[0]]
    sure = 1.0
    if len(order) > 1:
        other = distance[order[1]]
        sure = (other - nearest) / max(other + nearest, 1e-9)
    foot = order[0] if nearest < FARTHEST and sure > DOUBTFUL else None
    return Contact(name, start, stop, distance, foot, sure)


def _owner(contacts: Sequence[Contact]) -> tuple[str | None, float, str]:
    """The foot of a plate, its confidence, and what is wrong in words."""
    if not contacts:
        return None, 0.0, "is never loaded while the feet are known"
    length: dict[str, float] = {}
    for contact in contacts:
        if contact.foot is not None:
            length[contact.foot] = length.get(contact.foot, 0.0) + contact.stop - contact.start
    if not length:
        told = min(contacts, key=lambda one: min(one.distance.values(), default=np.inf))
        apart = ", ".join(f"{side} {metres:.2f} m" for side, metres in told.distance.items())
        return None, 0.0, f"belongs to no foot for sure (distances: {apart or 'unknown'})"
    if len(length) > 1:
        both = ", ".join(f"{side} {seconds:.2f} s" for side, seconds in sorted(length.items()))
        return None, 0.0, f"is stepped on by both feet ({both}): cut the trial or split the plate"
    foot = next(iter(length))
    mine = [c for c in contacts if c.foot == foot]
    doubtful = len(contacts) - len(mine)
    words = f"{doubtful} of {len(contacts)} contacts fit no foot for sure" if doubtful else ""
    return foot, float(np.mean([c.confidence for c in mine])), words


def _contradictions(found: Mapping[str, str], claimed: Mapping[str, str]) -> list[Finding]:
    both = [plate for plate in claimed if plate in found]
    wrong = [plate for plate in both if found[plate] != claimed[plate]]
    if len(wrong) > 1 and wrong == both:
        swap = ", ".join(f"{plate} is {found[plate]}" for plate in wrong)
        return [Finding("feet", "force plates", f"left and right are swapped: {swap}", "error")]
    return [
        Finding(
            "feet", f"plate {plate}",
            f"is said to be foot {claimed[plate]}, but {found[plate]} stands on it", "error",
        )
        for plate in wrong
    ]  # fmt: skip
