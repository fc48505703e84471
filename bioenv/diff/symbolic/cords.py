"""Springs along fixed tendons, in CasADi SX: a cord over joints, slack until it is stretched.

MuJoCo's law of a tendon's spring with a dead band: ``force = k (upper - L)`` of a length L above
the band, ``k (lower - L)`` below it and none within. The length of a fixed tendon is a weighted sum
of coordinates, so that its force is a torque with the same weights.
"""

from __future__ import annotations

import casadi as ca
import mujoco
import numpy as np

from bioenv.diff.symbolic import smooth

ONSET = 1e-3
"""rad or m over which the start of the stretch is rounded, per unit of smoothing."""
_JOINT = int(mujoco.mjtWrap.mjWRAP_JOINT)


def fixed(mj: mujoco.MjModel, tendon: int) -> bool:
    """Whether a tendon's length is a weighted sum of coordinates."""
    start, count = int(mj.tendon_adr[tendon]), int(mj.tendon_num[tendon])
    return bool((mj.wrap_type[start : start + count] == _JOINT).all())


def cord_torque(mj: mujoco.MjModel, q: ca.SX, smoothing: ca.SX) -> ca.SX:
    """(nv,) N or N*m of the springs along fixed tendons."""
    tau = ca.SX(mj.nv, 1)
    for tendon in np.flatnonzero(mj.tendon_stiffness):
        start, count = int(mj.tendon_adr[tendon]), int(mj.tendon_num[tendon])
        joints = mj.wrap_objid[start : start + count].tolist()
        weights = mj.wrap_prm[start : start + count].tolist()
        length = ca.SX(0.0)
        for joint, weight in zip(joints, weights, strict=True):
            length += weight * q[int(mj.jnt_qposadr[joint])]
        lower, upper = mj.tendon_lengthspring[tendon].tolist()
        width = ONSET * smoothing
        force = smooth.relu(lower - length, width) - smooth.relu(length - upper, width)
        for joint, weight in zip(joints, weights, strict=True):
            stiffness = float(mj.tendon_stiffness[tendon])
            tau[int(mj.jnt_dofadr[joint])] += stiffness * weight * force
    return tau
