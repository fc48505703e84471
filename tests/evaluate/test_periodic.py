"""One stride, repeated: whole strides of both feet with the figures of the stride itself."""

from __future__ import annotations

import numpy as np
import pytest

from bioenv.evaluate import evaluate, gait
from bioenv.evaluate.periodic import STRIDES, is_period, periodic, periods
from bioenv.motion import Motion

PERIOD, SPEED = 1.1, 1.3


@pytest.fixture
def stride(make_walk) -> Motion:
    """One period of 100 intervals that begins in the middle of the right stance."""
    walk = make_walk(rate=100 / PERIOD, period=PERIOD, speed=SPEED, duty=0.62, start=0.0)
    first = np.searchsorted(walk.time, 2.3 * PERIOD)
    whole = walk.between(walk.time[first], walk.time[first + 100])
    place = np.full((101, 2, 3), np.nan)
    place[:, 0] = whole.column("qpos", "pelvis_tx")[:, None] * [1.0, 0.0, 0.0]
    whole = whole.add("center_of_pressure", place, labels="rl", source="optimized")
    return whole.with_meta(symmetry="mirror", goals={"effort": 1.0}, label="one stride")


def test_a_stride_from_midstance_holds_no_whole_stride(stride):
    assert "no whole stride" in gait.analyse(stride).why
    assert is_period(stride)


def test_the_repeated_stride_walks_as_the_stride_does(stride):
    one = gait.analyse(periodic(stride))
    assert {foot: len(spans) for foot, spans in one.strides.items()} == {"r": 3, "l": 3}
    found = gait.spatiotemporal(one)
    assert found["stride_time"].value == pytest.approx(PERIOD)
    assert found["stride_time_sd"].value == pytest.approx(0, abs=1e-12)
    assert found["speed"].value == pytest.approx(SPEED)
    assert found["stride_length"].value == pytest.approx(SPEED * PERIOD)
    assert found["duty_factor"].value == pytest.approx(0.62, abs=0.012)
    assert found["step_time_asymmetry"].value == pytest.approx(0, abs=0.02)


def test_it_goes_on_without_a_seam(stride):
    motion = periodic(stride)
    assert len(motion) == 100 * STRIDES + 1
    np.testing.assert_allclose(np.diff(motion.time), PERIOD / 100)
    forward = motion.column("qpos", "pelvis_tx")
    np.testing.assert_allclose(np.diff(forward), SPEED * PERIOD / 100)
    place = motion.column("center_of_pressure", "r")
    np.testing.assert_allclose(place[:, 0], forward)
    assert (place[:, 1:] == 0).all()
    assert np.isnan(motion.column("center_of_pressure", "l")).all()
    knee = motion.column("qpos", "knee_angle_r")
    np.testing.assert_allclose(knee[100:], knee[:-100], atol=1e-12)
    assert periods(motion) == STRIDES
    assert motion.meta["period_s"] == pytest.approx(PERIOD)


def test_what_is_no_period_stays_as_it_is(stride, make_walk):
    walk = make_walk()
    open_ends = stride.between(stride.time[0], stride.time[80])
    no_ground = Motion(stride.time, {"qpos": stride.signals["qpos"]}, None, stride.meta)
    for motion in (walk, open_ends, no_ground, periodic(stride), stride.with_meta(symmetry="none")):
        assert periodic(motion) is motion
        assert not is_period(motion)


def test_another_coordinate_may_travel(stride):
    labels = ["root_x" if n == "pelvis_tx" else n for n in stride.labels("qpos")]
    other = stride.add("qpos", stride["qpos"], labels=labels, source="optimized")
    assert not is_period(other)
    assert periodic(other.with_meta(travel="root_x")).column("qpos", "root_x")[-1] == pytest.approx(
        stride.column("qpos", "pelvis_tx")[0] + STRIDES * SPEED * PERIOD
    )


def test_copies_of_a_stride_are_not_counted_as_strides(stride):
    result = evaluate(stride)
    found = result.score("strides_found")
    assert (found.value, found.ok) == (2, None)
    assert "one period, repeated 5 times" in found.source
    assert result.score("duration").value == pytest.approx(PERIOD)
    assert result.score("speed").value == pytest.approx(SPEED)
    assert result.score("left_right_difference").rewarded  # imposed by the mirror symmetry


def test_one_stride_serves_as_a_reference(stride, make_walk):
    result = evaluate(make_walk(period=PERIOD, duty=0.62, speed=SPEED), against=stride)
    assert result.score("joint_angle_rmse").value < 1.0
    assert result.score("speed").ok
    assert result.reference is not None
    assert result.reference.people.endswith("one stride")
    assert np.isnan(result.score("knee_angle_inside_1sd").value)
