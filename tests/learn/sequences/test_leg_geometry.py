"""Polynomials of muscle lengths: their derivatives, their files, and a measured man's model."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.learn.sequences.geometry import ANGLES, HIGHEST, LOWEST, LegGeometry

MODEL = "uhlrich2022_treadmill/Rajagopal_scaled_Sub1_gasAvoid.osim"


def test_moment_arms_are_minus_the_derivative_of_the_lengths(leg):
    rng = np.random.default_rng(0)
    bent = LegGeometry(**{**vars(leg), "coefficients": leg.coefficients,
                          "exponents": rng.integers(0, 4, (4, 3))})  # fmt: skip
    at, h = rng.uniform(0.1, 1.0, (5, 3)), 1e-6
    for axis in range(3):
        move = h * np.eye(3)[axis]
        slope = (bent.length(at + move) - bent.length(at - move)) / (2 * h)
        assert np.allclose(bent.moment_arm(at)[..., axis], -slope, atol=1e-8)


def test_constant_arms_are_found_again(leg):
    for angle in (np.zeros(3), np.array([0.5, 1.0, -0.3])):
        arms = dict(zip(leg.muscles, leg.moment_arm(angle), strict=True))
        assert np.allclose(arms["soleus"], [0, 0, -0.046])
        assert np.allclose(arms["recfem"], [0.04, -0.045, 0])


def test_survives_json(leg):
    back = LegGeometry.from_dict(json.loads(json.dumps(leg.as_dict())))
    at = np.array([0.3, 0.5, -0.2])
    assert np.array_equal(back.length(at), leg.length(at))
    assert back.muscles == leg.muscles
    record = leg.as_dict()
    del record["pennation"]
    with pytest.raises(BioenvError, match="lacks pennation"):
        LegGeometry.from_dict(record)


@pytest.mark.lab
@pytest.mark.skipif(paths.lab_data() is None, reason="no lab data")
def test_agrees_with_the_model_of_a_measured_man():
    from bioenv.models import osim

    body = osim.load(paths.lab_data() / MODEL)
    found = LegGeometry.of(body, "l", postures=600)
    assert found.error.max() < 3e-4  # m
    rng = np.random.default_rng(5)
    angle = rng.uniform(LOWEST, HIGHEST, (40, 3))
    columns = [body.coordinates.index(f"{name}_l") for name in ANGLES]
    rows = [body.muscles.index(f"{name}_l") for name in found.muscles]

    def length(at):
        q = np.tile(body.default, (len(at), 1))
        q[:, columns] = at
        return body.muscle_geometry(body.couple(q)).length[:, rows]

    h = 1e-4
    for axis in range(3):
        move = h * np.eye(3)[axis]
        arm = -(length(angle + move) - length(angle - move)) / (2 * h)
        miss = found.moment_arm(angle)[..., axis] - arm
        assert np.sqrt((miss**2).mean()) < 2e-3  # m, of 20 to 50 mm
    assert np.sqrt(((found.length(angle) - length(angle)) ** 2).mean()) < 2e-4


@pytest.mark.lab
@pytest.mark.skipif(paths.lab_data() is None, reason="no lab data")
def test_a_model_without_those_muscles_is_refused():
    from bioenv.models import osim

    body = osim.load(paths.lab_data() / "opensim_gait_subject01/gait10dof18musc/subject01.osim")
    with pytest.raises(BioenvError, match=r"the model lacks .*semimem_r"):
        LegGeometry.of(body, "r")
