"""Inertial sensors on a pendulum that swings and turns, whose orientation is known exactly."""

import csv

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.lab import imu

LAB = paths.lab_data()
RATE = 100.0
TIME = np.arange(4001) / RATE
GRAVITY = 9.81


def swing(time):
    """Still for 2 s, then swinging up to 40 degrees while turning about the vertical."""
    since = np.maximum(time - 2, 0)
    grow = since**3 / (1 + since**3)
    return 0.7 * grow * np.sin(2 * np.pi * 0.9 * since), 1.2 * grow * np.sin(0.8 * since)


def pose(time):
    """Rotation of the rod: turned about z, then swung about y."""
    theta, psi = swing(time)
    return Rotation.from_euler("z", psi[:, None]) * Rotation.from_euler("y", theta[:, None])


def pendulum(length=0.5):
    """True rotation (T, 3, 3), gyroscope and accelerometer of a sensor `length` m below a pivot."""
    step = 1e-4
    theta, _ = swing(TIME)
    theta_rate, psi_rate = (
        (after - before) / (2 * step)
        for after, before in zip(swing(TIME + step), swing(TIME - step), strict=True)
    )
    gyroscope = np.stack([-np.sin(theta) * psi_rate, theta_rate, np.cos(theta) * psi_rate], 1)
    at = [pose(TIME + k * step).apply([0, 0, -length]) for k in (-1, 0, 1)]
    acceleration = (at[0] - 2 * at[1] + at[2]) / step**2 + [0, 0, GRAVITY]
    rotation = pose(TIME)
    return rotation.as_matrix(), gyroscope, rotation.inv().apply(acceleration)


def tilt_error(found, truth):
    """(T,) degrees between the vertical as seen by both."""
    cosine = (found[:, 2] * truth[:, 2]).sum(axis=1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def test_pendulum_with_a_perfect_sensor():
    truth, gyroscope, accelerometer = pendulum()
    found = imu.orientation(gyroscope, accelerometer, RATE)
    error = tilt_error(found.rotation, truth)
    assert error[1000:-1000].max() < 0.1
    assert error.max() < 1.5  # at the end, where half a swing is cut
    assert found.rest[:200].all()
    assert not found.rest[300:].any()
    # Heading is arbitrary, but the same all through.
    offset = Rotation.from_matrix(found.rotation @ np.swapaxes(truth, 1, 2))
    assert np.degrees((offset * offset[0].inv()).magnitude()).max() < 1.0


def test_pendulum_with_bias_noise_and_any_mounting():
    truth, gyroscope, accelerometer = pendulum()
    rng = np.random.default_rng(0)
    mounting = Rotation.from_rotvec([1.0, -2.0, 0.5])
    bias = np.array([0.02, -0.01, 0.015])
    turn = mounting.inv().apply(gyroscope) + bias + 0.01 * rng.normal(size=gyroscope.shape)
    push = mounting.inv().apply(accelerometer) + 0.1 * rng.normal(size=gyroscope.shape)
    found = imu.orientation(turn, push, RATE)
    np.testing.assert_allclose(found.bias, bias, atol=3e-3)
    sensor = truth @ mounting.as_matrix()
    assert np.median(tilt_error(found.rotation, sensor)) < 0.5
    assert tilt_error(found.rotation, sensor).max() < 2.0
    # The gyroscope alone would have been off by many degrees by then.
    alone = imu.orientation(turn, push, RATE, bias=np.zeros(3), cutoff=1e-4)
    assert tilt_error(alone.rotation, sensor).max() > 10


def test_a_static_pose_tells_how_the_sensor_sits():
    truth, _, _ = pendulum()
    facing = Rotation.from_euler("z", 0.8).as_matrix()
    sensor = facing @ truth @ Rotation.from_rotvec([1.0, -2.0, 0.5]).as_matrix()
    sits = imu.sensor_to_segment(sensor[:200], heading=0.8)
    np.testing.assert_allclose(sensor @ sits, facing @ truth, atol=1e-6)


def test_steady_rotation_in_closed_form():
    turn = np.tile([0.3, -0.2, 0.5], (301, 1))
    still = Rotation.from_rotvec(TIME[:301, None] * turn[0]).inv().apply([0, 0, GRAVITY])
    found = imu.orientation(turn, still, RATE, bias=np.zeros(3))
    assert "short trial" in found.notes[-1]
    relative = Rotation.from_matrix(found.rotation[0].T @ found.rotation[-1])
    np.testing.assert_allclose(relative.as_rotvec(), 3 * turn[0], atol=1e-6)


def test_an_upside_down_sensor_is_no_singularity():
    push = np.tile([0.0, 0.0, -GRAVITY], (400, 1))
    found = imu.orientation(np.zeros((400, 3)), push, RATE)
    np.testing.assert_allclose(
        found.rotation @ [0, 0, -1], np.tile([0, 0, 1.0], (400, 1)), atol=1e-9
    )
    np.testing.assert_allclose(np.linalg.det(found.rotation), 1.0)


def knee(flexion, slant=0.0):
    """Thigh and shank (T, 3, 3) with a knee flexed about an axis turned from y by `slant` rad."""
    thigh = Rotation.from_euler("y", -0.4 * np.sin(2 * np.pi * TIME)[:, None])
    axis = np.array([np.sin(slant), np.cos(slant), 0.0])
    return thigh.as_matrix(), (thigh * Rotation.from_rotvec(np.outer(flexion, axis))).as_matrix()


def test_joint_angles_of_a_knee():
    flexion = 0.5 - 0.5 * np.cos(2 * np.pi * TIME)
    angles = imu.joint_angles(*knee(flexion))
    np.testing.assert_allclose(angles[:, 0], flexion, atol=1e-9)
    np.testing.assert_allclose(angles[:, 1:], 0.0, atol=1e-9)


def test_hinge_is_found_whatever_the_mounting():
    flexion = 0.5 - 0.5 * np.cos(2 * np.pi * np.maximum(TIME - 1, 0))
    thigh, shank = knee(flexion, slant=0.3)
    on_thigh, on_shank = (Rotation.random(rng=i).as_matrix() for i in (1, 2))
    found = imu.hinge(thigh @ on_thigh, shank @ on_shank, slice(0, 100))
    np.testing.assert_allclose(found.angle, flexion, atol=1e-6)
    axis = on_thigh.T @ np.array([np.sin(0.3), np.cos(0.3), 0.0])
    np.testing.assert_allclose(np.abs(found.axis @ axis), 1.0, atol=1e-9)
    assert found.off_axis < 1e-6


def impact(rate):
    """A shank's acceleration in walking: slow waves, and a 15 ms blow every second."""
    time = np.arange(int(20 * rate)) / rate
    since = np.mod(time, 1.0)
    blow = np.where(since < 0.015, 60 * np.sin(np.pi * since / 0.015), 0.0)
    return (5 * np.sin(2 * np.pi * time) + blow)[:, None]


def test_impacts_sampled_too_slowly_are_named():
    slow, fast = impact(70.3), impact(1000.0)
    assert "impacts are not resolved" in imu.sampling_notes(slow, 70.3, "shank")[0]
    assert imu.sampling_notes(fast, 1000.0, "shank") == ()


def test_clipping_is_named():
    signal = impact(1000.0)
    assert "clipped at 40" in imu.sampling_notes(np.clip(signal, -40, 40), 1000.0, "shank")[-1]
    assert "clipped at" in imu.sampling_notes(signal, 1000.0, "shank", full_scale=60.0)[-1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"accelerometer": np.ones((50, 3))}, "give m/s\\^2 with gravity"),
        ({"gyroscope": np.full((50, 3), 200.0)}, "degrees/s by pi/180"),
        ({"gyroscope": np.zeros((49, 3))}, r"give \(T, 3\) each"),
        ({"gyroscope": np.full((50, 3), np.nan)}, "the gyroscope has 150 NaN"),
    ],
)
def test_bad_input(change, words):
    given = {"gyroscope": np.zeros((50, 3)), "accelerometer": np.tile([0, 0, 9.81], (50, 1))}
    with pytest.raises(BioenvError, match=words):
        imu.orientation(**(given | change), rate=RATE)


