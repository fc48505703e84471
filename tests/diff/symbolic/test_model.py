"""The symbolic model is the MuJoCo model: dynamics, contact, limits, muscles, loads, energy."""

from __future__ import annotations

from functools import cache

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.inverse import joint_contact_force
from bioenv.inverse.limits import limit_torque
from bioenv.models import Model, energy, load, muscle

pytest.importorskip("casadi")

from bioenv.diff.symbolic import model as symbolic

Array = NDArray[np.float64]
MODELS = ("arm26", "elbow", "walker2d")


@cache
def built(name: str) -> symbolic.SymbolicModel:
    return symbolic.build(load(name))


def exact(body: symbolic.SymbolicModel) -> Array:
    return body.parameters.pack(smoothing=0.0)


def flat(value: object) -> Array:
    return np.array(value, dtype=float).ravel()


class State:
    """A random state with the feet in the ground."""

    def __init__(self, body: symbolic.SymbolicModel, seed: int) -> None:
        rng = np.random.default_rng(seed)
        low, high = body.valid_range.T
        if body.n_contact:
            self.q = np.clip(body.model.home + rng.normal(size=body.nq) * 0.2, low, high)
            self.q[:3] = 0.0, body.model.home[1] - rng.uniform(-0.05, 0.15), rng.normal() * 0.1
        else:
            self.q = rng.uniform(low, high)
        self.v = rng.normal(size=body.nq) * 2
        self.a = rng.normal(size=body.nq) * 20
        self.act, self.exc = rng.uniform(size=(2, body.nm))


def mujoco_inverse(model: Model, s: State) -> mujoco.MjData:
    data = mujoco.MjData(model.mj)
    data.qpos[:], data.qvel[:], data.qacc[:] = s.q, s.v, s.a
    mujoco.mj_inverse(model.mj, data)
    return data


def states(body: symbolic.SymbolicModel, count: int = 40) -> list[State]:
    return [State(body, seed) for seed in range(count)]


@pytest.mark.parametrize("name", MODELS)
def test_balance_is_mujocos_inverse_dynamics(name: str) -> None:
    body = built(name)
    p = exact(body)
    for s in states(body):
        need = flat(body.balance(s.q, s.v, s.a, s.act, p)) + flat(
            body.muscle_torque(s.q, s.v, s.act, p)
        )
        expected = mujoco_inverse(body.model, s).qfrc_inverse
        np.testing.assert_allclose(need, expected, atol=1e-10 * (1 + np.abs(expected).max()))


def test_contact_forces_are_mujocos() -> None:
    body = built("walker2d")
    mj, touched = body.model.mj, 0
    for s in states(body):
        data, wrench = mujoco_inverse(body.model, s), np.zeros(6)
        force = np.array(body.contact_force(s.q, s.v, s.a, exact(body)))
        point = np.array(body.contact_point(s.q))
        expected = np.zeros_like(force)
        order = [mj.geom(c.name).id for c in body.contacts]
        for i in range(data.ncon):
            mujoco.mj_contactForce(mj, data, i, wrench)
            row = order.index(data.contact[i].geom[1])
            expected[row] += data.contact[i].frame.reshape(3, 3).T @ wrench[:3]
            np.testing.assert_allclose(point[row], data.contact[i].pos, atol=1e-12)
            touched += wrench[0] > 0
        np.testing.assert_allclose(force, expected, atol=1e-9 * (1 + np.abs(expected).max()))
        grf = np.array(body.grf(s.q, s.v, s.a, exact(body)))
        np.testing.assert_allclose(grf, [expected[:3].sum(axis=0), expected[3:].sum(axis=0)],
                                   atol=1e-9 * (1 + np.abs(expected).max()))  # fmt: skip
    assert touched > 50


@pytest.mark.parametrize("name", MODELS)
def test_limits_and_passive_torques(name: str) -> None:
    body = built(name)
    mj = body.model.mj
    for s in states(body):
        s.q = s.q + 0.05 * np.sign(s.v)  # beyond the ends of range too
        expected = limit_torque(body.model, s.q[None], s.v[None], s.a[None])[0]
        found = flat(body.limit_torque(s.q, s.v, s.a, exact(body)))
        np.testing.assert_allclose(found, expected, atol=1e-8 * (1 + np.abs(expected).max()))
        data = mujoco_inverse(body.model, s)
        np.testing.assert_allclose(
            flat(body.passive_torque(s.q, s.v, exact(body))), data.qfrc_passive
        )
    assert mj.njnt == body.nq


@pytest.mark.parametrize("name", MODELS)
def test_muscles_follow_the_numpy_curves_and_mujocos_paths(name: str) -> None:
    body = built(name)
    params = body.model.muscle
    for s in states(body):
        length, arm = (np.array(x) for x in body.muscle_path(s.q))
        rate = arm @ s.v
        force, fiber, speed = (flat(x) for x in body.muscle(s.q, s.v, s.act, exact(body)))
        expected = muscle.muscle_force(length.ravel(), rate, s.act, params)
        np.testing.assert_allclose(force, expected, atol=1e-8)
        np.testing.assert_allclose(fiber, muscle.fiber_length(length.ravel(), params))
        np.testing.assert_allclose(speed, muscle.normalized_velocity(rate, params), atol=1e-12)
        power = energy.bhargava2004(s.exc, s.act, length.ravel(), rate, force, params)
        found = flat(body.metabolic(s.q, s.v, s.act, s.exc, exact(body)))
        np.testing.assert_allclose(found, power, atol=1e-8)
        data = mujoco_inverse(body.model, s)
        np.testing.assert_allclose(length.ravel(), data.actuator_length, atol=5e-4)


