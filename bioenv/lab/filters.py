"""Zero-lag Butterworth filters, and what a signal's spectrum says about its sampling rate.

Filters run forward and back (`scipy.signal.sosfiltfilt`), so they shift nothing in time. Two passes
take off more than one: unless told otherwise, the cutoff is corrected for that, so that 0.71 of
the amplitude is left where the user said (Winter 2009, section 2.2; here exact for any order).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import butter, freqz_sos, sosfiltfilt

from bioenv.errors import BioenvError, unknown

Array = NDArray[np.float64]
Kind = Literal["low", "high", "band", "stop"]
Padding = Literal["odd", "even", "constant"]

UNEVEN = 0.2  # of a step off an even clock: more than rounding to milliseconds, less than a drop
_KINDS = ("low", "high", "band", "stop")


def butterworth(
    values: ArrayLike,
    rate: float,
    cutoff: float | tuple[float, float],
    order: int = 4,
    kind: Kind = "low",
    *,
    corrected: bool = True,
    padding: Padding | None = "odd",
) -> Array:
    """Butterworth filter without lag along the first axis.

    Args:
        values: (T, ...), evenly sampled, no NaN.
        rate: sampling rate, Hz.
        cutoff: Hz; (low, high) for kind "band" and "stop".
        order: of both passes together, even: 4 is the usual "fourth-order zero-lag" filter, two
            passes of second order.
        kind: "low", "high", "band" or "stop".
        corrected: the gain of both passes is 0.71 at the cutoff. False designs each pass with that
            cutoff, as OpenSim and a bare filtfilt do: the gain is then 0.5.
        padding: how the ends are continued while filtering: "odd" mirrors them through the end
            point and keeps level and slope; None starts as if the signal had always stood at its
            first sample, which bends the ends.

    Raises BioenvError for NaN, a cutoff outside 0 and half the rate, a signal shorter than one
    period of the lowest cutoff, an odd order or an unknown kind.
    """
    signal = finite(values, "the signal")
    sections = _design(rate, cutoff, order, kind, corrected)
    lowest = float(np.min(cutoff))
    if len(signal) < max(rate / lowest, 4):
        raise BioenvError(
            f"{len(signal)} samples at {rate:g} Hz last {len(signal) / rate:.3g} s, less than one "
            f"period of the cutoff ({1 / lowest:.3g} s): take a longer signal or a higher cutoff"
        )
    # Three periods of the slowest part: transients have died out where the data begin.
    pad = min(len(signal) - 1, int(np.ceil(3 * rate / lowest)))
    filtered = sosfiltfilt(sections, signal, axis=0, padtype=padding, padlen=pad if padding else 0)
    return np.asarray(filtered, dtype=np.float64)


def gain(
    frequency: ArrayLike,
    rate: float,
    cutoff: float | tuple[float, float],
    order: int = 4,
    kind: Kind = "low",
    *,
    corrected: bool = True,
) -> Array:
    """Share of the amplitude (k,) that `butterworth` with these settings leaves at `frequency` Hz.

    Raises BioenvError as `butterworth` does.
    """
    sections = _design(rate, cutoff, order, kind, corrected)
    _, response = freqz_sos(sections, worN=np.atleast_1d(frequency), fs=rate)
    return np.asarray(np.abs(response) ** 2, dtype=np.float64)


def sampling_rate(time: ArrayLike) -> float:
    """Rate in Hz of evenly sampled times (T,) s.

    Time stamps rounded to milliseconds pass. Raises BioenvError when a stamp lies more than a fifth
    of a step off an even clock: a digital filter would then filter by sample number, not by time.
    """
    stamps = finite(time, "time")
    if stamps.ndim != 1 or len(stamps) < 2:
        raise BioenvError(f"time must be (T,) with at least 2 samples, got shape {stamps.shape}")
    step = np.diff(stamps)
    if (step <= 0).any():
        row = int(np.argmax(step <= 0))
        raise BioenvError(f"time does not increase after {stamps[row]:g} s")
    index = np.arange(len(stamps)) - (len(stamps) - 1) / 2
    mean = float(index @ stamps / (index @ index))
    off = np.abs(stamps - stamps.mean() - mean * index)
    if (off > UNEVEN * mean).any():
        row = int(np.argmax(np.abs(step - mean)))
        raise BioenvError(
            f"time is uneven: steps of {step.min():.4g} to {step.max():.4g} s, the oddest after "
            f"{stamps[row]:g} s. Fill dropped samples first (bioenv.lab.gaps), or use "
            "bioenv.lab.opensim_filter, which resamples"
        )
    return 1.0 / mean


def power_share(values: ArrayLike, rate: float, above: float) -> Array:
    """Share (...) of a signal's variance that lies above a frequency, Hz, along the first axis.

    Trend and mean are taken off and the ends tapered (Hann), so that a step from the last to the
    first sample does not pass for high frequencies. 0 for a constant signal.
    """
    power, frequency = spectrum(values, rate)
    total = power.sum(axis=0)
    high = power[frequency > above].sum(axis=0)
    level = np.abs(np.asarray(values, dtype=np.float64)).max(axis=0, initial=0.0)
    flat = total <= (1e-12 * level) ** 2 * len(power)
    return np.asarray(np.where(flat, 0.0, high / np.where(total > 0, total, 1.0)))


def spectrum(values: ArrayLike, rate: float) -> tuple[Array, Array]:
    """Power (F, ...) of a detrended, tapered signal (T, ...) and its frequencies (F,) Hz.

    Summed over frequencies it is the variance of that signal, up to the taper's share.
    """
    signal = finite(values, "the signal")
    count = len(signal)
    if count < 4:
        raise BioenvError(f"{count} samples: a spectrum needs at least 4")
    ramp = np.arange(count) - (count - 1) / 2
    slope = np.tensordot(ramp, signal, axes=1) / (ramp @ ramp)
    flat = signal - signal.mean(axis=0) - np.multiply.outer(ramp, slope)
    taper = np.hanning(count).reshape(-1, *(1,) * (signal.ndim - 1))
    power = np.abs(np.fft.rfft(flat * taper, axis=0)) ** 2
    power[1 : (count + 1) // 2] *= 2
    scaled = np.asarray(power / (count * (taper**2).sum()), dtype=np.float64)
    return scaled, np.asarray(np.fft.rfftfreq(count, 1 / rate), dtype=np.float64)


def finite(values: ArrayLike, what: str) -> Array:
    """Values as an array of float, at least one axis. Raises BioenvError for NaN or infinity."""
    array = np.atleast_1d(np.asarray(values, dtype=np.float64))
    wrong = ~np.isfinite(array)
    if wrong.any():
        rows = np.flatnonzero(wrong.reshape(len(array), -1).any(axis=1))
        raise BioenvError(
            f"{what} has {int(wrong.sum())} NaN or infinite values, first in sample {rows[0]}: "
            "a filter would spread them over all samples. Fill the gaps first (bioenv.lab.gaps)"
        )
    return array


def _design(
    rate: float, cutoff: float | tuple[float, float], order: int, kind: Kind, corrected: bool
) -> Array:
    """Second-order sections of one of the two passes. Raises BioenvError."""
    if kind not in _KINDS:
        raise unknown("kind of filter", kind, _KINDS)
    if order < 2 or order % 2:
        raise BioenvError(f"order {order}: the order of both passes together is even, 2 or more")
    edges = np.atleast_1d(np.asarray(cutoff, dtype=np.float64))
    needed = 2 if kind in ("band", "stop") else 1
    if edges.shape != (needed,) or (np.diff(edges) <= 0).any():
        raise BioenvError(
            f"cutoff {cutoff} for kind {kind!r}: give {'(low, high)' if needed == 2 else 'one'} Hz"
        )
    if not rate > 0 or not (edges > 0).all() or not (edges < rate / 2).all():
        raise BioenvError(
            f"cutoff {cutoff} Hz at a sampling rate of {rate:g} Hz: it must lie between 0 and "
            f"{rate / 2:g} Hz, half the rate; nothing above that is in the data"
        )
    each = order // 2
    if corrected:
        edges = _widened(edges, rate, each, kind)
    names = {"low": "lowpass", "high": "highpass", "band": "bandpass", "stop": "bandstop"}
    design = edges if needed == 2 else edges[0]
    return np.asarray(butter(each, design, btype=names[kind], fs=rate, output="sos"))


def _widened(edges: Array, rate: float, each: int, kind: Kind) -> Array:
    """Cutoffs of one pass that leave 0.71 after two, in the warped frequencies of the design.

    Both passes leave 1 / (1 + x^2n); that is sqrt(1/2) at x = (sqrt 2 - 1)^(1/2n).
    """
    warped = np.tan(np.pi * edges / rate)
    factor = (np.sqrt(2) - 1) ** (-1 / (2 * each))
    if kind in ("low", "high"):
        warped = warped * factor if kind == "low" else warped / factor
    else:
        # A band keeps its geometric middle; its width grows (of a stop: shrinks).
        width = (warped[1] - warped[0]) * (factor if kind == "band" else 1 / factor)
        middle = warped[0] * warped[1]
        high = width / 2 + np.sqrt(width**2 / 4 + middle)
        warped = np.array([middle / high, high])
    return np.asarray(rate / np.pi * np.arctan(warped))
