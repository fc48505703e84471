"""Muscle forces of a whole trial at once: activation takes time, and tendons stretch.

With rigid tendons the least squared activation over all frames is one convex quadratic program,
since the bounds on activation's change (:mod:`.activation`) are linear; it is solved whole
(:mod:`.banded`). A compliant tendon makes the fiber's length and speed depend on the force and its
rate (:mod:`.compliant`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.inverse.muscles import banded
from bioenv.inverse.muscles.activation import (
    ACTIVATION_TIME,
    DEACTIVATION_TIME,
    ActivationDynamics,
)
from bioenv.inverse.muscles.compliant import StretchedProgram
from bioenv.inverse.muscles.problem import Sharing, SharingProblem, Status
from bioenv.inverse.muscles.ranges import groups
from bioenv.inverse.muscles.static import static_optimization
from bioenv.inverse.muscles.stencil import Stencil
from bioenv.inverse.muscles.tendon import ElasticTendons
from bioenv.models.anatomy import MuscleGeometry
from bioenv.models.osim.description import Muscle
from bioenv.models.osim.muscle_curves import MuscleCurves

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# N*m: how far the balance gives way per unit of its own cost. An activation's torque changes by
# some 1e-4 N*m; where the torque is out of reach, what is missing costs more than anything else.
SOFT = 0.02
SHORT = 0.05  # N*m, missing torque of a frame that counts as short


@dataclass(frozen=True, eq=False)
class DynamicSharing(Sharing):
    """A sharing whose activations obey their dynamics.

    Attributes:
        excitation: (T, m), held from each frame to the next (the last row repeats).
        tendon_strain, fiber_length (in optimal lengths), fiber_velocity (in maximum velocities, +
            lengthening): (T, m), None with rigid tendons.
        promises: with compliant tendons, for each group of muscles (a leg), the share of its merit
            that each repetition promised to save; the search ends below 0.001.
    """

    excitation: Array
    tendon_strain: Array | None = None
    fiber_length: Array | None = None
    fiber_velocity: Array | None = None
    promises: tuple[tuple[float, ...], ...] = ()


def dynamic_optimization(
    problem: SharingProblem,
    muscles: Sequence[Muscle] | None = None,
    *,
    tendon: Literal["rigid", "compliant"] = "rigid",
    geometry: MuscleGeometry | None = None,
    activation_time: ArrayLike | None = None,
    deactivation_time: ArrayLike | None = None,
) -> DynamicSharing:
    """The least sum of squared activations over the trial that excitations can produce.

    Args:
        problem: T >= 2 frames in increasing time; finite bounds, which are those of excitation too.
        muscles: the model's muscles, for their time constants and tendons.
        tendon: "rigid": capacity and passive force as in `problem`. "compliant": capacity from
            `muscles` and `geometry` behind stretched tendons; passive forces and the fibers'
            damping always take part.
        geometry: lengths and speeds of the muscles at these frames, for compliant tendons.
        activation_time, deactivation_time: s, scalar or (m,); None takes those of `muscles`, or
            0.015 and 0.060 s.

    Returns a :class:`DynamicSharing`. A frame is SHORT when more than 0.05 N*m are missing in a
    coordinate, because of strength or because activation cannot follow; all frames are UNSOLVED
    when the program did not converge.

    Raises BioenvError for fewer than two frames, time that does not increase, infinite bounds, or
    compliant tendons without muscles and geometry.
    """
    begin = time.perf_counter()
    _refuse(problem, muscles, tendon, geometry)
    curves = MuscleCurves(muscles) if muscles else None
    if activation_time is None:
        activation_time = curves.activation_time if curves else ACTIVATION_TIME
    if deactivation_time is None:
        deactivation_time = curves.deactivation_time if curves else DEACTIVATION_TIME
    m = len(problem.muscles)
    dynamics = ActivationDynamics.of(problem.time, m, activation_time, deactivation_time)
    found = _rigid(problem, dynamics)
    if tendon == "rigid" or muscles is None or geometry is None:
        return _sharing(problem, dynamics, found, "rigid tendons", begin)
    found, promises = _compliant(problem, dynamics, muscles, geometry, found.force)
    sharing = _sharing(problem, dynamics, found, "compliant tendons", begin)
    tendons = _tendons(problem, muscles, geometry, np.arange(m))
    force = found.force / tendons.curves.max_isometric_force
    fiber = tendons.fiber(force, tendons.rate(force))
    return replace(
        sharing,
        tendon_strain=tendons.strain(force),
        fiber_length=fiber.length / tendons.curves.optimal_fiber_length,
        fiber_velocity=fiber.velocity / tendons.curves.max_velocity,
        promises=promises,
    )


class _Found(NamedTuple):
    """activation, force (T, m) N; residual (T,); converged."""

    activation: Array
    force: Array
    residual: Array
    converged: bool


class _Group(NamedTuple):
    """Coordinates and muscles that share nothing with others, and their balances (see
    :class:`.banded.Chain`)."""

    columns: Index
    moment_arm: Array
    torque: Array
    demand: Array
    compliance: Array


def _weight(problem: SharingProblem) -> Array:
    """(T,) the cost of a frame is half of this times the squared activations: every frame counts
    by the time it stands for."""
    step = np.gradient(problem.time)
    return np.asarray(2.0 * step / step.mean())


def _groups(problem: SharingProblem, out_of_reach: Array) -> Iterator[_Group]:
    """All muscles, those that move nothing as the last group without balances.

    out_of_reach: (T, k) torque not to be asked for.
    """
    softness = np.maximum(problem.reserve, SOFT)
    # A free reserve asks nothing of the muscles.
    arms = np.where(np.isfinite(softness), problem.moment_arm, 0.0)
    linked = groups(arms.swapaxes(1, 2))
    used = np.concatenate([columns for _, columns in linked] or [np.empty(0, dtype=np.intp)])
    idle = np.setdiff1d(np.arange(len(problem.muscles)), used)
    compliance = softness**2 / _weight(problem)[:, None]
    for rows, columns in [*linked, *([(np.empty(0, dtype=np.intp), idle)] if idle.size else [])]:
        yield _Group(
            columns,
            problem.moment_arm[:, columns][:, :, rows],
            (problem.torque - out_of_reach)[:, rows],
            (problem.demand - out_of_reach)[:, rows],
            compliance[:, rows],
        )


def _rigid(problem: SharingProblem, dynamics: ActivationDynamics) -> _Found:
    """The convex program, group by group.

    What no activation reaches in a frame by itself is not asked for: the balance of the rest can
    then be tight.
    """
    activation, weight = np.empty_like(problem.active), _weight(problem)
    residual, converged = np.zeros(len(weight)), True
    for group in _groups(problem, static_optimization(problem).missing_torque):
        columns = group.columns
        gain = group.moment_arm * problem.active[:, columns, None]
        itself, zero = Stencil({0: np.ones(gain.shape[:2])}), np.zeros(gain.shape[:2])
        bounds = problem.lower[columns], problem.upper[columns]
        chain = banded.Chain(
            gain=gain.swapaxes(1, 2),
            demand=group.demand,
            compliance=group.compliance,
            effort=itself,
            offset=zero,
            curvature=np.repeat(weight[:, None], len(columns), axis=1),
            limits=dynamics.take(columns).limits(itself, zero, *bounds),
        )
        end = banded.minimize(chain, zero + np.mean(bounds, axis=0))
        activation[:, columns] = np.clip(end.x, *bounds)
        residual, converged = np.maximum(residual, end.residual), converged and end.converged
    return _Found(activation, problem.force(activation), residual, converged)


def _compliant(
    problem: SharingProblem,
    dynamics: ActivationDynamics,
    muscles: Sequence[Muscle],
    geometry: MuscleGeometry,
    start: Array,
) -> tuple[_Found, tuple[tuple[float, ...], ...]]:
    """The program with tendons, group by group, from forces `start` (T, m) N.

    Torque that those forces miss is not asked for: rigid tendons miss it too.
    """
    activation, force = np.empty_like(start), np.empty_like(start)
    residual, converged, promises = np.zeros(len(start)), True, []
    left = problem.torque - np.einsum("tmk,tm->tk", problem.moment_arm, start)
    for group in _groups(problem, np.where(problem.reserve > 0.0, 0.0, left)):
        columns = group.columns
        tendons = _tendons(problem, muscles, geometry, columns)
        strength = tendons.curves.max_isometric_force
        end = StretchedProgram(
            tendons=tendons,
            dynamics=dynamics.take(columns),
            gain=(group.moment_arm * strength[:, None]).swapaxes(1, 2),
            demand=group.torque,
            compliance=group.compliance,
            weight=_weight(problem),
            lower=problem.lower[columns],
            upper=problem.upper[columns],
        ).solve(start[:, columns] / strength)
        activation[:, columns], force[:, columns] = end.activation, end.force * strength
        residual, converged = np.maximum(residual, end.residual), converged and end.converged
        promises.append(end.promises)
    return _Found(activation, force, residual, converged), tuple(promises)


def _tendons(
    problem: SharingProblem, muscles: Sequence[Muscle], geometry: MuscleGeometry, columns: Index
) -> ElasticTendons:
    curves = MuscleCurves([muscles[i] for i in columns])
    length, velocity = geometry.length[:, columns], geometry.velocity[:, columns]
    return ElasticTendons(curves, length, velocity, problem.time)


def _sharing(
    problem: SharingProblem,
    dynamics: ActivationDynamics,
    found: _Found,
    tendon: str,
    begin: float,
) -> DynamicSharing:
    made = np.einsum("tmk,tm->tk", problem.moment_arm, found.force)
    held = problem.reserve > 0.0
    reserve = np.where(held, problem.torque - made, 0.0)
    missing = np.where(held, 0.0, problem.torque - made)
    size = np.where(held, problem.reserve, np.inf)
    short = np.abs(missing).max(axis=1, initial=0.0) > SHORT
    status = np.where(short, Status.SHORT, Status.OPTIMAL)
    return DynamicSharing(
        activation=found.activation,
        force=found.force,
        reserve_torque=reserve,
        missing_torque=missing,
        cost=(found.activation**2).sum(axis=1) + ((reserve / size) ** 2).sum(axis=1),
        status=np.where(found.converged, status, Status.UNSOLVED).astype(np.int8),
        residual=found.residual,
        seconds=time.perf_counter() - begin,
        method=f"dynamic optimization, sum of activation^2, {tendon}",
        excitation=dynamics.excitation(found.activation),
    )


def _refuse(
    problem: SharingProblem,
    muscles: Sequence[Muscle] | None,
    tendon: str,
    geometry: MuscleGeometry | None,
) -> None:
    if tendon not in ("rigid", "compliant"):
        raise unknown("tendon", tendon, ("rigid", "compliant"))
    if len(problem.time) < 2 or not (np.diff(problem.time) > 0).all():
        raise BioenvError(
            f"dynamic optimization needs two or more frames in increasing time, got "
            f"{len(problem.time)}; use static_optimization for single frames"
        )
    if not np.isfinite(problem.upper).all():
        raise BioenvError("upper bounds must be finite: no excitation is unlimited")
    if muscles is not None and tuple(one.name for one in muscles) != problem.muscles:
        raise BioenvError("muscles must be those of the problem, in its order")
    if tendon == "compliant" and (muscles is None or geometry is None):
        raise BioenvError(
            "compliant tendons need muscles and geometry: the model's muscles and "
            "anatomy.muscle_geometry(q, qd) at the problem's frames"
        )
    if geometry is not None and geometry.length.shape != problem.active.shape:
        raise BioenvError(
            f"geometry must be of the problem's frames and muscles {problem.active.shape}, got "
            f"{geometry.length.shape}"
        )
