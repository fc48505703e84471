"""Converted models: exact bones, paths within the stated error, and environments that run."""

import json
from pathlib import Path

import mujoco
import numpy as np
import pytest

import bioenv
from bioenv import models, paths
from bioenv.errors import BioenvError
from bioenv.models import Model, osim
from bioenv.models.osim.convert_muscles import FIBER_RANGE, _shift
from bioenv.models.osim.convert_paths import mirrored, other_side
from bioenv.models.osim.convert_report import ConversionReport
from bioenv.models.osim.convert_skeleton import fit_quartic, human_range, polynomial_values
from bioenv.models.osim.description import Coordinate
from bioenv.models.osim.tendon import Roll, Site

TOY = Path(__file__).with_name("toy.osim")
LAB = paths.lab_data()


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> tuple[ConversionReport, Path, Model]:
    folder = tmp_path_factory.mktemp("toy")
    report = osim.convert(TOY, folder)
    return report, folder, models.load(folder / "model.xml")


def test_bones_stand_where_the_file_puts_them(toy):
    _, _, model = toy
    anatomy, mj = osim.load(TOY), model.mj
    assert mj.body_subtreemass[0] == pytest.approx(anatomy.mass, rel=1e-6)
    q = np.tile(anatomy.default, (1, 1))
    names, qpos = list(anatomy.coordinates), np.zeros(mj.nq)
    for name, value in (("pelvis_tx", 0.3), ("hip_a_r", 0.4), ("hip_c_r", -0.2), ("reach_r", 0.1)):
        q[0, names.index(name)] = value
        qpos[model.coordinate_index(name)] = value
    q[0, names.index("pelvis_ty")] = qpos[model.coordinate_index("pelvis_tz")] = 0.9
    data = mujoco.MjData(mj)
    data.qpos[:] = qpos
    mujoco.mj_kinematics(mj, data)
    position, _ = anatomy.body_frames(q)
    for body in ("pelvis", "femur_r", "torso", "hand_r", "cart"):
        expected = position[0, anatomy.body_id(body)]
        np.testing.assert_allclose(data.body(body).xpos, expected, atol=1e-5)


def test_the_report_tells_what_changed(toy):
    report, folder, model = toy
    written = json.loads((folder / "conversion.json").read_text())
    assert written["coordinates"] == list(report.coordinates)
    assert "mtp_angle_r" not in written["coordinates"]  # locked
    assert any("mtp_angle_r" in note for note in written["notes"])
    assert "knee_angle_r_beta" not in written["coordinates"]  # coupled
    assert written["followers"]["patellofemoral_r_tx"] < 0.01
    assert set(written["springs"]) >= {"lumbar_x", "reach_r"}
    assert {muscle["name"] for muscle in written["muscles"]} == set(model.muscles)
    assert {m["path"] for m in written["muscles"]} <= {"points", "wrap", "fitted"}
    assert "vasti_r" in report.summary()


def test_muscles_carry_the_files_parameters(toy):
    report, _, model = toy
    vasti = model.muscle_index("vasti_r")
    assert model.muscle.max_isometric_force[vasti] == pytest.approx(5000, rel=1e-4)
    assert model.muscle.optimal_fiber_length[vasti] == pytest.approx(0.1, rel=1e-4)
    assert model.muscle.pennation[vasti] == pytest.approx(0.06)
    assert model.muscle.vmax[vasti] == 12.0
    slack = {muscle.name: muscle.slack for muscle in report.muscles}
    assert model.muscle.tendon_slack_length[vasti] == pytest.approx(slack["vasti_r"], abs=1e-5)


def test_the_home_pose_keeps_every_constraint(toy):
    _, _, model = toy
    data = mujoco.MjData(model.mj)
    data.qpos[:] = model.home
    mujoco.mj_forward(model.mj, data)
    names = {model.mj.equality(i).name for i in range(model.mj.neq)}
    assert {"knee_r_tx", "knee_r_rx", "patellofemoral_r_tx"} < names
    assert {f"moving_tibia_r_knee_angle_r_{k}" for k in (1, 2, 3)} < names  # a moving point
    assert np.abs(data.efc_pos[: data.ne]).max() < 1e-6
    assert model.feet == ("r",)
    assert "knee_r" in model.contact_joints


