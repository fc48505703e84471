"""Fitted muscle paths: how near to MuJoCo's wrapped ones, where they hold, how they are chosen."""

from __future__ import annotations

import time
from functools import cache

import mujoco
import numpy as np
import pytest

from bioenv.models import load

pytest.importorskip("casadi")

import casadi as ca

from bioenv.diff.symbolic import model as symbolic
from bioenv.diff.symbolic.path_fit import FittedPaths, fit_paths
from bioenv.diff.symbolic.polynomial import Target, evaluate, fit


@cache
def paths(name: str) -> FittedPaths:
    return fit_paths(load(name))


@pytest.mark.parametrize("name", ["arm26", "elbow", "walker2d"])
def test_reported_errors_are_small(name: str) -> None:
    for muscle, error in zip(load(name).muscles, paths(name).error, strict=True):
        assert error.length < 2e-4, muscle  # m
        assert error.moment_arm < 1.5e-3, muscle
        assert error.moment_arm_rms < 3e-4, muscle


@pytest.mark.parametrize("name", ["arm26", "walker2d"])
def test_reported_errors_are_true(name: str) -> None:
    model, fitted = load(name), paths(name)
    data, rng = mujoco.MjData(model.mj), np.random.default_rng(5)
    q = rng.uniform(*fitted.valid.T, size=(100, model.mj.nq))
    lengths = np.array([evaluate(one, q)[0][:, 0] for one in fitted.length]).T
    for pose, length in zip(q, lengths, strict=True):
        data.qpos[:] = pose
        mujoco.mj_forward(model.mj, data)
        allowed = 1.5 * np.array([error.length for error in fitted.error]) + 1e-6
        assert (np.abs(length - data.actuator_length) < allowed).all()


def test_range_ends_where_a_tendon_slips_off() -> None:
    # With the arm far overhead the long head of the triceps jumps to the shoulder's other side.
    shoulder, elbow = paths("arm26").valid
    assert 2.5 < shoulder[1] < 2.75
    low, high = load("arm26").mj.jnt_range[1]
    np.testing.assert_allclose(elbow, [low - 0.25, high + 0.25])


def test_muscles_depend_on_the_joints_they_cross() -> None:
    model, fitted = load("walker2d"), paths("walker2d")

    def crossed(muscle: str) -> list[str]:
        dofs = fitted.length[model.muscle_index(muscle)].dofs
        return [model.coordinates[d] for d in dofs]

    assert crossed("soleus_r") == ["ankle_angle_r"]
    assert crossed("gastroc_l") == ["knee_angle_l", "ankle_angle_l"]
    assert crossed("rect_fem_r") == ["hip_flexion_r", "knee_angle_r"]


def test_sides_are_mirror_images() -> None:
    model, fitted = load("walker2d"), paths("walker2d")
    q = np.random.default_rng(2).uniform(*fitted.valid.T, size=(50, model.mj.nq))
    mirrored = q[:, model.mirror_qpos]
    for muscle, other in enumerate(model.mirror_muscle):
        here, there = fitted.length[muscle], fitted.length[other]
        difference = evaluate(here, q)[0] - evaluate(there, mirrored)[0]
        assert np.abs(difference).max() < 1e-12


def test_the_fewest_terms_that_do() -> None:
    rng = np.random.default_rng(0)
    low, high = np.array([-1.0, 0.0]), np.array([1.0, 2.0])
    q = rng.uniform(low, high, size=(300, 2))
    x, y = q.T
    dofs = np.array([0, 1])

    def fitted(values: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        target = Target(dofs, low, high, q, values[:, None], slopes, (1e-6, 1e-5))
        found = fit(target)
        np.testing.assert_allclose(evaluate(found, q)[0][:, 0], values, atol=1e-6)
        return found.exponents

    alone = fitted(0.3 + x**3 - y**2, np.stack([3 * x**2, -2 * y], axis=1))
    assert (np.count_nonzero(alone, axis=1) <= 1).all()
    mixed = fitted(x * y, np.stack([y, x], axis=1))
    assert len(mixed) == 2  # x y of coordinates scaled about 0 and about 1


def test_walker_is_built_in_two_seconds() -> None:
    model = load("walker2d")
    symbolic.build(model)
    start = time.process_time()
    symbolic.build(model)
    assert time.process_time() - start < 2.0


def test_derivatives_of_the_balance() -> None:
    body = symbolic.build(load("walker2d"))
    q, v, a, act = (ca.SX.sym(n, k) for n, k in (("q", 12), ("v", 12), ("a", 12), ("act", 18)))
    x, p = ca.vertcat(q, v, a, act), body.parameters.default
    balance = body.balance(q, v, a, act, p)
    slope = ca.Function("slope", [x], [balance, ca.jacobian(balance, x)])
    rng, h = np.random.default_rng(0), 1e-6
    at = np.concatenate([body.model.home, rng.normal(size=24) * 0.3, np.full(18, 0.2)])
    jacobian = np.array(slope(at)[1])
    assert np.isfinite(jacobian).all()
    for _ in range(5):
        u = rng.normal(size=54)
        u /= np.linalg.norm(u)
        ahead, behind = (np.array(slope(at + s * h * u)[0]).ravel() for s in (1, -1))
        expected = (ahead - behind) / (2 * h)
        error = np.abs(jacobian @ u - expected).max()
        assert error < 1e-4 * np.abs(expected).max()
