"""Walk like the measured mean gait: joint angles and ground reaction are rewarded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bioenv import models
from bioenv.envs import gait, terms
from bioenv.envs.random import Draws
from bioenv.envs.state import State
from bioenv.envs.task import Task
from bioenv.lab.gait_reference import ReferenceGait, stance_speed
from bioenv.models import Model

REFERENCE = "falisse2019"
_GAIT = ReferenceGait.load(REFERENCE)


def stride_time() -> float:
    """Stride time s at which the reference's angles carry walker2d at the reference's speed.

    The walker's legs are longer than the measured person's: at the person's cadence the same angles
    would carry it faster, and feet would slip in the reference itself.
    """
    mj = models.load("walker2d").mj
    thigh, shank = (float(np.hypot(*mj.body(b).pos[[0, 2]])) for b in ("tibia_r", "calcn_r"))
    return _GAIT.cycle_s * stance_speed(_GAIT, thigh, shank)[0] / _GAIT.speed


_ANGLES = {
    f"{joint}_{side}": weight
    for side in "rl"
    for joint, weight in (("hip_flexion", 1.0), ("knee_angle", 1.0), ("ankle_angle", 1.0))
}

_FALLEN = terms.fallen()
_CYCLE_S = stride_time()


def reference_pose(s: State) -> NDArray[np.float64]:
    """(B, nq) the reference at the clock's phase."""
    return gait.reference_motion(s.model, REFERENCE, _CYCLE_S).qpos.at(s.phase)


def lost(s: State) -> NDArray[np.bool_]:
    """Fallen, or 25 degrees off the reference on average: nothing is left to imitate."""
    index = [s.model.coordinate_index(name) for name in _ANGLES]
    miss = (s.qpos - reference_pose(s))[:, index]
    return _FALLEN(s) | (np.mean(np.square(miss), axis=1) > np.deg2rad(25.0) ** 2)


def vertical_force(s: State) -> NDArray[np.float64]:
    """Score of both feet's vertical force following the reference (body weights)."""
    load = s.ground_reaction_force[..., 2] / s.body_weight[:, None]
    wanted = gait.reference_motion(s.model, REFERENCE, _CYCLE_S).vertical_force.at(s.phase)
    return terms.tolerance(np.abs(load - wanted).mean(axis=1), 0.25)


def _start(rng: Draws, model: Model, goal: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    phase = rng.uniform(0.0, 1.0)
    motion = gait.reference_motion(model, REFERENCE, _CYCLE_S)
    return {
        "qpos": motion.qpos.at(phase),
        "qvel": motion.qvel.at(phase),
        "activation": np.full((len(rng), len(model.muscles)), 0.1),
        "phase": phase,
    }


TASK = Task(
    model="walker2d",
    observe=gait.observe,
    rewards={
        "alive": (0.2, lambda s: np.ones(len(s.time))),
        "angles": (1.0, terms.imitation(reference_pose, _ANGLES, margin=0.3)),
        "angles_fine": (0.0, terms.imitation(reference_pose, _ANGLES, margin=0.1)),
        "speed": (0.5, terms.speed(margin=0.25)),
        "upright": (0.2, lambda s: terms.tolerance(s.coordinate("pelvis_tilt"), 0.25)),
        "vertical_force": (0.3, vertical_force),
        "effort": (-0.3, terms.effort),
        "metabolic": (0.0, terms.metabolic),
        "impact": (-0.3, terms.ground_impact(1.2)),
        "limit": (-0.01, terms.limit_torque),
        "smoothness": (-0.1, terms.smoothness),
    },
    goal=lambda rng: np.full((len(rng), 1), _GAIT.speed),
    cycle_s=_CYCLE_S,
    reset=_start,
    terminate=lost,
    control_dt=0.02,
    episode_s=10.0,
    success=terms.mean_speed_within(0.15),
    rewarded=("joint_angles", "speed", "vertical_grf", "effort", "metabolic_rate"),
    description="walk like a measured mean gait; success: no fall, mean speed within 15 %",
)
