"""legs3d against OpenSim's own numbers of the model it was made from, over a walking trial."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import mujoco
import numpy as np
import pytest
from scipy.optimize import lsq_linear
from scipy.signal import butter, filtfilt

from bioenv import models
from bioenv.inverse.dynamics import inverse_dynamics, moment_arms
from bioenv.lab import sto
from bioenv.models import muscle, osim
from bioenv.models.frames import Frames
from bioenv.motion_io import opensim_coordinate
from bioenv.paths import lab_data

pytestmark = pytest.mark.lab

# Root mean square difference of the moment arm over OpenSim's walking trial, both legs, mm: the
# worse leg, rounded up. What is not named here stays below 0.6 mm.
RMS_MM = {
    ("hip_flexion", "glmax1"): 3.2,
    ("hip_adduction", "glmax1"): 1.7,
    ("hip_rotation", "glmax1"): 2.8,
    ("hip_flexion", "iliacus"): 2.6,
    ("hip_adduction", "iliacus"): 1.0,
    ("hip_rotation", "iliacus"): 0.8,
    ("hip_flexion", "psoas"): 1.9,
    ("hip_adduction", "psoas"): 0.8,
    ("knee_angle", "gaslat"): 1.1,
}
COORDINATES = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle")
# Fibers, optimal lengths, that leave 0.5-1.25 in the trial: short ones over two joints.
FIBERS = {"recfem": (0.40, 1.35), "semimem": (0.40, 1.35), "soleus": (0.5, 1.26)}
# Muscles to the toes: the toe joint stands elsewhere (assets/legs3d/README.md).
TOES = ("edl", "ehl", "fdl", "fhl")


@pytest.fixture(scope="module")
def folder() -> Path:
    data = lab_data()
    name = "opensim_reference/rajagopal80_walk"
    if data is None or not (data / name / "MA_MuscleAnalysis_Length.sto").is_file():
        pytest.skip(f"needs the lab data set {name}")
    return data / name


@pytest.fixture(scope="module")
def model() -> models.Model:
    return models.load("legs3d")


@pytest.fixture(scope="module")
def walked(folder: Path, model: models.Model) -> np.ndarray:
    """(T, nq) the trial's joint angles at the times of OpenSim's muscle analysis."""
    coordinates = sto.read(folder / "ik.mot")
    time = sto.read(folder / "MA_MuscleAnalysis_Length.sto").time
    qpos = np.tile(model.home, (len(time), 1))
    for side in "rl":
        qpos[:, model.coordinate_index(f"mtp_angle_{side}")] = 0.0
        qpos[:, model.coordinate_index(f"subtalar_angle_{side}")] = 0.0
        for name in COORDINATES:
            full = f"{name}_{side}"
            angle = np.interp(time, coordinates.time, coordinates.column(full))
            qpos[:, model.coordinate_index(full)] = angle
    return qpos


@pytest.fixture(scope="module")
def lengths(model: models.Model, walked: np.ndarray) -> np.ndarray:
    out = np.empty((len(walked), len(model.muscles)))
    for part, batch, ids in Frames(model.mj, walked, None, ("actuator_length",)):
        out[part] = batch.bind("actuator_length")[ids]
    return out


def test_parameters_are_the_files(folder: Path, model: models.Model) -> None:
    """Rajagopal's maximum force, optimal fiber length and pennation of all 80 muscles."""
    p, theirs = model.muscle, {m.name: m for m in osim.parse(folder / "model.osim").muscles}
    assert set(model.muscles) == set(theirs)
    for index, name in enumerate(model.muscles):
        given = theirs[name]
        assert p.max_isometric_force[index] == pytest.approx(given.max_isometric_force, rel=1e-6)
        assert p.optimal_fiber_length[index] == pytest.approx(given.optimal_fiber_length, rel=1e-5)
        assert p.pennation[index] == pytest.approx(given.pennation, abs=1e-8)
        assert p.max_velocity[index] == given.max_velocity == 10.0


def test_mass_is_the_files(folder: Path, model: models.Model) -> None:
    assert model.mass == pytest.approx(osim.parse(folder / "model.osim").mass, abs=1e-5)


