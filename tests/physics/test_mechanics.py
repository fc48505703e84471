"""Mechanics anyone can check on paper: a fall, a pendulum, a held weight, a mirror."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from bioenv import models
from bioenv.models import Model
from bioenv.paths import asset

STEP = 0.001


@pytest.fixture(scope="module")
def walker() -> Model:
    return models.load("walker2d")


def test_a_falling_body_falls_freely(walker: Model) -> None:
    """Muscles, springs and joint limits are internal: the centre of mass falls with g."""
    mj, data = walker.mj, mujoco.MjData(walker.mj)
    data.qpos[:], data.act[:] = walker.home, 0.5
    data.qpos[1] += 5.0
    mujoco.mj_forward(mj, data)
    start, steps = data.subtree_com[0].copy(), 100
    for _ in range(steps):
        mujoco.mj_step(mj, data)
    mujoco.mj_forward(mj, data)
    duration, dt = data.time, mj.opt.timestep
    # Semi-implicit Euler adds g dt / 2 per second to the parabola, exactly.
    drop = 0.5 * 9.81 * duration * (duration + dt)
    fallen = data.subtree_com[0] - start
    # The joints move at up to 20 rad/s meanwhile: the integrator's error, not a force's.
    np.testing.assert_allclose(fallen, [0.0, 0.0, -drop], atol=5e-3 * drop)


def test_a_passive_leg_swings_as_a_pendulum() -> None:
    """Period of a straight leg about the hip: 2 pi sqrt(I / (m g d)) for a small swing."""
    spec = mujoco.MjSpec.from_file(str(asset("walker2d", "model.xml")))
    for joint in list(spec.joints):
        if joint.name != "hip_flexion_r":
            spec.delete(joint)
    for key in list(spec.keys):
        spec.delete(key)
    for sensor in list(spec.sensors):
        if sensor.type == mujoco.mjtSensor.mjSENS_JOINTLIMITFRC:
            spec.delete(sensor)
    hip = spec.joint("hip_flexion_r")
    hip.damping, hip.armature = 0.0 * hip.damping, 0.0
    spec.body("pelvis").pos = [0.0, 0.0, 3.0]
    spec.option.timestep = STEP
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_ACTUATION
    mj = spec.compile()
    data = mujoco.MjData(mj)

    mujoco.mj_forward(mj, data)
    pivot, bodies = data.body("femur_r").xpos, ("femur_r", "tibia_r", "calcn_r", "toes_r")
    mass, inertia, moment = 0.0, 0.0, np.zeros(3)
    for name in bodies:
        body = data.body(name)
        m, arm = mj.body(name).mass[0], body.xipos - pivot
        rotation = body.ximat.reshape(3, 3)
        about_com = rotation @ np.diag(mj.body(name).inertia) @ rotation.T
        inertia += about_com[1, 1] + m * (arm[0] ** 2 + arm[2] ** 2)
        mass, moment = mass + m, moment + m * arm
    length = np.hypot(moment[0], moment[2]) / mass
    expected = 2 * np.pi * np.sqrt(inertia / (mass * 9.81 * length))

    rest = np.arctan2(-moment[0], -moment[2])  # the leg's centre of mass hangs below the hip
    data.qpos[0] = rest + np.deg2rad(2.0)
    angle = []
    for _ in range(round(4 * expected / STEP)):
        mujoco.mj_step(mj, data)
        angle.append(data.qpos[0] - rest)
    down = np.flatnonzero((np.array(angle[:-1]) > 0) & (np.array(angle[1:]) <= 0))
    period = np.diff(down).mean() * STEP
    assert period == pytest.approx(expected, rel=2e-3)


def _statue(model: Model, load: float = 0.0) -> mujoco.MjModel:
    """The walker without muscles, frozen at the home pose by springs, holding `load` kg."""
    spec = mujoco.MjSpec.from_file(str(asset("walker2d", "model.xml")))
    if load:
        weight = spec.body("torso").add_body(name="weight", pos=[0.05, 0, 0.1])
        weight.mass, weight.inertia = load, [0.1, 0.1, 0.1]
        weight.explicitinertial = True
    for joint in spec.joints:
        if joint.type == mujoco.mjtJoint.mjJNT_HINGE and joint.name != "pelvis_tilt":
            # The first coefficient of MuJoCo's polynomial stiffness and damping is the linear one.
            joint.stiffness = np.eye(1, np.size(joint.stiffness))[0] * 2e4
            joint.damping = np.eye(1, np.size(joint.damping))[0] * 300.0
            joint.springref = model.home[model.coordinate_index(joint.name)]
    spec.option.timestep = STEP
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_ACTUATION
    return spec.compile()


def _stand(mj: mujoco.MjModel) -> mujoco.MjData:
    data = mujoco.MjData(mj)
    mujoco.mj_resetDataKeyframe(mj, data, 0)
    for _ in range(24_000):  # it sways slowly on soft feet
        mujoco.mj_step(mj, data)
    mujoco.mj_forward(mj, data)
    return data


@pytest.mark.parametrize("load", [0.0, 20.0])
def test_the_feet_carry_body_and_held_weight(walker: Model, load: float) -> None:
    data = _stand(_statue(walker, load))
    force, point = np.zeros(3), np.zeros(3)
    for foot in walker.feet:
        reading = data.sensordata[walker.sensor_slice(f"grf_{foot}")]
        force += reading[1:4]
        point += reading[3] * reading[7:10]  # found, force, torque, pos
    weight = (walker.mass + load) * 9.81
    assert np.abs(data.qvel).max() < 0.02
    assert force[2] == pytest.approx(weight, rel=2e-3)
    assert abs(force[0]) < 5e-3 * weight
    # At rest the centre of pressure lies below the centre of mass.
    assert point[0] / force[2] == pytest.approx(data.subtree_com[0][0], abs=2e-3)


def test_contact_sensor_is_the_force_on_the_child(walker: Model) -> None:
    """The frozen foot carries the body: its ankle is pressed down by all that stands above it."""
    mj = _statue(walker)
    data = _stand(mj)
    feet = 2 * (mj.body("calcn_r").mass[0] + mj.body("toes_r").mass[0])
    down = 0.0
    for side in "rl":
        reading = data.sensordata[walker.sensor_slice(f"contact_ankle_{side}")]
        down += (data.site(f"ankle_{side}").xmat.reshape(3, 3) @ reading)[2]
    assert down == pytest.approx(-(walker.mass - feet) * 9.81, rel=5e-3)


def test_left_and_right_are_exact_mirrors(walker: Model) -> None:
    """A mirrored start and mirrored excitations give the mirrored motion."""
    mj, rng = walker.mj, np.random.default_rng(1)
    start = walker.home + np.r_[0.0, 0.02, rng.normal(0, 0.1, mj.nq - 2)]
    excitation = rng.uniform(0, 1, (60, mj.nu))
    ends = []
    for mirrored in (False, True):
        data = mujoco.MjData(mj)
        data.qpos[:] = start[walker.mirror_qpos] if mirrored else start
        for row in excitation:
            data.ctrl[:] = row[walker.mirror_muscle] if mirrored else row
            mujoco.mj_step(mj, data)
        ends.append((data.qpos.copy(), data.act.copy(), data.actuator_force.copy()))
    (q, act, force), (q2, act2, force2) = ends
    np.testing.assert_allclose(q2[walker.mirror_qpos], q, atol=1e-9)
    np.testing.assert_allclose(act2[walker.mirror_muscle], act, atol=1e-12)
    np.testing.assert_allclose(force2[walker.mirror_muscle], force, rtol=1e-7)


def test_the_knee_does_not_bend_backwards(walker: Model) -> None:
    """60 N*m of extension, twice the peak of walking, leave it within 3 degrees of straight."""
    mj, data = walker.mj, mujoco.MjData(walker.mj)
    knee = walker.coordinate_index("knee_angle_r")
    data.qpos[1] = 3.0
    gravity = mj.opt.gravity.copy()
    try:
        mj.opt.gravity[:] = 0.0
        data.qfrc_applied[knee] = -60.0
        for _ in range(600):
            mujoco.mj_step(mj, data)
    finally:
        mj.opt.gravity[:] = gravity
    assert abs(data.qvel[knee]) < 1e-3
    assert -3.0 < np.rad2deg(data.qpos[knee]) < 1.0
