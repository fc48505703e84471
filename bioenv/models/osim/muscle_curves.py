"""Hill muscles of an OpenSim file: curves by kind, and the forces of rigid-tendon muscles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.models.anatomy import MuscleCapacity, MuscleGeometry
from bioenv.models.osim import degroote, millard, thelen
from bioenv.models.osim.curve_set import Curve, CurveSet, column
from bioenv.models.osim.description import Muscle

Array = NDArray[np.float64]

KINDS: dict[str, Callable[[Sequence[Muscle]], CurveSet]] = {
    "Thelen2003Muscle": thelen.curves,
    "Millard2012EquilibriumMuscle": millard.curves,
    "DeGrooteFregly2016Muscle": degroote.curves,
}

_CURVES = (
    "active_force_length",
    "passive_force_length",
    "force_velocity",
    "inverse_force_velocity",
    "tendon_force_length",
)


class Fiber(NamedTuple):
    """Fibers at T frames, (T, m) each: length m, velocity m/s (+ lengthening), cosine of the
    pennation angle, and whether the fiber is longer than its minimum."""

    length: Array
    velocity: Array
    cosine: Array
    able: NDArray[np.bool_]


class MuscleCurves:
    """Curves and constants of m muscles of any mixture of kinds; arrays are (m,).

    Curves, each with ``value(x)`` and ``slope(x)`` of x (..., m), dimensionless:
        active_force_length, passive_force_length of fiber length / optimal fiber length;
        force_velocity of fiber velocity / maximum velocity, + lengthening; inverse_force_velocity
        of the force back to the velocity, within 0.03 for damped Millard fibers (whose flat ends
        have no inverse, so OpenSim's is steeper) and exact for all others; tendon_force_length of
        tendon length / slack length.

    Constants: max_isometric_force N; optimal_fiber_length, tendon_slack_length, width (of the
    pennate sheet), minimum_fiber_length m; pennation, maximum_pennation rad; max_velocity m/s;
    damping (force per velocity, both normalized); activation_time, deactivation_time s;
    minimum_activation; kinds, OpenSim's class names.

    Raises BioenvError for a kind without curves or constants that are not positive.
    """

    active_force_length: Curve
    passive_force_length: Curve
    force_velocity: Curve
    inverse_force_velocity: Curve
    tendon_force_length: Curve

    def __init__(self, muscles: Sequence[Muscle]) -> None:
        _refuse_nonsense(muscles)
        self.kinds = tuple(muscle.kind for muscle in muscles)
        self._groups = [
            (np.flatnonzero([one == kind for one in self.kinds]), kind)
            for kind in dict.fromkeys(self.kinds)
        ]
        self._sets = [KINDS[kind]([muscles[int(i)] for i in ids]) for ids, kind in self._groups]
        for name in _CURVES:
            setattr(self, name, self._joined(name))
        self.max_isometric_force = column(muscles, "max_isometric_force")
        self.optimal_fiber_length = column(muscles, "optimal_fiber_length")
        self.tendon_slack_length = column(muscles, "tendon_slack_length")
        self.pennation = column(muscles, "pennation")
        self.max_velocity = column(muscles, "max_velocity") * self.optimal_fiber_length
        self.width = self.optimal_fiber_length * np.sin(self.pennation)
        self.damping = self._gathered("damping")
        self.minimum_fiber_length = self._gathered("minimum_fiber_length")
        self.maximum_pennation = self._gathered("maximum_pennation")
        self.activation_time = self._gathered("activation_time")
        self.deactivation_time = self._gathered("deactivation_time")
        self.minimum_activation = self._gathered("minimum_activation")

    def fiber(self, length: Array, velocity: Array, tendon_length: Array | None = None) -> Fiber:
        """Fibers of a path (T, m) m moving at (T, m) m/s behind a tendon of constant length,
        the slack length when None (MuscleFixedWidthPennationModel)."""
        tendon = self.tendon_slack_length if tendon_length is None else tendon_length
        along = length - tendon
        # Shorter than at the largest pennation angle there is no triangle to solve.
        limit = self.width / np.tan(self.maximum_pennation)
        reached = along >= limit
        along = np.maximum(along, limit)
        fiber = np.hypot(along, self.width)
        shortest = self.optimal_fiber_length * 1e-9
        cosine = np.where(self.width > 0.0, along / np.maximum(fiber, shortest), 1.0)
        able = reached & (fiber > self.minimum_fiber_length)
        return Fiber(fiber, velocity * cosine, cosine, able)

    def static_cosine(self, fiber: Fiber) -> Array:
        """(T, m) the factor OpenSim 4.6's static optimization has in place of the cosine."""
        out = fiber.cosine.copy()
        for (ids, _), group in zip(self._groups, self._sets, strict=True):
            if group.static_cosine == "none":
                out[:, ids] = 1.0
            elif group.static_cosine == "normalized":
                norm = fiber.length[:, ids] / self.optimal_fiber_length[ids]
                sine = self.width[ids] / np.maximum(norm, 1e-9)
                sine = np.minimum(sine, np.sin(self.maximum_pennation[ids]))
                out[:, ids] = np.sqrt(1.0 - sine**2)
        return out

    def _joined(self, name: str) -> Curve:
        parts = [getattr(group, name) for group in self._sets]
        return parts[0] if len(parts) == 1 else _Mixture([ids for ids, _ in self._groups], parts)

    def _gathered(self, name: str) -> Array:
        out = np.empty(len(self.kinds))
        for (ids, _), group in zip(self._groups, self._sets, strict=True):
            out[ids] = getattr(group, name)
        return out


@lru_cache(maxsize=8)
def curves_of(muscles: tuple[Muscle, ...]) -> MuscleCurves:
    """The curves of a set of muscles, made once per set."""
    return MuscleCurves(muscles)


def capacity(
    muscles: tuple[Muscle, ...], geometry: MuscleGeometry, *, exact_pennation: bool = False
) -> MuscleCapacity:
    """Forces of the muscles behind rigid tendons at their slack length.

    Args:
        muscles: m muscles in the order of `geometry`'s columns.
        geometry: lengths and speeds (T, m).
        exact_pennation: project the fiber's active force on the tendon by the cosine of the
            pennation angle for every kind. When False, `active` equals what OpenSim 4.6's static
            optimization uses (Muscle::calcInextensibleTendonActiveFiberForce at activation one):
            Thelen2003Muscle has that cosine, but Millard2012EquilibriumMuscle computes the angle
            from the normalized fiber length, which makes its cosine nearly one, and
            DeGrooteFregly2016Muscle leaves it out. A soleus at 25° is 10 % stronger that way.

    Returns:
        (T, m) each: active N; passive N, the elastic part only; fiber_length in optimal fiber
        lengths; fiber_velocity in maximum velocities; cos_pennation, always the exact cosine.
        Fibers at or below their minimum length pull with no active force, nor does a muscle
        shorter than its tendon (OpenSim folds De Groote's fibers backward there).
    """
    hill = curves_of(muscles)
    fiber = hill.fiber(geometry.length, geometry.velocity)
    length = fiber.length / hill.optimal_fiber_length
    velocity = fiber.velocity / hill.max_velocity
    projection = fiber.cosine if exact_pennation else hill.static_cosine(fiber)
    pull = hill.active_force_length.value(length) * hill.force_velocity.value(velocity)
    active = hill.max_isometric_force * np.maximum(pull, 0.0) * projection * fiber.able
    elastic = np.maximum(hill.passive_force_length.value(length), 0.0)
    passive = hill.max_isometric_force * elastic * fiber.cosine
    return MuscleCapacity(active, passive, length, velocity, fiber.cosine)


class _Mixture:
    """Curves of different kinds side by side."""

    def __init__(self, columns: list[NDArray[np.intp]], parts: list[Curve]) -> None:
        self._parts = list(zip(columns, parts, strict=True))

    def value(self, x: Array) -> Array:
        out = np.empty_like(x)
        for ids, part in self._parts:
            out[..., ids] = part.value(x[..., ids])
        return out

    def slope(self, x: Array) -> Array:
        out = np.empty_like(x)
        for ids, part in self._parts:
            out[..., ids] = part.slope(x[..., ids])
        return out


def _refuse_nonsense(muscles: Sequence[Muscle]) -> None:
    if not muscles:
        raise BioenvError("no muscles: the model has none, so there are no forces to share")
    for muscle in muscles:
        if muscle.kind not in KINDS:
            raise unknown(f"kind of muscle '{muscle.name}':", muscle.kind, KINDS)
        for name in ("max_isometric_force", "optimal_fiber_length", "max_velocity"):
            if not getattr(muscle, name) > 0.0:
                raise BioenvError(
                    f"muscle '{muscle.name}': {name} must be positive, "
                    f"got {getattr(muscle, name):g}; correct the model file"
                )
