"""Static optimization: closed forms, optimality conditions, other solvers, torque out of reach."""

from __future__ import annotations

from typing import Any

import daqp
import numpy as np
import pytest
from scipy.optimize import lsq_linear

from bioenv.errors import BioenvError
from bioenv.inverse.muscles import Sharing, SharingProblem, Status, static_optimization

FRAMES, M, K = 40, 18, 6


def _problem(torque: Any, arm: Any, active: Any, **given: Any) -> SharingProblem:
    arm, torque = np.asarray(arm, dtype=float), np.atleast_2d(torque).astype(float)
    frames, k = torque.shape
    m = arm.shape[-2]
    fields = {
        "passive": np.zeros((frames, m)),
        "max_isometric_force": np.full(m, 1000.0),
        "muscles": tuple(f"m{i}" for i in range(m)),
        "coordinates": tuple(f"q{i}" for i in range(k)),
    }
    shape = (frames, m, k)
    return SharingProblem(
        time=np.arange(frames) / 100,
        torque=torque,
        moment_arm=np.broadcast_to(arm, shape),
        active=np.broadcast_to(active, (frames, m)),
        **{**fields, **given},
    )


def _random(seed: int = 0, strength: float = 0.5, **given: Any) -> SharingProblem:
    """Torque that activations up to about `strength` make."""
    rng = np.random.default_rng(seed)
    arm = rng.normal(0.0, 0.04, (FRAMES, M, K)) * (rng.random((M, K)) < 0.6)
    active = rng.uniform(300.0, 3000.0, (FRAMES, M))
    torque = np.einsum("tmk,tm->tk", arm, active * rng.uniform(0.0, strength, (FRAMES, M)))
    return _problem(torque, arm, active, **given)


def _check_optimal(problem: SharingProblem, found: Sharing, exponent: float) -> None:
    """Multipliers exist that explain every activation: zero slope inside, the right sign at
    bounds. Found from the free muscles alone, independently of the solver."""
    for t in range(len(problem.time)):
        gain, a = problem.gain[t], found.activation[t]
        slope = exponent * a ** (exponent - 1)
        free = (a > problem.lower + 1e-7) & (a < problem.upper - 1e-7)
        rows, right = [gain[:, free].T], [slope[free]]
        held = problem.reserve > 0
        rows.append(np.diag(problem.reserve)[held])
        right.append(2 * found.reserve_torque[t, held] / problem.reserve[held])
        system, value = np.concatenate(rows), np.concatenate(right)
        y, *_ = np.linalg.lstsq(system, value, rcond=None)
        assert np.abs(system @ y - value).max(initial=0.0) < 1e-6
        if np.linalg.matrix_rank(system) == len(y):  # otherwise the signs are not determined
            push = np.where(problem.upper > problem.lower, slope - gain.T @ y, 0.0)
            assert np.all(push[a <= problem.lower + 1e-7] > -1e-6)
            assert np.all(push[a >= problem.upper - 1e-7] < 1e-6)


def test_two_muscles_share_as_the_closed_form_says() -> None:
    strength = np.array([40.0, 30.0])  # N*m at full activation: arm 0.05 and 0.03
    problem = _problem([[25.0]], [[0.05], [0.03]], [800.0, 1000.0])
    found = static_optimization(problem)
    np.testing.assert_allclose(found.activation[0], 25.0 * strength / (strength**2).sum())
    cubic = static_optimization(problem, exponent=3.0).activation[0]
    np.testing.assert_allclose(cubic, 25.0 * strength**0.5 / (strength**1.5).sum(), rtol=1e-6)
    # Sum of (F / F0)^2 with equal F0: forces in the ratio of the moment arms.
    force = static_optimization(problem, cost="force").force[0]
    np.testing.assert_allclose(force, 25.0 * np.array([0.05, 0.03]) / (0.05**2 + 0.03**2))


def test_a_reserve_is_another_actuator() -> None:
    problem = _problem([[25.0]], [[0.05]], [800.0], reserve=np.array([10.0]))
    found = static_optimization(problem)
    np.testing.assert_allclose(found.activation, [[25.0 * 40 / (40**2 + 10**2)]])
    np.testing.assert_allclose(found.reserve_torque, [[25.0 * 100 / (40**2 + 10**2)]])
    assert found.cost[0] == pytest.approx(25.0**2 / (40**2 + 10**2))


def test_a_free_reserve_takes_everything() -> None:
    problem = _problem([[25.0]], [[0.05]], [800.0], reserve=np.array([np.inf]))
    found = static_optimization(problem)
    assert not found.activation.any()
    assert found.reserve_torque == pytest.approx(np.array([[25.0]]))
    assert found.status[0] == Status.OPTIMAL


