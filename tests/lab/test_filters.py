"""Filters on signals whose spectra are known: sines, steps, ramps and white noise."""

import numpy as np
import pytest

from bioenv.errors import BioenvError
from bioenv.lab.filters import butterworth, gain, power_share, sampling_rate, spectrum

RATE = 200.0
TIME = np.arange(2000) / RATE
MIDDLE = slice(500, 1500)


def sine(frequency, phase=0.0):
    return np.sin(2 * np.pi * frequency * TIME + phase)


@pytest.mark.parametrize(
    ("kind", "cutoff", "order"),
    [("low", 10.0, 4), ("low", 10.0, 8), ("high", 10.0, 2), ("band", (5.0, 40.0), 4),
     ("stop", (20.0, 30.0), 4)],
)  # fmt: skip
def test_each_sine_comes_out_with_the_gain_foretold(kind, cutoff, order):
    frequencies = np.array([2.0, 10.0, 25.0, 60.0])
    waves = np.stack([sine(f, 0.3) for f in frequencies], axis=1)
    out = butterworth(waves, RATE, cutoff, order, kind)
    kept = out[MIDDLE].std(axis=0) / waves[MIDDLE].std(axis=0)
    expected = gain(frequencies, RATE, cutoff, order, kind)
    np.testing.assert_allclose(kept, expected, atol=2e-3)
    # Zero lag: what remains is the same wave, only smaller.
    np.testing.assert_allclose(out[MIDDLE], (waves * expected)[MIDDLE], atol=5e-3)


@pytest.mark.parametrize(("kind", "cutoff"), [("low", 6.0), ("high", 6.0), ("band", (6.0, 50.0))])
@pytest.mark.parametrize("order", [2, 4, 8])
def test_cutoff_means_what_it_says(kind, cutoff, order):
    edge = np.atleast_1d(cutoff)
    np.testing.assert_allclose(gain(edge, RATE, cutoff, order, kind), np.sqrt(0.5), rtol=1e-9)
    bare = gain(edge, RATE, cutoff, order, kind, corrected=False)
    np.testing.assert_allclose(bare, 0.5, rtol=1e-9)


def test_level_and_slope_pass_unchanged_up_to_the_ends():
    ramp = 3.0 + 2.0 * TIME
    np.testing.assert_allclose(butterworth(ramp, RATE, 6.0), ramp, atol=1e-6)
    unpadded = butterworth(ramp, RATE, 6.0, padding=None)
    assert np.abs(unpadded - ramp)[[0, -1]].min() > 0.01
    np.testing.assert_allclose(unpadded[MIDDLE], ramp[MIDDLE], atol=1e-3)


def test_ends_of_a_slow_wave_stay_near_the_truth():
    wave = sine(1.0, 0.7)
    error = np.abs(butterworth(wave, RATE, 6.0) - wave)
    assert error[:20].max() < 0.02
    assert error[MIDDLE].max() < 1e-3


def test_white_noise_keeps_the_power_of_the_pass_band():
    noise = np.random.default_rng(0).normal(size=(200_000,))
    out = butterworth(noise, RATE, 10.0)
    frequency = np.linspace(0, RATE / 2, 20_001)
    expected = (gain(frequency, RATE, 10.0) ** 2).mean()
    assert abs(out.var() / expected - 1) < 0.02
    assert abs(expected - 10 / 100) < 0.02


def test_filter_runs_backward_as_forward():
    rng = np.random.default_rng(1)
    signal = rng.normal(size=500).cumsum()
    forth = butterworth(signal, RATE, 8.0)
    # Beyond the reach of the start-up, time has no direction.
    np.testing.assert_allclose(butterworth(signal[::-1], RATE, 8.0)[::-1], forth, atol=2e-2)


def test_spectrum_holds_the_variance_and_the_lines():
    wave = 2.0 * sine(5.0) + 0.5 * sine(60.0) + 7.0 + 0.1 * TIME
    power, frequency = spectrum(wave, RATE)
    assert abs(power.sum() - (2.0**2 + 0.5**2) / 2) < 0.02
    assert abs(frequency[np.argmax(power)] - 5.0) < 0.1
    share = power_share(wave, RATE, 30.0)
    assert abs(share - 0.25 / 4.25) < 1e-3
    assert power_share(np.full((100, 2), 9.81), RATE, 30.0).tolist() == [0.0, 0.0]


def test_white_noise_lies_evenly_over_the_spectrum():
    noise = np.random.default_rng(2).normal(size=(50_000, 3))
    np.testing.assert_allclose(power_share(noise, RATE, 75.0), 0.25, atol=0.02)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cutoff": 100.0}, "between 0 and 100 Hz, half the rate"),
        ({"cutoff": 0.0}, "between 0 and 100 Hz"),
        ({"order": 3}, "even, 2 or more"),
        ({"kind": "lwo"}, "did you mean 'low'"),
        ({"kind": "band"}, r"give \(low, high\) Hz"),
        ({"cutoff": (5.0, 10.0)}, "give one Hz"),
        ({"values": np.array([0.0, np.nan] * 50)}, r"50 NaN or infinite values, first in sample 1"),
        ({"values": np.zeros(20)}, r"last 0\.1 s, less than one period of the cutoff \(0\.167 s\)"),
    ],
)
def test_bad_input(change, words):
    given = {"values": np.zeros(100), "rate": RATE, "cutoff": 6.0} | change
    with pytest.raises(BioenvError, match=words):
        butterworth(**given)


def test_uneven_time_is_refused():
    assert sampling_rate(np.round(np.arange(500) / 120, 3)) == pytest.approx(120.0, rel=1e-4)
    with pytest.raises(BioenvError, match=r"uneven: steps of 0\.01 to 0\.02 s, the oddest after"):
        sampling_rate(np.delete(np.arange(100) / 100, 50))
    with pytest.raises(BioenvError, match=r"does not increase after 0\.02 s"):
        sampling_rate([0.0, 0.01, 0.02, 0.02])
