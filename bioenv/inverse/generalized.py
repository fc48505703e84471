"""Inverse dynamics in the coordinates of the anatomy's file, as OpenSim's InverseDynamicsTool.

``tau = M(q) qdd + C(q, qd) + g(q) - sum J' f``: every coordinate has its own generalized force,
also one that a coupler makes follow another (OpenSim ignores constraints here too;
`anatomy.reduction` sums them). Joints have no passive torque and muscles do nothing: tau is what
they all must give together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.inverse.dynamics import Contact
from bioenv.inverse.newton import checked_state, needs
from bioenv.inverse.simbody import drifts
from bioenv.models.anatomy import Anatomy

Array = NDArray[np.float64]


def generalized_forces(
    anatomy: Anatomy,
    q: ArrayLike,
    qd: ArrayLike,
    qdd: ArrayLike,
    external: Sequence[Contact] = (),
    *,
    like_opensim: bool = True,
) -> Array:
    """Generalized force of every coordinate in every frame.

    Args:
        q, qd, qdd: (T, n) coordinates in the file's senses, m, rad and s.
        external: measured forces on bodies, world frame z up.
        like_opensim: take the acceleration of knees whose flexion turns them about several axes as
            OpenSim does (`bioenv.inverse.simbody`); False: as the motion is, which conserves energy
            and differs by up to 0.3 N*m RMS at the hip in walking.

    Returns:
        (T, n) N or N*m, positive where it drives the coordinate up. Those of `anatomy.root` are
        residuals.

    Raises BioenvError for wrong shapes, numbers that are not finite and unknown bodies.
    """
    state = checked_state(anatomy, q, qd, qdd)
    position, velocity = np.asarray(q, dtype=float), np.asarray(qd, dtype=float)
    mj = anatomy.mj
    tau = np.empty_like(state.qpos)
    extra = drifts(anatomy, position, velocity) if like_opensim else []
    for part, carried, axis, *_ in needs(mj, state, external, drifts=extra):
        tau[part] = np.einsum("tik,tik->ti", axis, carried[:, mj.dof_bodyid])
    tau += mj.dof_armature * state.qacc
    jacobian = anatomy.jacobian(position)
    return np.matmul(tau[:, None], jacobian)[:, 0]
