"""Residual force and moment at the root of an inverse dynamics result, and what they are worth.

A body touches nothing but the ground, so what inverse dynamics asks for at the pelvis should be
zero. It is not: markers, plates and masses are inexact.

Hicks JL, Uchida TK, Seth A, Rajagopal A, Delp SL (2015). Is my model good enough? Best practices
for verification and validation of musculoskeletal models and simulations of movement. J Biomech Eng
137(2):020905: forces below 5 % of the peak external force, moments below 1 % of the height of the
center of mass times that force, RMS and peak. OpenSim's user guide, "Evaluating your simulation",
grades residuals after residual reduction in N and N*m.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.inverse.dynamics import Contact, checked_contact
from bioenv.inverse.frames import Frames, rows
from bioenv.inverse.impulse import implied_mass
from bioenv.inverse.newton import cross
from bioenv.inverse.residuals import FORCE_LIMIT_PERCENT, MOMENT_LIMIT_PERCENT
from bioenv.models.anatomy import Anatomy

Array = NDArray[np.float64]

GRADES = {
    "force_peak": (10.0, 25.0), "force_rms": (5.0, 10.0),
    "moment_peak": (50.0, 75.0), "moment_rms": (30.0, 50.0),
}  # fmt: skip
"""OpenSim's bounds of "good" and "okay", N and N*m."""

SHORT = 0.15
"""Share of body weight by which the vertical ground force must fall short to be called missing."""
_EDGE = 0.05  # share of body weight where such an episode begins and ends


@dataclass(frozen=True, eq=False)
class Verdict:
    """Residuals of a motion.

    force (T, 3) N and moment (T, 3) N*m about the root body's origin, world frame: what something
    outside would have to give. meaningful (T,) False where a foot stands beside the plates.
    figures: JSON-able, by name; notes: what a reader must know, in words.
    """

    force: Array
    moment: Array
    meaningful: NDArray[np.bool_]
    figures: dict[str, Any]
    notes: tuple[str, ...]


def judge(
    anatomy: Anatomy,
    time: ArrayLike,
    q: ArrayLike,
    torque: ArrayLike,
    external: Sequence[Contact] = (),
    *,
    meaningful: NDArray[np.bool_] | None = None,
) -> Verdict:
    """Judge the residuals of an inverse dynamics result.

    Args:
        time: (T,) s; q: (T, n) coordinates; torque: (T, n) from `generalized_forces`.
        external: as given to it.
        meaningful: (T,) frames to judge; found from the forces when None.

    Returns:
        verdict; `figures` holds ``force_rms``, ``force_peak`` N, ``moment_rms``, ``moment_peak``
        N*m over the frames that are meaningful, each with ``_percent`` of Hicks' scale,
        ``_within_hicks`` and ``_opensim_grade``; ``external_force_peak`` N; ``com_height`` m;
        ``frames``, ``frames_judged``; ``not_meaningful`` [[start, stop] s]; and the impulse check
        (`bioenv.inverse.impulse`). A body without a root has no figures.

    Raises BioenvError for wrong shapes and numbers that are not finite.
    """
    count = len(anatomy.coordinates)
    position = rows(q, count, "q")
    tau = rows(torque, count, "torque", len(position))
    clock = np.asarray(time, dtype=float)
    if not anatomy.root.any():
        none = np.zeros((len(position), 3))
        return Verdict(none, none, np.zeros(len(position), dtype=bool), {}, ())
    loads = [checked_contact(anatomy.mj, Contact(*load), len(position)) for load in external]
    ground = np.sum([force for _, force, _, _ in loads], axis=0) + np.zeros((len(position), 3))
    force, moment, center = _root_wrench(anatomy, position, tau)
    if meaningful is None:
        meaningful = ~_missing(force[:, 2], anatomy.body_weight) & bool(loads)
    floor = _floor(external)
    figures: dict[str, Any] = {
        "frames": len(position),
        "frames_judged": int(meaningful.sum()),
        "external_force_peak": float(np.linalg.norm(ground, axis=1).max()),
        "com_height": float(center[:, 2].mean() - floor),
        "not_meaningful": _intervals(clock, ~meaningful),
    }
    figures |= _sizes(force, moment, meaningful, figures)
    vertical = [load[:, 2] for _, load, _, _ in loads]
    figures |= implied_mass(
        clock, center[:, 2], vertical, meaningful, anatomy.mass, anatomy.body_weight
    )
    return Verdict(force, moment, meaningful, figures, _notes(figures, anatomy))


