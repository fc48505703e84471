"""walker2d's moment arms and muscle-tendon lengths against OpenSim's own numbers."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest

from bioenv import models
from bioenv.paths import lab_data

pytestmark = pytest.mark.lab

# Root mean square difference of the moment arm over OpenSim's walking trial, mm: what was reached,
# rounded up. The gluteus was moved away from the hip on purpose (assets/walker2d/README.md).
RMS_MM = {
    ("hip_flexion", "hamstrings"): 1.0,
    ("hip_flexion", "glut_max"): 7.0,
    ("hip_flexion", "iliopsoas"): 3.0,
    ("hip_flexion", "rect_fem"): 3.0,
    ("knee_angle", "hamstrings"): 3.0,
    ("knee_angle", "bifemsh"): 4.0,
    ("knee_angle", "rect_fem"): 3.0,
    ("knee_angle", "vasti"): 3.0,
    ("knee_angle", "gastroc"): 5.0,
    ("ankle_angle", "gastroc"): 1.0,
    ("ankle_angle", "soleus"): 1.0,
    ("ankle_angle", "tib_ant"): 1.0,
}
COORDINATES = {"hip_flexion": 1.0, "knee_angle": -1.0, "ankle_angle": 1.0}  # OpenSim's sign


def read(path: Path) -> dict[str, np.ndarray]:
    lines = path.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip() == "endheader")
    names = [name.strip() for name in lines[start + 1].split("\t")]
    rows = np.array(
        [[float(x) for x in line.split()] for line in lines[start + 2 :] if line.strip()]
    )
    return dict(zip(names, rows.T, strict=True))


@pytest.fixture(scope="module")
def folder() -> Path:
    data = lab_data()
    if data is None or not (data / "opensim_reference/gait10dof18musc/ik.mot").is_file():
        pytest.skip("needs the lab data set opensim_reference/gait10dof18musc")
    return data / "opensim_reference" / "gait10dof18musc"


@pytest.fixture(scope="module")
def walked(folder: Path) -> tuple[models.Model, np.ndarray, np.ndarray]:
    """The model, its lengths (T, nm) and moment arms (T, nm, nv) over OpenSim's trial."""
    model = models.load("walker2d")
    ik = read(folder / "ik.mot")
    time = read(folder / "MA_MuscleAnalysis_Length.sto")["time"]
    data = mujoco.MjData(model.mj)
    lengths, arms = [], []
    for now in time:
        for side in "rl":
            for name, sign in COORDINATES.items():
                angle = np.deg2rad(np.interp(now, ik["time"], ik[f"{name}_{side}"]))
                data.qpos[model.coordinate_index(f"{name}_{side}")] = sign * angle
        mujoco.mj_forward(model.mj, data)
        lengths.append(data.actuator_length.copy())
        moment = np.zeros((model.mj.nu, model.mj.nv))
        mujoco.mju_sparse2dense(
            moment, data.actuator_moment, data.moment_rownnz, data.moment_rowadr, data.moment_colind
        )
        arms.append(-moment)
    return model, np.array(lengths), np.array(arms)


@pytest.mark.parametrize("side", ["r", "l"])
@pytest.mark.parametrize(("coordinate", "muscle"), RMS_MM)
def test_moment_arm(folder: Path, walked, coordinate: str, muscle: str, side: str) -> None:
    model, _, arms = walked
    theirs = read(folder / f"MA_MuscleAnalysis_MomentArm_{coordinate}_{side}.sto")
    ours = arms[
        :, model.muscle_index(f"{muscle}_{side}"), model.coordinate_index(f"{coordinate}_{side}")
    ]
    difference = ours - COORDINATES[coordinate] * theirs[f"{muscle}_{side}"]
    rms = 1e3 * np.sqrt(np.mean(difference**2))
    assert rms < RMS_MM[coordinate, muscle]


def test_muscle_tendon_excursions(folder: Path, walked) -> None:
    """Lengths differ by a constant, which the slack length takes up; the excursions agree."""
    model, lengths, _ = walked
    theirs = read(folder / "MA_MuscleAnalysis_Length.sto")
    for index, name in enumerate(model.muscles):
        difference = lengths[:, index] - theirs[name]
        assert 1e3 * difference.std() < (4.0 if name.startswith("glut_max") else 1.5), name
