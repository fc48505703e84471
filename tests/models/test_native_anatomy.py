"""bioenv's own models seen as an Anatomy: senses, moment arms, wrenches, muscles, skeleton."""

import mujoco
import numpy as np
import pytest

from bioenv import models
from bioenv.errors import BioenvError
from bioenv.models import muscle
from bioenv.models.native_anatomy import NativeAnatomy
from bioenv.models.skeleton import skeleton


@pytest.fixture(scope="module")
def walker() -> NativeAnatomy:
    return NativeAnatomy(models.load("walker2d"))


def poses(anatomy: NativeAnatomy, count: int, seed: int = 0) -> np.ndarray:
    low, high = np.clip(anatomy.coordinate_range.T, -1.0, 1.0)
    return np.random.default_rng(seed).uniform(low, high, (count, len(low)))


def test_coordinates_have_opensims_names_and_senses(walker: NativeAnatomy) -> None:
    assert walker.coordinates[:3] == ("pelvis_tx", "pelvis_ty", "pelvis_tilt")
    assert walker.root.sum() == 3
    knee, up = walker.coordinates.index("knee_angle_r"), walker.coordinates.index("pelvis_ty")
    low, high = walker.coordinate_range[knee]
    assert low < -2 < high <= 0  # flexion is negative, as in gait10dof18musc
    assert walker.rotational[knee]
    assert not walker.rotational[up]
    assert walker.clamped[knee]
    assert not walker.clamped[up]
    assert not walker.locked.any()
    np.testing.assert_array_equal(np.sort(walker.coordinate_range, axis=1), walker.coordinate_range)
    state = walker.expand(walker.default[None], walker.default[None])
    np.testing.assert_allclose(state.qpos[0], walker.model.home)
    np.testing.assert_allclose(state.qvel[0], walker.model.home)
    assert not state.qacc.any()
    J = walker.jacobian(walker.default[None])
    np.testing.assert_allclose(np.einsum("tij,j->ti", J, walker.default), state.qpos)


def test_the_skeleton_moves_and_weighs_as_the_model_does(walker: NativeAnatomy) -> None:
    model, bare = walker.model.mj, walker.mj
    full_data, data = mujoco.MjData(model), mujoco.MjData(bare)
    full_data.qpos[:] = data.qpos[:] = walker.expand(poses(walker, 1)).qpos[0]
    full_data.qvel[:] = data.qvel[:] = np.arange(model.nv) / 5
    mujoco.mj_forward(model, full_data)
    mujoco.mj_forward(bare, data)
    np.testing.assert_allclose(data.xipos, full_data.xipos, atol=1e-12)
    np.testing.assert_allclose(data.M, full_data.M, atol=1e-9)
    np.testing.assert_allclose(data.qfrc_bias, full_data.qfrc_bias, atol=1e-9)
    assert [bare.body(i).name for i in range(bare.nbody)] == [
        model.body(i).name for i in range(model.nbody)
    ]
    assert bare.ntendon == bare.ngeom == 0
    assert not data.qfrc_passive.any()


def test_a_skeleton_of_a_free_body_keeps_its_joint() -> None:
    xml = (
        "<mujoco><worldbody><body name='b'><freejoint/><geom size='1'/></body></worldbody></mujoco>"
    )
    assert skeleton(mujoco.MjModel.from_xml_string(xml)).nq == 7


def test_moment_arms_are_minus_the_slope_of_length(walker: NativeAnatomy) -> None:
    q, h = poses(walker, 6), 1e-6
    arm = walker.muscle_geometry(q).moment_arm
    for i in range(q.shape[1]):
        step = h * np.eye(q.shape[1])[i]
        up, down = (walker.muscle_geometry(q + s).length for s in (step, -step))
        np.testing.assert_allclose(arm[..., i], (down - up) / (2 * h), atol=2e-6)
    qd = np.random.default_rng(1).normal(size=q.shape)
    ahead, behind = (walker.muscle_geometry(q + s * h * qd).length for s in (1, -1))
    velocity = walker.muscle_geometry(q, qd).velocity
    np.testing.assert_allclose(velocity, (ahead - behind) / (2 * h), atol=1e-5)


def test_wrenches_do_the_work_of_the_moment_arms(walker: NativeAnatomy) -> None:
    q = poses(walker, 5, seed=2)
    force = np.random.default_rng(3).uniform(0, 1000, (len(q), len(walker.muscles)))
    wrench = walker.muscle_wrench(q, force)
    np.testing.assert_allclose(wrench.sum(axis=1), 0.0, atol=1e-8)  # nothing from outside
    expected = np.einsum("tmi,tm->ti", walker.muscle_geometry(q).moment_arm, force)
    data, turn, move = mujoco.MjData(walker.mj), *np.zeros((2, 3, walker.mj.nv))
    for t, pose in enumerate(walker.expand(q).qpos):
        data.qpos[:] = pose
        mujoco.mj_forward(walker.mj, data)
        work = np.zeros(walker.mj.nv)
        for body in range(1, walker.mj.nbody):
            mujoco.mj_jac(walker.mj, data, move, turn, np.zeros(3), body)
            work += wrench[t, body] @ np.vstack([move, turn])
        np.testing.assert_allclose(work * walker.sign, expected[t], atol=1e-8)


def test_capacity_adds_up_to_mujocos_muscle_force(walker: NativeAnatomy) -> None:
    q = poses(walker, 8, seed=4)
    geometry = walker.muscle_geometry(q, np.random.default_rng(5).normal(size=q.shape))
    capacity = walker.muscle_capacity(geometry)
    whole = muscle.muscle_force(
        geometry.length, geometry.velocity, np.full(geometry.length.shape, 0.4), walker.model.muscle
    )
    np.testing.assert_allclose(0.4 * capacity.active + capacity.passive, whole, rtol=1e-12)


def test_springs_and_dampers_are_told_apart(walker: NativeAnatomy) -> None:
    q = np.zeros((2, 12))
    qd = np.zeros((2, 12))
    knee, back = (walker.coordinates.index(n) for n in ("knee_angle_r", "lumbar_extension"))
    qd[1, knee] = 2.0
    torque = walker.passive_torque(q, qd)
    assert torque[1, knee] == pytest.approx(-2 * 0.5)  # against the motion, in OpenSim's sense
    assert torque[0, back] == pytest.approx(1500 * -0.14)


def test_markers_and_joints_of_the_arm() -> None:
    arm = NativeAnatomy(models.load("arm26"))
    assert [m.name for m in arm.markers] == ["hand"]
    assert [j.name for j in arm.joints] == ["shoulder", "elbow"]
    assert not arm.root.any()
    assert arm.reduction(arm.default[None]).shape == (1, 2, 2)


def test_a_wrong_number_of_columns_names_the_coordinates(walker: NativeAnatomy) -> None:
    with pytest.raises(BioenvError, match=r"q must have shape \(T, 12\).*pelvis_ty.*got \(3, 11\)"):
        walker.muscle_geometry(np.zeros((3, 11)))
    with pytest.raises(BioenvError, match=r"muscle force must have shape \(3, 18\)"):
        walker.muscle_wrench(np.zeros((3, 12)), np.zeros((3, 17)))
