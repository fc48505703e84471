"""Electromyograms: from raw voltage to envelopes, and when a muscle is switched on.

The usual chain (SENIAM; Merletti 1999, ISEK standards): band-pass against movement artefacts and
noise, rectify, low-pass. Every filter runs without lag, so the envelope is in time with the
voltage. Force is not: it follows the voltage by the electromechanical delay, some 30 to 100 ms
(Cavanagh and Komi 1979), of which activation dynamics explains a part. Nothing is shifted here;
compare envelopes with computed activations through activation dynamics, or shift by a stated time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError
from bioenv.lab.filters import butterworth, finite, power_share, spectrum
from bioenv.lab.gaps import runs

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

BAND = (20.0, 450.0)  # Hz, surface electrodes
ELECTROMECHANICAL_DELAY = (0.03, 0.10)  # s, voltage to force
_TIMING = 50.0  # Hz, smooths the level that bursts are found in (Hodges and Bui 1996)
_QUIET = 0.2  # share of the trial taken for the muscle's rest
_WINDOW = 0.05  # s


def band_pass(values: ArrayLike, rate: float, band: tuple[float, float] | None = None) -> Array:
    """Raw EMG (T, ...) without offset, movement artefact and high noise.

    band: Hz; by default 20 to 450 Hz, or to 0.45 times the rate where that is less. Raises
    BioenvError when the rate is below 200 Hz: nothing of a raw EMG is left under its half.
    """
    if band is None:
        if rate < 200:
            raise BioenvError(
                f"EMG at {rate:g} Hz: raw EMG reaches 400 Hz and needs 1000 Hz or more (200 Hz at "
                "the very least). If these are envelopes already, do not rectify them again"
            )
        band = (BAND[0], min(BAND[1], 0.45 * rate))
    return butterworth(values, rate, band, 4, "band")


def envelope(
    values: ArrayLike,
    rate: float,
    *,
    band: tuple[float, float] | None = None,
    lowpass: float = 6.0,
) -> Array:
    """Linear envelope (T, ...) in the unit of the raw EMG: band-pass, rectify, low-pass.

    Args:
        values: (T, ...) raw, evenly sampled, no NaN.
        rate: Hz.
        band: see `band_pass`.
        lowpass: cutoff Hz; 6 for the shape over a gait cycle, higher for timing.

    Small negative values that a low-pass leaves beside a burst are set to 0. Raises BioenvError as
    `butterworth` and `band_pass` do.
    """
    rectified = np.abs(band_pass(values, rate, band))
    return np.maximum(butterworth(rectified, rate, lowpass, 4), 0.0)


def normalized(envelopes: ArrayLike, to: ArrayLike | None = None) -> Array:
    """Envelopes (T, C) as shares of a reference per channel.

    to: (C,) the envelope's maximum in a maximum voluntary contraction, processed alike, or any
    other reference in the envelope's unit; None: each channel's own maximum. The own maximum of a
    trial says nothing of effort: such envelopes are comparable in timing only. Values above 1 stay:
    fast movements exceed a static maximum. Raises BioenvError for a reference that is not positive.
    """
    signal = finite(envelopes, "the envelopes")
    reference = signal.max(axis=0) if to is None else np.asarray(to, dtype=np.float64)
    if reference.shape not in ((), signal.shape[1:]):
        raise BioenvError(
            f"{reference.size} reference values for channels of shape {signal.shape[1:]}"
        )
    if not (reference > 0).all() or not np.isfinite(reference).all():
        silent = np.flatnonzero(~(np.atleast_1d(reference) > 0)).tolist()
        raise BioenvError(
            f"the reference of channels {silent} is not positive: the electrode was silent or "
            "unplugged. Leave these channels out"
        )
    return np.asarray(signal / reference, dtype=np.float64)


def active(
    values: ArrayLike,
    rate: float,
    *,
    deviations: float = 3.0,
    least: float = 0.05,
    shortest: float = 0.03,
    band: tuple[float, float] | None = None,
) -> Mask:
    """(T, C) whether each muscle is switched on, by a threshold in level and one in time.

    The level is the rectified EMG smoothed at 50 Hz; rest is the quietest fifth of the trial in
    windows of 50 ms. On: above the mean of rest by `deviations` standard deviations (Hodges and
    Bui 1996, Electroenceph Clin Neurophysiol 101:511) and above `least` of the trial's peak, for
    `shortest` s or longer; shorter pauses count as on. A muscle that never rests in the trial looks
    quieter than it is: give a trial with rest.

    values (T, C) raw EMG; rate Hz. Raises BioenvError as `envelope` does.
    """
    signal = finite(values, "the EMG")
    level = envelope(signal.reshape(len(signal), -1), rate, band=band, lowpass=_TIMING)
    width = max(round(_WINDOW * rate), 1)
    count = len(level) // width
    if count < 5:
        raise BioenvError(
            f"{len(level) / rate:.2g} s of EMG: rest cannot be told from effort in less than "
            f"{5 * _WINDOW:g} s"
        )
    windows = level[: count * width].reshape(count, width, -1)
    order = np.argsort(windows.mean(axis=1), axis=0)[: max(int(_QUIET * count), 1)]
    rest = np.take_along_axis(windows, order[:, None, :], axis=0).reshape(-1, level.shape[1])
    threshold = rest.mean(axis=0) + deviations * rest.std(axis=0)
    on = level > np.maximum(threshold, least * level.max(axis=0))
    for channel in range(on.shape[1]):
        _without_short(on[:, channel], round(shortest * rate))
    return on.reshape(signal.shape)


def bursts(on: ArrayLike, time: ArrayLike) -> Array:
    """(n, 2) first and last instant, s, of every stretch that a channel (T,) of `active` is on."""
    stamps = np.asarray(time, dtype=np.float64)
    spans = [(stamps[run.start], stamps[run.stop - 1]) for run in runs(on)]
    return np.array(spans, dtype=np.float64).reshape(-1, 2)


def faults(
    values: ArrayLike, rate: float, names: Sequence[str], mains: float = 50.0
) -> tuple[str, ...]:
    """What is wrong with raw channels (T, C), in words: silent, clipped, humming, moving.

    mains: Hz, 50 or 60. A channel that is named may still be used; its reader should know.
    """
    signal = finite(values, "the EMG")
    if signal.ndim != 2 or signal.shape[1] != len(names):
        raise BioenvError(f"EMG of shape {signal.shape} with {len(names)} names: give (T, C)")
    power, frequency = spectrum(signal, rate)
    total = np.where(power.sum(axis=0) > 0, power.sum(axis=0), 1.0)
    humming = np.zeros(len(names))
    for harmonic in np.arange(mains, min(rate / 2, 5 * mains), mains):
        humming += power[np.abs(frequency - harmonic) < 1.0].sum(axis=0) / total
    moving = 1.0 - power_share(signal, rate, BAND[0])
    found = []
    for i, name in enumerate(names):
        extent = np.ptp(signal[:, i])
        extreme = (signal[:, i] == signal[:, i].max()) | (signal[:, i] == signal[:, i].min())
        if extent == 0:
            found.append(f"{name}: silent, one value throughout")
            continue
        if any(run.stop - run.start >= 4 for run in runs(extreme)):
            found.append(f"{name}: clipped, stays at its extreme for 4 samples or more")
        if humming[i] > 0.2:
            found.append(f"{name}: {100 * humming[i]:.0f} % of the power at {mains:g} Hz and above")
        if moving[i] > 0.5:
            found.append(
                f"{name}: {100 * moving[i]:.0f} % of the power below {BAND[0]:g} Hz, movement of "
                "electrode or cable"
            )
    return tuple(found)


def _without_short(on: Mask, shortest: int) -> None:
    """Close pauses, then drop bursts, of fewer samples than `shortest`, in place."""
    for run in runs(~on):
        if run.stop - run.start < shortest and run.start > 0 and run.stop < len(on):
            on[run] = True
    for run in runs(on):
        if run.stop - run.start < shortest:
            on[run] = False
