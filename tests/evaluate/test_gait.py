"""Events, cycles and figures of walks whose answers are known."""

import numpy as np
import pytest

from bioenv.evaluate import gait, loads
from bioenv.lab import cycles
from bioenv.motion import Motion

MASS, WEIGHT = 70.0, 70.0 * 9.81


def test_strikes_and_offs_between_samples(make_walk):
    motion = make_walk(period=1.1, duty=0.6, start=0.3)
    found = cycles.foot_events(motion, "r")
    peak = WEIGHT * np.pi / (4 * 0.6)
    stance = 0.6 * 1.1
    strike_delay = stance / np.pi * np.arcsin(cycles.THRESHOLD / peak)
    off_lead = stance / np.pi * np.arcsin(cycles.HYSTERESIS / peak)
    expected = 0.3 + 1.1 * np.arange(7) + strike_delay
    # linear interpolation between samples 5 ms apart, one of them before the strike
    np.testing.assert_allclose(found.strikes, expected, atol=0.003)
    # the walk begins in swing-to-stance of the cycle before: its first off is at 0.3 - 0.44 < 0
    np.testing.assert_allclose(found.offs, 0.3 + 1.1 * np.arange(7) + stance - off_lead, atol=0.003)


def test_a_motion_may_begin_and_end_in_stance():
    time = np.arange(0, 2, 0.01)
    force = np.where((time < 0.5) | (time > 1.2), 500.0, 0.0)
    found = cycles.events(time, force)
    assert found.strikes == pytest.approx([1.2], abs=0.011)
    assert found.offs == pytest.approx([0.5], abs=0.011)
    assert gait.loaded(found, np.array([0.1, 0.8, 1.5])).tolist() == [True, False, True]
    assert len(cycles.strides(found)) == 0


@pytest.mark.parametrize("gap", [0.02, 0.08])
def test_chatter_is_one_stance(gap):
    time = np.arange(0, 3, 0.005)
    force = np.where((time % 1.0 > 0.2) & (time % 1.0 < 0.8), 600.0, 0.0)
    clean = cycles.events(time, force)
    dirty = force.copy()
    dirty[(time > 0.4) & (time < 0.4 + gap)] = 0.0  # the sole lifts for a moment
    dirty[(time > 1.9) & (time < 1.9 + gap)] = 60.0  # a toe scuffs in swing
    found = cycles.events(time, dirty)
    np.testing.assert_allclose(found.strikes, clean.strikes)
    np.testing.assert_allclose(found.offs, clean.offs)


def test_noise_around_the_threshold_is_no_step():
    time = np.arange(0, 3, 0.005)
    rng = np.random.default_rng(0)
    force = np.where(time < 1.5, 0.0, 700.0) + rng.uniform(10.5, 19.5, time.size)
    found = cycles.events(time, force)
    assert found.strikes.size == 1
    assert found.strikes[0] == pytest.approx(1.5, abs=0.01)


@pytest.mark.parametrize("rate", [100.0, 200.0, 1000.0])
def test_spatiotemporal_figures(make_walk, rate):
    one = gait.analyse(make_walk(period=1.1, duty=0.6, speed=1.3, rate=rate))
    found = gait.spatiotemporal(one)
    assert found["speed"].value == pytest.approx(1.3, rel=1e-9)
    assert found["stride_time"].value == pytest.approx(1.1, abs=2e-3)
    assert found["stride_length"].value == pytest.approx(1.43, abs=3e-3)
    assert found["step_length"].value == pytest.approx(0.715, abs=3e-3)
    assert found["cadence"].value == pytest.approx(109.1, abs=0.2)
    # 20 N and 10 N cut about 3 ms of the half sine on each end
    assert found["duty_factor"].value == pytest.approx(0.6, abs=0.012)
    assert found["double_support"].value == pytest.approx(0.2, abs=0.02)
    assert found["flight"].value == 0
    assert found["step_time_asymmetry"].value < 0.01


def test_running_has_flight_and_no_double_support(make_walk):
    found = gait.spatiotemporal(gait.analyse(make_walk(period=0.7, duty=0.35, speed=3.0)))
    assert found["double_support"].value == 0
    assert found["flight"].value == pytest.approx(0.3, abs=0.03)


def test_belt_speed_counts(make_walk):
    found = gait.spatiotemporal(gait.analyse(make_walk(speed=0.0, belt_speed=1.2)))
    assert found["speed"].value == pytest.approx(1.2, rel=1e-9)


def test_symmetry_sees_each_leg_from_its_own_strike(make_walk):
    symmetric = gait.symmetry(gait.analyse(make_walk()))
    assert symmetric["left_right_difference_max"].value < 0.5
    limping = gait.symmetry(gait.analyse(make_walk(left_offset=np.radians(10))))
    assert limping["left_right_difference"].value == pytest.approx(10, abs=0.2)
    late = gait.spatiotemporal(gait.analyse(make_walk(shift=0.55)))
    # steps of 0.55 and 0.45 of the cycle: difference over mean = 0.1 / 0.5
    assert late["step_time_asymmetry"].value == pytest.approx(0.2, abs=0.01)


