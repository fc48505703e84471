"""How far a motion is from the nearest one that obeys Newton, in units of measurement noise.

A body that floats has coordinates that no muscle drives: the ground alone accelerates them. So the
rows of ``M q'' + h = J^T f`` at the root must hold at every instant, whoever moved. They hardly
ever do exactly; the question is whether noise explains it. `check` looks for the smallest
corrections, each in units of its noise, that make the rows hold: smooth ones of the coordinates,
free ones of forces and centers of pressure, and a rest of the size of the forces' noise,

    minimize  sum_t |dq / sigma_q|^2 + |dF / sigma_F|^2 + |dp / sigma_p|^2 + |rest / sigma_r|^2 .

The sum in one frame over the number of its equations is what noise of that size makes 1. This is
generalized total least squares (Van Huffel & Vandewalle 1991) on the equation of motion; forces and
pressure centers are eliminated frame by frame, the splines' system is banded.
"""

from __future__ import annotations

import time as clock
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv import models
from bioenv.errors import BioenvError
from bioenv.learn import consistency_rules as rules
from bioenv.learn.consistency_result import (
    Consistency,
    nearest,
    on_clock,
    remarks,
    verdict,
)
from bioenv.learn.consistency_splines import Slopes, Splines, correction
from bioenv.learn.consistency_state import Ground, MovedBody, ground, moved_body
from bioenv.models.anatomy import Anatomy
from bioenv.models.model import Model
from bioenv.models.native_anatomy import NativeAnatomy
from bioenv.motion import Motion

Array = NDArray[np.float64]

_ROUNDS, _SAMPLES = 4, 5
_SETTLED = 1e-2  # of the noise: corrections that change by less are found
_FREE = 100.0  # body weights: an unknown force costs next to nothing


@dataclass(frozen=True)
class Noise:
    """Standard deviations of what was measured, or would be.

    angle rad and position m of coordinates (2 mm of every marker leave about half a degree; skin
    moves more); force N and pressure m of a plate; rest: N, and N*m at a lever of `lever` m, that
    the model may miss. spacing: s between knots of the corrections; a motion knows nothing faster.
    """

    angle: float = float(np.radians(1.0))
    position: float = 0.005
    force: float = 10.0
    pressure: float = 0.005
    rest: float = 10.0
    lever: float = 0.25
    spacing: float = 0.05

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (np.isfinite(value) and value > 0):
                raise BioenvError(f"noise {name} must be positive, got {value:g}")


class _Local(NamedTuple):
    """What is corrected frame by frame: its effect (T, R, m) on the root's rows for a unit of its
    noise, and the whitening (T, R, R) of the rows by all of it and the rest."""

    effect: Array
    kinds: NDArray[np.intp]  # (m,) index in _KINDS
    whiten: Array
    rest: Array  # (R,)


class _Found(NamedTuple):
    """The corrected motion, its change (T, k), what was corrected frame by frame (see `_amounts`),
    unknown forces (T, c, 3) N, and the root's rows (T, R) before."""

    moved: MovedBody
    shift: Array
    amounts: list[Array]
    unknown: Array
    before: Array


_KINDS = ("forces", "pressure", "unknown")


def check(
    motion: Motion, model: Model | Anatomy | None = None, noise: Noise | None = None
) -> Consistency:
    """The physics-consistency score of any motion, predicted or measured, frame by frame.

    Args:
        motion: qpos, best with qvel and qacc, and the ground's forces where they are known. Where
            a foot stands without measured force, what it needs is found within the rules of
            contact and costs nothing.
        model: the body; without it the motion names one of bioenv's own.
        noise: see `Noise`.

    Raises BioenvError for a motion of an unknown body, or that lacks coordinates of it.
    """
    began = clock.perf_counter()
    noise = noise or Noise()
    anatomy = _anatomy(motion, model)
    whole = motion
    motion = _thinned(motion, noise.spacing)
    moved = moved_body(motion, anatomy)
    if not moved.body.root.any():
        raise BioenvError(
            f"{anatomy.name!r} hangs on the world: every coordinate may be driven, so that any "
            "motion of it can obey Newton; check needs a body with a root"
        )
    land = ground(motion, moved)
    found = _result(motion, moved, land, _nearest(moved, land, noise), noise, began)
    return found if whole is motion else on_clock(found, whole.time)


def _thinned(motion: Motion, spacing: float) -> Motion:
    """Every n-th sample: more than five between two knots of the corrections tell nothing new."""
    step = float(np.median(np.diff(motion.time))) if len(motion) > 1 else spacing
    every = max(1, int(spacing / (_SAMPLES * step) + 1e-6))
    if every == 1:
        return motion
    kept = np.arange(0, len(motion), every)
    signals = {n: replace(s, values=s.values[kept]) for n, s in motion.signals.items()}
    return replace(motion, time=motion.time[kept], signals=signals)


def _anatomy(motion: Motion, model: Model | Anatomy | None) -> Anatomy:
    if isinstance(model, Model):
        return NativeAnatomy(model)
    if model is not None:
        return model
    if motion.model not in models.available():
        raise BioenvError(
            f"the motion's body {motion.model!r} is none of bioenv's own "
            f"({', '.join(models.available())}): give the model that moved"
        )
    return NativeAnatomy(models.load(motion.model))