def run(path: Path, seconds: float = 0.5) -> None:
    """Random excitations for a while: nothing may leave the finite numbers."""
    task = bioenv.Task(
        model=str(path),
        observe=lambda s: (s.qpos, s.qvel, s.muscle_force),
        rewards={"upright": (1.0, lambda s: s.qpos[:, 1])},
        episode_s=seconds,
    )
    env = bioenv.BioVectorEnv(task, 2, threads=1)
    rng = np.random.default_rng(0)
    env.reset(seed=0)
    for _ in range(round(seconds / task.control_dt)):
        action = rng.uniform(env.action_space.low, env.action_space.high)
        observation, *_ = env.step(action.astype(np.float32))
        assert np.isfinite(observation).all()
    env.close()


def test_environments_take_the_model(toy):
    run(toy[1] / "model.xml")


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="needs the measured data sets")
def test_a_published_model_keeps_its_paths(tmp_path):
    assert LAB is not None
    source = LAB / "opensim_gait_subject01" / "gait10dof18musc" / "subject01.osim"
    report = osim.convert(source, tmp_path)
    assert report.seconds < 60.0
    for error in (report.length, report.moment_arm):
        assert error.median <= 5e-4
        assert error.most <= 2e-3
    # Knee extensors: the file's moving points bend near full extension more than quartics do.
    assert set(report.exceptions) <= {f"{m}_{s}" for m in ("rect_fem", "vasti") for s in "rl"}
    model = models.load(tmp_path / "model.xml")
    assert model.mass == pytest.approx(osim.parse(source).mass, rel=1e-6)
    assert model.feet == ("r", "l")
    run(tmp_path / "model.xml")


def test_a_model_without_muscles_is_refused(tmp_path):
    text = TOY.read_text()
    start, end = text.index("<ForceSet"), text.index("</ForceSet>") + len("</ForceSet>")
    bare = tmp_path / "bare.osim"
    bare.write_text(text[:start] + text[end:])
    with pytest.raises(BioenvError, match="has no muscles"):
        osim.convert(bare, tmp_path)


def test_a_quartic_is_found_again():
    x = np.linspace(-1.0, 2.0, 50)
    true = np.array([0.1, -0.3, 0.05, 0.02, -0.01])
    value, slope = polynomial_values(true, x)
    np.testing.assert_allclose(fit_quartic(x, value, slope), true, atol=1e-12)


def test_unenforced_ranges_shrink_to_peoples_and_enforced_ones_stay():
    wide = (-2.1, 2.1)
    loose = Coordinate("hip_flexion_r", 0.0, wide, True)
    np.testing.assert_allclose(human_range(loose, 1.0), np.radians([-30, 120]), atol=0.01)
    assert human_range(Coordinate("hip_flexion_r", 0.0, wide, True, clamped=True), 1.0) == wide
    knee = Coordinate("knee_angle_l", 0.0, (-2.0, 0.17), True)  # flexion negative in the file
    np.testing.assert_allclose(human_range(knee, -1.0), (-0.17, 2.0))
    assert human_range(Coordinate("antenna", 0.0, wide, True), -1.0) == wide


def test_slack_moves_as_little_as_the_fibers_need():
    low, high = np.array([0.6, 0.9, 0.2, 0.1]), np.array([1.4, 1.8, 1.0, 2.1])
    shift = _shift(low, high)
    np.testing.assert_allclose(shift, [0.0, 0.3, -0.3, 0.1])
    inside = (low - shift >= FIBER_RANGE[0] - 1e-12) & (high - shift <= FIBER_RANGE[1] + 1e-12)
    np.testing.assert_array_equal(inside, [True, True, True, False])


def test_the_mirror_image_of_a_path_mirrors_back():
    turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    roll = Roll("pelvis", np.array([0.1, 0.2, 0.3]), turn, 0.02, np.array([0.6, 0.8, 0.0]))
    path = (Site("femur_r", np.array([0.1, -0.2, 0.3])), roll, Site("tibia_r", np.zeros(3)))
    once = mirrored(path)
    assert [element.body for element in once] == ["femur_l", "pelvis", "tibia_l"]
    assert np.linalg.det(once[1].rotation) == pytest.approx(1.0)
    twice = mirrored(once)
    np.testing.assert_allclose(twice[1].rotation, roll.rotation)
    np.testing.assert_allclose(twice[0].position, path[0].position)
    assert other_side("moving_tibia_r_knee_angle_r") == "moving_tibia_l_knee_angle_l"