@pytest.fixture(scope="module")
def differences(folder: Path, model: models.Model, walked: np.ndarray) -> dict:
    """RMS mm by (coordinate, muscle without side), the worse leg; where either arm passes 1 mm."""
    arms = -moment_arms(model, walked)
    out: dict[tuple[str, str], float] = {}
    for coordinate in COORDINATES:
        for side in "rl":
            full = f"{coordinate}_{side}"
            theirs = sto.read(folder / f"MA_MuscleAnalysis_MomentArm_{full}.sto")
            column = model.coordinate_index(full)
            for index, name in enumerate(model.muscles):
                ours, wanted = arms[:, index, column], theirs.column(name)
                if max(np.abs(ours).max(), np.abs(wanted).max()) > 1e-3:
                    rms = 1e3 * float(np.sqrt(np.mean((ours - wanted) ** 2)))
                    key = (coordinate, name[:-2])
                    out[key] = max(out.get(key, 0.0), rms)
    return out


def test_moment_arms_are_opensims(differences: dict) -> None:
    """Median below 0.2 mm; 0.6 mm but for what RMS_MM names."""
    assert len(differences) > 90
    assert np.median(list(differences.values())) < 0.2
    for key, rms in differences.items():
        assert rms < RMS_MM.get(key, 0.6), (key, rms)


def test_muscle_tendon_excursions(folder: Path, model: models.Model, lengths: np.ndarray) -> None:
    """Lengths differ by a constant, which the slack length takes up; the excursions agree."""
    theirs = sto.read(folder / "MA_MuscleAnalysis_Length.sto")
    for index, name in enumerate(model.muscles):
        difference = lengths[:, index] - theirs.column(name)
        # OpenSim's lateral gastrocnemius leaps by 4 mm between its two cylinders.
        most = 2.2 if name.startswith("gaslat") else 0.7
        assert 1e3 * difference.std() < most, (name, 1e3 * difference.std())
        if name[:-2] not in TOES:
            assert 1e3 * abs(difference.mean()) < 6.0, (name, 1e3 * difference.mean())


def test_fibers_work_near_their_optimum(model: models.Model, lengths: np.ndarray) -> None:
    p = model.muscle
    fibers = (lengths - p.tendon_slack_length) / p.element_length
    for index, name in enumerate(model.muscles):
        low, high = FIBERS.get(name[:-2], (0.495, 1.255))
        assert low < fibers[:, index].min(), (name, fibers[:, index].min())
        assert fibers[:, index].max() < high, (name, fibers[:, index].max())


def test_the_hinge_is_near_the_rolling_knee(folder: Path, model: models.Model) -> None:
    """Where OpenSim's knee brings the ankle, the hinge brings it within 12 mm up to 75 degrees."""
    anatomy = osim.load(folder / "model.osim")
    angles = np.radians(np.arange(2.0, 75.0, 3.0))
    q = np.tile(anatomy.default, (len(angles), 1))
    q[:, anatomy.coordinates.index("knee_angle_r")] = angles
    position, rotation = anatomy.body_frames(anatomy.couple(q))
    femur, talus = anatomy.body_id("femur_r"), anatomy.body_id("talus_r")
    turn = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # y up to z up
    away = position[:, talus] - position[:, femur]
    theirs = np.einsum("ij,njk,nk->ni", turn, rotation[:, femur].transpose(0, 2, 1), away)
    qpos = np.tile(0.0 * model.home, (len(angles), 1))
    qpos[:, model.coordinate_index("knee_angle_r")] = angles
    ours = np.empty_like(theirs)
    mj = model.mj
    for part, batch, ids in Frames(mj, qpos, None, ("xpos",)):
        place = batch.bind("xpos")[ids].reshape(-1, mj.nbody, 3)
        ours[part] = place[:, mj.body("talus_r").id] - place[:, mj.body("femur_r").id]
    error = np.linalg.norm(ours - theirs, axis=1)
    assert error.max() < 0.012
    assert np.sqrt((error**2).mean()) < 0.006


