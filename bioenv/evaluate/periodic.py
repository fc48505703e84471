"""One period of a movement, repeated: optimal control finds one stride, gait figures need several.

A stride that begins anywhere in the cycle holds no whole stride from heel strike to heel strike.
Its end is its beginning, one stride further on, so that the strides after it are known too.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bioenv.motion import Motion, Signal

Array = NDArray[np.float64]

STRIDES = 5
"""Repetitions: enough for three whole strides of each foot once the first one is left out."""

_PERIODIC = ("mirror", "cycle")  # meta["symmetry"] of a period; a mirrored half is stored whole
_CLOSED = 0.02  # rad or m by which the ends of a period may differ
_FORWARD = ("center_of_pressure", "markers")  # places in the world, x forward


def is_period(motion: Motion) -> bool:
    """Whether a motion is one period of a gait: its meta says so, and its ends meet.

    The coordinate that advances, meta["travel"] or pelvis_tx, need not return.
    """
    if motion.meta.get("symmetry") not in _PERIODIC or "periods" in motion.meta:
        return False
    if len(motion) < 3 or not {"qpos", "ground_reaction_force"} <= set(motion.signals):
        return False
    change = motion["qpos"][-1] - motion["qpos"][0]
    returns = [name != _travel(motion) for name in motion.labels("qpos")]
    return bool(np.abs(change[returns]).max(initial=0.0) <= _CLOSED)


def periodic(motion: Motion, strides: int = STRIDES) -> Motion:
    """A periodic gait, `strides` times in a row; any other motion (see `is_period`) unchanged.

    The last sample of a period is the first one of the next: (T,) samples become
    ``strides * (T - 1) + 1``. The travelling coordinate and every place on the ground advance by
    one stride with each repetition. meta tells ``periods`` and ``period_s``.
    """
    if not is_period(motion):
        return motion
    period, count = motion.duration, len(motion) - 1
    number = np.repeat(np.arange(strides), count)
    time = np.append(np.tile(motion.time[:-1], strides) + number * period,
                     motion.time[0] + strides * period)  # fmt: skip
    number = np.append(number, strides)
    signals = {
        name: _repeated(motion, name, signal, strides, number)
        for name, signal in motion.signals.items()
    }
    return replace(motion, time=time, signals=signals).with_meta(periods=strides, period_s=period)


def periods(motion: Motion) -> int:
    """How often a motion repeats one and the same period; 0 when it does not."""
    return int(motion.meta.get("periods", 0))


def _travel(motion: Motion) -> str:
    return str(motion.meta.get("travel") or "pelvis_tx")


def _repeated(
    motion: Motion, name: str, signal: Signal, strides: int, number: NDArray[np.intp]
) -> Signal:
    """A signal (T, ...) over all repetitions; `number` counts the repetition of every sample."""
    again = np.append(np.tile(np.arange(len(motion) - 1), strides), 0)
    repeated = signal.at(again)
    values = np.array(repeated.values)
    travel, labels = _travel(motion), motion.labels("qpos")
    if travel in labels:
        column = motion["qpos"][:, labels.index(travel)]
        advance = number * float(column[-1] - column[0])
        if name == "qpos":
            values[:, labels.index(travel)] += advance
        elif name in _FORWARD:
            values[..., 0] += advance[:, None]
    if repeated.band is not None:
        # The band goes with its values.
        moved = repeated.band + (values - repeated.values)[..., None]
        repeated = replace(repeated, values=values, band=moved)
    return replace(repeated, values=values)
