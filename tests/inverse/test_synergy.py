"""Synergies: factorization, closed forms, the way from static optimization to synergies alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sharing_problems import opensim_reference, problem, random_problem

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.inverse.muscles import Status, static_optimization
from bioenv.inverse.muscles.factors import factorize, fewest
from bioenv.inverse.muscles.synergy import synergy_optimization

LAB = paths.lab_data()


def _patterns(m: int = 12, n: int = 3) -> np.ndarray:
    """Every synergy has muscles of its own, and one that it shares."""
    weights = np.zeros((m, n))
    for j in range(n):
        weights[j :: n + 1, j] = np.linspace(0.3, 1.0, len(weights[j :: n + 1]))
    weights[n :: n + 1] = 0.4
    return weights


def _strength(frames: int = 30, n: int = 3) -> np.ndarray:
    phase = np.linspace(0, 2 * np.pi, frames)[:, None]
    return 0.5 * np.maximum(np.sin(phase + 2 * np.arange(n)), 0.02)


def test_factors_come_back():
    weights, strength = _patterns(), _strength()
    found = factorize(strength @ weights.T, 3)
    assert found.accounted > 0.9999
    assert (found.weights >= 0).all()
    assert (found.coefficients >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(found.weights, axis=0), 1.0)
    unit = weights / np.linalg.norm(weights, axis=0)
    likeness = unit.T @ found.weights
    np.testing.assert_allclose(likeness.max(axis=1), 1.0, atol=0.02)
    product = found.coefficients @ found.weights.T
    np.testing.assert_allclose(product, strength @ weights.T, atol=0.01)


def test_one_factor_is_the_first_singular_vector():
    values = np.random.default_rng(0).random((20, 6))
    size = np.linalg.svd(values, compute_uv=False)
    assert factorize(values, 1).accounted == pytest.approx(size[0] ** 2 / (size**2).sum())


def test_more_factors_account_for_more():
    values = np.random.default_rng(0).random((20, 6))
    shares = [factorize(values, n).accounted for n in (1, 2, 4, 6)]
    assert (np.diff(shares) > 0).all()
    assert shares[-1] > 0.999
    assert fewest(values, shares[1]).weights.shape == (6, 2)


def test_two_muscles_and_one_synergy():
    """Pattern (1, 1): min a1² + a2² + w (a1 - a2)² / 2 with 50 a1 + 40 a2 = 30."""
    w = 3.0
    found = synergy_optimization(problem([[30.0]], [[0.05], [0.04]]), np.ones((2, 1)), weight=w)
    matrix = np.eye(2) + w / 2 * np.array([[1.0, -1.0], [-1.0, 1.0]])
    pull = np.linalg.solve(matrix, [50.0, 40.0])
    expected = 30 * pull / (pull @ [50.0, 40.0])
    np.testing.assert_allclose(found.activation, [expected], atol=1e-4)
    np.testing.assert_allclose(found.strength, [[expected.mean()]], atol=1e-3)


@pytest.mark.parametrize("reserve", [0.0, 4.0])
def test_without_weight_it_is_static_optimization(reserve):
    asked = random_problem(reserve=np.full(4, reserve))
    still, found = static_optimization(asked), synergy_optimization(asked, 3, weight=0.0)
    np.testing.assert_allclose(found.activation, still.activation, atol=1e-6)
    np.testing.assert_allclose(found.reserve_torque, still.reserve_torque, atol=1e-5)
    np.testing.assert_allclose(found.cost, still.cost, atol=1e-6)


def test_more_weight_is_nearer_to_synergies():
    asked = random_problem(30, strength=0.4)
    results = [synergy_optimization(asked, 4, weight=w) for w in (0.1, 1.0, 10.0, 100.0)]
    effort = [(one.activation**2).sum() for one in results]
    assert (np.diff(effort) > 0).all()
    away = [((1 - one.accounted) * e) for one, e in zip(results, effort, strict=True)]
    assert (np.diff(away) < 0).all()
    for one in results:
        assert one.solved.all()
        assert np.abs(one.missing_torque).max() < 1e-4
        assert (one.strength >= 0).all()
        assert one.accounted_muscle.shape == (12,)


def test_synergies_alone_make_the_torque_that_they_made():
    weights, strength = _patterns(), _strength()
    asked = random_problem(30)
    torque = np.einsum("tkm,tm->tk", asked.gain, strength @ weights.T)
    asked = replace(asked, torque=torque)
    found = synergy_optimization(asked, weights, weight=np.inf)
    assert found.solved.all()
    assert found.accounted > 1 - 1e-6
    # Four torques determine three synergies.
    np.testing.assert_allclose(found.strength, strength, atol=2e-3)
    np.testing.assert_allclose(found.activation, strength @ weights.T, atol=2e-3)
    np.testing.assert_allclose(found.missing_torque, 0.0, atol=0.02)


def test_synergies_alone_may_miss_torque_and_say_so():
    asked = random_problem(30, strength=0.4)
    found = synergy_optimization(asked, 2, weight=np.inf)
    assert (found.status == Status.SHORT).any()
    short = found.status == Status.SHORT
    assert np.abs(found.missing_torque[short]).max(axis=1).min() > 0.04
    product = found.strength @ found.synergies.T
    np.testing.assert_allclose(found.activation, product, atol=2e-3)


def test_muscles_of_no_synergy_are_free():
    asked = random_problem(30, strength=0.4)
    weights = _patterns()
    weights[5:] = 0.0
    found = synergy_optimization(asked, weights, weight=np.inf)
    made = found.strength @ weights.T
    np.testing.assert_allclose(found.activation[:, :5], made[:, :5], atol=2e-3)
    assert found.activation[:, 5:].max() > 0.1
    np.testing.assert_allclose(found.accounted_muscle[5:], 1.0)


def test_the_number_is_chosen_by_what_it_accounts_for():
    asked = random_problem(30, strength=0.4)
    still = static_optimization(asked).activation
    found = synergy_optimization(asked)
    n = found.synergies.shape[1]
    assert found.extracted >= 0.95 > factorize(still, n - 1).accounted
    emg = synergy_optimization(asked, 2, activation=_strength() @ _patterns().T)
    assert emg.extracted > 0.5
    again = synergy_optimization(asked)
    np.testing.assert_array_equal(again.activation, found.activation)


def test_mistakes_are_named():
    asked = random_problem(5)
    for given, message in (
        ({"synergies": 0}, "number of synergies must be 1 to 12, got 0"),
        ({"synergies": 13}, "number of synergies must be 1 to 12, got 13"),
        ({"synergies": np.ones((3, 2))}, r"patterns \(12, n\), a row per muscle; got shape \(3, 2"),
        ({"synergies": -np.ones((12, 2))}, "finite and not negative"),
        ({"synergies": 2, "activation": np.ones((4, 3))}, r"shape \(frames, 12\)"),
        ({"synergies": 2, "weight": -1.0}, "weight must be 0 or more"),
    ):
        with pytest.raises(BioenvError, match=message):
            synergy_optimization(asked, **given)
    with pytest.raises(BioenvError, match="not all zero"):
        factorize(np.zeros((4, 3)), 2)


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="the lab data are not here")
def test_a_trial_with_few_synergies():
    assert LAB is not None
    asked, _, _ = opensim_reference(LAB / "opensim_reference" / "gait10dof18musc")
    still = static_optimization(asked).activation
    found = synergy_optimization(asked)
    assert found.solved.all()
    assert np.abs(found.missing_torque).max() < 1e-4
    assert found.synergies.shape == (18, 4)
    assert found.accounted > found.extracted > 0.95
    assert 1.0 < (found.activation**2).sum() / (still**2).sum() < 1.1
