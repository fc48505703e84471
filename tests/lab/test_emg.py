"""EMG: envelopes and on/off times of synthetic bursts, spectra that are known, faulty channels."""

import numpy as np
import pytest

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.lab import emg
from bioenv.lab.filters import butterworth, power_share

LAB = paths.lab_data()
RATE = 1000.0
TIME = np.arange(5000) / RATE
BURSTS = [(0.8, 1.3), (2.0, 2.4), (3.5, 4.2)]


def raw(strength, seed=0):
    """Noise with the band of a surface EMG, modulated by `strength` (T,)."""
    noise = np.random.default_rng(seed).normal(size=len(strength))
    carrier = butterworth(noise, RATE, (30.0, 300.0), 4, "band")
    return strength * carrier / carrier.std()


def square(low=0.03):
    on = np.any([(start <= TIME) & (stop > TIME) for start, stop in BURSTS], axis=0)
    return np.where(on, 1.0, low)


def test_envelope_follows_the_strength_of_the_carrier():
    strength = 0.6 + 0.4 * np.sin(2 * np.pi * 0.5 * TIME)
    found = emg.envelope(np.stack([raw(strength, i) for i in range(20)], axis=1), RATE).mean(axis=1)
    # The mean of a rectified Gaussian is sqrt(2/pi) of its deviation; no lag.
    expected = np.sqrt(2 / np.pi) * strength
    inner = slice(300, -300)
    assert np.abs(found - expected)[inner].max() < 0.12
    assert np.corrcoef(found[inner], expected[inner])[0, 1] > 0.99


def test_offset_and_swinging_cables_do_not_reach_the_envelope():
    signal = raw(square())
    swinging = signal + 4.0 + 3.0 * np.sin(2 * np.pi * 1.5 * TIME)
    difference = emg.envelope(swinging, RATE) - emg.envelope(signal, RATE)
    assert np.abs(difference)[200:-200].max() < 0.01


def test_envelope_holds_nothing_above_its_cutoff():
    found = emg.envelope(raw(np.ones(5000)), RATE, lowpass=6.0)
    assert power_share(found, RATE, 20.0) < 1e-3
    assert found.min() >= 0


def test_bursts_are_found_where_they_are():
    on = emg.active(raw(square()), RATE)
    found = emg.bursts(on, TIME)
    assert found.shape == (3, 2)
    np.testing.assert_allclose(found, BURSTS, atol=0.02)


def test_short_pauses_and_twitches_do_not_count():
    strength = square()
    strength[1000:1015] = 0.03  # a pause of 15 ms within a burst
    strength[3000:3005] = 1.0  # a twitch of 5 ms
    found = emg.bursts(emg.active(raw(strength), RATE), TIME)
    np.testing.assert_allclose(found, BURSTS, atol=0.025)


def test_channels_are_judged_alone_and_rest_stays_off():
    rest = raw(np.full(5000, 0.02), 3)
    both = np.stack([100 * raw(square()), rest], axis=1)
    on = emg.active(both, RATE)
    np.testing.assert_array_equal(on[:, 0], emg.active(raw(square()), RATE))
    assert on[:, 1].mean() < 0.25
    assert emg.bursts(np.zeros(10, bool), np.arange(10)).shape == (0, 2)


def test_normalization():
    found = np.abs(np.random.default_rng(0).normal(size=(100, 2)))
    np.testing.assert_allclose(emg.normalized(found).max(axis=0), 1.0)
    np.testing.assert_allclose(emg.normalized(found, [2.0, 4.0]), found / [2.0, 4.0])
    with pytest.raises(BioenvError, match=r"channels \[1\] is not positive"):
        emg.normalized(found * [1, 0])
    with pytest.raises(BioenvError, match="3 reference values"):
        emg.normalized(found, [1.0, 1.0, 1.0])


def test_faults_are_named():
    good = raw(square())
    clipped = np.clip(3 * good, -2, 2)
    hum = good + np.sin(2 * np.pi * 50 * TIME)
    swing = good + 5 * np.sin(2 * np.pi * 1.5 * TIME)
    channels = np.stack([good, clipped, hum, swing, np.zeros(5000)], axis=1)
    found = emg.faults(channels, RATE, ["a", "b", "c", "d", "e"])
    assert [text.split(":")[0] for text in found] == ["b", "c", "d", "e"]
    for text, word in zip(found, ("clipped", "50 Hz", "movement", "silent"), strict=True):
        assert word in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rate": 100.0}, "needs 1000 Hz or more"),
        ({"values": np.full(5000, np.nan)}, "5000 NaN"),
        ({"band": (20.0, 600.0)}, "between 0 and 500 Hz"),
    ],
)
def test_bad_input(change, words):
    with pytest.raises(BioenvError, match=words):
        emg.envelope(**({"values": raw(square()), "rate": RATE} | change))
    if "rate" not in change:
        with pytest.raises(BioenvError, match=words):
            emg.active(**({"values": raw(square()), "rate": RATE} | change))
    with pytest.raises(BioenvError, match="cannot be told from effort"):
        emg.active(raw(np.ones(200)), RATE)


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="no measured data: set BIOENV_LAB_DATA")
def test_raw_emg_of_a_walk_gives_the_published_envelopes():
    folder = LAB / "rajagopal2016_walk"
    table = np.loadtxt(folder / "emg_walk_raw.anc", skiprows=11)[:, 19:]
    published = np.loadtxt(folder / "electromyography_envelopes.sto", skiprows=7)[:, 1:]
    found = emg.normalized(emg.envelope(table, 2000.0))[: len(published)]
    r = [np.corrcoef(a, b)[0, 1] for a, b in zip(found.T, published[: len(found)].T, strict=True)]
    assert np.median(r) > 0.985
    # The noisiest channel, gluteus maximus, is alone below.
    assert sum(np.array(r) > 0.98) == 9
    on = emg.active(table, 2000.0)
    soleus = emg.bursts(on[:, 0], np.arange(len(table)) / 2000)
    assert any(abs(stop - 0.965) < 0.03 for _, stop in soleus)  # push-off