def test_matrices_that_are_no_rotations_are_refused():
    mirror = np.tile(np.diag([1.0, 1.0, -1.0]), (5, 1, 1))
    with pytest.raises(BioenvError, match="no rotation matrices"):
        imu.joint_angles(mirror, mirror)
    with pytest.raises(BioenvError, match=r"give \(T, 3, 3\)"):
        imu.joint_angles(np.eye(3), np.eye(3))


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="no measured data: set BIOENV_LAB_DATA")
@pytest.mark.parametrize(("thigh", "shank"), [("227C", "227D"), ("21EE", "21ED")])
def test_knees_of_a_walking_person(thigh, shank):
    with np.load(LAB / "opensense_imu_walking" / "xsens_walking.npz") as data:
        upper, lower = (data[f"R_00B4{name}"].astype(float) for name in (thigh, shank))
        push = data[f"acc_00B4{shank}"].astype(float)
    found = imu.hinge(upper, lower, slice(0, 300))
    degrees = np.degrees(found.angle)
    assert np.abs(degrees[:300]).max() < 1.0
    assert -12 < degrees[500:].min() < 0
    assert 60 < degrees[500:].max() < 75
    # Turning rates from the sensor's own orientations, then inclination without them.
    step = Rotation.from_matrix(np.swapaxes(lower[:-1], 1, 2) @ lower[1:]).as_rotvec() * 100
    turn = np.concatenate([step[:1], (step[1:] + step[:-1]) / 2, step[-1:]])
    again = imu.orientation(turn, push, 100.0)
    assert np.median(tilt_error(again.rotation, lower)) < 1.5


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="no measured data: set BIOENV_LAB_DATA")
def test_knee_from_thigh_and_shank_sensors_agrees_with_the_cameras():
    columns = {}
    with (LAB / "biomac_mean_cycles" / "P01_normwalking.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            columns.setdefault(row["type"] + row["signal"], []).append(float(row["mean"]))
    rate = 100 / 1.2135

    def pitch(segment):
        turn, push = (
            np.tile(np.stack([columns[f"{kind}{segment}_{a}"] for a in "xyz"], 1), (15, 1))
            for kind in ("gyro", "acc")
        )
        found = imu.orientation(turn, push, rate, bias=turn.mean(axis=0)).rotation
        return np.arctan2(found[:, 2, 0], found[:, 2, 1])[700:800]

    knee_angle = pitch("tibia_r") - pitch("femur_r")
    cameras = np.array(columns["angleknee_angle_r"])
    assert np.corrcoef(knee_angle, cameras)[0, 1] > 0.98
    assert np.degrees((knee_angle - cameras).std()) < 5
