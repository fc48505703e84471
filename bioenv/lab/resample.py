"""Signals on another clock, never aliased without a word.

A rate that is lowered folds everything above half of it back onto lower frequencies, where no
filter finds it again. So the filter comes first: values at new times are sums of the old ones,
weighted with a low-pass kernel (windowed sinc, Kaiser), which filters and interpolates in one step
and shifts nothing. What the filter would have to remove is measured beforehand; when it is more
than noise, resampling is refused until the caller allows it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import kaiser_beta, kaiserord
from scipy.sparse import csr_matrix

from bioenv.errors import BioenvError
from bioenv.lab.filters import finite, power_share, sampling_rate, spectrum

Array = NDArray[np.float64]

TOLERATED = 1e-3  # share of the power: 3 % of the amplitude
_ATTENUATION = 70.0  # dB beyond half the new rate: 0.03 % of the amplitude
_ROWS = 2048  # new samples computed at once: bounds the memory of a long trial
_PASS = 0.8  # share of half the rate that the kernel leaves as it is


class Resampled(NamedTuple):
    """A signal on a new clock.

    time (K,) s, values (K, ...). kept_hz: frequencies up to here are unchanged. removed (...):
    share of each column's power that the filter took away, because the new rate cannot hold it.
    """

    time: Array
    values: Array
    kept_hz: float
    removed: Array


def resample(
    time: ArrayLike,
    values: ArrayLike,
    onto: float | ArrayLike,
    *,
    remove: bool = False,
    tolerated: float = TOLERATED,
) -> Resampled:
    """Filter, then resample.

    Args:
        time: (T,) s, even.
        values: (T, ...), no NaN. Resample forces and moments, not centers of pressure: those do
            not exist while the foot is in the air (see `bioenv.lab.plates`).
        onto: the new rate in Hz, or the new times (K,) s, even and inside `time`.
        remove: let the filter remove what the new rate cannot hold, whatever it is.
        tolerated: share of a column's power that may be removed without asking.

    Raises BioenvError, with the numbers, when more than that lies above 0.8 times half the new
    rate; and for uneven time, NaN and times outside the signal.
    """
    stamps, signal = finite(time, "time"), finite(values, "the signal")
    if stamps.shape != signal.shape[:1]:
        raise BioenvError(f"time has shape {stamps.shape}, values {signal.shape}")
    old = sampling_rate(stamps)
    at = _new_times(stamps, onto)
    new = sampling_rate(at) if np.ndim(onto) else float(np.asarray(onto))
    slower = min(old, new)
    removed = np.zeros(signal.shape[1:])
    if new < old * (1 - 1e-9):
        removed = power_share(signal, old, _PASS * new / 2)
        if not remove and (removed > tolerated).any():
            raise _aliasing(signal, old, new, removed, tolerated)
    if abs(new / old - 1) < 1e-9 and len(at) == len(stamps) and abs(at[0] - stamps[0]) < 1e-9 / old:
        return Resampled(at, signal.copy(), old / 2, removed)
    return Resampled(at, _kernel_sum(stamps, signal, at, old, slower), _PASS * slower / 2, removed)


def lowest_rate(values: ArrayLike, rate: float, tolerated: float = TOLERATED) -> float:
    """Lowest rate, Hz, to which a signal (T, ...) can be resampled without asking."""
    power, frequency = spectrum(values, rate)
    power = power.reshape(len(power), -1)
    total = power.sum(axis=0)
    above = total - np.cumsum(power, axis=0)
    enough = (above <= tolerated * total).all(axis=1)
    return float(min(rate, 2 * frequency[int(np.argmax(enough))] / _PASS))


def _new_times(stamps: Array, onto: float | ArrayLike) -> Array:
    """The times (K,) of a rate, from the first sample on, or the times given, checked."""
    target = finite(onto, "the new clock")
    slack = 1e-6 * (stamps[1] - stamps[0])
    if np.ndim(onto) == 0:
        if not target[0] > 0:
            raise BioenvError(f"a rate of {target[0]:g} Hz: give a positive one")
        count = int(np.floor((stamps[-1] - stamps[0] + slack) * target[0])) + 1
        return np.asarray(stamps[0] + np.arange(count) / target[0], dtype=np.float64)
    if target[0] < stamps[0] - slack or target[-1] > stamps[-1] + slack:
        raise BioenvError(
            f"new times from {target[0]:g} to {target[-1]:g} s, but the signal is known from "
            f"{stamps[0]:g} to {stamps[-1]:g} s only: cut the new clock to that"
        )
    return target


def _kernel_sum(stamps: Array, signal: Array, at: Array, old: float, slower: float) -> Array:
    """Values at new times: sparse weights of a low-pass kernel times the signal."""
    stop = slower / 2
    taps, _ = kaiserord(_ATTENUATION, 2 * (1 - _PASS) * stop / old)
    half = taps / 2  # reach of the kernel in old samples
    pad = int(np.ceil(half)) + 1
    ends = [(pad, pad), *[(0, 0)] * (signal.ndim - 1)]
    wide = np.pad(signal, ends, "reflect", reflect_type="odd").reshape(len(signal) + 2 * pad, -1)
    place = (at - stamps[0]) * old + pad  # in samples of `wide`
    turns = (1 + _PASS) * stop / old  # cutoff, half a cycle per sample being 1
    out = np.empty((len(at), wide.shape[1]))
    for start in range(0, len(at), _ROWS):
        part = slice(start, start + _ROWS)
        out[part] = _weights(place[part], half, turns, len(wide)) @ wide
    return out.reshape(len(at), *signal.shape[1:])


def _weights(place: Array, half: float, turns: float, count: int) -> csr_matrix:
    """(K, count) windowed sinc around each place, each row of sum 1: a level stays a level."""
    first = np.ceil(place - half).astype(np.int64)
    column = first[:, None] + np.arange(int(2 * half) + 1)
    distance = np.clip((column - place[:, None]) / half, -1.0, 1.0)
    window = np.i0(kaiser_beta(_ATTENUATION) * np.sqrt(1 - distance**2))
    weight = np.sinc(turns * half * distance) * window
    weight /= weight.sum(axis=1, keepdims=True)
    starts = np.arange(0, weight.size + 1, weight.shape[1])
    return csr_matrix((weight.ravel(), column.ravel(), starts), shape=(len(place), count))


def _aliasing(
    signal: Array, old: float, new: float, removed: Array, tolerated: float
) -> BioenvError:
    """What would fold, how much of it, where to, and what to do instead."""
    power, frequency = spectrum(signal, old)
    flat, shares = power.reshape(len(power), -1), np.atleast_1d(removed).ravel()
    worst = int(np.argmax(shares))
    high = np.where(frequency > _PASS * new / 2, flat[:, worst], 0.0)
    peak = float(frequency[int(np.argmax(high))])
    folded = abs(peak - new * np.round(peak / new))
    name = "" if shares.size == 1 else f" of column {worst}"
    safe = lowest_rate(signal, old, tolerated)
    rate = f"a rate of at least {np.ceil(safe):g} Hz" if safe < old else "the rate it has"
    return BioenvError(
        f"resampling from {old:g} to {new:g} Hz would lose {100 * shares[worst]:.2g} % of the "
        f"power{name}, which lies above {_PASS * new / 2:g} Hz and is strongest at {peak:.3g} Hz "
        f"(unfiltered it would pass for {folded:.3g} Hz). Keep {rate}, or allow the filter to "
        "remove that band: remove=True"
    )
