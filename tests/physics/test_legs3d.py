"""legs3d: what it is made of, its two sides, how it stands, falls, scales."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import mujoco
import numpy as np
import pytest

from bioenv import models
from bioenv.inverse.dynamics import inverse_dynamics
from bioenv.models import Subject
from bioenv.models.native_anatomy import NativeAnatomy

# Coordinates that change their sense in the mirror; those of the sides keep it.
SIDEWAYS = ("pelvis_ty", "pelvis_list", "pelvis_rotation", "lumbar_bending", "lumbar_rotation")


def signs(model: models.Model) -> np.ndarray:
    return np.array([-1.0 if name in SIDEWAYS else 1.0 for name in model.coordinates])


def test_what_it_is_made_of(legs: Any) -> None:
    model, mj = legs.model, legs.model.mj
    assert (mj.nv, mj.nu, mj.nbody, mj.neq) == (23, 80, 13, 0)
    assert sum(name.endswith("_r") for name in model.muscles) == 40
    assert model.coordinates[:6] == (
        "pelvis_tx", "pelvis_ty", "pelvis_tz", "pelvis_tilt", "pelvis_list", "pelvis_rotation",
    )  # fmt: skip
    assert model.feet == ("r", "l")
    assert model.contact_joints == ("hip_r", "knee_r", "ankle_r", "hip_l", "knee_l", "ankle_l")
    assert model.mass == pytest.approx(85.27, abs=0.01)
    assert model.subject == Subject(85.269849, 1.82)
    own = mj.actuator_user[:, :3]
    assert (own[:, 1] > 0.15).all()
    assert (own[:, 1] < 0.65).all()
    assert (own[:, 2] > 4e5).all()
    # Principal moments of inertia that a body can have, and a whole body's: about the axis across,
    # Santschi et al. 1963 (AMRL-TDR-63-36) found 11.6-13.0 kg*m^2 for standing men of 75 kg.
    assert (mj.body_inertia[1:].sum(axis=1) >= 2 * mj.body_inertia[1:].max(axis=1)).all()
    data = legs.forward(model.home)
    away = data.xipos[1:] - data.subtree_com[0]
    turns = data.ximat[1:].reshape(-1, 3, 3)
    own_part = np.einsum("nij,nj,nij->ni", turns, mj.body_inertia[1:], turns)[:, 1].sum()
    across = own_part + (mj.body_mass[1:] * (away[:, 0] ** 2 + away[:, 2] ** 2)).sum()
    assert 12.0 < across < 17.0


def test_axes_and_senses(legs: Any) -> None:
    """What a positive angle does, as in walker2d and OpenSim."""
    model = legs.model

    def moved(body: str, **degrees: float) -> np.ndarray:
        before = legs.forward(legs.pose()).body(body).xpos.copy()
        return np.asarray(legs.forward(legs.pose(**degrees)).body(body).xpos - before)

    assert moved("torso", pelvis_tilt=10)[0] < -0.01  # leans back
    assert moved("femur_r", pelvis_list=10)[2] < -0.01  # the right side drops
    assert moved("femur_r", pelvis_rotation=10)[0] > 0.01  # the right side comes forward
    for side, left in (("r", 1.0), ("l", -1.0)):
        assert moved(f"tibia_{side}", **{f"hip_flexion_{side}": 10})[0] > 0.05
        assert left * moved(f"tibia_{side}", **{f"hip_adduction_{side}": 10})[1] > 0.05
        assert left * moved(f"toes_{side}", **{f"hip_rotation_{side}": 10})[1] > 0.01  # inward
        assert moved(f"calcn_{side}", **{f"knee_angle_{side}": 10})[0] < -0.05
        assert moved(f"toes_{side}", **{f"ankle_angle_{side}": 10})[2] > 0.01
        sole = legs.forward(legs.pose(**{f"subtalar_angle_{side}": 10})).body(f"calcn_{side}")
        # Inversion: the sole looks inward, so the foot's top leans outward.
        assert left * sole.xmat.reshape(3, 3)[1, 2] < -0.05
    assert model.coordinate_index("pelvis_tz") == 2


def test_left_and_right_are_mirrors_to_the_last_digit(legs: Any) -> None:
    model, rng = legs.model, np.random.default_rng(0)
    q_, m_, s = model.mirror_qpos, model.mirror_muscle, signs(model)
    np.testing.assert_array_equal(model.mirror_sign, s)
    for _ in range(20):
        q = model.home + rng.normal(0, 0.3, model.mj.nq)
        mirrored = s * q[q_]
        length, arms = legs.lengths(q).copy(), legs.moment_arms(q)
        np.testing.assert_allclose(legs.lengths(mirrored)[m_], length, atol=1e-12)
        np.testing.assert_allclose(legs.moment_arms(mirrored)[m_][:, q_] * s, arms, atol=1e-12)
    p = model.muscle
    for name in ("max_isometric_force", "optimal_fiber_length", "tendon_slack_length", "mass"):
        np.testing.assert_array_equal(getattr(p, name)[m_], getattr(p, name))


def test_a_mirrored_start_gives_the_mirrored_motion(legs: Any) -> None:
    model, rng = legs.model, np.random.default_rng(1)
    mj, q_, m_, s = model.mj, model.mirror_qpos, model.mirror_muscle, signs(model)
    start = model.home + np.r_[0.0, 0.0, 0.01, rng.normal(0, 0.05, mj.nq - 3)]
    excitation = rng.uniform(0, 0.5, (40, mj.nu))
    ends = []
    for mirrored in (False, True):
        data = mujoco.MjData(mj)
        data.qpos[:] = s * start[q_] if mirrored else start
        for row in excitation:
            data.ctrl[:] = row[m_] if mirrored else row
            mujoco.mj_step(mj, data)
        ends.append((data.qpos.copy(), data.actuator_force.copy()))
    (q, force), (other_q, other_force) = ends
    np.testing.assert_allclose(s * other_q[q_], q, atol=1e-7)
    np.testing.assert_allclose(other_force[m_], force, rtol=1e-4, atol=1e-3)


def test_it_stands_over_its_feet(legs: Any) -> None:
    """At home the floor carries the weight, the mass lies over the middle of flat feet."""
    model, mj, data = legs.model, legs.model.mj, mujoco.MjData(legs.model.mj)
    data.qpos[:] = model.home
    mujoco.mj_inverse(mj, data)
    # Without accelerations, what must be added to the root is nothing upward, and no tilt.
    root = data.qfrc_inverse[:6]
    assert abs(root[2]) < 1e-3 * model.body_weight
    heel, toe = (data.geom(f"{name}_r").xpos[0] for name in ("heel", "toe"))
    com = data.subtree_com[0]
    assert heel < com[0] < toe
    assert abs(com[1]) < 1e-9
    assert abs(root[4]) < 1e-6 * model.body_weight
    assert abs(root[3]) < 0.06 * model.body_weight  # the floor's pressure is 6 cm off at most
    depth = [data.geom(f"{n}_r").xpos[2] - mj.geom(f"{n}_r").size[0]
             for n in ("heel", "ball_inner", "ball_outer", "toe")]  # fmt: skip
    np.testing.assert_allclose(depth, depth[0], atol=1e-4)


def test_frozen_at_home_it_stands_for_ten_seconds(legs: Any) -> None:
    """On four spheres a foot, joints held by springs, it neither tips forward nor sideways."""

    def freeze(spec: mujoco.MjSpec) -> None:
        for joint in spec.joints:
            if joint.type == mujoco.mjtJoint.mjJNT_HINGE and "pelvis" not in joint.name:
                joint.stiffness = np.eye(1, np.size(joint.stiffness))[0] * 2e4
                joint.damping = np.eye(1, np.size(joint.damping))[0] * 300.0
                joint.springref = legs.model.home[legs.model.coordinate_index(joint.name)]
        spec.option.timestep = 0.002
        spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_ACTUATION

    model = models.load("legs3d", edit=freeze)
    data = mujoco.MjData(model.mj)
    data.qpos[:] = model.home
    data.qvel[1] = 0.1  # a nudge to the side
    for _ in range(5000):
        mujoco.mj_step(model.mj, data)
    mujoco.mj_forward(model.mj, data)
    force = sum(data.sensordata[model.sensor_slice(f"grf_{foot}")][1:4] for foot in model.feet)
    assert np.abs(data.qvel).max() < 0.02
    assert force[2] == pytest.approx(model.body_weight, rel=5e-3)
    np.testing.assert_allclose(force[:2], 0.0, atol=5e-3 * model.body_weight)
    np.testing.assert_allclose(data.qpos[2:6], model.home[2:6], atol=0.03)
    down = 0.0
    for side in "rl":
        reading = data.sensordata[model.sensor_slice(f"contact_ankle_{side}")]
        down += (data.site(f"ankle_{side}").xmat.reshape(3, 3) @ reading)[2]
    below = [model.mj.body(f"{name}_{s}").mass[0] for name in ("talus", "calcn", "toes")
             for s in "rl"]  # fmt: skip
    assert down == pytest.approx(-(model.mass - sum(below)) * 9.81, rel=5e-3)


def test_a_falling_body_falls_freely(legs: Any) -> None:
    model, mj, data = legs.model, legs.model.mj, mujoco.MjData(legs.model.mj)
    data.qpos[:], data.act[:] = model.home, 0.3
    data.qpos[2] += 5.0
    mujoco.mj_forward(mj, data)
    start = data.subtree_com[0].copy()
    for _ in range(60):
        mujoco.mj_step(mj, data)
    mujoco.mj_forward(mj, data)
    drop = 0.5 * 9.81 * data.time * (data.time + mj.opt.timestep)
    np.testing.assert_allclose(data.subtree_com[0] - start, [0, 0, -drop], atol=5e-3 * drop)


def test_inverse_dynamics_of_a_made_up_motion_closes(legs: Any) -> None:
    """The root's generalized force is what moves the whole body: mass * (acceleration + g)."""
    model = legs.model
    anatomy = NativeAnatomy(model)
    time = np.arange(0.0, 0.5, 0.002)[:, None]
    phase = np.linspace(0.0, 5.0, model.mj.nv)
    size = np.where(anatomy.rotational, 0.15, 0.05)
    q = anatomy.default + size * np.sin(6.0 * time + phase)
    qd, qdd = 6.0 * size * np.cos(6.0 * time + phase), -36.0 * size * np.sin(6.0 * time + phase)
    state = anatomy.expand(q, qd, qdd)
    tau = inverse_dynamics(model, state.qpos, state.qvel, state.qacc)
    data, com = mujoco.MjData(model.mj), []
    for row in state.qpos:
        data.qpos[:] = row
        mujoco.mj_fwdPosition(model.mj, data)
        com.append(data.subtree_com[0].copy())
    acceleration = np.diff(com, 2, axis=0) / 0.002**2
    wanted = model.mass * (acceleration + np.array([0.0, 0.0, 9.81]))
    np.testing.assert_allclose(tau[1:-1, :3], wanted, atol=0.2)
    geometry = anatomy.muscle_geometry(q, qd)
    assert geometry.moment_arm.shape == (len(q), 80, 23)
    # No muscle moves pelvis or trunk.
    np.testing.assert_allclose(geometry.moment_arm[:, :, :9], 0.0, atol=1e-12)


