"""Several walkers ranked: whether they could be, whether they stand, and how human they walk.

The order is by tiers, then by the held-out distance from people (see `bioenv.evaluate.likeness`):
a walker that falls never ranks above one that stands and walks, and what is physically impossible
ranks below everything else, whatever its joint angles.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np

from bioenv.errors import BioenvError
from bioenv.evaluate.aims import aim_of
from bioenv.evaluate.likeness import FARTHEST, Likeness
from bioenv.evaluate.scores import Evaluation, evaluate
from bioenv.lab import reference as references
from bioenv.lab.reference import Reference
from bioenv.motion import Motion
from bioenv.motion_io import write_atomically

FIGURES = (
    "speed", "cost_of_transport", "knee_contact_peak", "hip_contact_peak", "joint_angle_rmse",
    "emg_matched", "root_force_rms_percent", "torque_mismatch_percent", "physics_consistency",
)  # fmt: skip
"""Scores whose means over the episodes an entry carries."""


class Tier(IntEnum):
    """What an entry is before anybody asks how human it is; lower ranks higher."""

    WALKS = 0
    WALKS_AND_FALLS = 1  # in fewer than half of its episodes
    DOES_NOT_WALK = 2  # stands, or does anything without strides, and does not fall
    FALLS = 3
    IMPOSSIBLE = 4  # or not shown to be possible


@dataclass(frozen=True)
class Entry:
    """One walker.

    fall_rate: share of its episodes; survived: mean share of the board's longest episode, 1 for one
    without a fall.
    speed_error: |speed / commanded - 1|, of the reference's speed where nothing is commanded.
    held_out, aimed_at, total, common: distances, 1 is another person, NaN where there is none;
    common is over what none of the board's walkers was made for. groups, held_out_groups: group ->
    distance. quantities: how many are held out, and of how many. figures: means over episodes.
    """

    name: str
    tier: Tier
    verdict: str
    episodes: int
    fall_rate: float
    survived: float
    speed_error: float
    held_out: float
    aimed_at: float
    total: float
    common: float
    groups: Mapping[str, float]
    held_out_groups: Mapping[str, float]
    quantities: tuple[int, int]
    figures: Mapping[str, float]
    notes: tuple[str, ...] = field(default=())

    @property
    def key(self) -> tuple[float, ...]:
        """What is sorted by: tier, falls where they are many, held-out distance."""
        falls = self.fall_rate if self.tier in (Tier.WALKS_AND_FALLS, Tier.FALLS) else 0.0
        # Nothing held out is nothing predicted.
        far = self.held_out if np.isfinite(self.held_out) else FARTHEST
        return (float(self.tier), falls, far, -self.survived)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able; what is not finite becomes None."""
        found: dict[str, Any] = _finite({**asdict(self), "tier": self.tier.name.lower()})
        return found


@dataclass(frozen=True, eq=False)
class Leaderboard:
    """Entries, best first, and what they were compared with."""

    entries: tuple[Entry, ...]
    reference: Reference
    common: tuple[str, ...]

    def to_json(self, path: str | Path) -> Path:
        """Write everything as JSON, atomically."""
        content = {
            "made_by": "bioenv", "against": self.reference.name, "people": self.reference.people,
            "common": list(self.common), "entries": [one.as_dict() for one in self.entries],
        }  # fmt: skip
        text = json.dumps(content, indent=1, allow_nan=False)
        return write_atomically(Path(path), (text + "\n").encode())


def leaderboard(
    walkers: Mapping[str, Sequence[Motion]], against: str | Path | Reference = "cohort"
) -> Leaderboard:
    """Judge every walker's motions and rank them.

    `walkers`: name -> one or more episodes. `against`: a reference or its name. Raises BioenvError
    for no walkers, one without motions, or an unknown reference.
    """
    if not walkers or not all(walkers.values()):
        raise BioenvError("a leaderboard needs walkers with one or more motions each")
    reference = against if isinstance(against, Reference) else references.load(against)
    judged = {
        name: [evaluate(motion, reference) for motion in motions]
        for name, motions in walkers.items()
    }
    common = _common([e.likeness[0] for some in judged.values() for e in some])
    longest = max(m.duration for motions in walkers.values() for m in motions)
    entries = [_entry(name, some, common, longest) for name, some in judged.items()]
    return Leaderboard(tuple(sorted(entries, key=lambda one: one.key)), reference, common)