@pytest.mark.parametrize("reserve", [0.0, 1.0, 30.0])
def test_the_program_is_solved_as_daqp_solves_it(reserve: float) -> None:
    problem = _random(lower=np.full(M, 0.01), reserve=np.full(K, reserve))
    found = static_optimization(problem)
    assert (found.status == Status.OPTIMAL).all()
    assert np.abs(found.missing_torque).max() < 1e-6
    assert found.residual.max() < 1e-8
    held = np.flatnonzero(problem.reserve)
    for t in range(FRAMES):
        gain = np.hstack([problem.gain[t], np.diag(problem.reserve)[:, held]])
        size = M + len(held)
        upper = np.r_[np.ones(M), np.full(len(held), 1e6), problem.torque[t]]
        lower = np.r_[np.full(M, 0.01), np.full(len(held), -1e6), problem.torque[t]]
        sense = np.r_[np.zeros(size), np.full(K, 5)].astype(np.int32)
        x, *_ = daqp.solve(2 * np.eye(size), np.zeros(size), gain, upper, lower, sense)
        np.testing.assert_allclose(found.activation[t], x[:M], atol=1e-6)


@pytest.mark.parametrize("reserve", [0.0, 2.0])
@pytest.mark.parametrize("lower", [0.0, 0.01])
@pytest.mark.parametrize("exponent", [1.2, 1.5, 2.0, 3.0, 5.0])
def test_optimality_conditions_hold(exponent: float, lower: float, reserve: float) -> None:
    problem = _random(1, lower=np.full(M, lower), reserve=np.full(K, reserve))
    found = static_optimization(problem, exponent=exponent)
    assert (found.status == Status.OPTIMAL).all()
    assert np.abs(found.missing_torque).max() < 1e-6
    assert found.residual.max() < 1e-6
    _check_optimal(problem, found, exponent)


def test_bounds_of_activation_are_kept_and_used() -> None:
    rng = np.random.default_rng(3)
    lower, upper = rng.uniform(0, 0.1, M), rng.uniform(0.3, 0.6, M)
    upper[:2] = lower[:2]  # held muscles
    problem = _random(2, lower=lower, upper=upper, reserve=np.full(K, 5.0))
    for exponent in (2.0, 3.0):
        found = static_optimization(problem, exponent=exponent)
        assert (found.activation >= lower - 1e-12).all()
        assert (found.activation <= upper + 1e-12).all()
        assert (found.activation == upper).any()
        _check_optimal(problem, found, exponent)


@pytest.mark.parametrize("exponent", [2.0, 3.0])
def test_torque_out_of_reach_leaves_the_least_missing(exponent: float) -> None:
    problem = _random(4, strength=2.0)
    found = static_optimization(problem, exponent=exponent)
    assert 5 < (found.status == Status.SHORT).sum() < FRAMES
    assert not (found.status == Status.UNSOLVED).any()
    for t in range(FRAMES):
        gain, torque = problem.gain[t], problem.torque[t]
        best = lsq_linear(gain, torque, (0.0, 1.0), method="bvls", tol=1e-14)
        np.testing.assert_allclose(found.missing_torque[t], -best.fun, atol=2e-5)
        assert (found.status[t] == Status.SHORT) == (np.abs(best.fun).max() > 1e-4)


def test_of_the_nearest_torques_activations_the_cheapest_are_taken() -> None:
    # The first muscle cannot make 60 N*m; the others share a torque that is in reach.
    arm = np.zeros((3, 2))
    arm[0, 0], arm[1:, 1] = 0.05, (0.04, 0.03)
    found = static_optimization(_problem([[60.0, 20.0]], arm, [1000.0] * 3))
    np.testing.assert_allclose(found.missing_torque, [[10.0, 0.0]], atol=1e-6)
    np.testing.assert_allclose(found.activation, [[1.0, 0.32, 0.24]], atol=1e-8)
    # A muscle of both coordinates helps the one until it harms the other as much.
    arm[2, 0] = 0.03
    found = static_optimization(_problem([[75.0, -10.0]], arm, [1000.0] * 3))
    assert found.status[0] == Status.SHORT
    np.testing.assert_allclose(found.activation, [[1.0, 0.0, 0.25]], atol=1e-7)
    np.testing.assert_allclose(found.missing_torque, [[17.5, -17.5]], atol=1e-5)


