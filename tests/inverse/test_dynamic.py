"""Dynamic optimization: closed forms, activation dynamics, known excitations, simulated tendons."""

from __future__ import annotations

from dataclasses import replace

import daqp
import numpy as np
import pytest
from sharing_problems import opensim_reference, problem, random_problem

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.inverse.muscles import SharingProblem, Status, banded, static_optimization
from bioenv.inverse.muscles.activation import ActivationDynamics
from bioenv.inverse.muscles.dynamic import dynamic_optimization
from bioenv.inverse.muscles.stencil import Stencil
from bioenv.models.anatomy import MuscleGeometry
from bioenv.models.osim import parse
from bioenv.models.osim.description import Muscle

LAB = paths.lab_data()


def _muscle(name: str, kind: str = "DeGrooteFregly2016Muscle", slack: float = 0.2) -> Muscle:
    return Muscle(
        name=name,
        kind=kind,
        max_isometric_force=1000.0,
        optimal_fiber_length=0.08,
        tendon_slack_length=slack,
        pennation=0.2,
        max_velocity=10.0,
        points=(),
        curves={"fiber_damping": 0.0},
    )


# --- activation dynamics -------------------------------------------------------------------------


def test_activation_follows_the_exponential():
    time = np.array([0.0, 0.01, 0.03, 0.04])
    dynamics = ActivationDynamics.of(time, 1, 0.015, 0.060)
    a = dynamics.activation(np.array([[1.0], [1.0], [0.0], [0.0]]), start=np.zeros(1))[:, 0]
    up = 1 - np.exp(-0.03 / 0.015)
    np.testing.assert_allclose(a, [0, 1 - np.exp(-0.01 / 0.015), up, up * np.exp(-0.01 / 0.06)])


def test_excitation_is_found_again():
    rng = np.random.default_rng(0)
    dynamics = ActivationDynamics.of(np.arange(30) / 100, 4)
    excitation = rng.random((30, 4))
    found = dynamics.excitation(dynamics.activation(excitation))
    np.testing.assert_allclose(found[:-1], excitation[:-1], atol=1e-12)


def test_stencils_transpose_and_square():
    rng = np.random.default_rng(0)
    frames, m = 7, 3
    stencil = Stencil({d: rng.normal(size=(frames, m)) for d in (-1, 0, 1)})
    for one in (stencil, stencil.chained(rng.random((frames, m))), stencil.scaled(-2.0)):
        x, v = rng.normal(size=(2, frames, m))
        assert (one(x) * v).sum() == pytest.approx((x * one.back(v)).sum())
        size = frames * m
        matrix = np.column_stack([one(e.reshape(frames, m)).ravel() for e in np.eye(size)])
        weight = rng.random((frames, m))
        band = np.zeros((one.span * m + 1, size))
        one.accumulate(band, weight)
        square = matrix.T @ (weight.ravel()[:, None] * matrix)
        for d in range(one.span * m + 1):
            np.testing.assert_allclose(band[d, : size - d], np.diag(square, -d), atol=1e-12)


# --- rigid tendons -------------------------------------------------------------------------------


@pytest.mark.parametrize("reserve", [0.0, 3.0])
def test_instant_activation_is_static_optimization(reserve):
    asked = random_problem(strength=0.9, reserve=np.full(4, reserve), lower=np.full(12, 0.01))
    found = dynamic_optimization(asked, activation_time=0.0, deactivation_time=0.0)
    still = static_optimization(asked)
    np.testing.assert_allclose(found.activation, still.activation, atol=1e-4)
    np.testing.assert_allclose(found.reserve_torque, still.reserve_torque, atol=1e-3)
    assert found.solved.all()


def test_out_of_reach_is_said():
    asked = random_problem(strength=2.5)
    found = dynamic_optimization(asked, activation_time=0.0, deactivation_time=0.0)
    still = static_optimization(asked)
    np.testing.assert_array_equal(found.status, still.status)
    assert (found.status == Status.SHORT).any()
    np.testing.assert_allclose(found.missing_torque, still.missing_torque, atol=0.02)


def test_activation_obeys_its_dynamics():
    asked = random_problem(60, time=np.arange(60) / 40, lower=np.full(12, 0.02))
    found = dynamic_optimization(asked)
    assert found.solved.all()
    assert found.excitation.min() > 0.02 - 1e-6
    assert found.excitation.max() < 1 + 1e-6
    again = ActivationDynamics.of(asked.time, 12).activation(found.excitation, found.activation[0])
    np.testing.assert_allclose(again, found.activation, atol=1e-9)
    assert np.abs(found.missing_torque).max() < 0.01
    still = static_optimization(asked)
    assert still.cost.sum() < found.cost.sum() < 1.3 * still.cost.sum()


def test_antagonist_balances_what_cannot_relax():
    """Torque drops from 80 N*m to nothing: the agonist decays as fast as it can, and its antagonist
    must pull as much. The first interval asks 0.57 of it, which it can reach."""
    frames, h = 10, 0.02
    torque = np.where(np.arange(frames) < 4, 80.0, 0.0)[:, None]
    asked = problem(torque, [[0.1], [-0.1]], time=h * np.arange(frames))
    found = dynamic_optimization(asked)
    after = 0.8 * np.exp(-h * np.arange(7) / 0.060)
    np.testing.assert_allclose(found.activation[3:, 0], after, atol=1e-5)
    np.testing.assert_allclose(found.activation[4:, 1], after[1:], atol=1e-5)
    np.testing.assert_allclose(found.activation[:4], [[0.8, 0.0]] * 4, atol=1e-5)
    np.testing.assert_allclose(found.excitation[3:9, 0], 0.0, atol=1e-4)


