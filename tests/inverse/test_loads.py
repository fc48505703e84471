"""Joint contact force by Newton's law against MuJoCo's force sensors and simple statics."""

import mujoco
import numpy as np
import pytest

from bioenv import models
from bioenv.errors import BioenvError
from bioenv.inverse.dynamics import Contact
from bioenv.inverse.loads import joint_contact_force

ARM = """
<mujoco>
  <option gravity="0 0 -9.81"/>
  <worldbody>
    <site name="origin" pos="0.03 0 0.3"/>
    <body name="upper" pos="0 0 0">
      <joint axis="0 1 0"/> <site name="shoulder"/>
      <geom type="capsule" fromto="0 0 0 0 0 -0.3" size="0.03" mass="2"/>
      <geom name="pulley" type="cylinder" size="0.03 0.05" euler="90 0 0" pos="0 0 -0.3"
            mass="0.1"/>
      <site name="front" pos="0.06 0 -0.3"/>
      <body name="fore" pos="0 0 -0.3">
        <joint axis="0 1 0"/> <site name="elbow" euler="0 30 0"/>
        <geom type="capsule" fromto="0 0 0 0.02 0 -0.25" size="0.02" mass="1.2"/>
        <site name="insertion" pos="0.03 0 -0.06"/>
      </body>
    </body>
  </worldbody>
  <tendon>
    <spatial name="t">
      <site site="origin"/> <geom geom="pulley" sidesite="front"/> <site site="insertion"/>
    </spatial>
  </tendon>
  <actuator>
    <muscle name="m" tendon="t" force="500" lengthrange="0.3 0.9"/>
  </actuator>
  <sensor>
    <force name="contact_shoulder" site="shoulder"/> <force name="contact_elbow" site="elbow"/>
  </sensor>
</mujoco>
"""


def gather(mj: mujoco.MjModel, states, sensors: slice):  # type: ignore[no-untyped-def]
    """What joint_contact_force needs and what the sensors say, from a loop of mj_forward."""
    data = mujoco.MjData(mj)
    q, v, a, f, read, ground = [], [], [], [], [], []
    for qpos, qvel, act in states:
        data.qpos[:], data.qvel[:], data.act[:] = qpos, qvel, act
        mujoco.mj_forward(mj, data)
        q.append(data.qpos.copy())
        v.append(data.qvel.copy())
        a.append(data.qacc.copy())
        f.append(-data.actuator_force)
        read.append(data.sensordata[sensors].copy().reshape(-1, 3))
        total = np.zeros((mj.nbody, 3))
        for i in range(data.ncon):
            contact, local = data.contact[i], np.zeros(6)
            mujoco.mj_contactForce(mj, data, i, local)
            body = mj.geom_bodyid[contact.geom2]
            total[body] += contact.frame.reshape(3, 3).T @ local[:3]
        ground.append(total)
    return tuple(np.array(x) for x in (q, v, a, f, read, ground))


def test_a_hanging_arm_and_a_held_weight() -> None:
    mj = mujoco.MjModel.from_xml_string(ARM)
    still = np.zeros((1, 2))
    force = joint_contact_force(mj, still, still, still, joints=("shoulder", "elbow"))
    assert force[0, 0] == pytest.approx([0, 0, 3.3 * 9.81])  # the shoulder carries all, upwards
    turned = np.array([-np.sin(np.pi / 6), 0, np.cos(np.pi / 6)]) * 1.2 * 9.81
    assert force[0, 1] == pytest.approx(turned)  # in the axes of the tilted elbow site
    load = Contact("fore", np.array([[0, 0, -100.0]]), np.zeros((1, 3)))
    heavier = joint_contact_force(mj, still, still, still, contacts=[load], joints=("shoulder",))
    assert heavier[0, 0, 2] == pytest.approx(3.3 * 9.81 + 100)


def test_a_muscle_presses_the_joint_together() -> None:
    mj = mujoco.MjModel.from_xml_string(ARM)
    q = np.array([[0.2, -0.4]])
    still = np.zeros_like(q)
    without = joint_contact_force(mj, q, still, still, np.array([[0.0]]))
    with_pull = joint_contact_force(mj, q, still, still, np.array([[400.0]]))
    added = np.linalg.norm(with_pull - without, axis=2)
    np.testing.assert_allclose(added, 400.0)  # one straight piece crosses each joint
    # Along the arm the pull is up toward the origin: the joint pushes the arm down.
    assert (with_pull - without)[0, 0, 2] < -350


def test_the_sensors_agree_while_the_tendon_wraps_and_leaves_the_pulley() -> None:
    mj = mujoco.MjModel.from_xml_string(ARM)
    rng = np.random.default_rng(1)
    states = [
        (rng.uniform(-2, 2, 2), rng.normal(size=2) * 5, rng.uniform(0, 1, 1)) for _ in range(60)
    ]
    q, v, a, f, read, _ = gather(mj, states, slice(0, 6))
    force = joint_contact_force(mj, q, v, a, f)
    np.testing.assert_allclose(force, read, atol=1e-9 * np.abs(read).max())


def test_the_walkers_sensors_agree_on_random_states_with_ground_contact() -> None:
    model = models.load("walker2d")
    mj, rng = model.mj, np.random.default_rng(2)
    states = []
    for _ in range(60):
        qpos = model.home + np.r_[0, rng.uniform(-0.015, 0), 0.1 * rng.normal(size=10)]
        states.append((qpos, rng.normal(size=mj.nv), rng.uniform(0, 1, mj.na)))
    columns = [model.sensor_slice(f"contact_{j}") for j in model.contact_joints]
    sensors = slice(columns[0].start, columns[-1].stop)
    q, v, a, f, read, ground = gather(mj, states, sensors)
    contacts = [
        Contact(mj.body(b).name, ground[:, b], np.zeros((len(q), 3)))
        for b in range(mj.nbody) if ground[:, b].any()
    ]  # fmt: skip
    assert len(contacts) >= 3
    force = joint_contact_force(model, q, v, a, f, contacts=contacts)
    assert np.abs(read).max() > 2 * model.body_weight
    np.testing.assert_allclose(force, read, atol=1e-6 * np.abs(read).max())
    feet = np.stack([ground[:, [mj.body(f"{s}_{side}").id for s in ("calcn", "toes")]].sum(1)
                     for side in model.feet], axis=1)  # fmt: skip
    plates = joint_contact_force(model, q, v, a, f, feet, np.zeros_like(feet))
    np.testing.assert_allclose(plates, force, atol=1e-9 * np.abs(read).max())


def test_an_unknown_joint_is_named() -> None:
    model = models.load("walker2d")
    q = model.home[None]
    with pytest.raises(BioenvError, match="unknown joint 'hip'"):
        joint_contact_force(model, q, 0 * q, 0 * q, joints=("hip",))
