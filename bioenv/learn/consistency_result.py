"""What a consistency check found, and how it is put into figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioenv.learn.consistency_state import Ground, MovedBody
from bioenv.motion import Motion

Array = NDArray[np.float64]

LIMIT = 3.0
"""A frame further away than this is called inconsistent: noise does it once in hundreds."""
_MOST = 0.9  # of the frames within the limit: consistent; less than half: inconsistent
_FAST = 0.02  # s between samples; slower ones miss impacts


@dataclass(frozen=True, eq=False)
class Consistency:
    """How consistent a motion is with its body's physics.

    time (T,) s; score (T,): 1 is what noise explains, beyond `LIMIT` no noise does; parts: by name
    (T,), in units of noise, whose squares add up to the score's: corrections of "coordinates",
    "forces", "pressure" and the "rest", and the broken rules "derivatives", "pull", "friction",
    "air", "beside the foot"; overall: root mean square over time; share: of frames within the
    limit; worst: s of the worst frame; residual_rms, rest_rms: N of the root's forces before and
    after; status: "consistent" (nine frames in ten), "doubtful" or "inconsistent" (most frames);
    nearest: the motion with the corrections and with unmeasured ground forces; notes.
    """

    time: Array
    score: Array
    parts: Mapping[str, Array]
    overall: float
    share: float
    worst: float
    residual_rms: float
    rest_rms: float
    status: str
    nearest: Motion
    notes: tuple[str, ...]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """JSON-able, with all frames."""
        rms = {name: float(np.sqrt(np.mean(part**2))) for name, part in self.parts.items()}
        return {
            "overall": self.overall,
            "status": self.status,
            "share_within_limit": self.share,
            "limit": LIMIT,
            "worst_time_s": self.worst,
            "residual_rms_n": self.residual_rms,
            "rest_rms_n": self.rest_rms,
            "parts": rms,
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
            "time_s": self.time.tolist(),
            "score": self.score.tolist(),
            "parts_by_frame": {name: part.tolist() for name, part in self.parts.items()},
        }


def verdict(score: Array) -> tuple[float, str]:
    """Share of frames within the limit, and the status."""
    share = float((score <= LIMIT).mean())
    if share >= _MOST:
        return share, "consistent"
    return share, "doubtful" if share >= 0.5 else "inconsistent"


def on_clock(found: Consistency, time: Array) -> Consistency:
    """The result with its scores at all instants of a motion, on lines between those computed."""
    score = np.interp(time, found.time, found.score)
    parts = {name: np.interp(time, found.time, part) for name, part in found.parts.items()}
    note = f"computed at every {1000 * float(np.median(np.diff(found.time))):.1f} ms"
    return replace(found, time=time, score=score, parts=parts, notes=(*found.notes, note))


def remarks(motion: Motion, moved: MovedBody, land: Ground) -> tuple[str, ...]:
    """What to know before the score is believed."""
    notes = []
    mass, own = motion.meta.get("mass_kg"), moved.body.anatomy.mass
    if mass is not None and abs(mass - own) > 1e-3 * own:
        notes.append(
            f"warning: the motion is of a body of {mass:.1f} kg, the model has {own:.1f} kg"
        )
    if land.unknown and not land.measured:
        notes.append("no ground forces: what the feet need where they stand was found, and is free")
    elif land.unknown and land.gate.max() > 0.5:
        share = float((land.gate.max(axis=1) > 0.5).mean())
        notes.append(
            f"a foot stands without measured force in {100 * share:.0f} % of the frames: what it "
            "needs was found there, and is free"
        )
    if not moved.given:
        notes.append("velocities and accelerations are those of a spline through qpos")
    step = float(np.median(np.diff(moved.time)))
    if step > _FAST * 1.01:
        notes.append(f"samples {1000 * step:.0f} ms apart miss what happens between them")
    return tuple(notes)


def nearest(motion: Motion, moved: MovedBody, land: Ground, added: Array, unknown: Array) -> Motion:
    """The corrected motion: qpos, qvel, qacc of all joints, and the feet's forces.

    added: (T, c, 3) N on measured feet; unknown: (T, points, 3) N.
    """
    anatomy = moved.body.anatomy
    state = anatomy.expand(*moved.body.coordinates(moved.z, moved.v, moved.a))
    joints = [anatomy.mj.joint(i).name for i in range(anatomy.mj.njnt)]
    out = Motion(motion.time, model=motion.model, meta=motion.meta)
    for name, values in zip(("qpos", "qvel", "qacc"), state, strict=True):
        out = out.add(name, values, labels=joints, source="estimated")
    feet = list(land.feet) or list(dict.fromkeys(point.side for point in land.points))
    if not feet or not (land.measured or land.unknown):
        return out
    force = np.zeros((len(motion), len(feet), 3))
    moment = np.zeros_like(force)  # of the points' forces about the origin of the world
    for i, load in enumerate(land.measured):
        whole = load.force + added[:, i]
        force[:, i] += whole
        if load.point is not None:
            moment[:, i] += np.cross(load.point, whole)
    for k, point in enumerate(land.points[: unknown.shape[1]]):
        if point.side in feet:
            i = feet.index(point.side)
            force[:, i] += unknown[:, k]
            moment[:, i] += np.cross(land.place[:, k], unknown[:, k])
    center = _centers(force, moment)
    out = out.add("ground_reaction_force", force, labels=feet, source="estimated")
    return out.add("center_of_pressure", center, labels=feet, source="estimated")


def _centers(force: Array, moment: Array) -> Array:
    """(T, c, 3) where the forces cross the floor, NaN for less than a newton."""
    up = force[..., 2]
    safe = np.where(up > 1.0, up, np.nan)
    center = np.stack([-moment[..., 1] / safe, moment[..., 0] / safe, 0.0 * safe], axis=-1)
    return center