def test_known_excitations_come_back_when_torques_determine_them():
    rng = np.random.default_rng(0)
    time = np.cumsum(rng.uniform(0.005, 0.02, 40))
    excitation = np.repeat(rng.uniform(0.05, 0.9, (8, 3)), 5, axis=0)
    activation = ActivationDynamics.of(time, 3).activation(excitation)
    arm = np.array([[0.05, 0.0, 0.01], [0.02, 0.06, 0.0], [0.0, -0.03, 0.04]])
    torque = np.einsum("mk,tm->tk", arm, 1000.0 * activation)
    found = dynamic_optimization(problem(torque, arm, time=time))
    np.testing.assert_allclose(found.activation, activation, atol=1e-5)
    np.testing.assert_allclose(found.excitation[:-1], excitation[:-1], atol=1e-4)


def test_the_program_is_solved_as_by_a_general_solver():
    frames, m = 6, 5
    asked = random_problem(frames, m, 2, seed=3, time=0.06 * np.arange(frames))
    found = dynamic_optimization(asked)
    dynamics = ActivationDynamics.of(asked.time, m)
    size = frames * m
    itself, zero = Stencil({0: np.ones((frames, m))}), np.zeros((frames, m))
    rows, right = [], []
    for stencil, limit in dynamics.limits(itself, zero, asked.lower, asked.upper):
        columns = [stencil(e.reshape(frames, m)).ravel() for e in np.eye(size)]
        rows.append(np.column_stack(columns))
        right.append(limit.ravel())
    balance = np.zeros((frames * 2, size))
    for t in range(frames):
        balance[2 * t : 2 * t + 2, m * t : m * t + m] = asked.gain[t]
    matrix = np.concatenate([*rows, balance])
    upper = np.concatenate([*right, asked.demand.ravel()])
    lower = np.concatenate([np.full(size * 4, -1e30), asked.demand.ravel()])
    sense = np.concatenate([np.zeros(size * 4), np.full(frames * 2, 5)]).astype(np.int32)
    x, _, flag, _ = daqp.solve(2 * np.eye(size), np.zeros(size), matrix, upper, lower, sense)
    assert flag == 1
    np.testing.assert_allclose(found.activation, x.reshape(frames, m), atol=2e-5)
    assert np.abs(found.activation - static_optimization(asked).activation).max() > 0.01


def test_an_impossible_program_is_not_called_solved(monkeypatch):
    monkeypatch.setattr(banded, "ITERATIONS", 2)
    found = dynamic_optimization(random_problem())
    assert (found.status == Status.UNSOLVED).all()


def test_muscles_without_coordinate_rest_and_free_reserves_carry_all():
    asked = random_problem(10, 6, 2)
    arm = asked.moment_arm.copy()
    arm[:, 3] = 0.0
    asked = replace(asked, moment_arm=arm, reserve=np.array([np.inf, 2.0]))
    found = dynamic_optimization(asked)
    np.testing.assert_allclose(found.activation[:, 3], 0.0, atol=1e-6)
    made = np.einsum("tkm,tm->tk", asked.gain, found.activation)
    np.testing.assert_allclose(made + found.reserve_torque, asked.torque, atol=1e-9)
    assert found.solved.all()


# --- mistakes and laboratory data ----------------------------------------------------------------


def test_mistakes_are_named():
    asked = random_problem(5, 3, 1)
    muscles = [_muscle(f"m{i}") for i in range(3)]
    with pytest.raises(BioenvError, match="two or more frames"):
        dynamic_optimization(asked.at(np.array([0])))
    with pytest.raises(BioenvError, match="no excitation is unlimited"):
        dynamic_optimization(replace(asked, upper=np.full(3, np.inf)))
    with pytest.raises(BioenvError, match="muscles must be those of the problem"):
        dynamic_optimization(asked, muscles[::-1])
    with pytest.raises(BioenvError, match="need muscles and geometry"):
        dynamic_optimization(asked, muscles, tendon="compliant")
    with pytest.raises(BioenvError, match="did you mean 'rigid'"):
        dynamic_optimization(asked, tendon="rigit")
    with pytest.raises(BioenvError, match="activation_time must be 0 s or more"):
        dynamic_optimization(asked, activation_time=-1.0)


def _reference(name: str) -> tuple[SharingProblem, MuscleGeometry, list[Muscle]]:
    assert LAB is not None
    folder = LAB / "opensim_reference" / name
    asked, _, geometry = opensim_reference(folder)
    by_name = {one.name: one for one in parse(folder / "model.osim").muscles}
    return asked, geometry, [by_name[one] for one in asked.muscles]


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="the lab data are not here")
def test_a_whole_trial_with_and_without_tendons():
    asked, geometry, muscles = _reference("gait10dof18musc")
    still, rigid = static_optimization(asked), dynamic_optimization(asked)
    assert rigid.solved.all()
    assert np.abs(rigid.missing_torque).max() < 1e-3
    assert 1.0 < rigid.cost.sum() / still.cost.sum() < 1.1
    assert rigid.excitation.min() > 0.01 - 1e-6
    assert rigid.excitation.max() < 1 + 1e-6
    assert rigid.seconds < 5.0
    part = slice(0, 45)
    found = dynamic_optimization(
        asked.at(np.arange(45)),
        muscles,
        tendon="compliant",
        geometry=MuscleGeometry(*(field[part] for field in geometry)),
    )
    assert found.solved.all()
    assert np.abs(found.missing_torque).max() < 1e-3
    assert 0.02 < found.tendon_strain.max() < 0.06
    assert found.fiber_length.min() > 0.3
    assert found.fiber_length.max() < 1.4
