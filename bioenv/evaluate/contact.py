"""What the ground takes: MuJoCo's contact law at the states of a motion."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.models import Model
from bioenv.motion import Motion

Array = NDArray[np.float64]

_FIRST = int(mujoco.mjtConstraint.mjCNSTR_CONTACT_FRICTIONLESS)  # all later kinds are contacts


def contact_loss(motion: Motion, body: Model) -> Array:
    """(T,) W that contacts take from the body: minus generalized force times velocity.

    What springs take they give back, so that the mean over a stride is what damping and friction
    take. A simulated motion's force acts over the step after its sample, and what it does to the
    kinetic energy goes by the mean of the velocities before and after.
    """
    velocity = motion["qvel"]
    if motion.source("qvel") == "simulated":
        velocity = velocity.copy()
        velocity[:-1] = 0.5 * (motion["qvel"][:-1] + motion["qvel"][1:])
    return -np.einsum("tv,tv->t", contact_force(motion, body), velocity)


def contact_force(motion: Motion, body: Model) -> Array:
    """(T, nv) N or N*m, generalized force of all contacts.

    By MuJoCo's inverse dynamics: its contact law, given qpos, qvel and qacc.
    """
    data = mujoco.MjData(body.mj)
    out = np.empty(motion["qvel"].shape)
    states = zip(motion["qpos"], motion["qvel"], motion["qacc"], strict=True)
    for row, (position, velocity, acceleration) in enumerate(states):
        data.qpos[:], data.qvel[:], data.qacc[:] = position, velocity, acceleration
        mujoco.mj_inverse(body.mj, data)
        force = np.where(data.efc_type >= _FIRST, data.efc_force, 0.0)
        mujoco.mj_mulJacTVec(body.mj, data, out[row], force)
    return out
