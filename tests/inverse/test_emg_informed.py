"""EMG-informed sharing: closed forms, scales, trade-off, gaps, mistakes."""

from __future__ import annotations

import numpy as np
import pytest
from sharing_problems import opensim_reference, problem, random_problem

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.inverse.muscles import Status, static_optimization
from bioenv.inverse.muscles.activation import ActivationDynamics
from bioenv.inverse.muscles.emg_informed import emg_informed

LAB = paths.lab_data()


def _truth(frames=40, m=8, k=2):
    """Torques made with co-contraction that no cost of effort alone would find."""
    phase = np.linspace(0, 2 * np.pi, frames)[:, None]
    activation = 0.35 + 0.25 * np.sin(phase * (1 + np.arange(m) % 4) + np.arange(m))
    arm = np.random.default_rng(0).uniform(0.02, 0.05, (m, k)) * (-1.0) ** np.arange(m)[:, None]
    torque = np.einsum("mk,tm->tk", arm, 1000.0 * activation)
    return problem(torque, arm), activation


def test_one_measured_muscle_of_two():
    """min a1² + a2² + w (a1 - t)² with 50 a1 + 40 a2 = 30: by hand
    a1 = (30·50/40² + w t) / (1 + w + 50²/40²)."""
    w, t = 2.0, 0.5
    asked = problem([[30.0]], [[0.05], [0.04]])
    found = emg_informed(asked, [[3.0]], {"a": ["m0"]}, weight=w, scale=[t / 3.0])
    a1 = (30 * 50 / 1600 + w * t) / (1 + w + 2500 / 1600)
    a2 = (30 - 50 * a1) / 40
    np.testing.assert_allclose(found.activation, [[a1, a2]])
    np.testing.assert_allclose(found.cost, a1**2 + a2**2 + w * (a1 - t) ** 2)
    np.testing.assert_allclose(found.measured, [[t]])
    np.testing.assert_allclose(found.tracking, [abs(a1 - t)])


@pytest.mark.parametrize("reserve", [0.0, 4.0])
def test_without_weight_it_is_static_optimization(reserve):
    asked = random_problem(reserve=np.full(4, reserve))
    still = static_optimization(asked)
    found = emg_informed(asked, np.ones((20, 1)), {"a": ["m0", "m3"]}, weight=0.0)
    np.testing.assert_allclose(found.activation, still.activation, atol=1e-8)
    np.testing.assert_allclose(found.reserve_torque, still.reserve_torque, atol=1e-6)
    np.testing.assert_allclose(found.cost, still.cost, atol=1e-8)
    assert found.solved.all()


def test_complete_emg_tells_activations_and_scales():
    asked, truth = _truth()
    unit = np.array([2.0, 5.0, 0.1, 30.0, 1.0, 7.0, 0.5, 3.0])
    mapping = {f"e{i}": [f"m{i}"] for i in range(8)}
    found = emg_informed(asked, truth * unit, mapping, weight=1e4, activation_dynamics=False)
    np.testing.assert_allclose(found.scale, 1 / unit, rtol=0.02)
    np.testing.assert_allclose(found.activation, truth, atol=0.01)
    assert not found.on_bound.any()
    blind = static_optimization(asked).activation
    assert np.abs(blind - truth).max() > 0.2


def test_scales_cost_least():
    asked, truth = _truth()
    emg, mapping = truth[:, :3], {f"e{i}": [f"m{i}"] for i in range(3)}
    found = emg_informed(asked, emg, mapping, weight=5.0)
    assert not found.on_bound.all()
    for i in range(3):
        for factor in (1.03,) if found.on_bound[i] else (0.97, 1.03):
            scale = found.scale.copy()
            scale[i] *= factor
            other = emg_informed(asked, emg, mapping, weight=5.0, scale=scale)
            assert other.cost.sum() > found.cost.sum()