def test_muscle_curves_beyond_both_ends() -> None:
    body = built("walker2d")
    params, model = body.model.muscle, body.model
    weak = body.parameters.pack(smoothing=0.0, strength=0.5)
    s = State(body, 3)
    s.v = s.v * 20  # faster than any muscle shortens
    length, arm = (np.array(x) for x in body.muscle_path(s.q))
    force = flat(body.muscle(s.q, s.v, s.act, weak)[0])
    full = muscle.muscle_force(length.ravel(), arm @ s.v, s.act, params)
    np.testing.assert_allclose(force, 0.5 * full, atol=1e-8)
    assert np.abs(muscle.normalized_velocity(arm @ s.v, model.muscle)).max() > 1


def test_joint_contact_agrees_with_the_inverse_analysis() -> None:
    body = built("walker2d")
    shift = np.zeros((1, 2, 3))  # the point of application does not matter for forces
    differences = []
    for s in states(body, 20):
        found = np.array(body.joint_contact(s.q, s.v, s.a, s.act, exact(body)))
        pull = flat(body.muscle(s.q, s.v, s.act, exact(body))[0])
        grf = np.array(body.grf(s.q, s.v, s.a, exact(body)))
        expected = joint_contact_force(
            body.model, s.q[None], s.v[None], s.a[None], pull[None], grf[None], shift
        )[0]
        allowed = np.full(len(found), 0.01)
        for one in body.paths.pull:  # the directions' reported errors
            allowed[one.joint] += 1.5 * one.error * pull[one.muscle]
        assert (np.abs(found - expected).max(axis=1) < allowed).all()
        differences.append(np.abs(found - expected).max())
    assert np.median(differences) < 50.0  # N, of several thousand; mostly iliopsoas at its wrap


def test_center_of_mass_and_points() -> None:
    body = built("walker2d")
    mj = body.model.mj
    for s in states(body, 5):
        data = mujoco_inverse(body.model, s)
        mujoco.mj_comPos(mj, data)
        mujoco.mj_subtreeVel(mj, data)
        np.testing.assert_allclose(
            flat(body.com(s.q, exact(body))), data.subtree_com[0], atol=1e-12
        )
        velocity = flat(body.com_velocity(s.q, s.v, exact(body)))
        np.testing.assert_allclose(velocity, data.subtree_linvel[0], atol=1e-12)
        points = np.array(body.positions(s.q))
        np.testing.assert_allclose(points[body.position("knee_r")], data.site("knee_r").xpos)
        np.testing.assert_allclose(points[body.position("body:toes_l")], data.body("toes_l").xpos)


def test_excitation_inverts_the_activation_dynamics() -> None:
    body = built("arm26")
    rng = np.random.default_rng(0)
    exc, act = rng.uniform(size=(2, body.nm))
    rate = flat(body.activation_rate(act, exc, exact(body)))
    np.testing.assert_allclose(rate, muscle.activation_rate(exc, act, body.model.muscle))
    np.testing.assert_allclose(flat(body.excitation(act, rate, exact(body))), exc, atol=1e-12)


def test_smoothing_vanishes_and_softness_softens() -> None:
    body = built("walker2d")
    still = np.zeros(body.nq)

    def standing(**values: float) -> Array:
        p = body.parameters.pack(**values)
        return np.array(body.grf(body.model.home, still, still, p))

    sharp = standing(smoothing=0.0)
    errors = [np.abs(standing(smoothing=width) - sharp).max() for width in (20.0, 1.0, 0.1)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[1] < 0.01 * np.abs(sharp).max()
    np.testing.assert_allclose(standing(smoothing=0.0, softness=4.0), sharp / 4)
    np.testing.assert_allclose(sharp[:, 2].sum(), body.model.body_weight, rtol=0.01)


def test_no_force_in_the_air_even_when_smoothed() -> None:
    body = built("walker2d")
    q = body.model.home.copy()
    q[1] += 0.05
    p = body.parameters.pack(smoothing=20.0)
    grf = np.array(body.grf(q, np.zeros(body.nq), np.zeros(body.nq), p))
    assert np.abs(grf).max() < 1e-6


def test_parameters_are_checked() -> None:
    body = built("elbow")
    with pytest.raises(BioenvError, match="unknown parameter 'softnes'"):
        body.parameters.pack(softnes=1.0)
    with pytest.raises(BioenvError, match="must have 6 values"):
        body.parameters.pack(strength=[1.0, 2.0])
    with pytest.raises(BioenvError, match="body or site"):
        body.position("nose")
