"""Residual reduction: a little mass moved, a little motion corrected, so that Newton is obeyed.

Delp SL, Anderson FC, Arnold AS, et al. (2007). OpenSim: open-source software to create and analyze
dynamic simulations of movement. IEEE Trans Biomed Eng 54:1940-1950. There a tracking simulation
finds the corrections (RRA); here they are the least squares solution itself. As there, all masses
are first multiplied so that the ground carries the body, and the trunk's mass center moves forward
and sideways to balance the mean moment; then the coordinates are corrected; all within bounds.
Nothing of it happens unless asked for, and every change is reported.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import lsq_linear

from bioenv.errors import BioenvError
from bioenv.inverse.adjustment import Motion3, Problem, adjusted
from bioenv.inverse.dynamics import Contact
from bioenv.inverse.frames import Frames, body_id, rows
from bioenv.inverse.generalized import generalized_forces
from bioenv.inverse.hicks import Verdict, judge
from bioenv.inverse.residuals import FORCE_LIMIT_PERCENT, MOMENT_LIMIT_PERCENT
from bioenv.models.anatomy import Anatomy

Array = NDArray[np.float64]

_AIM = 0.1  # residuals count as one at this share of Hicks' limits
_ROUNDS = 3
_LONG = 1.0  # s of ground force that tell the mass without a whole stride


@dataclass(frozen=True)
class Bounds:
    """How much may change, as is the custom with RRA.

    mass: share of every body's mass; center: of the trunk's mass center along its level axes, m;
    angle rad and distance m: of a coordinate at any time; spacing: s between the knots of the
    corrections (about half the period of the fastest one).
    """

    mass: float = 0.05
    center: float = 0.03
    angle: float = float(np.radians(2.0))
    distance: float = 0.02
    spacing: float = 0.1

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise BioenvError(f"bound {name} must be positive, got {value:g}")


@dataclass(frozen=True, eq=False)
class ResidualReduction:
    """What was changed, and what it brought.

    anatomy: with the adjusted masses (`mj`, mass and body_weight; the file's description is as
    before). q, qd, qdd (T, n): the corrected motion; torque (T, n) of it. before, after: residuals.
    changes, JSON-able: ``mass_factor`` of every body; ``body`` and its ``mass_center_shift`` (3,) m
    in its frame; ``coordinates``: per name the ``rms`` and ``peak`` change, m or rad.
    """

    anatomy: Anatomy
    q: Array
    qd: Array
    qdd: Array
    torque: Array
    before: Verdict
    after: Verdict
    changes: dict[str, Any]
    notes: tuple[str, ...]


def reduce_residuals(
    anatomy: Anatomy,
    time: ArrayLike,
    q: ArrayLike,
    qd: ArrayLike,
    qdd: ArrayLike,
    external: Sequence[Contact],
    *,
    body: str | None = None,
    bounds: Bounds | None = None,
) -> ResidualReduction:
    """Adjust mass distribution and motion so that the residuals at the root become small.

    Args:
        time: (T,) s, increasing; q, qd, qdd: (T, n) coordinates, m, rad and s.
        external: measured forces, world frame z up; they are taken as they are.
        body: whose mass center moves; "torso" where there is one, else the heaviest body.
        bounds: what may change at most.

    Frames that are not meaningful (a foot beside the plates) do not count. The acceleration is the
    motion's own (`like_opensim` False).

    Raises BioenvError for a body without a root, a trial without a meaningful frame, and wrong
    shapes.
    """
    bounds = bounds or Bounds()
    count = len(anatomy.coordinates)
    position = rows(q, count, "q")
    motion = Motion3(
        position, rows(qd, count, "qd", len(position)), rows(qdd, count, "qdd", len(position))
    )
    clock = np.asarray(time, dtype=float)
    if clock.shape != (len(position),) or not (np.diff(clock) > 0).all():
        raise BioenvError(f"time must be ({len(position)},) s and increase, got {clock.shape}")
    if not anatomy.root.any():
        raise BioenvError(f"{anatomy.name} has no root coordinates: it has no residuals to reduce")
    before = _judged(anatomy, clock, motion, external)
    if not before.meaningful.any():
        raise BioenvError(
            "no frame's residual is meaningful: every foot that touches the ground needs a plate"
        )
    scale = _scale(anatomy, before)
    heavier, masses = _mass_adjusted(anatomy, motion, external, before, scale, body, bounds)
    problem = Problem(
        clock, external, scale, before.meaningful, *_free(anatomy, bounds), bounds.spacing
    )
    moved = adjusted(heavier, motion, problem)
    after = _judged(heavier, clock, moved, external, before.meaningful)
    torque = generalized_forces(heavier, *moved, external)
    changes = {**masses, "coordinates": _changes(anatomy, moved.q - motion.q)}
    notes = _notes(anatomy, before, after, changes)
    return ResidualReduction(heavier, *moved, torque, before, after, changes, notes)


def _judged(
    anatomy: Anatomy,
    time: Array,
    motion: Motion3,
    external: Sequence[Contact],
    meaningful: NDArray[np.bool_] | None = None,
) -> Verdict:
    tau = generalized_forces(anatomy, *motion, external, like_opensim=False)
    return judge(anatomy, time, motion.q, tau, external, meaningful=meaningful)


def _scale(anatomy: Anatomy, verdict: Verdict) -> Array:
    """(r,) N and N*m of each root coordinate that count as one."""
    peak, height = verdict.figures["external_force_peak"], verdict.figures["com_height"]
    force, moment = FORCE_LIMIT_PERCENT / 100 * peak, MOMENT_LIMIT_PERCENT / 100 * peak * height
    return _AIM * np.where(anatomy.rotational[anatomy.root], moment, force)


def _free(anatomy: Anatomy, bounds: Bounds) -> tuple[NDArray[np.intp], Array]:
    """Indices of the coordinates that may change, and their room."""
    free = np.flatnonzero(anatomy.independent & ~anatomy.locked)
    return free, np.where(anatomy.rotational[free], bounds.angle, bounds.distance)


def _mass_adjusted(
    anatomy: Anatomy,
    motion: Motion3,
    external: Sequence[Contact],
    verdict: Verdict,
    scale: Array,
    body: str | None,
    bounds: Bounds,
) -> tuple[Anatomy, dict[str, Any]]:
    """The anatomy that weighs what the ground carries, its trunk where the moments balance best."""
    mj = anatomy.mj
    names = [mj.body(i).name for i in range(mj.nbody)]
    name = body or ("torso" if "torso" in names else names[int(np.argmax(mj.body_mass))])
    index = body_id(mj, name)
    factor = float(np.clip(_carried(verdict), 1 - bounds.mass, 1 + bounds.mass))
    # Height hardly shows in the moments of walking: it would only soak up errors.
    level = [axis for axis in range(3) if axis != _upright_axis(anatomy, motion.q, index)]

    def residual(shift: Array) -> Array:
        moved = _heavier(anatomy, index, factor, shift)
        tau = generalized_forces(moved, *motion, external, like_opensim=False)
        return (tau[verdict.meaningful][:, anatomy.root] / scale).ravel()

    shift = np.zeros(3)
    # Cheap within the bounds, but not free: what does not help does not move.
    price = np.sqrt(verdict.meaningful.sum() * anatomy.root.sum()) / bounds.center
    for _ in range(_ROUNDS):
        now, step = residual(shift), 1e-3 * bounds.center
        slope = np.stack([(residual(shift + step * np.eye(3)[a]) - now) / step for a in level], 1)
        system = np.vstack([slope, price * np.eye(2)])
        target = np.concatenate([slope @ shift[level] - now, np.zeros(2)])
        shift[level] = lsq_linear(system, target, (-bounds.center, bounds.center)).x
    return _heavier(anatomy, index, factor, shift), {
        "mass_factor": factor,
        "body": name,
        "mass_center_shift": [float(x) for x in shift],
    }


def _carried(verdict: Verdict) -> float:
    """Share of the model's weight that the ground carries; 1 where the trial is too short."""
    figures = verdict.figures
    start, stop = figures.get("weight_window", (0.0, 0.0))
    known = figures.get("weight_strides", 0) > 0 or stop - start > _LONG
    return float(figures["weight_carried"]) if known else 1.0


