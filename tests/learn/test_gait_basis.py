"""Functions of time, and what is known of torques: derivatives, periods, white numbers."""

import numpy as np
import pytest

from bioenv.errors import BioenvError
from bioenv.learn.gait_basis import Basis
from bioenv.learn.gait_torque import galerkin, matern, span_of, whitener

H = 1e-4


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("hidden", [0, 3])
def test_derivatives_are_exact(periodic: bool, hidden: int) -> None:
    basis = Basis(0.2, 1.3, 8.0, periodic, hidden, seed=3)
    time = np.linspace(0.3, 1.2, 41)
    value, velocity, acceleration = basis(time)
    assert value.shape == (41, basis.count)
    before, after = basis(time - H), basis(time + H)
    slope = (after.value - before.value) / (2 * H)
    bend = (after.velocity - before.velocity) / (2 * H)
    assert np.abs(velocity - slope).max() < 1e-4 * np.abs(velocity).max()
    assert np.abs(acceleration - bend).max() < 1e-4 * np.abs(acceleration).max()


def test_a_periodic_basis_repeats_but_for_its_line() -> None:
    basis = Basis(0.0, 1.1, 10.0, periodic=True, hidden=4)
    first, last = basis(np.array([0.0])), basis(np.array([1.1]))
    rest = [i for i in range(basis.count) if i != 1]
    for one, other in zip(first, last, strict=True):
        np.testing.assert_allclose(one[:, rest], other[:, rest], atol=1e-6)
    assert last.value[0, 1] - first.value[0, 1] == pytest.approx(2.0)


def test_a_window_without_a_wave_is_refused() -> None:
    with pytest.raises(BioenvError, match="leave no wave"):
        Basis(0.0, 0.5, 1.0)
    with pytest.raises(BioenvError, match="start < stop"):
        Basis(1.0, 0.5, 10.0)


def test_a_smooth_movement_is_followed() -> None:
    time = np.linspace(0.0, 1.0, 101)
    target = np.exp(-2.0 * time) * np.sin(7.0 * time)  # does not close at the ends
    value, _, acceleration = Basis(0.0, 1.0, 20.0)(time)
    ridge = 1e-9 * np.eye(value.shape[1])
    weights = np.linalg.solve(value.T @ value + ridge, value.T @ target)
    assert np.abs(value @ weights - target).max() < 1e-5
    bend = np.exp(-2.0 * time) * (-45.0 * np.sin(7.0 * time) - 28.0 * np.cos(7.0 * time))
    error = np.abs(acceleration @ weights - bend)
    assert error[2:-2].max() < 0.1
    assert error.max() < 3.0  # of 47 1/s^2: the very ends know least


def test_the_kernel_is_materns() -> None:
    kernel = matern(np.array([0.0, 0.05]), 0.1)
    scaled = np.sqrt(3.0) * 0.5
    assert kernel[0, 1] == pytest.approx((1 + scaled) * np.exp(-scaled))
    assert kernel[0, 0] == 1.0
    wrapped = matern(np.array([0.0, 0.9]), 0.1, period=1.0)
    direct = matern(np.array([0.0, 0.1]), 0.1, period=1.0)
    assert wrapped[0, 1] == pytest.approx(direct[0, 1])


def test_whitened_torques_are_white() -> None:
    time = np.linspace(0.0, 1.0, 60)
    kernel = matern(time, 0.1)
    white = whitener(time, 0.1)
    np.testing.assert_allclose(white @ kernel @ white.T, np.eye(60), atol=1e-5)
    basis = Basis(0.0, 1.0, 10.0)(time).value
    tests = galerkin(basis, time, 0.1)
    assert len(tests.joint) == span_of(basis).shape[1] < 60
    np.testing.assert_allclose(
        tests.joint @ kernel @ tests.joint.T, np.eye(len(tests.joint)), atol=1e-3
    )


def test_what_is_faster_than_the_features_is_not_tested() -> None:
    time = np.linspace(0.0, 1.0, 400, endpoint=False)
    basis = np.delete(Basis(0.0, 1.0, 10.0, periodic=True)(time).value, 1, axis=1)
    tests = galerkin(basis, time, 0.1, period=1.0)
    slow, fast = np.sin(2 * np.pi * 4 * time), np.sin(2 * np.pi * 60 * time)
    assert np.linalg.norm(tests.root @ fast) < 1e-9 * np.linalg.norm(tests.root @ slow)
    # As many numbers as 100 nodes per s would give: twice the energy of a sine is their count.
    assert 2 * np.sum((tests.root @ slow) ** 2) == pytest.approx(100.0)


def test_the_number_of_nodes_does_not_change_what_the_physics_weighs() -> None:
    weights = []
    for count in (60, 240):
        time = np.linspace(0.0, 1.0, count, endpoint=False)
        basis = np.delete(Basis(0.0, 1.0, 10.0, periodic=True)(time).value, 1, axis=1)
        tests = galerkin(basis, time, 0.1, period=1.0)
        torque = np.sin(2 * np.pi * 3 * time) + 0.3 * np.cos(2 * np.pi * 7 * time)
        weights.append((np.sum((tests.root @ torque) ** 2), np.sum((tests.joint @ torque) ** 2)))
    np.testing.assert_allclose(weights[0], weights[1], rtol=0.02)
