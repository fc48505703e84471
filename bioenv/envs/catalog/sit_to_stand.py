"""Sit to stand: rise from a seat and keep standing."""

from __future__ import annotations

from functools import lru_cache

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv import models
from bioenv.envs import gait, terms
from bioenv.envs.catalog import stand
from bioenv.envs.random import Draws
from bioenv.envs.state import State
from bioenv.envs.task import Task
from bioenv.models import Model, Subject

_SEATED = {
    "hip_flexion_r": 80, "hip_flexion_l": 80, "knee_angle_r": 95, "knee_angle_l": 95,
    "ankle_angle_r": 15, "ankle_angle_l": 15, "pelvis_tilt": 0,
}  # fmt: skip
_SOFT = {"solref": [0.02, 1.0], "solimp": [0.05, 0.9, 0.015, 0.5, 2.0]}


def _add_seat(spec: mujoco.MjSpec) -> None:
    """A seat, and under the pelvis (ischial tuberosities) the sphere that rests on it."""
    spec.worldbody.add_geom(
        name="seat", type=mujoco.mjtGeom.mjGEOM_BOX, size=[0.2, 0.25, 0.02], pos=[0.0, 0.0, 0.45],
        contype=2, conaffinity=0, friction=[0.8, 0.005, 0.0001], rgba=[0.5, 0.36, 0.25, 1], **_SOFT,
    )  # fmt: skip
    spec.body("pelvis").add_geom(
        name="buttocks", type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.06, 0, 0],
        pos=[-0.09, 0.0, -0.08], contype=0, conaffinity=2, density=0, group=3,
        friction=[0.8, 0.005, 0.0001], **_SOFT,
    )  # fmt: skip


@lru_cache(maxsize=64)
def _seated_pose(model: Model) -> NDArray[np.float64]:
    """(nq,) sitting with the feet flat on the floor."""
    return gait.on_the_ground(model, gait.pose(model, _SEATED)[None])[0]


def model_with_seat(subject: Subject | None = None) -> Model:
    """walker2d and a seat under its pelvis, high enough that the feet stand flat."""
    model = models.load("walker2d", subject, edit=_add_seat)
    data = mujoco.MjData(model.mj)
    data.qpos[:] = _seated_pose(model)
    mujoco.mj_kinematics(model.mj, data)
    buttocks, seat = data.geom("buttocks"), model.mj.geom("seat")
    bottom = buttocks.xpos[2] - model.mj.geom("buttocks").size[0]
    seat.pos[:] = [buttocks.xpos[0] - 0.05, 0.0, bottom - seat.size[2] + 0.005]
    return model


def risen(s: State) -> NDArray[np.float64]:
    """(B,) 0 on the seat, 1 at standing height: share of the way the pelvis has risen.

    Posture and calm count only in this share, or sitting still would be the best one can do.
    """
    i = s.model.coordinate_index("pelvis_tz")
    seated = s.start_qpos[:, i]
    return np.clip((s.qpos[:, i] - seated) / (s.home[:, i] - seated), 0.0, 1.0)


def _start(rng: Draws, model: Model, goal: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    qpos = _seated_pose(model) + rng.normal(np.zeros(model.mj.nq), 0.02) * gait.joints_only(model)
    return {"qpos": qpos, "activation": np.full((len(rng), len(model.muscles)), 0.02)}


TASK = Task(
    model=model_with_seat,
    observe=stand.TASK.observe,
    rewards={
        "rise": (1.0, risen),
        "height": (1.0, stand.height),
        "upright": (0.5, lambda s: risen(s) * terms.tolerance(terms.trunk_tilt(s), 0.3)),
        "still": (0.5, lambda s: risen(s) * terms.still(1.0)(s)),
        "calm": (0.0, lambda s: risen(s) * stand.calm(s)),
        "effort": (-0.3, terms.effort),
        "limit": (-0.01, terms.limit_torque),
        "smoothness": (-0.1, terms.smoothness),
    },
    reset=_start,
    terminate=terms.fallen(height=0.4, tilt=1.3),
    control_dt=0.02,
    episode_s=5.0,
    success=stand.standing,
    success_hold_s=1.5,
    rewarded=("posture", "effort"),
    description="rise from a seat and stand; success: upright and calm for the last 1.5 s",
)
