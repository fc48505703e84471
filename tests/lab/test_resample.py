"""Resampling of sines: what passes, what is removed, what aliasing would have made of it."""

import numpy as np
import pytest

from bioenv.errors import BioenvError
from bioenv.lab.filters import spectrum
from bioenv.lab.resample import lowest_rate, resample

RATE = 1000.0
TIME = np.arange(4001) / RATE


def sine(frequency, time=TIME):
    return np.sin(2 * np.pi * frequency * time + 0.4)


def test_taking_every_tenth_sample_makes_a_slow_wave_of_a_fast_one():
    fast = sine(90.0)[::10]
    power, frequency = spectrum(fast, 100.0)
    assert frequency[np.argmax(power)] == pytest.approx(10.0, abs=0.3)
    # The resampler names that very frequency, and the way out.
    with pytest.raises(BioenvError) as caught:
        resample(TIME, sine(2.0) + 0.2 * sine(90.0), 100.0)
    message = str(caught.value)
    assert "from 1000 to 100 Hz would lose 3.8 % of the power" in message
    assert "strongest at 90 Hz (unfiltered it would pass for 10 Hz)" in message
    assert "at least 226 Hz" in message
    assert "remove=True" in message


def test_removed_on_request_nothing_folds():
    signal = sine(2.0) + 0.2 * sine(90.0)
    out = resample(TIME, signal, 100.0, remove=True)
    inner = slice(50, -50)
    np.testing.assert_allclose(out.values[inner], sine(2.0, out.time)[inner], atol=5e-4)
    assert out.removed == pytest.approx(0.04 / 1.04, rel=1e-2)
    assert out.kept_hz == 40.0


@pytest.mark.parametrize("rate", [100.0, 120.0, 333.3, 1000.0, 1500.0])
def test_pass_band_is_kept_without_lag_at_any_rate(rate):
    wave = sine(38.0)
    out = resample(TIME, wave, rate, tolerated=1.0)
    inner = (out.time > 0.5) & (out.time < 3.5)
    np.testing.assert_allclose(out.values[inner], sine(38.0, out.time)[inner], atol=1e-3)


def test_stop_band_leaves_a_thousandth():
    for frequency in (50.1, 60.0, 149.0, 400.0):
        out = resample(TIME, sine(frequency), 100.0, remove=True)
        assert np.abs(out.values[50:-50]).max() < 2e-3


def test_level_and_slope_survive_up_to_the_ends():
    signal = np.stack([np.full_like(TIME, 700.0), 3 + 5 * TIME], axis=1)
    out = resample(TIME, signal, 90.0)
    np.testing.assert_allclose(out.values[:, 0], 700.0, rtol=1e-12)
    np.testing.assert_allclose(out.values[:, 1], 3 + 5 * out.time, atol=1e-3)
    assert out.removed.max() < 1e-3


def test_onto_the_clock_of_another_device():
    clock = 0.5 + np.arange(120) / 60
    out = resample(TIME, np.stack([sine(3.0), sine(7.0)], axis=1)[:, None], clock)
    np.testing.assert_array_equal(out.time, clock)
    np.testing.assert_allclose(out.values[:, 0, 1], sine(7.0, clock), atol=1e-3)
    with pytest.raises(BioenvError, match=r"known from 0 to 4 s only"):
        resample(TIME, sine(3.0), 3.0 + np.arange(120) / 60)


def test_the_same_clock_changes_nothing():
    noise = np.random.default_rng(0).normal(size=TIME.size)
    np.testing.assert_array_equal(resample(TIME, noise, RATE).values, noise)


def test_white_noise_keeps_the_power_below_half_the_new_rate():
    noise = np.random.default_rng(1).normal(size=TIME.size)
    out = resample(TIME, noise, 200.0, remove=True)
    assert abs(out.values.var() / 0.18 - 1) < 0.1  # 0.9 x 100 of 500 Hz
    assert out.removed == pytest.approx(0.84, abs=0.03)


def test_lowest_rate_is_one_that_is_accepted():
    signal = sine(2.0) + 0.2 * sine(90.0)
    safe = lowest_rate(signal, RATE)
    assert 225 < safe < 230
    resample(TIME, signal, safe)
    assert lowest_rate(np.random.default_rng(2).normal(size=500), RATE) == RATE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"onto": -5.0}, "a rate of -5 Hz"),
        ({"values": np.full(4001, np.nan)}, "4001 NaN"),
        ({"values": np.zeros(4000)}, r"time has shape \(4001,\), values \(4000,\)"),
        ({"time": np.delete(np.arange(4002), 2000) / RATE}, "time is uneven"),
    ],
)
def test_bad_input(change, words):
    given = {"time": TIME, "values": sine(3.0), "onto": 100.0} | change
    with pytest.raises(BioenvError, match=words):
        resample(**given)
