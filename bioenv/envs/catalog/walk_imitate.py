"""Walk like the measured mean gait: joint angles and ground reaction are rewarded."""

from __future__ import annotations

from bioenv import models
from bioenv.envs.imitation import imitation_task
from bioenv.envs.reference import measured_reference, suited_stride_time
from bioenv.lab.gait_reference import ReferenceGait

REFERENCE = "falisse2019"


def stride_time() -> float:
    """Stride time s of walker2d, whose legs are longer than the measured person's."""
    return suited_stride_time(ReferenceGait.load(REFERENCE), models.load("walker2d"))


TASK = imitation_task(
    measured_reference(REFERENCE, stride_time()),
    rewarded=("joint_angles", "speed", "vertical_grf", "effort", "metabolic_rate"),
    description="walk like a measured mean gait; success: no fall, mean speed within 15 %",
)
