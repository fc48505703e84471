"""Joint reactions: statics, the free body cut at the joint, frames, the walker's own force."""

import numpy as np
import pytest

from bioenv import models
from bioenv.errors import BioenvError
from bioenv.inverse.dynamics import Contact
from bioenv.inverse.generalized import generalized_forces
from bioenv.inverse.loads import joint_contact_force
from bioenv.inverse.reaction import joint_reaction
from bioenv.models.native_anatomy import NativeAnatomy


@pytest.fixture(scope="module")
def walker() -> NativeAnatomy:
    return NativeAnatomy(models.load("walker2d"))


@pytest.fixture(scope="module")
def moving(walker: NativeAnatomy) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    q, qd, qdd = rng.normal(size=(3, 30, 12)) * 0.7
    return q, qd, qdd, rng.uniform(0, 2000, (30, 18))


def test_a_hanging_leg_pulls_at_the_hip_with_its_weight(walker: NativeAnatomy) -> None:
    q = np.zeros((2, 12))
    found = joint_reaction(walker, q, q, q, joints=("hip_r",))
    below = [f"{b}_r" for b in ("femur", "tibia", "calcn", "toes")]
    leg = sum(walker.mj.body(b).mass[0] for b in below)
    np.testing.assert_allclose(found.force[:, 0], [[0, 0, leg * 9.81]] * 2, atol=1e-9)
    assert found.in_body_weights(walker.body_weight).resultant()[0, 0] == pytest.approx(
        leg / walker.mass
    )
    # The leg's weight times its lever about the hip, against what inverse dynamics says there.
    torque = generalized_forces(walker, q, q, q)[0, walker.coordinates.index("hip_flexion_r")]
    assert -found.moment[0, 0, 1] == pytest.approx(torque)


def test_the_moment_along_a_joints_axis_is_its_torque_less_the_muscles(
    walker: NativeAnatomy, moving: tuple[np.ndarray, ...]
) -> None:
    q, qd, qdd, pull = moving
    force, point = np.random.default_rng(1).normal(size=(2, 30, 3)) * 100
    loads = [Contact("toes_l", force, point)]
    tau = generalized_forces(walker, q, qd, qdd, loads) - walker.mj.dof_armature * qdd
    tau -= np.einsum("tmi,tm->ti", walker.muscle_geometry(q).moment_arm, pull)
    found = joint_reaction(walker, q, qd, qdd, pull, loads)
    turned_by = {"hip_l": "hip_flexion_l", "knee_l": "knee_angle_l", "ankle_l": "ankle_angle_l"}
    for joint, coordinate in turned_by.items():
        moment = found.moment[:, found.joints.index(joint), 1]
        np.testing.assert_allclose(-moment, tau[:, walker.coordinates.index(coordinate)], atol=1e-7)


def test_the_walkers_contact_force_is_the_same(
    walker: NativeAnatomy, moving: tuple[np.ndarray, ...]
) -> None:
    q, qd, qdd, pull = moving
    loads = [Contact("calcn_r", qdd[:, :3] * 500, q[:, :3])]
    found = joint_reaction(walker, q, qd, qdd, pull, loads, walker.model.contact_joints)
    s = walker.sign
    sensed = joint_contact_force(walker.model, q * s, qd * s, qdd * s, pull, contacts=loads)
    np.testing.assert_allclose(found.force, sensed, atol=1e-8)


def test_action_is_reaction_in_every_frame(
    walker: NativeAnatomy, moving: tuple[np.ndarray, ...]
) -> None:
    child = joint_reaction(walker, *moving[:3], joints=("knee_r",))
    parent = joint_reaction(walker, *moving[:3], joints=("knee_r",), on="parent")
    world = joint_reaction(walker, *moving[:3], joints=("knee_r",), frame="ground")
    thigh = joint_reaction(walker, *moving[:3], joints=("knee_r",), frame="parent")
    np.testing.assert_allclose(parent.force, -child.force)
    np.testing.assert_allclose(parent.moment, -child.moment)
    for other in (world, thigh):
        np.testing.assert_allclose(other.resultant(), child.resultant())
    bend = moving[0][:, walker.coordinates.index("knee_angle_r")]
    x, z = thigh.force[:, 0, 0], thigh.force[:, 0, 2]
    np.testing.assert_allclose(child.force[:, 0, 0], x * np.cos(bend) + z * np.sin(bend))
    np.testing.assert_array_equal(child.point, 0.0)
    np.testing.assert_allclose(thigh.point[0, 0], walker.mj.body("tibia_r").pos, atol=1e-12)


def test_the_root_carries_the_residual(walker: NativeAnatomy) -> None:
    q = walker.default[None]
    found = joint_reaction(walker, q, 0 * q, 0 * q, joints=("pelvis_tx",), frame="ground")
    np.testing.assert_allclose(found.of("pelvis_tx")[0], [0, 0, walker.body_weight], atol=1e-9)


def test_bad_input_is_named(walker: NativeAnatomy) -> None:
    q = np.zeros((2, 12))
    with pytest.raises(BioenvError, match="unknown joint 'knee'; did you mean 'knee_"):
        joint_reaction(walker, q, q, q, joints=("knee",))
    with pytest.raises(BioenvError, match=r"muscle_force must have shape \(2, 18\)"):
        joint_reaction(walker, q, q, q, np.zeros((2, 3)))
    with pytest.raises(BioenvError, match="frame must be 'child'"):
        joint_reaction(walker, q, q, q, frame="femur")  # type: ignore[arg-type]
