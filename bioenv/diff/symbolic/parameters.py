"""The parameter vector of a symbolic model: what may change without building it anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.models.model import Model

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Parameters:
    """Layout of the parameter vector p: names, where each lies, and its default."""

    slices: Mapping[str, slice]
    default: Array

    def pack(self, **values: ArrayLike) -> Array:
        """p (np,) from defaults and ``values`` by name; a scalar fills an array.

        Raises BioenvError for an unknown name or a wrong size.
        """
        p = self.default.copy()
        for name, value in values.items():
            where = self._where(name)
            array = np.asarray(value, dtype=float)
            if array.shape not in ((), (1,), (where.stop - where.start,)):
                raise BioenvError(
                    f"parameter {name} must have {where.stop - where.start} values, "
                    f"got shape {array.shape}"
                )
            p[where] = array
        return p

    def unpack(self, p: ArrayLike) -> dict[str, Array]:
        """Values by name of a vector (np,): of parameters, or of a derivative by them."""
        array = np.asarray(p, dtype=float)
        if array.shape != self.default.shape:
            raise BioenvError(f"p must have shape {self.default.shape}, got {array.shape}")
        return {name: array[where].copy() for name, where in self.slices.items()}

    def _where(self, name: str) -> slice:
        if name not in self.slices:
            raise unknown("parameter", name, self.slices)
        return self.slices[name]


def layout(
    model: Model, n_contact: int, smoothing: float, softness: float, free: Sequence[str] = ()
) -> Parameters:
    """The parameters every model has, and the ``free`` ones after them.

    Raises BioenvError for an unknown name in ``free``.
    """
    mj, muscle = model.mj, model.muscle
    defaults: dict[str, Array] = {
        "smoothing": np.array([smoothing]),
        "softness": np.array([softness]),
        "strength": np.ones(mj.nu),
        "gravity": np.array(mj.opt.gravity),
    }
    more: dict[str, Array] = {
        "mass": mj.body_mass,
        "damping": mj.dof_damping,
        "stiffness": mj.jnt_stiffness,
        "optimal_fiber_length": muscle.optimal_fiber_length,
        "tendon_slack_length": muscle.tendon_slack_length,
        "friction": np.ones(n_contact),
    }
    for name in free:
        if name not in more:
            raise unknown("free parameter", name, more)
        defaults[name] = np.array(more[name], dtype=float)
    slices, start = {}, 0
    for name, value in defaults.items():
        slices[name] = slice(start, start + len(value))
        start += len(value)
    return Parameters(slices, np.concatenate(list(defaults.values())))