def _entry(
    name: str, judged: Sequence[Evaluation], common: tuple[str, ...], longest: float
) -> Entry:  # fmt: skip
    motions = [one.motions[0] for one in judged]
    alike = [found for one in judged if (found := one.likeness[0]) is not None]
    falls = float(np.mean([_fell(m) for m in motions]))
    impossible = next((why for one in judged if (why := _impossible(one))), "")
    tier, verdict = _tier(falls, bool(alike), impossible)
    figures = {key: _average([_value(one, key) for one in judged]) for key in FIGURES}
    held = [d for one in alike[:1] for d in one.distances if not d.rewarded]
    return Entry(
        name, tier, verdict, len(motions), falls,
        float(np.mean([m.duration / longest if _fell(m) else 1.0 for m in motions])),
        _average([_speed_error(one) for one in judged]),
        _average([one.held_out for one in alike]), _average([one.aimed_at for one in alike]),
        _average([one.total for one in alike]), _average([one.over(common) for one in alike]),
        _groups([one.groups for one in alike]), _groups([one.held_out_groups for one in alike]),
        (len(held), len(alike[0].distances) if alike else 0),
        {key: value for key, value in figures.items() if np.isfinite(value)},
        tuple(_notes(motions[0], alike)),
    )  # fmt: skip


def _fell(motion: Motion) -> bool:
    return bool(motion.meta.get("ended") == "terminated")


def _tier(falls: float, walks: bool, impossible: str) -> tuple[Tier, str]:
    if impossible:
        return Tier.IMPOSSIBLE, f"impossible: {impossible}"
    if falls >= 0.5:
        return Tier.FALLS, f"falls in {100 * falls:.0f} %"
    if not walks:
        return Tier.DOES_NOT_WALK, "does not walk"
    if falls > 0:
        return Tier.WALKS_AND_FALLS, f"walks, falls in {100 * falls:.0f} %"
    return Tier.WALKS, "walks"


def _impossible(one: Evaluation) -> str:
    """Why the motion is impossible, or was not shown to be possible; "" otherwise."""
    for score in one.scores:
        if score.name == "physically_possible":
            return "" if score.ok else score.source.rpartition("; ")[2]
    return "not shown: its body is unknown here, or has no feet"


def _notes(motion: Motion, alike: Sequence[Likeness]) -> list[str]:
    notes = []
    if aim_of(motion).maker == "nobody":
        notes.append("its file does not say what it was made for: nothing is held out for sure")
    missing = [d.name for one in alike[:1] for d in one.distances if not np.isfinite(d.value)]
    if missing:
        notes.append(f"not shown, counted as {FARTHEST:g}: {', '.join(missing)}")
    return notes


def _common(alike: Sequence[Likeness | None]) -> tuple[str, ...]:
    """Quantities that no walker was made for."""
    names = dict.fromkeys(d.name for one in alike if one is not None for d in one.distances)
    aimed = {d.name for one in alike if one is not None for d in one.distances if d.rewarded}
    return tuple(name for name in names if name not in aimed)


def _speed_error(one: Evaluation) -> float:
    meta = one.motions[0].meta
    goal = meta.get("mean_goal") or meta.get("goal") or []
    commanded = goal[0] if "speed" in meta.get("rewarded", ()) and goal else None
    wanted = commanded or (one.reference.figure("speed") if one.reference is not None else None)
    value = _value(one, "speed")
    return abs(value / wanted - 1.0) if wanted else float("nan")


def _value(one: Evaluation, name: str) -> float:
    return next((s.value for s in one.scores if s.name == name), float("nan"))


def _average(values: Sequence[float]) -> float:
    """Mean of what is finite; NaN of nothing."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def _groups(some: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for one in some for name in one)
    return {name: _average([one[name] for one in some if name in one]) for name in names}


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
