"""The skeleton of imported models: OpenSim's mass, poses and center of mass, exact derivatives."""

import json
from pathlib import Path

import mujoco
import numpy as np
import pytest

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.models.osim.anatomy import OsimAnatomy, load
from bioenv.models.osim.skeleton import UPRIGHT

TOY = Path(__file__).with_name("toy.osim")
LAB = paths.lab_data()
# Made by OpenSim 4.6 with benchmarks/opensim_poses.py.
RECORD = json.loads((paths._CHECKOUT / "tests" / "golden" / "osim_poses.json").read_text())


@pytest.fixture(scope="module")
def toy() -> OsimAnatomy:
    return load(TOY)


def random_state(anatomy: OsimAnatomy, count: int = 5) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    shape = (count, len(anatomy.coordinates))
    return [rng.uniform(-0.5, 0.5, shape), rng.normal(size=shape), rng.normal(size=shape)]


def check_against_opensim(anatomy: OsimAnatomy, name: str) -> None:
    record = RECORD["models"][name]
    order = [record["coordinates"].index(c) for c in anatomy.coordinates]
    q = np.array(record["q"])[:, order]
    assert anatomy.mass == pytest.approx(record["mass"], rel=1e-6)
    assert anatomy.mj.body_subtreemass[0] == pytest.approx(record["mass"], rel=1e-6)
    position, rotation = anatomy.body_frames(q)
    ids = [anatomy.body_id(body) for body in record["bodies"]]
    expected = np.array(record["position"]) @ UPRIGHT.T
    assert np.linalg.norm(position[:, ids] - expected, axis=-1).max() < 1e-5
    for pose, turns in zip(rotation[:, ids], np.array(record["axis_angle"]), strict=True):
        for found, turn in zip(pose, turns, strict=True):
            quat, matrix = np.zeros(4), np.zeros(9)
            angle = np.linalg.norm(turn)
            mujoco.mju_axisAngle2Quat(quat, turn / max(angle, 1e-12), angle)
            mujoco.mju_quat2Mat(matrix, quat)
            error = found.T @ UPRIGHT @ matrix.reshape(3, 3)
            assert np.abs(error - np.eye(3)).max() < np.radians(0.001)
    center = center_of_mass(anatomy, q)
    expected = np.array(record["center_of_mass"]) @ UPRIGHT.T
    assert np.linalg.norm(center - expected, axis=-1).max() < 1e-5


def center_of_mass(anatomy: OsimAnatomy, q: np.ndarray) -> np.ndarray:
    data, centers = mujoco.MjData(anatomy.mj), []
    for data.qpos[:] in anatomy.expand(q).qpos:
        mujoco.mj_kinematics(anatomy.mj, data)
        mujoco.mj_comPos(anatomy.mj, data)
        centers.append(data.subtree_com[0].copy())
    return np.array(centers)


def test_every_kind_of_joint_poses_the_bodies_as_opensim_does(toy):
    check_against_opensim(toy, "toy.osim")


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="needs the measured data sets")
@pytest.mark.parametrize("name", [n for n in RECORD["models"] if n != "toy.osim"])
def test_published_models_pose_their_bodies_as_opensim_does(name):
    assert LAB is not None
    anatomy = load(LAB / name)
    check_against_opensim(anatomy, name)
    assert anatomy.root.sum() == (3 if "gait10dof" in name else 6)


def test_expand_has_exact_derivatives(toy):
    q, qd, qdd = random_state(toy)
    state, h = toy.expand(q, qd, qdd), 1e-4
    after, before = (toy.expand(q + s * h * qd + 0.5 * h * h * qdd).qpos for s in (1, -1))
    np.testing.assert_allclose(state.qvel, (after - before) / (2 * h), atol=1e-6)
    np.testing.assert_allclose(state.qacc, (after - 2 * state.qpos + before) / h**2, atol=1e-4)
    np.testing.assert_allclose(state.qvel, np.einsum("tij,tj->ti", toy.jacobian(q), qd))


def test_couplers_set_what_follows_and_reduce_by_their_slope(toy):
    q, qd, _ = random_state(toy)
    knee, patella = (toy.coordinates.index(f"knee_angle_r{s}") for s in ("", "_beta"))
    assert not toy.independent[patella]
    assert toy.independent.sum() == len(toy.coordinates) - 1
    coupled, h = toy.couple(q), 1e-6
    function = toy.description.couplers[0].function
    np.testing.assert_allclose(coupled[:, patella], function.value(q[:, knee]))
    free = qd[:, toy.independent]
    step = np.zeros_like(q)
    step[:, toy.independent] = free
    rate = (toy.couple(q + h * step) - toy.couple(q - h * step)) / (2 * h)
    np.testing.assert_allclose(np.einsum("tij,tj->ti", toy.reduction(q), free), rate, atol=1e-7)


def test_joints_carry_the_standard_names_and_senses(toy):
    q = np.zeros((4, len(toy.coordinates)))
    for row, name in enumerate(("pelvis_tx", "pelvis_ty", "pelvis_tz", "knee_angle_r")):
        q[row, toy.coordinates.index(name)] = 0.1
    qpos = toy.expand(q).qpos
    joint = {toy.mj.joint(i).name: i for i in range(toy.mj.njnt)}
    assert qpos[0, joint["pelvis_tx"]] == 0.1
    assert qpos[1, joint["pelvis_tz"]] == 0.1  # up
    assert qpos[2, joint["pelvis_ty"]] == -0.1  # left
    assert qpos[3, joint["knee_angle_r"]] == -0.1  # flexion
    position, _ = toy.body_frames(q)
    pelvis, shift = toy.body_id("pelvis"), np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    np.testing.assert_allclose(position[:3, pelvis], 0.1 * shift, atol=1e-12)


def test_impossible_inertia_is_kept_and_named(toy):
    assert sorted(toy.mj.body("toes_r").inertia) == [0.0001, 0.0002, 0.0011]
    assert any("toes_r" in note for note in toy.notes)


def test_markers_and_joints_lie_on_their_bodies(toy):
    heel, ankle = toy.markers
    assert toy.body_names[heel.body] == "calcn_r"
    assert toy.body_names[ankle.body] == "talus_r"
    # An offset frame at (0, 0, 0.01), turned by 0.2 about x and 0.1 about its z.
    height = 0.05 * np.array([0.0, -np.sin(0.2), np.cos(0.2)])
    np.testing.assert_allclose(ankle.location - height, [0, 0, 0.01], atol=1e-12)
    hip = next(joint for joint in toy.joints if joint.name == "hip_r")
    assert (toy.body_names[hip.parent], toy.body_names[hip.child]) == ("pelvis", "femur_r")
    np.testing.assert_allclose(hip.center, [0.01, 0.02, 0.03])


def test_wrong_shapes_name_the_coordinates(toy):
    with pytest.raises(BioenvError, match=r"q must have shape \(T, 28\).*pelvis_tilt"):
        toy.expand(np.zeros((2, 3)))
    with pytest.raises(BioenvError, match="unknown body 'femur'"):
        toy.body_id("femur")
