"""What the symbolic model cannot express, said by name before anything is built."""

from __future__ import annotations

import mujoco
import numpy as np

from bioenv.diff.symbolic import cords, couplers
from bioenv.errors import BioenvError
from bioenv.models.model import Model

_FLAGS = {
    mujoco.mjtDisableBit.mjDSBL_GRAVITY: "gravity", mujoco.mjtDisableBit.mjDSBL_LIMIT: "limit",
    mujoco.mjtDisableBit.mjDSBL_SPRING: "spring", mujoco.mjtDisableBit.mjDSBL_DAMPER: "damper",
    mujoco.mjtDisableBit.mjDSBL_CONSTRAINT: "constraint",
    mujoco.mjtDisableBit.mjDSBL_ACTUATION: "actuation",
    mujoco.mjtDisableBit.mjDSBL_EQUALITY: "equality",
}  # fmt: skip


def check_supported(model: Model) -> None:
    """Raise BioenvError that names the first elements of the model that cannot be expressed."""
    mj = model.mj
    found: list[str] = []
    joint = mujoco.mjtJoint
    other = ~np.isin(mj.jnt_type, (joint.mjJNT_HINGE, joint.mjJNT_SLIDE))
    found += [f"joint {mj.joint(int(j)).name!r} (no hinge or slide)" for j in np.flatnonzero(other)]
    found += [f"friction loss of joint {mj.joint(int(mj.dof_jntid[d])).name!r}"
              for d in np.flatnonzero(mj.dof_frictionloss)]  # fmt: skip
    tied = mj.eq_type != couplers.JOINT
    found += [f"equality constraint {mj.eq(int(i)).name or int(i)}" for i in np.flatnonzero(tied)]
    for tendon in range(mj.ntendon):
        told = () if cords.fixed(mj, tendon) else ("stiffness",)
        for what in (*told, "stiffnesspoly", "damping", "frictionloss", "limited", "armature"):
            if np.any(getattr(mj, f"tendon_{what}")[tendon]):
                found.append(f"{what} of tendon {mj.tendon(tendon).name!r}")
    for muscle, name in enumerate(model.muscles):
        if mj.actuator_trntype[muscle] != mujoco.mjtTrn.mjTRN_TENDON:
            found.append(f"muscle {name!r} (not on a tendon)")
        elif mj.actuator_gear[muscle, 0] != 1.0 or mj.actuator_forcelimited[muscle]:
            found.append(f"gear or force limit of muscle {name!r}")
        elif model.muscle.tausmooth[muscle] > 0.0:
            found.append(f"tausmooth of muscle {name!r}")
    if mj.opt.density or mj.opt.viscosity:
        found.append("fluid forces")
    found += [f"disabled {name}" for bit, name in _FLAGS.items() if mj.opt.disableflags & bit]
    if found:
        raise BioenvError(
            f"model {model.name!r} has elements that its symbolic model cannot express: "
            + "; ".join(found[:5])
        )
