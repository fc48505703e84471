"""The reference gait: symmetric, smooth, close to the measurement, consistent with the walker."""

import numpy as np
import pytest

from bioenv.errors import BioenvError
from bioenv.lab import reference
from bioenv.lab.gait_reference import ReferenceGait, stance_speed
from bioenv.lab.reference import Reference

PHASE = np.linspace(0, 1, 200, endpoint=False)


@pytest.fixture(scope="module")
def gait() -> ReferenceGait:
    return ReferenceGait.load("falisse2019")


def columns(gait: ReferenceGait, side: str) -> list[int]:
    return [i for i, name in enumerate(gait.coordinates) if name.endswith(side)]


def test_left_is_right_half_a_cycle_later(gait):
    right = gait.qpos(PHASE)[:, columns(gait, "_r")]
    left = gait.qpos(PHASE + 0.5)[:, columns(gait, "_l")]
    np.testing.assert_allclose(left, right, atol=1e-12)
    trunk = [gait.coordinates.index(n) for n in ("pelvis_tilt", "lumbar_extension")]
    np.testing.assert_allclose(
        gait.qpos(PHASE + 0.5)[:, trunk], gait.qpos(PHASE)[:, trunk], atol=1e-12
    )
    np.testing.assert_allclose(gait.qpos(PHASE + 3), gait.qpos(PHASE), atol=1e-10)


def test_velocity_is_the_derivative(gait):
    step = 1e-6
    slope = (gait.qpos(PHASE + step) - gait.qpos(PHASE - step)) / (2 * step * gait.cycle_s)
    np.testing.assert_allclose(gait.qvel(PHASE), slope, atol=1e-6)


def test_series_follow_the_measured_curves(gait):
    source = reference.load("falisse2019")
    for name in ("hip_flexion", "knee_angle", "ankle_angle"):
        column = gait.coordinates.index(f"{name}_r")
        fitted = gait.qpos(reference.PERCENT / 100)[:, column]
        assert np.degrees(np.abs(fitted - source.curve(name).mean)).max() < 0.3


def test_forces_carry_the_body(gait):
    force = gait.vertical_grf(PHASE)
    assert force.shape == (200, 2)
    np.testing.assert_allclose(force.mean(axis=0), 0.5, atol=1e-3)
    assert force.min() >= 0
    assert 1.0 < force.max() < 1.2
    np.testing.assert_allclose(gait.vertical_grf(PHASE + 0.5)[:, 1], force[:, 0], atol=1e-9)
    assert gait.fore_aft_grf(PHASE).mean() == pytest.approx(0, abs=1e-9)
    assert 0.58 < gait.stance(PHASE)[:, 0].mean() < 0.66


def test_stance_foot_moves_back_at_walking_speed(gait):
    mean, spread = stance_speed(gait, 0.41, 0.43)
    assert mean == pytest.approx(gait.speed, rel=0.02)
    assert spread < 0.15
    # a stance foot that passes under a longer leg passes faster
    assert stance_speed(gait, 0.45, 0.47)[0] > mean * 1.05


def test_longer_legs_take_longer_strides(gait):
    tall = gait.for_legs(0.469, 0.410)
    assert stance_speed(tall, 0.469, 0.410)[0] == pytest.approx(gait.speed, rel=1e-9)
    assert tall.cycle_s == pytest.approx(1.063 * gait.cycle_s, rel=0.01)
    np.testing.assert_array_equal(tall.qpos(PHASE), gait.qpos(PHASE))


def test_toes_stay_flat_while_the_heel_is_up(gait):
    angle = dict(
        zip(gait.coordinates, gait.qpos(np.array([0.3, 0.5, 0.58, 0.85]))[:].T, strict=True)
    )
    toe = np.degrees(angle["mtp_angle_r"])
    assert toe[1] > 8
    assert toe[2] > 20
    assert abs(toe[3]) < 3
    pitch = angle["pelvis_tilt"] + angle["hip_flexion_r"] - angle["knee_angle_r"]
    pitch = np.degrees(pitch + angle["ankle_angle_r"])
    assert toe[1] == pytest.approx(-pitch[1], abs=3)


def test_scalar_and_batch_agree(gait):
    one = gait.qpos(np.array([0.37]))
    np.testing.assert_allclose(gait.qpos(np.array([0.1, 0.37]))[1], one[0], atol=1e-13)
    assert gait.qpos(PHASE.reshape(2, 100)).shape == (2, 100, len(gait.coordinates))


def test_what_cannot_be_imitated_is_said():
    with pytest.raises(BioenvError, match="speed"):
        ReferenceGait.load("schwartz2008")
    source = reference.load("winter")
    curves = {n: c for n, c in source.curves.items() if n != "knee_angle"}
    bare = Reference("bare", curves, source.figures, "", "", "")
    with pytest.raises(BioenvError, match="lacks knee_angle"):
        ReferenceGait.fit(bare)


def test_what_goes_from_side_to_side_is_its_mirror_image_half_a_cycle_later():
    gait = ReferenceGait.load("falisse2019")
    phase = np.linspace(0, 1, 50, endpoint=False)
    now, later = gait.qpos(phase), gait.qpos(phase + 0.5)
    index = {name: i for i, name in enumerate(gait.coordinates)}
    for name in ("pelvis_ty", "pelvis_list", "pelvis_rotation", "lumbar_bending"):
        np.testing.assert_allclose(later[:, index[name]], -now[:, index[name]], atol=1e-12)
        assert np.ptp(now[:, index[name]]) > 0.01
    for name in ("hip_adduction", "hip_rotation", "subtalar_angle"):
        left, right = index[f"{name}_l"], index[f"{name}_r"]
        np.testing.assert_allclose(later[:, left], now[:, right], atol=1e-12)
