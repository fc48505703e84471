"""What the torch model cannot express, said by name before anything is built."""

from __future__ import annotations

import mujoco
import numpy as np

from bioenv.errors import BioenvError

_TIE = int(mujoco.mjtEq.mjEQ_JOINT)
_FLAGS = {
    mujoco.mjtDisableBit.mjDSBL_GRAVITY: "gravity", mujoco.mjtDisableBit.mjDSBL_LIMIT: "limit",
    mujoco.mjtDisableBit.mjDSBL_SPRING: "spring", mujoco.mjtDisableBit.mjDSBL_DAMPER: "damper",
    mujoco.mjtDisableBit.mjDSBL_ACTUATION: "actuation",
    mujoco.mjtDisableBit.mjDSBL_EQUALITY: "equality",
}  # fmt: skip
_TENDON = ("stiffness", "damping", "frictionloss", "limited", "armature")


def check_supported(mj: mujoco.MjModel, name: str) -> None:
    """Raise BioenvError that names the first elements of the model that cannot be expressed."""
    kinds = mujoco.mjtJoint
    balls = (mj.jnt_type == kinds.mjJNT_BALL) & mj.jnt_limited.astype(bool)
    turned = np.isin(mj.jnt_type, (kinds.mjJNT_BALL, kinds.mjJNT_FREE))
    found = [f"range of ball joint {_joint(mj, j)}" for j in np.flatnonzero(balls)]
    found += [
        f"spring of joint {_joint(mj, j)}" for j in np.flatnonzero(turned & (mj.jnt_stiffness != 0))
    ]
    found += [
        f"friction loss of joint {_joint(mj, mj.dof_jntid[d])}"
        for d in np.flatnonzero(mj.dof_frictionloss)
    ]
    other = mj.eq_type != _TIE
    found += [f"equality constraint {mj.eq(int(i)).name or int(i)}" for i in np.flatnonzero(other)]
    for tendon in range(mj.ntendon):
        for what in _TENDON:
            if np.any(getattr(mj, f"tendon_{what}")[tendon]):
                found.append(f"{what} of tendon {mj.tendon(tendon).name!r}")
    if (mj.wrap_type == mujoco.mjtWrap.mjWRAP_PULLEY).any():
        found.append("tendons with pulleys")
    for i in range(mj.nu):
        if mj.actuator_trntype[i] != mujoco.mjtTrn.mjTRN_TENDON:
            found.append(f"muscle {mj.actuator(i).name!r} (not on a tendon)")
        elif mj.actuator_gear[i, 0] != 1.0 or mj.actuator_forcelimited[i]:
            found.append(f"gear or force limit of muscle {mj.actuator(i).name!r}")
    if mj.opt.density or mj.opt.viscosity:
        found.append("fluid forces")
    found += [f"disabled {word}" for bit, word in _FLAGS.items() if mj.opt.disableflags & bit]
    if found:
        raise BioenvError(
            f"model {name!r} has elements that bioenv.diff cannot express: " + "; ".join(found[:5])
        )


def _joint(mj: mujoco.MjModel, joint: np.integer) -> str:
    return repr(mj.joint(int(joint)).name or str(int(joint)))
