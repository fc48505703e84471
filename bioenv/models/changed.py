"""Changed bodies: heavier, weaker, on another planet.

Copies of a Model: what was found for a changed body can be judged with MuJoCo on that body.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.models.model import Model, from_mujoco


def with_mass(model: Model, added: Mapping[str, float]) -> Model:
    """The model with kg added to bodies, by name, at their centers of mass.

    A name without side ("femur") adds to both. Inertias about the centers of mass stay, as for a
    point mass there. Negative values take mass away.

    Raises BioenvError for an unknown body and for a body that would have no mass left.
    """
    if not added:
        return model
    mj = copy.copy(model.mj)
    names = [mj.body(i).name for i in range(1, mj.nbody)]
    for name, kg in added.items():
        found = [n for n in names if n == name or n in (f"{name}_r", f"{name}_l")]
        if not found:
            raise unknown("body", name, names)
        for one in found:
            mass = float(mj.body(one).mass[0]) + kg
            if not (np.isfinite(kg) and mass > 0.0):
                raise BioenvError(f"mass.{name}={kg:g} leaves {one} with {mass:g} kg")
            mj.body(one).mass[0] = mass
    # Inverse weights, by which MuJoCo scales contacts and ends of range, follow the masses.
    mujoco.mj_setConst(mj, mujoco.MjData(mj))
    return from_mujoco(mj, model.name, model.subject)


def with_parameters(model: Model, strength: ArrayLike, gravity: ArrayLike) -> Model:
    """The model with the muscles' forces times `strength` (nm,), in `gravity` (3,) m/s^2."""
    factor: NDArray[np.float64] = np.broadcast_to(strength, (model.mj.nu,))
    if (factor == 1.0).all() and np.array_equal(gravity, model.mj.opt.gravity):
        return model
    mj = copy.copy(model.mj)
    mj.opt.gravity[:] = gravity
    for table in (mj.actuator_gainprm, mj.actuator_biasprm):
        table[:, 2] *= factor
    return from_mujoco(mj, model.name, model.subject)
