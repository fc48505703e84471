"""From a Motion to the same Motion with what an estimator says of it: values, band and flag."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.learn.estimators.columns import PER_MASS, Column, mass_of, missing, parse
from bioenv.learn.estimators.estimator import Estimator
from bioenv.learn.estimators.prediction import Prediction
from bioenv.learn.estimators.windows import Windows, cut, on_clock
from bioenv.motion import Motion, Signal

Array = NDArray[np.float64]


def windows_of(motion: Motion, estimator: Estimator) -> tuple[Windows, tuple[str, ...]]:
    """Every window of a motion as an estimator reads it, and the columns that it lacks.

    A lacking column is filled with the training mean, which `Estimator.predict` wants to be told.
    Raises BioenvError for another rate, too short a motion, or more than one column missing.
    """
    card = estimator.card_
    absent = missing(motion, card["inputs"])
    estimator._lost(absent)
    for name in absent:
        motion = _filled(motion, parse(name), estimator)
    found = cut(motion, card["inputs"], (), length=card["length"], rate=card["rate_hz"])
    return found, absent


def estimate(motion: Motion, estimator: Estimator, *, resample: bool = True) -> Motion:
    """The part of a motion that can be estimated, with the estimator's targets as channels.

    Estimated channels have source "estimated", a 90 % band and a flag; `meta` keeps the
    estimator's notes as estimate_notes and the share of flagged samples as estimate_flagged. The
    targets at the estimator's first offset are taken. Values per body mass need the motion's
    mass_kg. resample: bring a motion of another rate to the estimator's, and say so in the notes.

    Raises BioenvError as `windows_of`, and for another rate with resample=False.
    """
    notes: tuple[str, ...] = ()
    if resample and len(motion) > 1:
        motion, notes = on_clock(motion, estimator.card_["rate_hz"])
    windows, absent = windows_of(motion, estimator)
    offset = float(estimator.card_["offsets_s"][0])
    # What lies beyond the motion's end has no sample to stand at.
    windows = windows.take(windows.time + offset <= motion.time[-1] + 1e-9)
    if not len(windows):
        raise BioenvError(
            f"the motion lasts {motion.duration:.3g} s; nothing of it lies {offset:g} s after a "
            f"whole window of {windows.length / estimator.card_['rate_hz']:.3g} s"
        )
    found = estimator.predict(windows, missing=absent)
    inside = _at(motion, windows.time + offset)
    moved = motion.between(*(motion.time[inside[[0, -1]]] + np.array([-1e-9, 1e-9])))
    if len(moved) != len(windows):
        raise BioenvError("the motion has gaps in its inputs; estimate the parts between them")
    columns = {parse(name).channel for name in estimator.card_["targets"]}
    gone = sorted(columns & motion.signals.keys())
    if gone:
        notes = (*notes, f"the motion's own {', '.join(gone)} gave way to the estimate")
    return with_estimates(moved, found, estimator).with_meta(
        estimate_notes=[*notes, *found.notes], estimate_flagged=float(found.flag.mean())
    )


def with_estimates(motion: Motion, found: Prediction, estimator: Estimator) -> Motion:
    """A motion (N samples) with the first instant of a prediction of its N windows as channels."""
    columns = [parse(name) for name in estimator.card_["targets"]]
    for channel in dict.fromkeys(one.channel for one in columns):
        mine = [number for number, one in enumerate(columns) if one.channel == channel]
        if any(columns[number].axis for number in mine):
            raise BioenvError(f"{channel} has axes: estimates of single axes make no channel")
        scale = np.array([_mass(motion, columns[number]) for number in mine])
        mean, low, high = (
            part[:, 0, mine] * scale for part in (found.mean, found.lower, found.upper)
        )
        motion = motion.add(
            channel, mean, labels=[columns[number].label for number in mine], source="estimated",
            band=np.stack([low, high], axis=-1), flag=found.flag,
        )  # fmt: skip
    return motion


def _mass(motion: Motion, column: Column) -> float:
    return mass_of(motion, column.name.removesuffix(PER_MASS)) if column.per_mass else 1.0


def _at(motion: Motion, time: Array) -> NDArray[np.intp]:
    """Indices of the samples at instants."""
    return np.clip(np.searchsorted(motion.time, time - 1e-9), 0, len(motion) - 1)


def _filled(motion: Motion, column: Column, estimator: Estimator) -> Motion:
    """The motion with a column that it lacks, at the training mean."""
    if column.axis:
        raise BioenvError(f"the motion lacks {column.name}, a single axis: it cannot be filled")
    center = estimator.inputs_.center[estimator.card_["inputs"].index(column.name)]
    values = np.full((len(motion), 1), center * _mass(motion, column))
    labels: tuple[str, ...] = (column.label,)
    source = "estimated"
    if column.channel in motion:
        values = np.column_stack([motion[column.channel], values])
        labels = (*motion.labels(column.channel), column.label)
    signals = {**motion.signals, column.channel: Signal(values, labels, source)}  # type: ignore[arg-type]
    return Motion(motion.time, signals, motion.model, motion.meta)
