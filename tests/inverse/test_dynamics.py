"""Inverse dynamics gives back the forces that forward dynamics was driven with."""

import mujoco
import numpy as np
import pytest

from bioenv import models, paths
from bioenv.errors import BioenvError
from bioenv.inverse.dynamics import Contact, inverse_dynamics, moment_arms, muscle_torque
from bioenv.inverse.limits import limit_torque

FREE = """
<mujoco>
  <worldbody>
    <body pos="0 0 1">
      <freejoint/> <geom type="box" size="0.1 0.2 0.3" mass="4" pos="0.05 0 0.1"/>
      <body name="arm" pos="0 0 0.3">
        <joint axis="0 1 0" damping="0.3" stiffness="2" armature="0.01"/>
        <joint type="slide" axis="1 0 0"/>
        <geom type="capsule" fromto="0 0 0 0.1 0.1 0.4" size="0.04" mass="1.3"/>
      </body>
    </body>
  </worldbody>
</mujoco>
"""


def no_contact(model: models.Model) -> mujoco.MjModel:
    mj = mujoco.MjModel.from_xml_path(str(paths.asset(model.name, "model.xml")))
    mj.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT
    return mj


def random_states(mj: mujoco.MjModel, n: int, seed: int, range_of_motion: bool = True):  # type: ignore[no-untyped-def]
    """n random states with random activations: arrays of what mj_forward found."""
    rng = np.random.default_rng(seed)
    data = mujoco.MjData(mj)
    keep = {k: [] for k in ("qpos", "qvel", "qacc", "qfrc_actuator", "qfrc_applied",
                            "qfrc_passive", "qfrc_constraint", "actuator_force")}  # fmt: skip
    for _ in range(n):
        mujoco.mj_resetData(mj, data)
        for joint in range(mj.njnt):
            adr = mj.jnt_qposadr[joint]
            if mj.jnt_limited[joint]:
                low, high = mj.jnt_range[joint]
                slack = 0.01 if range_of_motion else -0.1
                data.qpos[adr] = rng.uniform(low + slack, high - slack)
            else:
                data.qpos[adr] = rng.uniform(-0.4, 0.4)
        if mj.nq > mj.nv:
            data.qpos[:7] = rng.normal(size=7)
            mujoco.mju_normalize4(data.qpos[3:7])
        data.qvel[:] = rng.normal(size=mj.nv) * 3
        data.act[:] = rng.uniform(0, 1, mj.na)
        data.ctrl[:] = rng.uniform(0, 1, mj.nu)
        data.qfrc_applied[:] = rng.normal(size=mj.nv) * 10
        mujoco.mj_forward(mj, data)
        for name, values in keep.items():
            values.append(getattr(data, name).copy())
    return {k: np.array(v) for k, v in keep.items()}


@pytest.mark.parametrize("name", models.available())
def test_round_trip_of_every_model(name: str) -> None:
    model = models.load(name)
    mj = no_contact(model)
    s = random_states(mj, 40, 1)
    tau = inverse_dynamics(model, s["qpos"], s["qvel"], s["qacc"])
    applied = s["qfrc_actuator"] + s["qfrc_applied"] + s["qfrc_constraint"]
    np.testing.assert_allclose(tau, applied, rtol=0, atol=1e-9 * np.abs(applied).max())
    net = inverse_dynamics(model, s["qpos"], s["qvel"], s["qacc"], net=True)
    np.testing.assert_allclose(net - tau, s["qfrc_passive"], atol=1e-9 * np.abs(net).max())


def test_a_free_root_and_two_joints_in_one_body() -> None:
    mj = mujoco.MjModel.from_xml_string(FREE)
    s = random_states(mj, 30, 2)
    tau = inverse_dynamics(mj, s["qpos"], s["qvel"], s["qacc"])
    np.testing.assert_allclose(tau, s["qfrc_applied"], atol=1e-9)
    for k in range(5):
        data = mujoco.MjData(mj)
        data.qpos[:], data.qvel[:], data.qacc[:] = s["qpos"][k], s["qvel"][k], s["qacc"][k]
        mujoco.mj_inverse(mj, data)
        np.testing.assert_allclose(tau[k], data.qfrc_inverse, atol=1e-9)


@pytest.mark.parametrize("name", models.available())
def test_muscle_torque_is_qfrc_actuator(name: str) -> None:
    model = models.load(name)
    s = random_states(no_contact(model), 40, 3)
    torque = muscle_torque(model, s["qpos"], -s["actuator_force"])
    np.testing.assert_allclose(torque, s["qfrc_actuator"], atol=1e-10 * np.abs(torque).max())


@pytest.mark.parametrize("name", models.available())
def test_torque_at_the_ends_of_range_is_mujocos(name: str) -> None:
    model = models.load(name)
    s = random_states(no_contact(model), 60, 4, range_of_motion=False)
    torque = limit_torque(model, s["qpos"], s["qvel"], s["qacc"])
    scale = np.abs(s["qfrc_constraint"]).max()
    assert scale > 1
    np.testing.assert_allclose(torque, s["qfrc_constraint"], atol=1e-9 * scale)


