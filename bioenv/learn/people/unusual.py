"""Movements and sensors that an estimator of walking must notice, made from measured people.

Runners (measured and simulated), children, exchanged legs, sensors that have failed: each a Motion
like those of `bioenv.learn.people.measured_people`, to be scored by a model of walking adults.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from bioenv.errors import unknown
from bioenv.learn.people.cycles import imu_pose
from bioenv.learn.people.legs import Build
from bioenv.learn.people.measured_people import JOINTS, RATE, SIDES, with_rates
from bioenv.learn.people.simulated_people import population
from bioenv.motion import Motion
from bioenv.paths import agent_file

FAULTS = ("shanks exchanged", "legs exchanged", "knee sensor dead", "ankle sensor dead",
          "hip sensor dead", "pelvis path missing")  # fmt: skip
_P01 = (0.7335, 3.47, 1.73, 73.0)  # s, m/s, m, kg: running of P01, SOURCE.txt of the lab data


def faulty(motion: Motion, fault: str) -> Motion:
    """A walking person with something wrong; `FAULTS` lists what. Left legs are the faulty ones."""
    if fault not in FAULTS:
        raise unknown("fault", fault, FAULTS)
    labels = motion.labels("qpos")
    at = {name: i for i, name in enumerate(labels)}
    q = motion["qpos"].copy()
    if fault.endswith("exchanged"):
        for joint in JOINTS if fault.startswith("legs") else JOINTS[1:]:
            q[:, [at[f"{joint}_r"], at[f"{joint}_l"]]] = q[:, [at[f"{joint}_l"], at[f"{joint}_r"]]]
    elif fault.startswith("pelvis"):
        q[:, [at["pelvis_tx"], at["pelvis_tz"]]] = q[0, [at["pelvis_tx"], at["pelvis_tz"]]]
    else:
        joints = {"knee": "knee_angle", "ankle": "ankle_angle", "hip": "hip_flexion"}
        q[:, at[f"{joints[fault.split()[0]]}_l"]] = 0.0
    q_only = {"qpos": replace(motion.signals["qpos"], values=q)}
    return with_rates(replace(motion, signals=q_only))


def runners(folder: Path) -> Iterator[Motion]:
    """P01 running at 3.47 m/s (mean cycle of the lab data's inertial sensors)."""
    period, speed, height, mass = _P01
    pose = imu_pose(folder / "biomac_mean_cycles" / "P01_normrunning.csv", period)
    time = np.arange(int(3 * period * RATE)) / RATE
    at = np.arange(101) / 100
    q = {name: np.interp((time / period) % 1.0, at, np.append(v, v[0])) for name, v in pose.items()}
    q["pelvis_tx"] = q["pelvis_tx"] + speed * time
    build = Build.of_height(height)
    motion = Motion(time).add(
        "qpos", np.column_stack(list(q.values())), labels=q, source="computed"
    )
    yield with_rates(motion).with_meta(
        subject="dorschky2019 running", recording="dorschky2019 running", mass_kg=mass,
        thigh_m=build.thigh, shank_m=build.shank, hip_m=[0.0, 0.0], trusted={s: [[0.0, 9.0]]
        for s in SIDES},
    )  # fmt: skip


def simulated_unusual(kind: str) -> tuple[Motion, ...]:
    """Simulated runners or children: kind "running" or "child"."""
    every = population(agent_file("estimators", "moments", "unusual.npz"))
    return tuple(one for one in every if one.meta["kind"] == kind)
