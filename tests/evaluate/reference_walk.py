"""The reference's mean gait as a Motion of the walker."""

from __future__ import annotations

import numpy as np

from bioenv import models
from bioenv.lab import reference
from bioenv.lab.gait_reference import ReferenceGait
from bioenv.motion import Motion


def walking_motion(seconds: float = 6.0, speed: float = 1.3, noise: float = 0.0) -> Motion:
    """The reference's mean gait played on the walker: every channel, but no dynamics."""
    gait, source = ReferenceGait.load("falisse2019"), reference.load("falisse2019")
    model = models.load("walker2d")
    time = np.arange(0.0, seconds, 0.005)
    phase = time / gait.cycle_s + 0.02
    rng = np.random.default_rng(0)
    qpos = np.zeros((time.size, len(model.coordinates)))
    for column, name in enumerate(gait.coordinates):
        if name in model.coordinates:
            qpos[:, model.coordinate_index(name)] = gait.qpos(phase)[:, column]
    qpos[:, 0] = speed * time
    qpos[:, 1] = model.home[1] - 0.02 + 0.02 * np.cos(4 * np.pi * phase)
    qpos[:, 2:] += noise * rng.standard_normal(10)
    force = np.zeros((time.size, 2, 3))
    point = np.full((time.size, 2, 3), np.nan)
    for foot, shift in enumerate((0.0, 0.5)):
        percent = 100 * ((phase + shift) % 1.0)
        for axis, name in ((2, "grf_vertical"), (0, "grf_fore_aft")):
            curve = source.curve(name).mean
            force[:, foot, axis] = np.interp(percent, reference.PERCENT, curve) * model.body_weight
        force[:, foot] *= (percent < 62)[:, None]
        down = force[:, foot, 2] > 20
        point[down, foot] = 0.0
        point[down, foot, 0] = qpos[down, 0] + 0.3 - 0.9 * percent[down] / 62
    activation = np.empty((time.size, len(model.muscles)))
    for i, name in enumerate(model.muscles):
        percent = 100 * ((phase + 0.5 * name.endswith("_l")) % 1.0)
        heard = reference.EMG_OF_MUSCLE.get(name[:-2], ("emg_soleus",))[0]
        curve = source.curve(heard).mean
        activation[:, i] = np.clip(0.6 * np.interp(percent, reference.PERCENT, curve), 0.01, 1)
    joints = model.contact_joints
    load = np.zeros((time.size, len(joints), 3))
    for i, joint in enumerate(joints):
        load[:, i, 2] = 2.5 * force[:, int(joint.endswith("_l")), 2]
    motion = Motion(time, model="walker2d", meta={
        "mass_kg": model.mass, "task": "bioenv/WalkImitate-v0", "seed": 1,
        "command": "bioenv rollout runs/walk --seed 1", "rewarded": ["joint_angles", "speed"],
    })  # fmt: skip
    for name, values, labels in (
        ("qpos", qpos, model.coordinates),
        ("activation", activation, model.muscles),
        ("metabolic_rate", 60 * activation, model.muscles),
        ("ground_reaction_force", force, model.feet),
        ("center_of_pressure", point, model.feet),
        ("joint_contact_force", load, joints),
    ):
        motion = motion.add(name, values, labels=labels, source="simulated")
    return motion
