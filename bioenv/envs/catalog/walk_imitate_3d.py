"""Walk like the measured mean gait, in three dimensions."""

from __future__ import annotations

from bioenv import models
from bioenv.envs import terms
from bioenv.envs.imitation import JOINTS, imitation_task, pose_of
from bioenv.envs.reference import measured_reference, suited_stride_time
from bioenv.lab.gait_reference import ReferenceGait

REFERENCE, MODEL = "falisse2019", "legs3d"
# Sagittal angles carry the gait; the others differ more between people.
COLUMNS = {
    **dict.fromkeys(JOINTS, 1.0),
    **{f"{name}_{side}": 0.5 for name in ("hip_adduction", "hip_rotation") for side in "rl"},
    **dict.fromkeys(("subtalar_angle_r", "subtalar_angle_l"), 0.2),
    **dict.fromkeys(("pelvis_tilt", "pelvis_list"), 0.5),
    **dict.fromkeys(("lumbar_extension", "lumbar_bending", "lumbar_rotation"), 0.3),
}


def stride_time() -> float:
    """Stride time s of legs3d at the measured person's speed."""
    return suited_stride_time(ReferenceGait.load(REFERENCE), models.load(MODEL))


_FOLLOWED = measured_reference(REFERENCE, stride_time())
TASK = imitation_task(
    _FOLLOWED,
    model=MODEL,
    rewards={
        "angles": (1.0, terms.imitation(pose_of(_FOLLOWED), COLUMNS, margin=0.3)),
        "angles_fine": (0.0, terms.imitation(pose_of(_FOLLOWED), COLUMNS, margin=0.1)),
        "way": (0.3, terms.on_the_way(margin=0.3)),
    },
    rewarded=("joint_angles", "speed", "vertical_grf", "effort", "metabolic_rate"),
    description="walk like a measured mean gait in 3-D; success: no fall, mean speed within 15 %",
)
