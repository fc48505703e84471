"""Well-posedness: ranges, missing torque and gains of problems small enough to solve by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog
from sharing_problems import opensim_reference, problem, random_problem

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.inverse.muscles import simplex, static_optimization
from bioenv.inverse.muscles.ranges import feasible_ranges, groups
from bioenv.inverse.muscles.stability import noise_gain
from bioenv.inverse.muscles.wellposed import wellposedness

LAB = paths.lab_data()


def _by_highs(gain: np.ndarray, torque: np.ndarray, i: int, sign: float) -> float:
    cost = np.zeros(gain.shape[1])
    cost[i] = sign
    return sign * linprog(cost, A_eq=gain, b_eq=torque, bounds=(0, 1)).fun


def test_range_of_two_muscles_that_pull_together():
    # 50 a + 40 b = 30
    report = wellposedness(problem([[30.0]], [[0.05], [0.04]]))
    np.testing.assert_allclose(report.lowest, [[0.0, 0.0]], atol=1e-12)
    np.testing.assert_allclose(report.highest, [[0.6, 0.75]])
    np.testing.assert_allclose(report.force_width, [[600.0, 750.0]])
    assert report.reachable.all()
    assert report.nullity == [1]
    assert report.rank == [1]


def test_range_of_antagonists():
    # 50 a - 40 b = 30
    report = wellposedness(problem([[30.0]], [[0.05], [-0.04]]))
    np.testing.assert_allclose(report.lowest, [[0.6, 0.0]], atol=1e-12)
    np.testing.assert_allclose(report.highest, [[1.0, 0.5]])


def test_gain_of_two_muscles():
    # F = active · g / |g|² · torque, g = (50, 40)
    gain = wellposedness(problem([[30.0]], [[0.05], [0.04]]))
    expected = 1000 * np.array([50.0, 40.0]) / 4100
    np.testing.assert_allclose(gain.muscle_gain, [expected])
    np.testing.assert_allclose(gain.worst_gain, [np.linalg.norm(expected)])
    assert not gain.cornered.any()


def test_torque_out_of_reach_leaves_one_solution():
    report = wellposedness(problem([[30.0], [100.0]], [[0.05], [0.04]]))
    np.testing.assert_array_equal(report.reachable, [True, False])
    np.testing.assert_allclose(report.missing_torque, [[0.0], [10.0]], atol=1e-5)
    np.testing.assert_allclose(report.missing_torque_1norm, [[0.0], [10.0]], atol=1e-9)
    np.testing.assert_allclose(report.lowest[1], 1.0, atol=1e-9)
    np.testing.assert_allclose(report.highest[1], 1.0)
    np.testing.assert_array_equal(report.cornered, [False, True])


def test_the_two_norms_of_missing_torque_differ():
    # One muscle of gain (20, 10), torque (10, 0): least squares at 0.4, least sum at 0.5.
    report = wellposedness(problem([[10.0, 0.0]], [[0.02, 0.01]]))
    np.testing.assert_allclose(report.missing_torque, [[2.0, -4.0]], atol=1e-5)
    np.testing.assert_allclose(report.missing_torque_1norm, [[0.0, -5.0]], atol=1e-9)


@pytest.mark.parametrize("pivots", [simplex.PIVOTS, 1])
def test_ranges_are_those_of_a_general_solver(pivots, monkeypatch):
    """Two legs; with one pivot allowed every program falls back on HiGHS."""
    monkeypatch.setattr(simplex, "PIVOTS", pivots)
    legs = [random_problem(4, 6, 3, seed) for seed in (1, 2)]
    gain = np.zeros((4, 6, 12))
    gain[:, :3, :6], gain[:, 3:, 6:] = legs[0].gain, legs[1].gain
    torque = np.concatenate([leg.torque for leg in legs], axis=1)
    assert len(groups(gain)) > 1
    found = feasible_ranges(gain, torque, np.zeros(12), np.ones(12))
    assert np.abs(found.missing).max() < 1e-9
    for t in range(0, 4, 3):
        for i in range(12):
            ends = [_by_highs(gain[t], torque[t], i, sign) for sign in (1.0, -1.0)]
            np.testing.assert_allclose([found.lowest[t, i], found.highest[t, i]], ends, atol=1e-7)


def test_least_missing_torque_is_that_of_a_general_solver():
    asked = random_problem(6, 8, 4, strength=3.0)
    found = feasible_ranges(asked.gain, asked.torque, asked.lower, asked.upper)
    eye = np.eye(4)
    for t in range(6):
        cost = np.concatenate([np.zeros(8), np.ones(8)])
        bounds = [(0, 1)] * 8 + [(0, None)] * 8
        matrix = np.hstack([asked.gain[t], eye, -eye])
        least = linprog(cost, A_eq=matrix, b_eq=asked.torque[t], bounds=bounds).fun
        assert np.abs(found.missing[t]).sum() == pytest.approx(least, abs=1e-7)
    assert (found.highest >= found.lowest).all()


def test_without_a_bound_antagonists_can_grow_for_ever():
    found = wellposedness(problem([[30.0]], [[0.05], [-0.04]], upper=np.full(2, np.inf)))
    assert np.isinf(found.highest).all()
    assert "null" in found.to_json()
    assert "Infinity" not in found.to_json()


@pytest.mark.parametrize("reserve", [0.0, 5.0])
def test_gain_is_the_slope_of_static_optimization(reserve):
    asked = random_problem(5, 12, 4, reserve=np.full(4, reserve))
    gain = noise_gain(asked, static_optimization(asked).activation)
    slope, h = np.empty((5, 12, 4)), 1e-4
    for c in range(4):
        step = h * np.eye(4)[c]
        ends = [static_optimization(replace(asked, torque=asked.torque + s)) for s in (step, -step)]
        slope[:, :, c] = (ends[0].force - ends[1].force) / (2 * h)
    np.testing.assert_allclose(gain.muscle, np.linalg.norm(slope, axis=2), atol=1e-3)
    np.testing.assert_allclose(gain.worst, np.linalg.norm(slope, 2, axis=(1, 2)), rtol=1e-5)


def test_noise_moves_forces_by_the_gain():
    asked = random_problem(1, 12, 4)
    noise = 1e-3 * np.random.default_rng(0).normal(size=(3000, 4))
    many = replace(
        asked.at(np.zeros(3000, dtype=int)), time=np.arange(3000.0), torque=asked.torque + noise
    )
    spread = static_optimization(many).force.std(axis=0) / 1e-3
    gain = noise_gain(asked, static_optimization(asked).activation).muscle[0]
    np.testing.assert_allclose(spread, gain, rtol=0.06, atol=0.05 * gain.max())


def test_null_space_counts_muscles_that_can_act():
    arm = [[0.05, 0.0], [0.04, 0.01], [0.10, 0.0], [0.0, 0.03], [0.02, 0.02]]
    active = np.array([1000.0, 1000.0, 1000.0, 1000.0, 0.0])
    report = wellposedness(problem([[10.0, 5.0]], arm, active))
    assert report.rank == [2]
    assert report.nullity == [2]
    held = replace(problem([[10.0, 5.0]], arm, active), upper=np.array([1, 1, 0, 1, 1.0]))
    assert wellposedness(held).nullity == [1]


def test_long_trials_are_judged_in_part_and_say_so():
    asked = random_problem(30, 8, 3)
    torque = np.column_stack([asked.torque, np.full(30, 7.0)])
    arm = np.concatenate([asked.moment_arm, np.zeros((30, 8, 1))], axis=2)
    asked = replace(
        asked,
        torque=torque,
        moment_arm=arm,
        coordinates=("a", "b", "c", "arm"),
        reserve=np.zeros(4),
    )
    report = wellposedness(asked, max_frames=10)
    assert report.stride == 3
    assert report.width.shape == (10, 8)
    assert report.reachable.shape == (30,)
    assert report.left_out == ("arm",)
    assert report.reachable.all()
    assert "in one frame out of 3" in report.summary()
    assert "arm" in report.summary()
    document = json.loads(report.to_json())
    assert document["existence"]["frames"] == 30
    assert document["uniqueness"]["stride"] == 3
    assert set(document["stability"]["muscles"]) == set(asked.muscles)


def test_report_is_written(tmp_path):
    report = wellposedness(problem([[100.0]], [[0.05], [0.04]]))
    report.to_json(tmp_path / "wellposedness.json")
    document = json.loads((tmp_path / "wellposedness.json").read_text())
    assert document["existence"]["unreachable"] == 1
    assert document["existence"]["missing_torque"][0]["least_1norm"]["q0"] == pytest.approx(10.0)
    assert "miss the torque in 1 of 1 frames, most 10 N*m at q0" in report.summary()


def test_mistakes_are_named():
    asked = random_problem(4)
    with pytest.raises(BioenvError, match="max_frames must be 1 or more, got 0"):
        wellposedness(asked, max_frames=0)
    with pytest.raises(BioenvError, match=r"shape \(20, 12\), the problem needs \(4, 12\)"):
        wellposedness(asked, static_optimization(random_problem(20)))


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="the lab data are not here")
@pytest.mark.parametrize(("name", "nullity"), [("gait10dof18musc", 12), ("rajagopal80_walk", 68)])
def test_opensim_activations_lie_in_the_ranges(name, nullity):
    assert LAB is not None
    asked, activation, _ = opensim_reference(LAB / "opensim_reference" / name)
    asked = replace(asked, torque=np.einsum("tkm,tm->tk", asked.gain, activation))
    report = wellposedness(asked)
    assert report.reachable.all()
    assert report.nullity.max() == nullity
    assert (activation >= report.lowest - 1e-6).all()
    assert (activation <= report.highest + 1e-6).all()
    optimum = static_optimization(asked).activation
    assert (optimum >= report.lowest - 1e-6).all()
    assert (optimum <= report.highest + 1e-6).all()
    assert 0.8 < report.width.mean() < 0.95  # torques alone say little about single muscles
