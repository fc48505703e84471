"""OpenSim's smoothing: its own numbers, what the filter does to known signals, and bad input."""

import json
from pathlib import Path

import numpy as np
import pytest

from bioenv.errors import BioenvError
from bioenv.lab.opensim_filter import opensim_coordinates, opensim_forces

GOLDEN = Path(__file__).parents[1] / "golden" / "opensim_filter.json"
CASES = json.loads(GOLDEN.read_text(encoding="utf-8"))["cases"]


@pytest.mark.parametrize("name", CASES)
def test_numbers_of_opensim(name):
    case = CASES[name]
    smooth = opensim_coordinates(case["time"], case["values"], case["cutoff"])
    assert len(smooth.rows) == case["rows"]
    for order, key in enumerate(("value", "first", "second")):
        expected = np.array(case[key])
        error = np.abs(smooth(case["at"], order) - expected).max()
        assert error <= 1e-9 * np.abs(expected).max()
    cubic = opensim_forces(case["time"], case["values"])(case["at"])
    np.testing.assert_allclose(cubic, case["cubic"], atol=1e-9)


def test_both_passes_halve_the_amplitude_at_the_cutoff():
    time = np.arange(1001) / 100
    frequency = np.array([0.5, 6.0, 20.0])
    waves = np.sin(2 * np.pi * frequency * time[:, None])
    smooth = opensim_coordinates(time, waves, 6.0)
    middle = slice(300, 700)
    kept = smooth.value[middle].std(axis=0) / waves[middle].std(axis=0)
    np.testing.assert_allclose(kept, [1.0, 0.5, 0.0], atol=2e-3)
    # Zero lag: what is left is in phase with the wave.
    phase = np.corrcoef(smooth.value[middle, 1], waves[middle, 1])[0, 1]
    assert phase > 1 - 1e-6


def test_derivatives_of_a_slow_wave():
    time = np.arange(201) / 100
    omega = 2 * np.pi
    smooth = opensim_coordinates(time, np.sin(omega * time)[:, None], 20.0)
    middle = slice(40, 160)
    np.testing.assert_allclose(
        smooth.first[middle, 0], omega * np.cos(omega * time[middle]), atol=1e-3
    )
    exact = -(omega**2) * np.sin(omega * time[middle])
    np.testing.assert_allclose(smooth.second[middle, 0], exact, atol=1e-2)
    np.testing.assert_allclose(smooth.second_of_speeds[middle, 0], exact, atol=1e-2)


def test_uneven_rows_are_resampled_and_evaluated_anywhere():
    rng = np.random.default_rng(0)
    time = np.cumsum(0.008 + 0.004 * rng.random(200))
    smooth = opensim_coordinates(time, np.sin(3 * time)[:, None], 15.0)
    assert np.ptp(np.diff(smooth.time)) < 1e-12
    np.testing.assert_allclose(smooth(time)[20:-20, 0], np.sin(3 * time[20:-20]), atol=1e-3)


def test_forces_continue_straight_for_one_sample_only():
    time = np.arange(10) / 1000
    values = np.stack([time, 2 * time], axis=1)[:, None, :]
    force = opensim_forces(time, values)
    np.testing.assert_allclose(force(0.0095), [[[0.0095, 0.019]]], atol=1e-12)
    with pytest.raises(BioenvError, match=r"known from 0 to 0\.009 s, not at 0\.02 s"):
        force(0.02)
    np.testing.assert_allclose(opensim_forces(time[:2], values[:2])(0.0005), [[[5e-4, 1e-3]]])
    np.testing.assert_allclose(opensim_forces([0.0], [[3.0]])([0.0, 5.0]), [[3.0], [3.0]])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cutoff_hz": 50.0}, "half the sampling rate"),
        ({"cutoff_hz": -1.0}, "between 0 and 50 Hz"),
        ({"time": np.zeros(30)}, "increase from row to row"),
        ({"values": np.full((30, 1), np.nan)}, "30 values are NaN"),
        ({"time": np.arange(5), "values": np.zeros((5, 1))}, "at least 12"),
        ({"values": np.zeros((29, 1))}, r"time has shape \(30,\), values \(29, 1\)"),
    ],
)
def test_bad_input(change, words):
    given = {"time": np.arange(30) / 100, "values": np.zeros((30, 1)), "cutoff_hz": 6.0} | change
    with pytest.raises(BioenvError, match=words):
        opensim_coordinates(**given)


def test_outside_the_trial_is_refused():
    smooth = opensim_coordinates(np.arange(30) / 100, np.zeros((30, 1)), 6.0)
    with pytest.raises(BioenvError, match=r"not at 0\.3 s"):
        smooth([0.1, 0.3])
