"""Springs along fixed tendons are MuJoCo's, on both sides of their dead band."""

from __future__ import annotations

import casadi as ca
import mujoco
import numpy as np
import pytest

from bioenv.diff.symbolic.cords import cord_torque
from bioenv.diff.symbolic.model import build
from bioenv.errors import BioenvError
from bioenv.models import Model, load


def strapped() -> Model:
    """walker2d with a strap over knee and ankle, slack between -0.1 and 0.2 rad."""

    def edit(spec: mujoco.MjSpec) -> None:
        strap = spec.add_tendon(name="strap", springlength=[-0.1, 0.2])
        strap.wrap_joint("ankle_angle_r", 1.0)
        strap.wrap_joint("knee_angle_r", -0.5)
        strap.stiffness = np.array([80.0, 0.0, 0.0])

    return load("walker2d", edit=edit)


def test_torque_of_a_strap_over_two_joints() -> None:
    model = strapped()
    q, smoothing = ca.SX.sym("q", model.mj.nq), ca.SX.sym("smoothing")
    torque = ca.Function("torque", [q, smoothing], [cord_torque(model.mj, q, smoothing)])
    plain = load("walker2d")
    seen = set()
    for ankle, knee in ((0.4, 0.1), (-0.4, 0.1), (0.1, 0.2), (0.0, 1.0), (0.3, 0.2)):
        passive = []
        for one in (model, plain):
            data = mujoco.MjData(one.mj)
            data.qpos[:] = one.home
            data.qpos[one.coordinate_index("ankle_angle_r")] = ankle
            data.qpos[one.coordinate_index("knee_angle_r")] = knee
            mujoco.mj_forward(one.mj, data)
            passive.append(data.qfrc_passive.copy())
        expected = passive[0] - passive[1]
        found = np.array(torque(data.qpos, 0.0)).ravel()
        np.testing.assert_allclose(found, expected, atol=1e-9)
        # Rounding moves it by no more than half its width at the onset: k * 1e-3 / 2.
        np.testing.assert_allclose(np.array(torque(data.qpos, 1.0)).ravel(), expected, atol=0.05)
        seen.add(float(np.sign(expected[model.coordinate_index("ankle_angle_r")])))
    assert seen == {-1.0, 0.0, 1.0}


def test_a_body_without_cords_has_no_such_torque() -> None:
    mj = load("walker2d").mj
    assert cord_torque(mj, ca.SX.sym("q", mj.nq), ca.SX(1.0)).nnz() == 0


def test_springs_that_stiffen_are_refused() -> None:
    def edit(spec: mujoco.MjSpec) -> None:
        strap = spec.add_tendon(name="strap", springlength=[-0.1, 0.2])
        strap.wrap_joint("ankle_angle_r", 1.0)
        strap.stiffness = np.array([80.0, 5.0, 0.0])

    with pytest.raises(BioenvError, match="stiffnesspoly of tendon 'strap'"):
        build(load("walker2d", edit=edit))