def test_moment_arms_are_the_derivative_of_muscle_length() -> None:
    model = models.load(models.available()[-1])
    mj = no_contact(model)
    q = random_states(mj, 6, 5)["qpos"]
    arms = moment_arms(model, q)
    data = mujoco.MjData(mj)
    h = 1e-6
    for k in range(len(q)):
        for i in range(mj.nv):
            lengths = []
            for sign in (1, -1):
                data.qpos[:] = q[k]
                data.qpos[i] += sign * h
                mujoco.mj_fwdPosition(mj, data)
                lengths.append(data.actuator_length.copy())
            difference = (lengths[0] - lengths[1]) / (2 * h)
            np.testing.assert_allclose(arms[k, :, i], difference, atol=1e-6)


def ground_contacts(mj: mujoco.MjModel, data: mujoco.MjData) -> dict[int, list[np.ndarray]]:
    """Net force, its point (zero moment in the sagittal plane) and moment, by body."""
    out: dict[int, list[np.ndarray]] = {}
    for i in range(data.ncon):
        contact, local = data.contact[i], np.zeros(6)
        mujoco.mj_contactForce(mj, data, i, local)
        force = contact.frame.reshape(3, 3).T @ local[:3]
        body = int(mj.geom_bodyid[contact.geom2])
        entry = out.setdefault(body, [np.zeros(3), np.zeros(3)])
        entry[0] += force
        entry[1] += np.cross(contact.pos, force)
    return out


def test_ground_contact_of_the_walker() -> None:
    """Every foot segment's force at any point, with the moment about it, explains the motion."""
    model = models.load("walker2d")
    mj, rng = model.mj, np.random.default_rng(6)
    data = mujoco.MjData(mj)
    n, segments = 25, ("calcn_r", "toes_r", "calcn_l", "toes_l")
    q, v, a, drive = (np.zeros((n, mj.nv)) for _ in range(4))
    force, moment, point = (np.zeros((4, n, 3)) for _ in range(3))
    loads = 0
    for k in range(n):
        data.qpos[:] = model.home
        data.qpos[1] -= rng.uniform(0.0, 0.01)
        data.qpos[4:] += rng.normal(size=8) * 0.05
        data.qvel[:] = rng.normal(size=mj.nv) * 0.5
        data.act[:] = rng.uniform(0, 1, mj.na)
        mujoco.mj_forward(mj, data)
        q[k], v[k], a[k] = data.qpos, data.qvel, data.qacc
        limits = limit_torque(mj, q[k : k + 1], v[k : k + 1], a[k : k + 1])[0]
        drive[k] = data.qfrc_actuator + limits
        for body, (net, about_origin) in ground_contacts(mj, data).items():
            i = segments.index(mj.body(body).name)
            point[i, k] = data.xpos[body] + rng.normal(size=3) * 0.05
            force[i, k], moment[i, k] = net, about_origin - np.cross(point[i, k], net)
            loads += 1
    assert loads > 2 * n
    point[~force.any(axis=2)] = np.nan  # a foot in the air has no center of pressure
    contacts = [Contact(*each) for each in zip(segments, force, point, moment, strict=True)]
    tau = inverse_dynamics(model, q, v, a, contacts=contacts)
    np.testing.assert_allclose(tau, drive, atol=1e-8 * np.abs(drive).max())
    # One foot's force at a time through the arguments for force plates: the same sum.
    plates = inverse_dynamics(
        model, q, v, a, force[[0, 2]].swapaxes(0, 1), point[[0, 2]].swapaxes(0, 1),
        free_moment=moment[[0, 2]].swapaxes(0, 1), contacts=contacts[1::2],
    )  # fmt: skip
    np.testing.assert_allclose(plates, tau, atol=1e-9 * np.abs(tau).max())


def test_long_motions_are_the_same_in_pieces() -> None:
    model = models.load("walker2d")
    rng = np.random.default_rng(7)
    n, nv = 2500, model.mj.nv  # several chunks, the last one short
    q, v, a = (
        model.home + 0.1 * rng.normal(size=(n, nv)),
        rng.normal(size=(n, nv)),
        np.zeros((n, nv)),
    )
    force, point = rng.normal(size=(n, 2, 3)) * 300, rng.normal(size=(n, 2, 3))
    whole = inverse_dynamics(model, q, v, a, force, point)
    for k in (0, 1023, 1024, 2499):
        one = slice(k, k + 1)
        alone = inverse_dynamics(model, q[one], v[one], a[one], force[one], point[one])
        np.testing.assert_array_equal(whole[one], alone)


def test_mistakes_are_named() -> None:
    model = models.load("walker2d")
    q = np.tile(model.home, (3, 1))
    zero = np.zeros_like(q)
    with pytest.raises(BioenvError, match=r"qvel must have shape \(3, 12\)"):
        inverse_dynamics(model, q, zero[:2], zero)
    with pytest.raises(BioenvError, match="qacc must be finite; frame 1"):
        inverse_dynamics(model, q, zero, np.where(np.arange(3)[:, None] == 1, np.nan, zero))
    with pytest.raises(BioenvError, match="needs center_of_pressure"):
        inverse_dynamics(model, q, zero, zero, np.zeros((3, 2, 3)))
    with pytest.raises(BioenvError, match="did you mean 'calcn_r'"):
        inverse_dynamics(model, q, zero, zero, contacts=[Contact("calc_r", q[:, :3], q[:, :3])])
