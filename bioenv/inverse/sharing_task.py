"""Which torques the muscles must share: from inverse dynamics to a SharingProblem."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.inverse.analysis import MUSCLE_ARM, Settings
from bioenv.inverse.muscles.problem import SharingProblem
from bioenv.models.anatomy import Anatomy, MuscleCapacity, MuscleGeometry

Array = NDArray[np.float64]


def sharing_problem(
    anatomy: Anatomy,
    time: Array,
    q: Array,
    torque: Array,
    geometry: MuscleGeometry,
    capacity: MuscleCapacity,
    settings: Settings | None = None,
) -> SharingProblem:
    """The torques that muscles must produce: of independent, unlocked coordinates they turn.

    Args:
        time: (T,) s; q: (T, n); torque: (T, n) of all coordinates, from inverse dynamics.
        geometry, capacity: of the muscles at these frames.
        settings: reserve and whether passive forces count.

    A coupled coordinate's torque and moment arms are carried over to the one it follows. A
    coordinate no muscle turns by more than 1 mm of moment arm (arms, toes of some models) has a
    motor of its own, and the root is carried by nobody.

    Raises BioenvError when no muscle turns anything.
    """
    settings = settings or Settings()
    reduction = anatomy.reduction(q)
    arm = np.matmul(geometry.moment_arm, reduction)
    needed = np.matmul(torque[:, None], reduction)[:, 0]
    free = np.flatnonzero(anatomy.independent)
    turned = np.maximum(arm.max(axis=(0, 1)), -arm.min(axis=(0, 1))) > MUSCLE_ARM
    chosen = np.flatnonzero(turned & ~anatomy.root[free] & ~anatomy.locked[free])
    if not chosen.size:
        raise BioenvError(f"no muscle of {anatomy.name} turns a coordinate: nothing to share")
    return SharingProblem(
        time=time,
        torque=needed[:, chosen],
        moment_arm=arm[:, :, chosen],
        active=np.maximum(capacity.active, 0.0),
        passive=np.maximum(capacity.passive, 0.0),
        max_isometric_force=anatomy.max_isometric_force,
        lower=anatomy.activation_range[:, 0],
        upper=anatomy.activation_range[:, 1],
        muscles=anatomy.muscles,
        coordinates=tuple(anatomy.coordinates[free[i]] for i in chosen),
        reserve=np.full(chosen.size, settings.reserve),
        use_passive=settings.passive,
    )