def test_mean_vertical_force_is_the_body_weight(make_walk):
    found = loads.ground(gait.analyse(make_walk(rate=1000.0)))
    assert found["vertical_impulse"].value == pytest.approx(1.0, abs=1e-3)
    assert found["fore_aft_impulse"].value == pytest.approx(0.0, abs=1e-3)
    assert found["peak_vertical_grf"].value == pytest.approx(np.pi / (4 * 0.6), rel=1e-4)
    assert found["braking_peak"].value == pytest.approx(0.2, rel=5e-3)
    assert found["propulsive_peak"].value == pytest.approx(0.2, rel=5e-3)
    # a half sine rises steepest at its start: peak * pi / stance
    steepest = np.pi / (4 * 0.6) * np.pi / (0.6 * 1.1)
    assert found["loading_rate"].value == pytest.approx(steepest, rel=0.01)


def test_short_impact_peak_is_not_smoothed_away(make_walk):
    motion = make_walk(rate=1000.0)
    force = motion["ground_reaction_force"].copy()
    strikes = cycles.foot_events(motion, "r").strikes
    for strike in strikes:
        force[np.searchsorted(motion.time, strike + 0.02), 0, 2] = 2.5 * WEIGHT  # 1 ms
    hit = motion.add("ground_reaction_force", force, labels="rl", source="simulated")
    found = loads.ground(gait.analyse(hit))
    assert found["peak_vertical_grf"].value == pytest.approx((2.5 + np.pi / 2.4) / 2, rel=0.02)


def test_double_hump_peaks():
    percent = np.arange(101)
    curve = 0.8 + 0 * percent
    curve = curve + 0.3 * np.exp(-(((percent - 15) / 5) ** 2))
    curve = curve + 0.25 * np.exp(-(((percent - 48) / 5) ** 2))
    curve[62:] = 0
    assert loads._peaks(curve) == pytest.approx((1.1, 0.8, 1.05), abs=1e-3)


def test_cost_of_transport_by_hand(make_walk):
    motion = make_walk(speed=1.25)
    rate = np.full((len(motion), 2), 35.0 * 3.0 / 1.0)  # W: 210 W = 3 W/kg
    motion = motion.add("metabolic_rate", rate, labels=["a", "b"], source="simulated")
    found = loads.energy(gait.analyse(motion))
    assert found["gross_metabolic_power"].value == pytest.approx(3.0 + 1.2)
    assert found["cost_of_transport"].value == pytest.approx(4.2 / 1.25)
    other = loads.energy(gait.analyse(motion.with_meta(basal_rate=1.5)))
    assert other["gross_metabolic_power"].value == pytest.approx(4.5)


def test_joint_contact_in_body_weights(make_walk):
    motion = make_walk()
    vertical = motion["ground_reaction_force"][..., 2]
    force = np.zeros((len(motion), 2, 3))
    force[..., 2], force[..., 0] = 4 * vertical, 3 * vertical  # magnitude 5 times the ground's
    motion = motion.add(
        "joint_contact_force", force, labels=["knee_r", "knee_l"], source="computed"
    )
    found = loads.joint_contact(gait.analyse(motion))
    assert found["knee_contact_peak"].value == pytest.approx(5 * np.pi / 2.4, rel=1e-3)


def test_foot_pitch_at_landing(make_walk):
    found = gait.landing(gait.analyse(make_walk()))
    # at strike: hip 0.4, knee 0.1, ankle 0 -> toes up by 0.3 rad
    assert found["foot_pitch_at_landing"].value == pytest.approx(np.degrees(0.3), abs=1.0)


def test_motions_that_do_not_walk():
    time = np.arange(0, 2, 0.01)
    nothing = gait.analyse(Motion(time))
    assert "no ground_reaction_force" in nothing.why
    still = np.zeros((time.size, 2, 3))
    still[..., 2] = WEIGHT / 2
    standing = Motion(time, meta={"mass_kg": MASS}).add(
        "ground_reaction_force", still, labels="rl", source="simulated"
    )
    one = gait.analyse(standing)
    assert one.count == 0
    assert "no whole stride in 1.99 s" in one.why
    for measure in (gait.spatiotemporal, gait.symmetry, gait.landing, loads.ground, loads.energy):
        assert measure(one) == {}
    single = gait.analyse(standing.between(0.5, 0.5))
    assert single.count == 0


def test_resampling_keeps_a_line_and_its_ends():
    time = np.arange(0, 1, 0.01)
    spans = np.array([[0.105, 0.3, 0.555], [0.555, 0.7, 0.985]])
    out = cycles.resample(time, np.column_stack([2 * time, -time]), spans)
    assert out.shape == (2, 101, 2)
    np.testing.assert_allclose(out[:, [0, -1], 0], 2 * spans[:, [0, 2]], atol=1e-12)
    np.testing.assert_allclose(out[..., 1], -out[..., 0] / 2)