def _nearest(moved: MovedBody, land: Ground, noise: Noise) -> _Found:
    """Gauss-Newton, with the rules for unknown forces renewed every round."""
    body = moved.body
    splines = Splines(moved.time, noise.spacing)
    spread = np.where(body.rotational, noise.angle, noise.position)
    coefficients = np.zeros((splines.count, len(spread)))
    room = rules.room(land, _FREE * body.anatomy.body_weight)
    now, before, shift = moved, np.zeros(0), np.zeros_like(moved.z)
    for turn in range(_ROUNDS):
        tau, *slopes = body.equation(now.z, now.v, now.a, land.measured, rows=body.root)
        local = _local(now, land, noise, room)
        before = tau if turn == 0 else before
        coefficients = correction(splines, tau, Slopes(*slopes), local.whiten, spread, coefficients)
        old, (shift, rate, change) = shift, splines.at(coefficients)
        now = moved._replace(z=moved.z + shift, v=moved.v + rate, a=moved.a + change)
        left = body.torque(now.z, now.v, now.a, land.measured)[:, body.root]
        amounts = _amounts(local, left)
        unknown = amounts[2] * room
        room = rules.renewed(room, unknown, land, noise.force)
        if not land.unknown and np.abs((shift - old) / spread).max() < _SETTLED:
            break
    return _Found(now, shift, amounts, unknown, before)


def _local(moved: MovedBody, land: Ground, noise: Noise, room: Array) -> _Local:
    body = moved.body
    parts, kinds = [], []
    if land.measured:
        by_force, by_moment = body.pushes(moved.z, land.measured)
        force = np.stack([load.force for load in land.measured], axis=1)  # (T, c, 3)
        loaded = (np.abs(force).max(axis=2) > 0.0)[:, None, :, None]
        parts.append(by_force[:, body.root] * noise.force * loaded)
        # A point moved along i by p makes the moment p e_i x F.
        arms = np.cross(np.eye(3)[None, None], force[:, :, None])  # (T, c, i, 3)
        moved_point = np.einsum("trcj,tcij->trci", by_moment[:, body.root], arms)
        parts.append(moved_point * noise.pressure)
        kinds += [0] * (3 * len(land.measured)) + [1] * (3 * len(land.measured))
    if land.unknown:
        by_force, _ = body.pushes(moved.z, land.unknown)
        parts.append(by_force[:, body.root] * room[:, None])
        kinds += [2] * (3 * len(land.unknown))
    rows = int(body.root.sum())
    rest = noise.rest * np.where(body.rotational[body.root], noise.lever, 1.0)
    flat = [part.reshape(len(part), rows, -1) for part in parts]
    effect = np.concatenate(flat, axis=2) if flat else np.zeros((len(moved.time), rows, 0))
    covariance = effect @ effect.transpose(0, 2, 1) + np.diag(rest**2)
    whiten = np.linalg.inv(np.linalg.cholesky(covariance))
    return _Local(effect, np.array(kinds, dtype=np.intp), whiten, rest)


def _amounts(local: _Local, residual: Array) -> list[Array]:
    """Corrections of each of `_KINDS`, (T, c, 3), and of the rest (T, R), in units of noise."""
    pulled = np.einsum("tqr,tr->tq", local.whiten, residual)
    back = np.einsum("tqr,tq->tr", local.whiten, pulled)
    amount = np.einsum("trm,tr->tm", local.effect, back)
    frames = len(residual)
    found = [amount[:, local.kinds == k].reshape(frames, -1, 3) for k in range(len(_KINDS))]
    return [*found, local.rest * back]


def _result(
    motion: Motion, moved: MovedBody, land: Ground, found: _Found, noise: Noise, began: float
) -> Consistency:
    body, rows = moved.body, int(moved.body.root.sum())
    forces, pressure, _, rest = found.amounts
    spread = np.where(body.rotational, noise.angle, noise.position)
    parts = {
        "coordinates": found.shift / spread,
        "forces": forces.reshape(len(rest), -1),
        "pressure": pressure.reshape(len(rest), -1),
        "rest": rest,
        **{k: v[:, None] for k, v in rules.broken(moved, land, asdict(noise)).items()},
    }
    size = {name: np.sqrt((part**2).sum(axis=1) / rows) for name, part in parts.items()}
    score = np.sqrt(sum(part**2 for part in size.values()))
    share, status = verdict(score)
    straight = ~body.rotational[body.root]
    return Consistency(
        time=moved.time,
        score=score,
        parts=size,
        overall=float(np.sqrt(np.mean(score**2))),
        share=share,
        worst=float(moved.time[int(np.argmax(score))]),
        residual_rms=_rms(found.before[:, straight]),
        rest_rms=_rms((rest * noise.rest)[:, straight]),
        status=status,
        nearest=nearest(motion, found.moved, land, forces * noise.force, found.unknown),
        notes=remarks(motion, moved, land),
        seconds=clock.perf_counter() - began,
    )


def _rms(force: Array) -> float:
    """Root mean square of the length of (T, n)."""
    return float(np.sqrt((force**2).sum(axis=1).mean())) if force.size else 0.0
