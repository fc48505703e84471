"""Walk like the measured mean gait: joint angles and ground reaction are rewarded."""

from __future__ import annotations

import numpy as np

from bioenv import models
from bioenv.envs.imitation import imitation_task
from bioenv.envs.reference import measured_reference
from bioenv.lab.gait_reference import ReferenceGait, stance_speed

REFERENCE = "falisse2019"


def stride_time() -> float:
    """Stride time s at which the reference's angles carry walker2d at the reference's speed.

    The walker's legs are longer than the measured person's: at the person's cadence the same angles
    would carry it faster, and feet would slip in the reference itself.
    """
    source, mj = ReferenceGait.load(REFERENCE), models.load("walker2d").mj
    thigh, shank = (float(np.hypot(*mj.body(b).pos[[0, 2]])) for b in ("tibia_r", "calcn_r"))
    return source.cycle_s * stance_speed(source, thigh, shank)[0] / source.speed


TASK = imitation_task(
    measured_reference(REFERENCE, stride_time()),
    rewarded=("joint_angles", "speed", "vertical_grf", "effort", "metabolic_rate"),
    description="walk like a measured mean gait; success: no fall, mean speed within 15 %",
)
