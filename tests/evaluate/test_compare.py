"""Distances and correlations of curves whose answers can be worked out by hand."""

import numpy as np
import pytest

from bioenv.evaluate.compare import (
    between_people,
    compare,
    comparisons,
    correlation,
    pooled_rmse,
    timing,
)
from bioenv.evaluate.gait import analyse
from bioenv.lab import reference
from bioenv.lab.reference import Curve

PHASE = np.arange(101) / 100
SINE = np.sin(2 * np.pi * PHASE)
BAND = Curve(SINE, np.full(101, 0.1), "rad")


def test_a_curve_equals_itself():
    found = compare("hip_flexion", SINE, BAND)
    assert (found.rmse, found.offset_free_rmse) == (0, 0)
    assert (found.inside_1sd, found.inside_2sd) == (1, 1)
    assert found.r == pytest.approx(1)


def test_an_offset_is_told_apart_from_shape():
    found = compare("hip_flexion", SINE + 0.15, BAND)
    assert found.unit == "deg"
    assert found.rmse == pytest.approx(np.degrees(0.15))
    assert found.offset_free_rmse == pytest.approx(0, abs=1e-12)
    assert (found.inside_1sd, found.inside_2sd) == (0, 1)
    assert found.r == pytest.approx(1)


def test_amplitude_error_by_hand():
    found = compare("hip_flexion", 0.5 * SINE, BAND)
    assert found.rmse == pytest.approx(np.degrees(0.5 / np.sqrt(2)))
    # |0.5 sin| <= 0.1 for 4 asin(0.2) / (2 pi) of the cycle
    assert found.inside_1sd == pytest.approx(4 * np.arcsin(0.2) / (2 * np.pi), abs=0.02)


def test_a_limp_does_not_average_away():
    legs = np.array([SINE + 0.2, SINE - 0.2])
    assert compare("hip_flexion", legs, BAND).rmse == pytest.approx(np.degrees(0.2))


def test_unknown_spread_and_force_band():
    no_sd = compare("x", SINE, Curve(SINE, np.full(101, np.nan), "N*m/kg"))
    assert np.isnan(no_sd.inside_1sd)
    assert no_sd.unit == "N*m/kg"
    stance = np.where(PHASE < 0.6, np.sin(np.pi * PHASE / 0.6), 0.0)
    force = Curve(stance, np.full(101, 0.05), "BW")
    # in the air everything agrees: only stance is counted
    found = compare("grf_vertical", np.where(PHASE < 0.6, stance + 0.07, 0.0), force)
    assert (found.inside_1sd, found.inside_2sd) == (0, 1)


def test_correlation_edges():
    assert correlation(SINE, -SINE) == pytest.approx(-1)
    assert np.isnan(correlation(SINE, np.ones(101)))


@pytest.mark.parametrize("late", [-0.2, 0.0, 0.1, 0.3])
def test_lag_of_a_muscle(late):
    burst = np.exp(-(((PHASE - 0.4 + 0.5) % 1.0 - 0.5) ** 2) / 0.005)
    active = np.exp(-(((PHASE - 0.4 - late + 0.5) % 1.0 - 0.5) ** 2) / 0.005)
    found = timing("soleus", 0.3 * active[None], burst)  # amplitude does not matter
    assert found.lag == pytest.approx(late, abs=1e-9)
    if late == 0:
        assert found.r == pytest.approx(1)
        assert found.similarity == pytest.approx(1)


def test_silent_muscle_is_not_scored_as_right():
    found = timing("soleus", np.full((1, 101), 0.01), 1 + SINE)
    assert np.isnan(found.r)
    assert np.isnan(found.lag)


def test_comparisons_take_what_both_have(make_walk):
    found = comparisons(analyse(make_walk()), reference.load("falisse2019"))
    assert {"hip_flexion", "knee_angle", "ankle_angle", "grf_vertical"} <= set(found)
    assert "emg_soleus" not in found
    assert "knee_angle_moment" not in found
    joints = ("hip_flexion", "knee_angle", "ankle_angle")
    squares = [found[j].rmse ** 2 for j in joints]
    assert pooled_rmse(found, joints) == pytest.approx(np.sqrt(np.mean(squares)))
    assert pooled_rmse(found, ("lumbar_extension",)) is None


def test_people_differ_from_each_other_too():
    people = between_people(reference.load("falisse2019"))
    knee = people["knee_angle"]
    assert set(knee) == {"dorschky2019", "rajagopal2016", "uhlrich2022", "winter"}
    assert all(3 < one.rmse < 12 and one.r > 0.9 for one in knee.values())
    assert set(people["ankle_angle_moment"]) == {"dorschky2019", "rajagopal2016", "uhlrich2022"}
