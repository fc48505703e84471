"""The measured EMG sets as Motions of one leg, whichever leg wore the electrodes.

    motion = read("uhlrich2022")     # emg, qpos, qvel, joint_torque with labels "..._r"

Estimators from EMG see one leg and call it "r": the sagittal angles of a left leg mean the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bioenv import paths
from bioenv.errors import BioenvError, unknown
from bioenv.lab import sto
from bioenv.learn.people import read as read_person
from bioenv.learn.people.trials import TRIALS
from bioenv.motion import Motion, Signal

Array = NDArray[np.float64]

SITES = (
    "soleus", "gastrocnemius_medialis", "vastus_medialis", "vastus_lateralis", "rectus_femoris",
)  # fmt: skip
"""Electrodes that both measured people wore."""
RATE = 50.0  # Hz, of the published envelopes of Uhlrich et al.
FULL = 0.98  # quantile of an envelope that stands for its peak: one artefact must not set the scale


@dataclass(frozen=True)
class _Electrodes:
    """Where a trial's envelopes lie, on which leg, and their columns in the order of `SITES`."""

    path: str
    side: str
    columns: tuple[str, ...]


ELECTRODES: Mapping[str, _Electrodes] = MappingProxyType(
    {
        "uhlrich2022": _Electrodes(
            "EMG_allMuscles.sto", "l", ("soleus_l_activation", "gasmed_l_activation",
            "vasmed_l_activation", "vaslat_l_activation", "recfem_l_activation"),
        ),
        "rajagopal2016": _Electrodes(
            "electromyography_envelopes.sto", "r", ("soleus", "gastrocnemius", "vastus_medius",
            "vastus_lateralis", "rectus_femoris"),
        ),
    }
)  # fmt: skip


def read(name: str, folder: Path | None = None) -> Motion:
    """A trial with EMG, 50 Hz: emg as shares of each electrode's own peak, see `normalized`.

    Moments are the published ones, N*m. Angles and speeds are low-passed at 6 Hz. meta: as
    `bioenv.learn.people.recordings.read`, and leg: the side that was measured.

    Raises BioenvError for an unknown name and without the lab data.
    """
    if name not in ELECTRODES:
        raise unknown("trial with EMG", name, ELECTRODES)
    root = folder if folder is not None else paths.lab_data()
    if root is None:
        raise BioenvError(
            "the lab data are not here; name their folder with the variable BIOENV_LAB_DATA"
        )
    one = ELECTRODES[name]
    motion = read_person(name, root, filtered=False)
    table = sto.read(root / TRIALS[name].folder / one.path)
    envelope = np.column_stack([table.column(label) for label in one.columns])
    share = normalized(envelope)
    on_clock = np.column_stack([np.interp(motion.time, table.time, column) for column in share.T])
    labels = [f"{site}_{one.side}" for site in SITES]
    motion = motion.add("emg", on_clock, labels=labels, source="measured")
    return one_leg(thinned(motion), one.side)


def normalized(envelope: Array) -> Array:
    """(T, n) envelopes over their own peak, the `FULL` quantile of the recording.

    What a lab reports (share of a maximum voluntary contraction, of a trial's maximum, or volts)
    differs from lab to lab; a recording of a stride or more has this share alike. Raises
    BioenvError for a silent electrode.
    """
    positive = np.maximum(envelope, 0.0)
    peak = np.quantile(positive, FULL, axis=0)
    if not (peak > 0).all():
        silent = np.flatnonzero(~(peak > 0)).tolist()
        raise BioenvError(
            f"EMG columns {silent} are silent; leave them out and name them missing instead"
        )
    return np.asarray(positive / peak, dtype=np.float64)


def one_leg(motion: Motion, side: str) -> Motion:
    """The channels of one leg alone (emg, qpos, qvel, joint_torque), called "_r"; meta: leg.

    Raises BioenvError for a side that the motion does not have.
    """
    if side not in ("r", "l"):
        raise unknown("side", side, ("r", "l"))
    signals = {}
    for channel in ("emg", "qpos", "qvel", "joint_torque"):
        if channel not in motion:
            continue
        old = motion.signals[channel]
        mine = [i for i, label in enumerate(old.labels) if label.endswith(f"_{side}")]
        if mine:
            labels = tuple(old.labels[i][:-1] + "r" for i in mine)
            signals[channel] = Signal(old.values[:, mine], labels, old.source)
    if not signals:
        raise BioenvError(f"the motion has no channel of the leg '{side}'")
    return Motion(motion.time, signals, motion.model, {**motion.meta, "leg": side})


def thinned(motion: Motion) -> Motion:
    """At 50 Hz: envelopes and moments hold nothing above 6 Hz that could fold back, so samples are
    left out and nothing is filtered. Channels with gaps are left out too."""
    every = round((len(motion) - 1) / motion.duration / RATE)
    kept = np.arange(0, len(motion), every)
    signals = {
        name: Signal(one.values[kept], one.labels, one.source)
        for name, one in motion.signals.items()
        if np.isfinite(one.values).all()
    }
    return Motion(motion.time[kept], signals, motion.model, motion.meta)