def _upright_axis(anatomy: Anatomy, q: Array, body: int) -> int:
    """Which axis of a body points up, on the whole."""
    up = np.zeros(3)
    for _, batch, ids in Frames(anatomy.mj, anatomy.expand(q).qpos, None, ("xmat",)):
        up += batch.bind("xmat")[ids].reshape(len(ids), -1, 3, 3)[:, body, 2].sum(axis=0)
    return int(np.argmax(np.abs(up)))


def _heavier(anatomy: Anatomy, body: int, factor: float, shift: Array) -> Anatomy:
    """A copy with all masses times `factor` and a body's mass center moved by `shift` (3,) m."""
    mj = copy.copy(anatomy.mj)
    mj.body_mass[:] *= factor
    mj.body_inertia[:] *= factor
    mj.body_ipos[body] += shift
    mujoco.mj_setConst(mj, mujoco.MjData(mj))
    other = copy.copy(anatomy)
    other.mj, other.mass = mj, anatomy.mass * factor
    other.body_weight = anatomy.body_weight * factor
    return other


def _changes(anatomy: Anatomy, change: Array) -> dict[str, dict[str, float]]:
    rms, peak = np.sqrt(np.mean(change**2, axis=0)), np.abs(change).max(axis=0)
    return {
        name: {"rms": float(rms[i]), "peak": float(peak[i])}
        for i, name in enumerate(anatomy.coordinates)
    }


def _notes(
    anatomy: Anatomy, before: Verdict, after: Verdict, changes: dict[str, Any]
) -> tuple[str, ...]:
    then, now = before.figures, after.figures
    shift = 1000 * np.linalg.norm(changes["mass_center_shift"])
    peaks = np.array([one["peak"] for one in changes["coordinates"].values()])
    turn = np.degrees(peaks[anatomy.rotational].max(initial=0.0))
    move = 1000 * peaks[~anatomy.rotational].max(initial=0.0)
    return (
        f"residuals reduced: force {then['force_rms']:.1f} to {now['force_rms']:.1f} N RMS, moment "
        f"{then['moment_rms']:.1f} to {now['moment_rms']:.1f} N*m RMS",
        f"for this all masses were multiplied by {changes['mass_factor']:.3f}, the mass center of "
        f"{changes['body']} was moved by {shift:.0f} mm, and coordinates were changed by up to "
        f"{turn:.1f} degrees and {move:.0f} mm",
    )