def test_more_weight_tracks_better_for_more_effort():
    asked, truth = _truth()
    found = emg_informed(asked, truth[:, :4], {f"e{i}": [f"m{i}"] for i in range(4)})
    effort = [one.effort for one in found.trade_off]
    tracking = [one.tracking for one in found.trade_off]
    assert (np.diff(effort) > 0).all()
    assert (np.diff(tracking) < 0).all()
    assert found.weight in [one.weight for one in found.trade_off][1:-1]
    assert found.solved.all()
    assert f"weight {found.weight:g}" in found.method


def test_envelopes_pass_activation_dynamics():
    asked, _ = _truth()
    excitation = (np.arange(40)[:, None] // 10 % 2).astype(float)
    found = emg_informed(asked, excitation, {"e": ["m1"]}, weight=1.0, scale=[0.5])
    delayed = ActivationDynamics.of(asked.time, 1).activation(excitation)
    np.testing.assert_allclose(found.measured, 0.5 * delayed)


def test_gaps_are_not_tracked():
    asked, truth = _truth()
    emg = truth[:, :1].copy()
    emg[10:20] = np.nan
    found = emg_informed(asked, emg, {"e": ["m0"]}, weight=20.0, scale=[1.0])
    still = static_optimization(asked)
    np.testing.assert_allclose(found.activation[10:20], still.activation[10:20], atol=1e-8)
    assert np.abs(found.activation[:10] - still.activation[:10]).max() > 0.05
    np.testing.assert_array_equal(np.isnan(found.measured[:, 0]), np.isnan(emg[:, 0]))


def test_two_electrodes_on_one_muscle_are_both_heard():
    asked = problem([[0.0]], [[0.0]])
    found = emg_informed(
        asked, [[0.2, 0.6]], {"a": ["m0"], "b": ["m0"]}, weight=3.0, scale=[1.0, 1.0]
    )
    np.testing.assert_allclose(found.activation, [[3 * 0.8 / (1 + 6)]])


def test_out_of_reach_is_said():
    found = emg_informed(problem([[100.0]], [[0.05], [0.04]]), [[1.0]], {"a": ["m0"]}, weight=1.0)
    assert found.status == [Status.SHORT]
    np.testing.assert_allclose(found.missing_torque, [[10.0]], atol=1e-5)


def test_mistakes_are_named():
    asked = random_problem(5)
    ones = np.ones((5, 1))
    for emg, mapping, given, message in (
        (np.ones((5, 2)), {"a": ["m0"]}, {}, r"emg must have shape \(5, 1\)"),
        (ones, {"a": ["m99"]}, {}, "unknown muscle below channel 'a'"),
        (-ones, {"a": ["m0"]}, {}, "'a' must be an envelope"),
        (ones * np.nan, {"a": ["m0"]}, {}, "'a' must be an envelope"),
        (ones, {"a": ["m0"]}, {"weight": -1.0}, "weight must be 0 or more"),
    ):
        with pytest.raises(BioenvError, match=message):
            emg_informed(asked, emg, mapping, **given)


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="the lab data are not here")
def test_a_trial_follows_the_emg_it_is_given():
    assert LAB is not None
    asked, _, _ = opensim_reference(LAB / "opensim_reference" / "gait10dof18musc")
    still = static_optimization(asked).activation
    names = ["soleus_r", "tib_ant_r", "vasti_r", "soleus_l"]
    columns = [asked.muscles.index(one) for one in names]
    emg = 4.0 * (still[:, columns] + 0.1)  # a tonic share that effort alone would not choose
    found = emg_informed(asked, emg, {one: [one] for one in names}, activation_dynamics=False)
    assert found.solved.all()
    assert np.abs(found.missing_torque).max() < 1e-4
    before = still[:, columns] - emg * found.scale
    assert (found.tracking < 0.7 * np.sqrt((before**2).mean(axis=0))).all()
    assert (found.activation**2).sum() > (still**2).sum()
