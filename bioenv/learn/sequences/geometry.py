"""Lengths and moment arms of the muscles around knee and ankle, as polynomials of three angles.

A body's muscle paths are solved once, over many postures; the polynomials that pass through their
lengths give moment arms and velocities as derivatives, so that the three belong to each other.
(Menegaldo LL, de Toledo Fleury A, Weber HI 2004, J Biomech 37:1447 fit them alike.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError
from bioenv.models.osim.anatomy import OsimAnatomy

Array = NDArray[np.float64]

ANGLES = ("hip_flexion", "knee_angle", "ankle_angle")
LOWEST, HIGHEST = np.deg2rad([-35.0, -5.0, -40.0]), np.deg2rad([70.0, 110.0, 35.0])
"""Range of the angles that the polynomials are fitted in, rad: wider than walking and running."""
MUSCLES = (
    "soleus", "gasmed", "gaslat", "tibant", "vasmed", "vaslat", "vasint", "recfem",
    "bflh", "bfsh", "semimem",
)  # fmt: skip
DEGREE = 4


@dataclass(frozen=True, eq=False)
class LegGeometry:
    """Polynomials of one leg's m muscles in hip, knee and ankle angle (rad, flexion positive).

    Attributes:
        muscles: (m,) names. exponents: (p, 3). coefficients: (p, m) m.
        max_isometric_force N, optimal_fiber_length m, tendon_slack_length m, pennation rad,
        max_velocity optimal lengths per s: (m,). error: (m,) m, rms of the lengths.
    """

    muscles: tuple[str, ...]
    exponents: NDArray[np.int64]
    coefficients: Array
    max_isometric_force: Array
    optimal_fiber_length: Array
    tendon_slack_length: Array
    pennation: Array
    max_velocity: Array
    error: Array

    @staticmethod
    def of(anatomy: OsimAnatomy, side: str, postures: int = 1500, seed: int = 0) -> LegGeometry:
        """From an anatomy with the muscles and angles of Rajagopal's model.

        Raises BioenvError naming what the anatomy lacks.
        """
        wanted = [f"{name}_{side}" for name in MUSCLES]
        angles = [f"{name}_{side}" for name in ANGLES]
        lacking = {*wanted, *angles} - {*anatomy.muscles, *anatomy.coordinates}
        if lacking:
            raise BioenvError(
                f"the model lacks {', '.join(sorted(lacking))}; EMG estimators need the muscles "
                "and angles of Rajagopal's full-body model"
            )
        columns = [anatomy.coordinates.index(name) for name in angles]
        rows = [anatomy.muscles.index(name) for name in wanted]
        angle = np.random.default_rng(seed).uniform(LOWEST, HIGHEST, (postures, 3))
        q = np.tile(anatomy.default, (postures, 1))
        q[:, columns] = angle
        length = anatomy.muscle_geometry(anatomy.couple(q)).length[:, rows]
        exponents = _exponents()
        basis = _powers(angle, exponents)
        found, *_ = np.linalg.lstsq(basis, length, rcond=None)
        error = np.sqrt(((basis @ found - length) ** 2).mean(axis=0))
        listed = {one.name: one for one in anatomy.description.muscles}
        own = [listed[name] for name in wanted]
        return LegGeometry(
            MUSCLES, exponents, np.asarray(found, dtype=np.float64),
            anatomy.max_isometric_force[rows],
            np.array([one.optimal_fiber_length for one in own]),
            np.array([one.tendon_slack_length for one in own]),
            np.array([one.pennation for one in own]),
            np.array([one.max_velocity for one in own]), error,
        )  # fmt: skip

    def length(self, angle: ArrayLike) -> Array:
        """(..., m) m, muscle-tendon lengths at angles (..., 3) rad."""
        return _powers(np.asarray(angle, dtype=np.float64), self.exponents) @ self.coefficients

    def moment_arm(self, angle: ArrayLike) -> Array:
        """(..., m, 3) m, -d length / d angle: positive when the pull flexes."""
        at = np.asarray(angle, dtype=np.float64)
        parts = []
        for axis in range(3):
            lower = self.exponents.copy()
            lower[:, axis] = np.maximum(lower[:, axis] - 1, 0)
            slope = self.exponents[:, axis, None] * self.coefficients
            parts.append(-_powers(at, lower) @ slope)
        return np.stack(parts, axis=-1)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {name: np.asarray(getattr(self, name)).tolist() for name in _FIELDS}

    @staticmethod
    def from_dict(record: Mapping[str, Any]) -> LegGeometry:
        """Back from `as_dict`. Raises BioenvError where something is missing."""
        lacking = [name for name in _FIELDS if name not in record]
        if lacking:
            raise BioenvError(f"a leg's geometry lacks {', '.join(lacking)}")
        numbers = {name: np.asarray(record[name], dtype=np.float64) for name in _FIELDS[2:]}
        exponents = np.asarray(record["exponents"], dtype=np.int64)
        return LegGeometry(tuple(record["muscles"]), exponents, **numbers)


_FIELDS = (
    "muscles", "exponents", "coefficients", "max_isometric_force", "optimal_fiber_length",
    "tendon_slack_length", "pennation", "max_velocity", "error",
)  # fmt: skip


def _exponents() -> NDArray[np.int64]:
    """(p, 3) exponents of all monomials of three variables up to `DEGREE`."""
    grid = np.stack(np.meshgrid(*[np.arange(DEGREE + 1)] * 3, indexing="ij"), axis=-1)
    every = grid.reshape(-1, 3)
    return np.asarray(every[every.sum(axis=1) <= DEGREE], dtype=np.int64)


def _powers(angle: Array, exponents: NDArray[np.int64]) -> Array:
    """(..., p) monomials of angles (..., 3)."""
    return np.asarray(np.prod(angle[..., None, :] ** exponents, axis=-1), dtype=np.float64)
