"""Inverse dynamics on an Anatomy: closed forms, forward simulation, the older implementation."""

import mujoco
import numpy as np
import pytest

from bioenv import models
from bioenv.errors import BioenvError
from bioenv.inverse.dynamics import Contact, inverse_dynamics
from bioenv.inverse.generalized import generalized_forces
from bioenv.models.anatomy import JointState
from bioenv.models.native_anatomy import NativeAnatomy

PENDULUM = """
<mujoco>
  <worldbody>
    <body name="rod">
      <joint name="swing" axis="0 1 0"/>
      <inertial pos="0 0 -0.4" mass="3" diaginertia="0.1 0.1 0.1"/>
    </body>
  </worldbody>
</mujoco>
"""


class Scaled:
    """An anatomy of one coordinate c with swing = c + c^2 / 2: what curvature does is seen."""

    coordinates = ("c",)
    mj = mujoco.MjModel.from_xml_string(PENDULUM)

    def expand(self, q, qd, qdd):  # type: ignore[no-untyped-def]
        return JointState(q + q**2 / 2, (1 + q) * qd, (1 + q) * qdd + qd**2)

    def jacobian(self, q):  # type: ignore[no-untyped-def]
        return 1 + q[:, :, None]


@pytest.fixture(scope="module")
def walker() -> NativeAnatomy:
    return NativeAnatomy(models.load("walker2d"))


def test_a_pendulum_whose_angle_is_a_function_of_the_coordinate() -> None:
    q, qd, qdd = np.random.default_rng(0).normal(size=(3, 50, 1)) * 0.5
    angle, slope = q + q**2 / 2, 1 + q
    inertia = 0.1 + 3 * 0.4**2
    torque = inertia * (slope * qdd + qd**2) + 3 * 9.81 * 0.4 * np.sin(angle)
    np.testing.assert_allclose(generalized_forces(Scaled(), q, qd, qdd), slope * torque)


def test_standing_still_the_ground_carries_the_weight(walker: NativeAnatomy) -> None:
    q = walker.default[None].repeat(3, axis=0)
    still, up = np.zeros_like(q), walker.coordinates.index("pelvis_ty")
    assert generalized_forces(walker, q, still, still)[0, up] == pytest.approx(walker.body_weight)
    half = np.array([[0, 0, walker.body_weight / 2]]).repeat(3, axis=0)
    point = np.array([[0.1, 0.0, 0.0]]).repeat(3, axis=0)
    feet = [Contact("calcn_r", half, point), Contact("calcn_l", half, point)]
    assert generalized_forces(walker, q, still, still, feet)[:, up] == pytest.approx(0, abs=1e-9)


def test_the_torque_that_drove_a_simulation_is_found(walker: NativeAnatomy) -> None:
    rng, mj = np.random.default_rng(1), walker.mj
    data, moved = mujoco.MjData(mj), []
    wrench = rng.normal(size=(40, 6)) * 50
    applied = rng.normal(size=(40, mj.nv)) * 20
    foot = mj.body("calcn_l").id
    for t in range(40):
        data.qpos[:], data.qvel[:] = rng.normal(size=(2, mj.nv)) * 0.5
        data.qfrc_applied[:], data.xfrc_applied[foot] = applied[t], wrench[t]
        mujoco.mj_forward(mj, data)
        moved.append(
            (data.qpos.copy(), data.qvel.copy(), data.qacc.copy(), data.xipos[foot].copy())
        )
    q, qd, qdd, point = (np.array(each) for each in zip(*moved, strict=True))
    load = Contact("calcn_l", wrench[:, :3], point, wrench[:, 3:])
    tau = generalized_forces(walker, q * walker.sign, qd * walker.sign, qdd * walker.sign, [load])
    np.testing.assert_allclose(tau * walker.sign, applied, atol=1e-7)


def test_chunks_of_frames_and_the_older_implementation_agree(walker: NativeAnatomy) -> None:
    q, qd, qdd = np.random.default_rng(2).normal(size=(3, 1100, 12))
    force, point, moment = np.random.default_rng(3).normal(size=(3, 1100, 3)) * 100
    point[5] = np.nan  # unloaded
    loads = [Contact("toes_r", force, point, moment)]
    tau = generalized_forces(walker, q, qd, qdd, loads)
    s = walker.sign
    older = inverse_dynamics(walker.model, q * s, qd * s, qdd * s, contacts=loads, net=True)
    np.testing.assert_allclose(tau, older * s, atol=1e-8)
    np.testing.assert_allclose(generalized_forces(walker, q[:5], qd[:5], qdd[:5]) - tau[:5],
                               (generalized_forces(walker, q, qd, qdd) - tau)[:5])  # fmt: skip


def test_bad_input_is_named(walker: NativeAnatomy) -> None:
    q = np.zeros((4, 12))
    with pytest.raises(BioenvError, match=r"qd must have shape \(4, 12\)"):
        generalized_forces(walker, q, q[:3], q)
    broken = q.copy()
    broken[2, 1] = np.nan
    with pytest.raises(BioenvError, match="qdd must be finite; frame 2"):
        generalized_forces(walker, q, q, broken)
    with pytest.raises(BioenvError, match="unknown body 'calcn_x'; did you mean 'calcn_r'"):
        generalized_forces(walker, q, q, q, [Contact("calcn_x", q[:, :3], q[:, :3])])
