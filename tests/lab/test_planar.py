"""Planar inverse dynamics: statics, a swinging leg in closed form, and the published benchmark."""

import numpy as np
import pytest

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.lab.planar import GRAVITY, WINTER, leg_dynamics, two_way_filter

LAB = paths.lab_data()
MASS = 70.0
UPRIGHT = np.array([[0.0, 1.4], [0.0, 0.9], [0.0, 0.5], [0.0, 0.1], [-0.05, 0.0], [0.15, 0.0]])


def standing(count=300, rate=100.0):
    time = np.arange(count) / rate
    return time, np.tile(UPRIGHT, (count, 1, 1)), np.zeros((count, 3))


def test_standing_leg_carries_half_the_body():
    time, markers, plate = standing()
    plate[:] = [0.0, 0.5 * MASS * GRAVITY, 0.5 * MASS * GRAVITY * 0.08]  # 8 cm before the ankle
    leg = leg_dynamics(time, markers, plate, MASS)
    thigh, shank, foot = (MASS * share for share, _, _ in WINTER)
    ankle_force = -0.5 * MASS * GRAVITY + foot * GRAVITY
    np.testing.assert_allclose(leg.force[:, 2, 1], ankle_force, rtol=1e-9)
    np.testing.assert_allclose(leg.force[:, 0, 1], ankle_force + (thigh + shank) * GRAVITY)
    # Plantarflexion holds the body against the plate; the foot's own weight acts 5 cm ahead.
    expected = 0.5 * MASS * GRAVITY * 0.08 - foot * GRAVITY * 0.05
    np.testing.assert_allclose(leg.moment[:, 2], expected, rtol=1e-9)
    np.testing.assert_allclose(leg.velocity, 0.0, atol=1e-12)
    assert not leg.invented.any()


def test_stiff_leg_swings_like_a_compound_pendulum():
    time = np.arange(2000) / 1000
    swing = 0.3 * np.sin(2 * np.pi * time)
    hip, rest = UPRIGHT[1], UPRIGHT - UPRIGHT[1]
    turn = np.stack([np.cos(swing), -np.sin(swing), np.sin(swing), np.cos(swing)], axis=1)
    markers = hip + np.einsum("tij,mj->tmi", turn.reshape(-1, 2, 2), rest)
    markers[:, 0] = UPRIGHT[0]
    leg = leg_dynamics(time, markers, np.zeros((2000, 3)), MASS, cutoff=60.0)
    inertia, weight = 0.0, np.zeros(len(time))
    for (share, center, gyration), (near, far) in zip(
        WINTER, [(1, 2), (2, 3), (4, 5)], strict=True
    ):
        length = np.linalg.norm(rest[far] - rest[near])
        at = rest[near] + center * (rest[far] - rest[near])
        inertia += MASS * share * ((gyration * length) ** 2 + at @ at)
        weight += MASS * share * GRAVITY * (turn[:, :2] @ at)
    expected = inertia * -((2 * np.pi) ** 2) * swing + weight
    middle = slice(400, 1600)
    np.testing.assert_allclose(leg.moment[middle, 0], expected[middle], atol=0.15)
    np.testing.assert_allclose(np.ptp(leg.angle[middle, 1:], axis=0), 0.0, atol=1e-3)


def test_filter_has_no_lag_and_true_derivatives():
    time = np.arange(1000) / 500
    wave = np.sin(2 * np.pi * time)[:, None]
    value, first, second = two_way_filter(time, wave, 30.0)
    middle = slice(200, 800)
    np.testing.assert_allclose(value[middle], wave[middle], atol=2e-3)
    np.testing.assert_allclose(
        first[middle, 0], 2 * np.pi * np.cos(2 * np.pi * time[middle]), atol=0.02
    )
    np.testing.assert_allclose(second[middle, 0], -((2 * np.pi) ** 2) * wave[middle, 0], atol=0.5)
    # Both passes together leave 0.71 of the amplitude at the cutoff.
    at_cutoff = np.sin(2 * np.pi * 6.0 * time)[:, None]
    kept = two_way_filter(time, at_cutoff, 6.0)[0][middle].std() / at_cutoff[middle].std()
    assert abs(kept - np.sqrt(0.5)) < 0.01


def test_missing_samples_are_bridged_and_named():
    time, markers, plate = standing()
    gap = markers.copy()
    gap[100:105, 3] = np.nan
    whole, bridged = leg_dynamics(time, markers, plate, MASS), leg_dynamics(time, gap, plate, MASS)
    np.testing.assert_allclose(bridged.moment, whole.moment, atol=1e-6)
    assert bridged.invented.sum() == 5
    assert bridged.invented[100:105, 3].all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"markers": np.zeros((300, 5, 2))}, r"expected \(300, 6, 2\), markers shoulder, hip"),
        ({"plate": np.full((300, 3), np.nan)}, "plate holds NaN"),
        ({"time": np.zeros(300)}, "increase"),
        ({"mass": 0.0}, "must be positive"),
        ({"segments": [1.0]}, "thigh, shank, foot"),
        ({"carry_over": True}, "above 0 s"),
    ],
)
def test_bad_input(change, words):
    time, markers, plate = standing()
    given = {"time": time, "markers": markers, "plate": plate, "mass": MASS} | change
    with pytest.raises(BioenvError, match=words):
        leg_dynamics(**given)


def test_a_marker_missing_at_the_end_is_not_extrapolated():
    time, markers, plate = standing()
    markers[-1, 2] = np.nan
    with pytest.raises(BioenvError, match="first or last frame: knee"):
        leg_dynamics(time, markers, plate, MASS)


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="no measured data: set BIOENV_LAB_DATA")
def test_published_benchmark():
    folder = LAB / "csu_leg2d"
    raw = np.loadtxt(folder / "rawdata.txt", comments="%")
    reference = np.loadtxt(folder / "refresults.csv", delimiter=",", skiprows=1)[:, 1:]
    markers = raw[:, 1:13].reshape(-1, 6, 2)
    foot_for_all = [[0.0145, 0.433, 0.475], [0.0145, 0.433, 0.475], [0.0145, 0.5, 0.475]]

    def table(**settings):
        leg = leg_dynamics(raw[:, 0], markers, raw[:, 13:], 67.2, **settings)
        assert leg.invented.sum() == 11  # 22 missing samples: x and y of 11 positions
        load = np.column_stack([leg.moment, leg.force.reshape(-1, 6)]) / 67.2
        return np.column_stack([leg.angle, leg.velocity, load])

    exact = table(cutoff=4.0, segments=foot_for_all, carry_over=True)
    np.testing.assert_allclose(exact, reference, atol=1e-8)
    # The usual settings on the same data: Winter's segments, 6 Hz.
    usual = table()
    assert np.degrees(np.ptp(usual[30:-30, 1])) > 55
    assert 1.6 < usual[30:-30, 8].max() < 2.0
