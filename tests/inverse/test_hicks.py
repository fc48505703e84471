"""Residuals judged: exact trials pass, a lost plate and a wrong mass are said."""

import numpy as np
import pytest

from bioenv import models
from bioenv.inverse.dynamics import Contact
from bioenv.inverse.generalized import generalized_forces
from bioenv.inverse.hicks import Verdict, judge
from bioenv.inverse.impulse import implied_mass
from bioenv.models.native_anatomy import NativeAnatomy

TIME = np.arange(0, 3.0, 0.01)


@pytest.fixture(scope="module")
def walker() -> NativeAnatomy:
    return NativeAnatomy(models.load("walker2d"))


def bouncing(
    walker: NativeAnatomy, share: float = 1.0, lost: slice | None = None
) -> tuple[np.ndarray, list[Contact], Verdict]:
    """A body that bobs up and down on two plates that measure `share` of what carries it."""
    up, rate = walker.coordinates.index("pelvis_ty"), 2 * np.pi * 1.5
    q = walker.default[None].repeat(len(TIME), axis=0)
    qd, qdd = np.zeros_like(q), np.zeros_like(q)
    q[:, up] += 0.03 * np.sin(rate * TIME)
    qd[:, up] = 0.03 * rate * np.cos(rate * TIME)
    qdd[:, up] = -0.03 * rate**2 * np.sin(rate * TIME)
    tau = generalized_forces(walker, q, qd, qdd)
    # Both plates' force passes through the pressure center that balances the root's torque.
    force = np.zeros((len(TIME), 3))
    force[:, 2] = tau[:, up] * share
    tilt = tau[:, walker.coordinates.index("pelvis_tilt")]
    point = np.zeros_like(force)
    point[:, 0] = q[:, 0] + tilt / tau[:, up]
    left = force * (0.5 + 0.5 * np.sign(np.sin(rate * TIME / 2)))[:, None]
    right = force - left
    if lost is not None:
        left[lost] = 0.0
    loads = [Contact("calcn_l", left, point), Contact("calcn_r", right, point)]
    torque = generalized_forces(walker, q, qd, qdd, loads)
    return q, loads, judge(walker, TIME, q, torque, loads)


def test_a_consistent_trial_has_no_residual(walker: NativeAnatomy) -> None:
    _, _, verdict = bouncing(walker)
    figures = verdict.figures
    assert verdict.meaningful.all()
    assert verdict.notes == ()
    assert figures["force_peak"] == pytest.approx(0, abs=1e-6)
    assert figures["moment_rms"] == pytest.approx(0, abs=1e-6)
    assert figures["force_rms_within_hicks"]
    assert figures["moment_peak_opensim_grade"] == "good"
    assert figures["com_height"] == pytest.approx(0.95, abs=0.1)
    assert figures["mass_implied"] == pytest.approx(walker.mass, rel=2e-3)
    assert figures["weight_strides"] >= 1


def test_a_wrong_mass_is_a_residual_and_is_said(walker: NativeAnatomy) -> None:
    _, loads, verdict = bouncing(walker, share=0.93)
    figures = verdict.figures
    missing = sum(load.force[:, 2] for load in loads) * 0.07 / 0.93
    np.testing.assert_allclose(verdict.force[:, 2], missing, atol=1e-6)
    assert figures["force_rms"] == pytest.approx(np.sqrt(np.mean(missing**2)))
    assert figures["force_rms_percent"] == pytest.approx(
        100 * figures["force_rms"] / figures["external_force_peak"]
    )
    assert figures["mass_implied"] == pytest.approx(0.93 * walker.mass, rel=5e-3)
    assert any("the model weighs 72.6 kg" in note for note in verdict.notes)


def test_frames_beside_the_plate_are_left_out_and_named(walker: NativeAnatomy) -> None:
    _, _, whole = bouncing(walker)
    lost = slice(20, 61)
    _, loads, verdict = bouncing(walker, lost=lost)
    short = np.flatnonzero(~verdict.meaningful)
    assert short.size
    assert short.min() >= 20
    assert short.max() <= 60
    carried = loads[0].force[:, 2] + loads[1].force[:, 2]
    np.testing.assert_array_equal(~verdict.meaningful, carried == 0.0)
    assert verdict.figures["force_peak"] == pytest.approx(whole.figures["force_peak"], abs=1e-6)
    (interval, *_) = verdict.figures["not_meaningful"]
    assert interval[0] == pytest.approx(TIME[short[0]])
    assert any("beside the plates" in note for note in verdict.notes)


def test_without_forces_nothing_is_judged(walker: NativeAnatomy) -> None:
    q = walker.default[None].repeat(5, axis=0)
    verdict = judge(walker, TIME[:5], q, generalized_forces(walker, q, 0 * q, 0 * q))
    assert not verdict.meaningful.any()
    assert verdict.figures["frames_judged"] == 0
    assert "force_rms" not in verdict.figures


def test_an_arm_has_no_root_to_judge() -> None:
    arm = NativeAnatomy(models.load("arm26"))
    q = np.zeros((3, 2))
    assert judge(arm, TIME[:3], q, q).figures == {}


def test_momentum_closes_the_balance_of_a_part_of_a_stride() -> None:
    time = np.arange(0, 0.5, 0.001)
    height = 1 + 0.02 * np.sin(9 * time)
    force = 70 * (9.81 - 0.02 * 81 * np.sin(9 * time))
    always = np.ones(len(time), dtype=bool)
    found = implied_mass(time, height, [force], always, 75.0, 75.0 * 9.81)
    assert found["weight_strides"] == 0
    assert found["mass_implied"] == pytest.approx(70.0, rel=1e-3)
    assert implied_mass(time[:200], height[:200], [force[:200]], always[:200], 75.0, 736.0) == {}
