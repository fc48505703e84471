"""How a converted model stands, and springs for the joints that no muscle moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.models.osim.convert_poses import full_qpos
from bioenv.models.osim.convert_skeleton import Follower, Leader
from bioenv.models.osim.description import Description
from bioenv.models.standing import height_that_carries_weight

Array = NDArray[np.float64]

_FLEXED = {"hip_flexion": np.radians(8.0), "knee_angle": np.radians(8.0)}
# Springs: 2.5 Hz on the joint's own inertia, damped to 0.7 of critical; at least as stiff as toes
# (Falisse et al. 2022, PLoS ONE 17:e0256311) where the floor bears on what the joint moves.
_FREQUENCY, _DAMPED, _FOOT_STIFFNESS = 2.5, 0.7, 25.0  # Hz, 1, N*m/rad


def standing_leaders(description: Description, leaders: Sequence[Leader]) -> Array:
    """(k,) qpos of the leaders: the file's defaults, hips and knees 8° flexed in upright models."""
    default = {c.name: c.default for c in description.coordinates}
    upright = any(one.root for one in leaders)
    out = np.zeros(len(leaders))
    for k, one in enumerate(leaders):
        out[k] = one.sign * default[one.coordinate]
        for prefix, flexed in _FLEXED.items():
            if upright and one.coordinate.startswith(prefix) and abs(out[k]) < flexed:
                out[k] = flexed
        if one.limited:
            out[k] = np.clip(out[k], *one.range)
    return out


def add_springs(
    spec: mujoco.MjSpec, leaders: Sequence[Leader], unmoved: Sequence[int], home: Array, feet: bool
) -> dict[str, float]:
    """Springs that hold unmoved leaders (indices) in the home pose; stiffness by joint."""
    mj = spec.compile()
    data = mujoco.MjData(mj)
    data.qpos[:] = home
    mujoco.mj_forward(mj, data)
    mass = np.zeros((mj.nv, mj.nv))
    mujoco.mj_fullM(mj, data, mass)
    stiffness = {}
    for k in unmoved:
        joint = spec.joint(leaders[k].joint)
        dof = int(mj.joint(joint.name).dofadr[0])
        inertia = mass[dof, dof]
        value = inertia * (2.0 * np.pi * _FREQUENCY) ** 2
        if feet and _bears_floor(mj, int(mj.dof_bodyid[dof])):
            value = max(value, _FOOT_STIFFNESS)
        joint.stiffness = np.array([value, 0.0, 0.0])
        joint.damping = np.array([2.0 * _DAMPED * np.sqrt(value * inertia), 0.0, 0.0])
        joint.springref = float(home[int(mj.joint(joint.name).qposadr[0])])
        stiffness[joint.name] = float(value)
    return stiffness


def _bears_floor(mj: mujoco.MjModel, body: int) -> bool:
    """Whether a foot sphere lies on a body or what hangs on it."""
    for geom in np.unique(np.concatenate([mj.pair_geom1, mj.pair_geom2])):
        at = int(mj.geom_bodyid[geom])
        while at:
            if at == body:
                return True
            at = int(mj.body_parentid[at])
    return False


def home_qpos(
    spec: mujoco.MjSpec,
    leaders: Sequence[Leader],
    followers: Sequence[Follower],
    angles: Array,
    feet: Mapping[str, Sequence[str]],
) -> Array:
    """(nq,) the home pose: followers in place, feet where the floor carries the weight."""
    mj = spec.compile()
    qpos = full_qpos(mj, leaders, followers, angles[None])[0]
    upward = [i for i in range(mj.njnt) if mj.joint(i).name == "pelvis_tz"]
    if not feet or not upward:
        return qpos
    data = mujoco.MjData(mj)
    data.qpos[:] = qpos
    mujoco.mj_kinematics(mj, data)
    spheres = [mj.geom(name).id for names in feet.values() for name in names]
    lowest = float(min(data.geom_xpos[g, 2] - mj.geom_size[g, 0] for g in spheres))
    qpos[int(mj.jnt_qposadr[upward[0]])] -= lowest
    try:
        return height_that_carries_weight(mj, qpos)
    except BioenvError:
        return qpos  # a model that floats beside its floor still loads
