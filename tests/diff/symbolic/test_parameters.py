"""Free parameters: at their defaults they change nothing, elsewhere they are MuJoCo's fields."""

from __future__ import annotations

import copy
from functools import cache

import casadi as ca
import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray

from bioenv.diff.symbolic.model import SymbolicModel, build
from bioenv.errors import BioenvError
from bioenv.models import Model, energy, load
from bioenv.models.model import from_mujoco

Array = NDArray[np.float64]
FREE = ("mass", "damping", "stiffness", "optimal_fiber_length", "tendon_slack_length", "friction")


@cache
def plain() -> SymbolicModel:
    return build(load("walker2d"), smoothing=0.0)


@cache
def free() -> SymbolicModel:
    return build(load("walker2d"), smoothing=0.0, free=FREE)


def state(seed: int) -> tuple[Array, Array, Array, Array]:
    """q, v, a, act with the feet in the ground."""
    rng, model = np.random.default_rng(seed), plain().model
    q = np.clip(model.home + 0.2 * rng.normal(size=model.mj.nq), *plain().valid_range.T)
    q[1] = model.home[1] - rng.uniform(0.0, 0.1)
    return q, rng.normal(size=q.size), 10 * rng.normal(size=q.size), rng.uniform(size=plain().nm)


def flat(value: object) -> Array:
    return np.array(value, dtype=float).ravel()


def test_at_their_defaults_nothing_changes() -> None:
    for seed in range(10):
        s = state(seed)
        found = flat(free().balance(*s, free().parameters.default))
        expected = flat(plain().balance(*s, plain().parameters.default))
        np.testing.assert_allclose(found, expected, atol=1e-9 * np.abs(expected).max())


def changed(**fields: Array) -> Model:
    mj = copy.copy(plain().model.mj)
    for name, value in fields.items():
        getattr(mj, name)[:] = value
    return from_mujoco(mj, "changed")


def test_masses_dampers_springs_and_friction_are_mujocos() -> None:
    rng, mj = np.random.default_rng(0), plain().model.mj
    factor, grip = rng.uniform(0.8, 1.2, 2), rng.uniform(0.5, 1.5)
    model = changed(
        body_mass=mj.body_mass * rng.uniform(0.8, 1.2, mj.nbody),
        dof_damping=mj.dof_damping * factor[0],
        jnt_stiffness=mj.jnt_stiffness * factor[1], pair_friction=mj.pair_friction * grip,
    )  # fmt: skip
    body, data = free(), mujoco.MjData(model.mj)
    p = body.parameters.pack(
        mass=model.mj.body_mass, damping=model.mj.dof_damping,
        stiffness=model.mj.jnt_stiffness, friction=grip,
    )  # fmt: skip
    touched = 0
    for seed in range(20):
        q, v, a, act = state(seed)
        data.qpos[:], data.qvel[:], data.qacc[:] = q, v, a
        mujoco.mj_inverse(model.mj, data)
        touched += data.ncon
        need = flat(body.balance(q, v, a, act, p)) + flat(body.muscle_torque(q, v, act, p))
        size = np.abs(data.qfrc_inverse).max()
        np.testing.assert_allclose(need, data.qfrc_inverse, atol=1e-10 * size)
        center = model.mj.body_mass @ data.xipos / model.mj.body_mass.sum()
        np.testing.assert_allclose(flat(body.com(q, p)), center, atol=1e-12)
    assert touched > 20


def test_fiber_and_tendon_lengths_are_those_of_a_changed_model() -> None:
    body, rng = free(), np.random.default_rng(1)
    muscle, mj = plain().model.muscle, copy.copy(plain().model.mj)
    optimum = muscle.optimal_fiber_length * rng.uniform(0.9, 1.1, body.nm)
    slack = muscle.tendon_slack_length * rng.uniform(0.97, 1.03, body.nm)
    element = muscle.element_length * optimum / muscle.optimal_fiber_length
    # MuJoCo knows both only through the lengths at the ends of its range.
    for side, end in enumerate((muscle.range_min, muscle.range_max)):
        mj.actuator_lengthrange[:, side] = slack + end * element
    p = body.parameters.pack(optimal_fiber_length=optimum, tendon_slack_length=slack)
    data, model = mujoco.MjData(mj), from_mujoco(mj, "changed")
    np.testing.assert_allclose(model.muscle.tendon_slack_length, slack)
    for seed in range(10):
        q, v, _, act = state(seed)
        data.qpos[:], data.qvel[:], data.act[:] = q, v, act
        mujoco.mj_forward(mj, data)
        force, fiber, _ = (flat(x) for x in body.muscle(q, v, act, p))
        assert np.abs(fiber - (data.actuator_length - slack) / element).max() < 5e-3  # fitted paths
        assert np.abs(force + data.actuator_force).max() < 0.01 * np.abs(force).max()
        exc, (length, arm) = rng.uniform(size=body.nm), (np.array(x) for x in body.muscle_path(q))
        heat = energy.bhargava2004(exc, act, length.ravel(), arm @ v, force, model.muscle)
        np.testing.assert_allclose(flat(body.metabolic(q, v, act, exc, p)), heat, atol=1e-8)


def test_derivatives_by_name() -> None:
    body = free()
    p, out = ca.SX.sym("p", body.parameters.default.size), body.parameters
    q, v, a, act = state(2)
    slope = ca.Function("slope", [p], [ca.jacobian(body.balance(q, v, a, act, p), p)])
    found = out.unpack(np.array(slope(out.default))[1])  # the root's vertical force
    still = np.array([0.0, 0.0, -1.0]) * plain().model.mass
    np.testing.assert_allclose(found["gravity"], still, atol=1e-9)
    assert set(found) == {"smoothing", "softness", "strength", "gravity", *FREE}
    with pytest.raises(BioenvError, match="unknown free parameter 'weight'"):
        build(load("elbow"), free=("weight",))
    with pytest.raises(BioenvError, match="p must have shape"):
        out.unpack(np.zeros(3))
