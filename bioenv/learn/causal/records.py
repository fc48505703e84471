"""Records of trials: every node of the causal graph by name, trials first, then time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.learn.causal.do import select
from bioenv.learn.causal.graph import STATES
from bioenv.models import Model
from bioenv.motion import Motion

Array = NDArray[np.float64]

CHANNEL = {
    "excitation": "excitation", "activation": "activation", "force": "muscle_force",
    "torque": "joint_torque", "qacc": "qacc", "qvel": "qvel", "qpos": "qpos",
}  # fmt: skip
"""The channel of a Motion that holds a node."""
UNITS = {
    "excitation": "", "activation": "", "force": "N", "torque": "N*m", "qacc": "rad/s^2",
    "qvel": "rad/s", "qpos": "rad", "strength": "", "load": "kg", "push": "N",
    "assistance": "N*m", "target": "rad",
}  # fmt: skip


@dataclass(frozen=True)
class Records:
    """E trials of T steps on one clock.

    Attributes:
        time: (T,) s, even steps.
        values: node -> (E, T, labels), or (E, 1, labels) for what is constant over a trial.
        labels: node -> names of its last axis.
        model: the body's name.
    """

    time: Array
    values: Mapping[str, Array]
    labels: Mapping[str, tuple[str, ...]]
    model: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))
        object.__setattr__(self, "labels", MappingProxyType(dict(self.labels)))
        for name, value in self.values.items():
            steps = (1, len(self.time))
            if value.ndim != 3 or value.shape[1] not in steps or len(value) != len(self):
                raise BioenvError(
                    f"{name} has shape {value.shape}; expected ({len(self)}, {steps[1]} or 1, "
                    f"{len(self.labels[name])})"
                )

    def __len__(self) -> int:
        return len(next(iter(self.values.values()), ()))

    def __contains__(self, name: object) -> bool:
        return name in self.values

    def __getitem__(self, name: str) -> Array:
        """(E, T or 1, labels) of a node."""
        if name not in self.values:
            raise unknown("node of these records", name, self.values)
        return self.values[name]

    def take(self, which: ArrayLike | slice) -> Records:
        """Some trials, by index, mask or slice."""
        index = which if isinstance(which, slice) else np.asarray(which)
        return replace(self, values={n: v[index] for n, v in self.values.items()})

    def without(self, *names: str) -> Records:
        """The records as they are when some nodes are not measured."""
        for name in names:
            self[name]
        return replace(self, values={n: v for n, v in self.values.items() if n not in names})

    def column(self, name: str, window: tuple[float, float] | None = None) -> Array:
        """(E,) mean over a window (s, both ends included) of a node's labels: "qpos.elbow".

        Raises BioenvError for an unknown node or label, or a window without samples.
        """
        return self.columns(name, window).mean(axis=1)

    def columns(self, name: str, window: tuple[float, float] | None = None) -> Array:
        """(E, labels) like `column`, every label apart."""
        node, _, label = name.partition(".")
        values = self[node][:, :, select(self.labels[node], label, f"label of {node}")]
        if values.shape[1] == 1:
            return np.asarray(values[:, 0])
        return np.asarray(values[:, self.steps(window)].mean(axis=1))

    def steps(self, window: tuple[float, float] | None) -> NDArray[np.intp]:
        """Indices of the samples in a window, ends included; None is all."""
        if window is None:
            return np.arange(len(self.time))
        inside = (self.time >= window[0] - 1e-9) & (self.time <= window[1] + 1e-9)
        if not inside.any():
            raise BioenvError(
                f"no samples between {window[0]:g} and {window[1]:g} s; the records cover "
                f"{self.time[0]:g} to {self.time[-1]:g} s"
            )
        return np.flatnonzero(inside)

    def motion(self, trial: int) -> Motion:
        """One trial as a Motion; what is constant over it stands in `meta`."""
        motion = Motion(self.time, model=self.model)
        for name, value in self.values.items():
            if name in CHANNEL:
                motion = motion.add(
                    CHANNEL[name], value[trial], labels=self.labels[name], source="simulated"
                )
        inputs = {n: v for n, v in self.values.items() if n not in CHANNEL}
        still = {n: v[trial, 0] for n, v in inputs.items() if v.shape[1] == 1}
        return motion.with_meta(
            **{n: dict(zip(self.labels[n], v, strict=True)) for n, v in still.items()}
        )


def from_motions(
    motions: Iterable[Motion], model: Model, inputs: Sequence[Mapping[str, ArrayLike]] = ()
) -> Records:
    """Records of motions on one clock.

    Args:
        inputs: per motion, constants by node: {"load": 1.0, "strength": (nm,), "target": (nq,)}.

    Raises BioenvError when clocks or labels differ, or the clock is uneven.
    """
    motions = list(motions)
    if not motions:
        raise BioenvError("records need one motion or more")
    time = motions[0].time
    for motion in motions:
        if not np.array_equal(motion.time, time):
            raise BioenvError("motions of one set of records need one clock; resample them first")
    if len(time) < 3 or np.ptp(np.diff(time)) > 1e-6:
        raise BioenvError("records need three even steps or more; resample the motion first")
    values, labels = dict[str, Array](), dict[str, tuple[str, ...]]()
    have = [n for n in STATES if all(CHANNEL[n] in motion for motion in motions)]
    for name in have:
        labels[name] = model.coordinates if name[0] in "qt" else model.muscles
        channel = CHANNEL[name]
        stacked = [[m.column(channel, label) for label in labels[name]] for m in motions]
        values[name] = np.moveaxis(np.array(stacked), 1, 2)
    for name in inputs[0] if inputs else ():
        values[name] = np.array([np.atleast_1d(one[name]) for one in inputs], float)[:, None]
        labels[name] = input_labels(name, model)
    return Records(time, values, labels, model.name)


def input_labels(name: str, model: Model) -> tuple[str, ...]:
    """Names along the last axis of a node."""
    if name == "push":
        return ("x", "y", "z")
    if name == "strength":
        return model.muscles
    return model.coordinates if name in ("assistance", "target") else (name,)
