"""Mean curves of a gait against a measured band: distance, shape, and share inside the band."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.evaluate.gait import DEGREE, Gait
from bioenv.lab import reference as references
from bioenv.lab.cohort import MEMBERS as ADULTS
from bioenv.lab.reference import MUSCLES_OF_EMG, Curve, Reference

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """One curve against its reference; both legs count, each from its own heel strike.

    rmse and offset_free_rmse (each leg's mean difference removed) in `unit`; r: Pearson
    correlation, mean over legs; inside_1sd and inside_2sd: share of the cycle (of stance, for
    ground reaction force) within the band, NaN when the reference gives no sd.
    """

    name: str
    unit: str
    rmse: float
    offset_free_rmse: float
    r: float
    inside_1sd: float
    inside_2sd: float


@dataclass(frozen=True)
class Timing:
    """Activation against the EMG envelope of one electrode: shape only, not amplitude.

    r: Pearson correlation; similarity: cosine between the curves (1 = same shape and baseline);
    lag: share of the cycle by which the activation comes later than the EMG at best correlation.
    """

    channel: str
    r: float
    similarity: float
    lag: float


def compare(name: str, curves: ArrayLike, band: Curve) -> Comparison:
    """Compare mean curves (legs, 101) in the band's unit; angles are reported in degrees."""
    values = np.atleast_2d(np.asarray(curves, dtype=np.float64))
    factor, unit = (DEGREE, "deg") if band.unit == "rad" else (1.0, band.unit)
    miss = (values - band.mean)[:, :-1] * factor  # the last point is the first one again
    known = np.isfinite(band.sd[:-1])
    if band.unit == "BW":  # a foot in the air has no spread: count the share of stance
        known &= np.arange(known.size) < _stance_points(band)
    inside = [
        float((np.abs(miss) <= n * band.sd[:-1] * factor)[:, known].mean())
        if known.any()
        else float("nan")
        for n in (1, 2)
    ]
    return Comparison(
        name,
        unit,
        _rms(miss),
        _rms(miss - miss.mean(axis=1, keepdims=True)),
        float(np.mean([correlation(one[:-1], band.mean[:-1]) for one in values])),
        *inside,
    )


def comparisons(gait: Gait, reference: Reference) -> dict[str, Comparison]:
    """Every curve that the gait and the reference both have, by name."""
    found = {}
    for name, band in reference.curves.items():
        legs = list(gait.mean_curve(name).values())
        if legs:
            found[name] = compare(name, legs, band)
    return found


def between_people(reference: Reference) -> dict[str, dict[str, Comparison]]:
    """How other published adults compare with a reference: curve name -> person -> figures.

    The yardstick of a simulated gait: two healthy people do not agree either. Of a cohort, its
    members against the cohort, which each of them is a part of.
    """
    found: dict[str, dict[str, Comparison]] = {}
    for other in others_than(reference):
        for name in reference.curves.keys() & other.curves.keys():
            same = compare(name, other.curve(name).mean, reference.curve(name))
            found.setdefault(name, {})[other.name] = same
    return found


def others_than(reference: Reference) -> tuple[Reference, ...]:
    """The members of a cohort, or the shipped adults that a single reference is not."""
    if reference.members:
        return reference.members
    return tuple(references.load(person) for person in ADULTS if person != reference.name)


def pooled_rmse(some: dict[str, Comparison], names: tuple[str, ...]) -> float | None:
    """Root of the mean square over several curves of one unit, or None when one is absent."""
    if not all(name in some for name in names):
        return None
    return float(np.sqrt(np.mean([some[name].rmse ** 2 for name in names])))


def emg_timing(gait: Gait, reference: Reference) -> dict[str, Timing]:
    """Timing of the muscles under every electrode of the reference, by the electrode's curve."""
    found = {}
    for channel, muscles in MUSCLES_OF_EMG.items():
        legs = list(gait.activation(*muscles).values())
        if channel in reference.curves and legs:
            found[channel] = timing(channel, np.array(legs), reference.curves[channel].mean)
    return found


def timing(channel: str, activation: Array, envelope: Array) -> Timing:
    """Timing of activation curves (legs, 101) against an EMG envelope (101,)."""
    legs, emg = activation[:, :-1], envelope[:-1]
    size = emg.size
    shifts = np.arange(size)
    lags = np.where(shifts > size // 2, shifts - size, shifts) / size
    shifted = emg[(np.arange(size) - shifts[:, None]) % size]  # row k: EMG delayed by k samples
    mean = legs.mean(axis=0)
    by_shift = np.array([correlation(mean, one) for one in shifted])
    best = float(lags[int(np.argmax(by_shift))]) if np.isfinite(by_shift).all() else float("nan")
    cosine = [
        float(one @ emg / (np.linalg.norm(one) * np.linalg.norm(emg) + 1e-12)) for one in legs
    ]
    return Timing(
        channel, float(np.mean([correlation(o, emg) for o in legs])), float(np.mean(cosine)), best
    )


def correlation(one: Array, other: Array) -> float:
    """Pearson r of two curves (n,); NaN when one of them is constant."""
    a, b = one - one.mean(), other - other.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size > 1e-12 else float("nan")


def _stance_points(band: Curve) -> int:
    """Points until the force of a reference stays below 2 % of its peak."""
    size = np.abs(band.mean)
    return int(np.flatnonzero(size > 0.02 * size.max())[-1]) + 1


def _rms(values: Array) -> float:
    return float(np.sqrt((values**2).mean()))