def _root_wrench(anatomy: Anatomy, q: Array, tau: Array) -> tuple[Array, Array, Array]:
    """Force, moment about the root body's origin, and the center of mass; (T, 3) each, world."""
    mj = anatomy.mj
    slope = anatomy.jacobian(q)[:, :, anatomy.root]
    body = int(mj.dof_bodyid[np.flatnonzero(np.abs(slope).max(axis=(0, 2)))].max())
    out = np.empty((3, len(q), 3))
    fields = ("cdof", "xpos", "subtree_com")
    for part, batch, ids in Frames(mj, anatomy.expand(q).qpos, None, fields):
        axis, place, com = (batch.bind(name)[ids] for name in fields)
        motion = np.einsum("tvk,tvi->tik", axis, slope[part])
        # Moved to the root's origin, where a planar root's rotation has no translation in it.
        offset = (place[:, body] - com[:, mj.body_rootid[body]])[:, None]
        motion[..., 3:] += cross(motion[..., :3], offset)
        wrench = np.matmul(np.linalg.pinv(motion), tau[part][:, anatomy.root, None])[..., 0]
        out[0, part], out[1, part], out[2, part] = wrench[:, 3:], wrench[:, :3], com[:, 0]
    return out[0], out[1], out[2]


def _missing(short: Array, weight: float) -> NDArray[np.bool_]:
    """Frames of every episode in which the ground carries far less than the motion needs."""
    doubtful = short > _EDGE * weight
    episode = np.cumsum(np.diff(doubtful, prepend=False))
    bad = np.unique(episode[doubtful & (short > SHORT * weight)])
    return doubtful & np.isin(episode, bad)


def _floor(external: Sequence[Contact]) -> float:
    """Height of the ground: of the lowest pressure center of the loaded frames, else zero."""
    heights = []
    for load in external:
        force, point = np.asarray(load[1]), np.asarray(load[2])
        heights += [point[(np.abs(force).sum(axis=1) > 0) & np.isfinite(point).all(axis=1), 2]]
    known = np.concatenate(heights) if heights else np.empty(0)
    return float(np.median(known)) if known.size else 0.0


def _intervals(time: Array, flag: NDArray[np.bool_]) -> list[list[float]]:
    """[[first, last] s] of every run of True."""
    change = np.flatnonzero(np.diff(flag, prepend=False, append=False))
    return [
        [float(time[a]), float(time[b - 1])]
        for a, b in zip(change[::2], change[1::2], strict=True)
    ]  # fmt: skip


def _sizes(
    force: Array, moment: Array, meaningful: NDArray[np.bool_], known: dict[str, Any]
) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    peak, height = known["external_force_peak"], known["com_height"]
    limits = (FORCE_LIMIT_PERCENT, MOMENT_LIMIT_PERCENT)
    if not meaningful.any():
        return figures
    for name, vector, scale, limit in zip(
        ("force", "moment"), (force, moment), (peak, peak * height), limits, strict=True
    ):
        size = np.linalg.norm(vector[meaningful], axis=1)
        for what, value in (("rms", np.sqrt(np.mean(size**2))), ("peak", size.max())):
            key, percent = f"{name}_{what}", 100 * value / scale
            good, okay = GRADES[key]
            figures[key] = float(value)
            figures[f"{key}_percent"] = float(percent)
            figures[f"{key}_within_hicks"] = bool(percent <= limit)
            figures[f"{key}_opensim_grade"] = (
                "good" if value <= good else "okay" if value <= okay else "bad"
            )
    return figures


def _notes(figures: dict[str, Any], anatomy: Anatomy) -> tuple[str, ...]:
    notes = []
    if figures["not_meaningful"] and figures["external_force_peak"] > 0:
        spans = ", ".join(f"{a:.2f}-{b:.2f}" for a, b in figures["not_meaningful"])
        notes.append(
            f"residuals mean nothing at {spans} s: the measured vertical force is more than "
            f"{100 * SHORT:g} % of body weight below what the movement needs, as when a foot "
            "stands beside the plates (moments and loads of that leg are then wrong too) or at the "
            "ends of a filtered trial"
        )
    for name, limit in (("force", FORCE_LIMIT_PERCENT), ("moment", MOMENT_LIMIT_PERCENT)):
        value = figures.get(f"{name}_rms_percent", 0.0)
        if value > limit:
            notes.append(
                f"residual {name}: RMS {value:.1f} % exceeds the {limit:g} % of Hicks et al. (2015)"
            )
    mass = figures.get("mass_implied")
    if mass is not None and abs(mass / anatomy.mass - 1) > 0.03:
        notes.append(
            f"the vertical force carries a body of {mass:.1f} kg, the model weighs "
            f"{anatomy.mass:.1f} kg: scale the model or check the plates' zero"
        )
    return tuple(notes)