def test_a_subject_scales_it(legs: Any) -> None:
    small = models.load("legs3d", Subject(60.0, 1.65, {"femur": 0.38}, strength=0.9))
    assert small.mass == pytest.approx(60.0)
    ratio, home = 1.65 / 1.82, legs.forward(legs.model.home)
    data = mujoco.MjData(small.mj)
    data.qpos[:] = small.home
    mujoco.mj_forward(small.mj, data)
    trunk = home.body("torso").xpos - home.body("pelvis").xpos
    np.testing.assert_allclose(
        data.body("torso").xpos - data.body("pelvis").xpos, ratio * trunk, atol=1e-6
    )
    thigh = np.linalg.norm(data.site("knee_r").xpos - data.site("hip_r").xpos)
    assert thigh == pytest.approx(0.38, abs=1e-9)
    p = small.muscle
    fibers = (data.actuator_length - p.tendon_slack_length) / p.element_length
    np.testing.assert_allclose(fibers, legs.fibers(legs.model.home), atol=1e-6)
    m_ = small.mirror_muscle
    np.testing.assert_allclose(p.max_isometric_force[m_], p.max_isometric_force, rtol=1e-9)
    own = models.load("legs3d", legs.model.subject)
    for field in ("body_mass", "body_pos", "site_pos", "actuator_lengthrange", "key_qpos"):
        np.testing.assert_array_equal(getattr(own.mj, field), getattr(legs.model.mj, field))


def test_steps_of_4_to_7_milliseconds_hold(legs: Any) -> None:
    """Violent excitations for half a second: every step stays finite and ends alike."""
    spec_steps = (0.004, 0.005, 1 / 150)
    heights = []
    for step in spec_steps:
        mj = models.load("legs3d", edit=lambda spec, s=step: setattr(spec.option, "timestep", s)).mj
        data = mujoco.MjData(mj)
        data.qpos[:] = legs.model.home
        for index in range(round(0.4 / step)):
            strong = np.random.default_rng(int(index * step / 0.05)).uniform(0, 1, mj.nu)
            data.ctrl[:] = strong
            mujoco.mj_step(mj, data)
            assert np.abs(data.qvel).max() < 100.0
        heights.append(float(data.qpos[2]))
    for one, other in pairwise(heights):
        assert abs(one - other) < 0.05