def test_a_coordinate_without_muscles_is_left_to_its_reserve_or_missing() -> None:
    arm = np.zeros((2, 2))
    arm[:, 0] = 0.05
    problem = _problem([[10.0, 7.0]], arm, [1000.0, 1000.0], reserve=np.array([0.0, 2.0]))
    found = static_optimization(problem)
    assert found.reserve_torque[0, 1] == pytest.approx(7.0)
    assert found.cost[0] == pytest.approx(2 * 0.1**2 + 3.5**2)
    without = static_optimization(_problem([[10.0, 7.0]], arm, [1000.0, 1000.0]))
    np.testing.assert_allclose(without.missing_torque, [[0.0, 7.0]], atol=1e-7)
    np.testing.assert_allclose(without.activation, found.activation, rtol=1e-9)
    assert without.status[0] == Status.SHORT


def test_legs_together_give_what_each_gives_alone() -> None:
    one, two = _random(5), _random(6)
    arm = np.zeros((FRAMES, 2 * M, 2 * K))
    arm[:, :M, :K], arm[:, M:, K:] = one.moment_arm, two.moment_arm
    both = _problem(np.hstack([one.torque, two.torque]), arm, np.hstack([one.active, two.active]))
    together = static_optimization(both).activation
    np.testing.assert_allclose(together[:, :M], static_optimization(one).activation, atol=1e-9)
    np.testing.assert_allclose(together[:, M:], static_optimization(two).activation, atol=1e-9)


def test_frames_do_not_depend_on_their_neighbours() -> None:
    problem = _random(7, strength=1.5)
    whole = static_optimization(problem).activation
    for t in (0, 17):
        alone = _problem(problem.torque[t], problem.moment_arm[t], problem.active[t])
        np.testing.assert_allclose(static_optimization(alone).activation[0], whole[t], atol=1e-6)


def test_passive_force_relieves_the_active_one() -> None:
    arm, active = [[0.05], [0.03]], [800.0, 1000.0]
    passive = np.array([[100.0, 50.0]])
    used = _problem([[25.0]], arm, active, passive=passive, use_passive=True)
    found = static_optimization(used)
    left = static_optimization(_problem([[25.0 - 5.0 - 1.5]], arm, active))
    np.testing.assert_allclose(found.activation, left.activation)
    np.testing.assert_allclose(found.force, left.force + passive)
    by_force = static_optimization(used, cost="force").force[0]
    np.testing.assert_allclose(by_force, 25.0 * np.array([0.05, 0.03]) / (0.05**2 + 0.03**2))


def test_a_muscle_without_active_force_rests() -> None:
    problem = _problem([[25.0]], [[0.05], [0.03]], [800.0, 0.0], lower=np.array([0.02, 0.02]))
    for cost in ("activation", "force"):
        found = static_optimization(problem, cost=cost)  # type: ignore[arg-type]
        np.testing.assert_allclose(found.activation, [[25.0 / 40.0, 0.02]])
        assert found.status[0] == Status.OPTIMAL


def test_no_frames_give_no_results() -> None:
    problem = _problem(np.zeros((0, 1)), np.zeros((0, 2, 1)), np.zeros((0, 2)))
    found = static_optimization(problem)
    assert found.activation.shape == (0, 2)
    assert found.status.shape == (0,)


def test_mistakes_are_named() -> None:
    good = _random()
    with pytest.raises(BioenvError, match=r"unknown cost 'activations'.*mean 'activation'"):
        static_optimization(good, cost="activations")  # type: ignore[arg-type]
    for exponent in (1.0, 0.5, 20.0, np.nan):
        with pytest.raises(BioenvError, match="exponent must be above 1 and at most 8"):
            static_optimization(good, exponent=exponent)
    torque, active, lower = good.torque.copy(), good.active.copy(), np.zeros(M)
    torque[7, 2], active[0, 3], lower[1] = np.nan, -1.0, 2.0
    for changed, message in (
        ({"torque": torque}, r"torque holds 1 values .* frame 7, q2; fill"),
        ({"moment_arm": good.moment_arm[:-1]}, r"moment_arm must have shape \(40, 18, 6\)"),
        ({"active": active}, "active force of m3 is negative in frame 0"),
        ({"lower": lower}, "bounds of m1 leave no room"),
        ({"reserve": np.full(K, -1.0)}, "reserve must be 0"),
        ({"max_isometric_force": np.zeros(M)}, "max_isometric_force of m0 must be positive"),
    ):
        with pytest.raises(BioenvError, match=message):
            SharingProblem(**{**vars(good), **changed})
