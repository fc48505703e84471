"""Sharing that pays for joint loads: closed form, optimality, the least load, the load itself."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.optimize import lsq_linear, minimize

from bioenv import models
from bioenv.errors import BioenvError
from bioenv.inverse.dynamics import Contact
from bioenv.inverse.muscles import SharingProblem, static_optimization
from bioenv.inverse.muscles.contact_cost import (
    ContactLoad,
    contact_load,
    load_sharing,
    with_contact,
)
from bioenv.inverse.muscles.dynamic import dynamic_optimization
from bioenv.inverse.muscles.emg_informed import emg_informed
from bioenv.inverse.reaction import joint_reaction
from bioenv.models.native_anatomy import NativeAnatomy

BODY_WEIGHT = 700.0
FRAMES, M, K, J = 25, 12, 3, 2


def _problem(seed: int = 0, **given: object) -> SharingProblem:
    rng = np.random.default_rng(seed)
    arm = rng.normal(0.0, 0.04, (FRAMES, M, K))
    active = rng.uniform(300.0, 3000.0, (FRAMES, M))
    torque = np.einsum("tmk,tm->tk", arm, active * rng.uniform(0.0, 0.5, (FRAMES, M)))
    fields = {
        "time": np.arange(FRAMES) / 100,
        "torque": torque,
        "moment_arm": arm,
        "active": active,
        "passive": rng.uniform(0.0, 30.0, (FRAMES, M)),
        "max_isometric_force": np.full(M, 1000.0),
        "muscles": tuple(f"m{i}" for i in range(M)),
        "coordinates": tuple(f"q{i}" for i in range(K)),
    }
    return SharingProblem(**{**fields, **given})  # type: ignore[arg-type]


def _contact(seed: int = 1) -> ContactLoad:
    rng = np.random.default_rng(seed)
    pull = rng.normal(size=(FRAMES, M, J, 3)) * (rng.random((M, J)) < 0.5)[:, :, None]
    rest = rng.normal(scale=400.0, size=(FRAMES, J, 3))
    return ContactLoad(("knee", "hip"), rest, pull, BODY_WEIGHT)


def test_two_muscles_share_as_the_closed_form_says() -> None:
    # Equal torque per activation; the first presses the joint, the second does not. With u + v
    # fixed, least u² + v² + w (c + g u)² / BW² leaves 2 u - 2 v + 2 w g (c + g u) / BW² = 0.
    arm, strength, rest, weight = 0.05, 1000.0, 300.0, 0.4
    problem = SharingProblem(
        time=np.zeros(1),
        torque=np.array([[30.0]]),
        moment_arm=np.full((1, 2, 1), arm),
        active=np.full((1, 2), strength),
        passive=np.zeros((1, 2)),
        max_isometric_force=np.full(2, strength),
        muscles=("presses", "spares"),
        coordinates=("q",),
    )
    pull = np.zeros((1, 2, 1, 3))
    pull[0, 0, 0, 2] = 1.0
    contact = ContactLoad(("knee",), np.array([[[0.0, 0.0, rest]]]), pull, BODY_WEIGHT)
    found = load_sharing(problem, contact, weight)
    both = 30.0 / (arm * strength)
    s = weight * strength / BODY_WEIGHT**2
    u = (both - s * rest) / (2.0 + s * strength)
    np.testing.assert_allclose(found.activation, [[u, both - u]], rtol=1e-9)
    load = contact.resultant(found.force)[0, 0]
    assert load == pytest.approx(rest + u * strength)
    cost = u**2 + (both - u) ** 2 + weight * (load / BODY_WEIGHT) ** 2
    assert found.cost[0] == pytest.approx(cost)
    assert found.missing_torque.shape == found.reserve_torque.shape == (1, 1)
    assert "knee" in found.method


@pytest.mark.parametrize("use_passive", [False, True])
def test_no_other_sharing_costs_less(use_passive: bool) -> None:
    problem, contact = _problem(use_passive=use_passive, reserve=np.full(K, 40.0)), _contact()
    weight = np.array([0.5, 0.1])
    found = load_sharing(problem, contact, weight)
    assert found.solved.all()
    for t in range(0, FRAMES, 6):
        # The whole criterion as squares of one linear expression, by a bounded least squares.
        scale = np.sqrt(weight)[:, None] / BODY_WEIGHT
        pull = (contact.pull[t] * scale).reshape(M, -1).T * problem.active[t]
        still = problem.force(np.zeros((FRAMES, M)))
        rest = (contact.force(still)[t] * scale).ravel()
        rows = np.concatenate([np.eye(M), pull, -problem.gain[t] / 40.0])
        right = np.concatenate([np.zeros(M), -rest, -problem.demand[t] / 40.0])
        best = lsq_linear(rows, right, (0, 1), tol=1e-14, lsmr_tol="auto")
        np.testing.assert_allclose(found.activation[t], best.x, atol=1e-5)
        assert found.cost[t] == pytest.approx(2 * best.cost, abs=1e-9)


def test_optimality_conditions_hold() -> None:
    problem, contact, weight = _problem(2), _contact(3), 0.3
    found = load_sharing(problem, contact, weight)
    assert np.abs(found.missing_torque).max() < 1e-6
    load = contact.force(found.force)
    for t in range(FRAMES):
        a, gain = found.activation[t], problem.gain[t]
        slope = 2 * a + 2 * weight / BODY_WEIGHT**2 * problem.active[t] * np.einsum(
            "ji,mji->m", load[t], contact.pull[t]
        )
        free = (a > 1e-7) & (a < 1 - 1e-7)
        y, *_ = np.linalg.lstsq(gain[:, free].T, slope[free], rcond=None)
        push = slope - gain.T @ y
        assert np.abs(push[free]).max(initial=0.0) < 1e-6
        if np.linalg.matrix_rank(gain[:, free]) == K:
            assert (push[a <= 1e-7] > -1e-6).all()
            assert (push[a >= 1 - 1e-7] < 1e-6).all()


def test_more_weight_less_load_down_to_the_least() -> None:
    problem, contact = _problem(4), _contact(5)
    plain = static_optimization(problem)
    loads, efforts = [], []
    for weight in (1e-9, 0.03, 0.3, 3.0, 1e3):
        found = load_sharing(problem, contact, weight)
        loads.append((contact.force(found.force) ** 2).sum(axis=(1, 2)))
        efforts.append((found.activation**2).sum(axis=1))
    np.testing.assert_allclose(efforts[0], (plain.activation**2).sum(axis=1), rtol=1e-5)
    assert (np.diff(loads, axis=0) < 1e-6 * BODY_WEIGHT**2).all()
    assert (np.diff(efforts, axis=0) > -1e-6).all()
    t = 7
    pull = contact.pull[t].reshape(M, -1).T * problem.active[t] / BODY_WEIGHT
    rest = contact.rest[t].ravel() / BODY_WEIGHT
    least = minimize(
        lambda a: ((rest + pull @ a) ** 2).sum(),
        plain.activation[t],
        jac=lambda a: 2 * pull.T @ (rest + pull @ a),
        bounds=[(0, 1)] * M,
        constraints={
            "type": "eq",
            "fun": lambda a: problem.gain[t] @ a - problem.torque[t],
            "jac": lambda a: problem.gain[t],
        },
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-12},
    )
    assert loads[-1][t] / BODY_WEIGHT**2 == pytest.approx(least.fun, rel=1e-3)


def test_other_methods_pay_too() -> None:
    problem, contact = _problem(6), _contact(7)
    static = load_sharing(problem, contact, 0.3)
    at_once = partial(dynamic_optimization, activation_time=0.0, deactivation_time=0.0)
    swift = load_sharing(problem, contact, 0.3, at_once)
    np.testing.assert_allclose(swift.activation, static.activation, atol=1e-4)
    assert swift.excitation.shape == (FRAMES, M)
    emg = np.abs(np.sin(np.arange(FRAMES) / 5.0))[:, None] + 0.1
    listen = partial(emg_informed, emg=emg, mapping={"one": ("m0",)}, weight=1.0)
    heard = listen(problem), load_sharing(problem, contact, 0.3, listen)
    effort = [(contact.force(one.force) ** 2).sum() for one in heard]
    assert effort[1] < effort[0]
    np.testing.assert_allclose(heard[1].missing_torque, 0.0, atol=1e-6)


@pytest.fixture(scope="module")
def walker() -> NativeAnatomy:
    return NativeAnatomy(models.load("walker2d"))


def test_the_load_is_that_of_joint_reaction(walker: NativeAnatomy) -> None:
    q, qd, qdd = np.random.default_rng(0).normal(size=(3, 20, 12)) * 0.7
    pull = np.random.default_rng(1).uniform(0, 2000, (20, 18))
    external = [Contact("calcn_r", qdd[:, :3] * 500, q[:, :3])]
    for joints in (None, ("hip_l", "knee_l", "ankle_r")):
        found = contact_load(walker, q, qd, qdd, external, joints)
        named = found.joints
        assert named == (joints or ("knee_r", "knee_l"))
        whole = joint_reaction(walker, q, qd, qdd, pull, external, named, frame="ground")
        np.testing.assert_allclose(found.force(pull), whole.force, atol=1e-7)
        np.testing.assert_allclose(found.resultant(pull), whole.resultant(), atol=1e-7)


def test_refusals(walker: NativeAnatomy) -> None:
    problem, contact = _problem(), _contact()
    for weight in (0.0, -1.0, np.inf, [1.0, 2.0, 3.0]):
        with pytest.raises(BioenvError, match="positive, one number or one for each of knee, hip"):
            with_contact(problem, contact, weight)
    short = ContactLoad(contact.joints, contact.rest[1:], contact.pull[1:], BODY_WEIGHT)
    with pytest.raises(BioenvError, match="same motion and model"):
        load_sharing(problem, short)
    still = np.zeros((2, 12))
    with pytest.raises(BioenvError, match="knee_r"):
        contact_load(walker, still, still, still, joints=("elbow",))