class Measured(NamedTuple):
    """The walking trial in legs3d's coordinates, 6 Hz; the torques that explain it, springs in."""

    time: np.ndarray
    qpos: np.ndarray
    qvel: np.ndarray
    torque: np.ndarray


@pytest.fixture(scope="module")
def measured(folder: Path, model: models.Model) -> Measured:
    table, plates = sto.read(folder / "ik.mot"), sto.read(folder / "grf_walk.mot")
    step = float(table.time[1] - table.time[0])
    low = butter(3, 6.0, fs=1.0 / step)
    qpos = np.zeros((len(table.time), model.mj.nq))
    for index, name in enumerate(model.coordinates):
        theirs, factor = opensim_coordinate(name)
        if theirs in table.labels:
            qpos[:, index] = np.sign(factor) * filtfilt(*low, table.column(theirs))
            if name.startswith("knee_angle"):
                qpos[:, index] *= -1.0  # flexion is positive in this file
    qvel = np.gradient(qpos, step, axis=0)

    def vectors(kind: str, letters: str) -> np.ndarray:
        """(T, feet, 3), z up."""
        parts = [
            [np.interp(table.time, plates.time, plates.column(f"ground_{kind}_{side}_{letters}{x}"))
             for x in "xyz"]
            for side in model.feet
        ]  # fmt: skip
        x, y, z = np.moveaxis(np.array(parts), 1, 0)
        return np.moveaxis(np.stack([x, -z, y], axis=-1), 0, 1)

    torque = inverse_dynamics(
        model, qpos, qvel, np.gradient(qvel, step, axis=0), vectors("force", "v"),
        vectors("force", "p"), free_moment=vectors("torque", ""), net=True,
    )  # fmt: skip
    inside = (table.time > 0.52) & (table.time < 1.6)
    return Measured(table.time[inside], qpos[inside], qvel[inside], torque[inside])


def test_joint_moments_are_opensims(folder: Path, model: models.Model, measured: Measured) -> None:
    """Inverse dynamics of his walk, though knees are hinges and arms do not swing."""
    theirs = sto.read(folder / "inverse_dynamics.sto")
    legs = [f"{name}_{side}" for name in COORDINATES for side in "rl"]
    rms = {}
    for name in (*legs, "lumbar_extension", "lumbar_bending", "lumbar_rotation", "pelvis_tilt"):
        wanted = np.interp(measured.time, theirs.time, theirs.column(f"{name}_moment"))
        error = measured.torque[:, model.coordinate_index(name)] - wanted
        rms[name] = float(np.sqrt((error**2).mean()))
    assert max(rms.values()) < 4.0, rms
    assert np.median(list(rms.values())) < 2.0, rms


def test_its_muscles_can_walk_as_measured(model: models.Model, measured: Measured) -> None:
    """Rigid-tendon muscles make his joint moments at his speeds without a reserve torque."""
    p = model.muscle
    legs = [model.coordinate_index(f"{name}_{side}") for name in COORDINATES for side in "rl"]
    data, rows = mujoco.MjData(model.mj), slice(None, None, 40)
    arms = -moment_arms(model, measured.qpos[rows])[:, :, legs]
    for k, (qpos, qvel, torque) in enumerate(
        zip(measured.qpos[rows], measured.qvel[rows], measured.torque[rows], strict=True)
    ):
        data.qpos[:], data.qvel[:] = qpos, qvel
        mujoco.mj_forward(model.mj, data)
        length = muscle.fiber_length(data.actuator_length, p)
        speed = muscle.normalized_velocity(data.actuator_velocity, p)
        active = muscle.active_force_length(length, p) * muscle.force_velocity(speed, p)
        wanted = (torque - data.qfrc_passive)[legs]
        wanted -= arms[k].T @ (muscle.passive_force_length(length, p) * p.element_force)
        made = arms[k].T * (active * p.element_force)
        effort = 0.1 * np.eye(model.mj.nu)  # N*m per activation
        found = lsq_linear(
            np.vstack([made, effort]), np.append(wanted, np.zeros(model.mj.nu)), (0.0, 1.0)
        )
        np.testing.assert_allclose(made @ found.x, wanted, atol=0.2)
        assert found.x.max() < 0.95
