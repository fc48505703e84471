"""Published passive moments: signs, coupling through two-joint muscles, sizes."""

from __future__ import annotations

import numpy as np

from bioenv.models.passive_moments import ankle_moment, hip_moment

DEGREES = np.deg2rad(np.arange(-15.0, 91.0))


def test_they_resist_the_ends_of_the_range() -> None:
    assert (np.diff(hip_moment(DEGREES, 0.5)) < 0).all()
    assert (np.diff(ankle_moment(np.deg2rad(np.arange(-40.0, 25.0)), 0.5)) < 0).all()
    assert hip_moment(np.deg2rad(-15), 0.0) > 0 > hip_moment(np.deg2rad(90), 0.0)


def test_a_straight_knee_stiffens_hip_flexion_and_dorsiflexion() -> None:
    """Hamstrings and gastrocnemius are stretched."""
    assert hip_moment(np.deg2rad(80), 0.0) < 3 * hip_moment(np.deg2rad(80), np.deg2rad(60))
    assert ankle_moment(np.deg2rad(15), 0.0) < 2 * ankle_moment(np.deg2rad(15), np.deg2rad(60))


def test_values_at_zero_are_the_sums_of_the_published_constants() -> None:
    np.testing.assert_allclose(hip_moment(0, 0), np.exp(1.4655) - np.exp(1.3403) + 8.072)
    np.testing.assert_allclose(ankle_moment(0, 0), np.exp(-7.9763) - np.exp(2.1016) + 1.792)
