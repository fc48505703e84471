"""Columns of a Motion by name: what an estimator reads and what it gives.

"qpos/knee_angle_r" is one label of a channel, "ground_reaction_force/r/z" one of its axes, and
"joint_torque/knee_angle_r per kg" is divided by the body's mass. Names are what a model file keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.motion import CHANNELS, Motion

Array = NDArray[np.float64]

PER_MASS = " per kg"
_AXES = ("x", "y", "z")
_TRANSLATIONS = ("_tx", "_ty", "_tz")


class Column(NamedTuple):
    """One column: its channel, label, axis ("" without one), and whether it is per body mass."""

    channel: str
    label: str
    axis: str
    per_mass: bool

    @property
    def unit(self) -> str:
        """Unit of the values, for instance "rad" or "N*m/kg"."""
        unit = CHANNELS[self.channel].unit
        if "|" in unit:
            linear, angular = unit.split("|")
            unit = linear if self.label.endswith(_TRANSLATIONS) else angular
        return f"{unit}/kg" if self.per_mass else unit

    @property
    def name(self) -> str:
        """The name that `parse` reads."""
        axis = f"/{self.axis}" if self.axis else ""
        return f"{self.channel}/{self.label}{axis}{PER_MASS if self.per_mass else ''}"


def parse(name: str) -> Column:
    """The column of a name.

    Raises BioenvError for a channel that does not exist, or an axis that it does not have.
    """
    stem = name.removesuffix(PER_MASS)
    channel, _, rest = stem.partition("/")
    if channel not in CHANNELS:
        raise unknown(f"channel in column {name!r}", channel, CHANNELS)
    label, axis = rest, ""
    if "xyz" in CHANNELS[channel].axes:
        label, _, axis = rest.rpartition("/")
        if axis not in _AXES or not label:
            raise BioenvError(f"column {name!r} needs label and axis: '{channel}/LABEL/x', y or z")
    if not label:
        raise BioenvError(f"column {name!r} needs a label: '{channel}/LABEL'")
    return Column(channel, label, axis, stem != name)


def units(names: Iterable[str]) -> tuple[str, ...]:
    """Units of columns."""
    return tuple(parse(name).unit for name in names)


def missing(motion: Motion, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the columns that a motion does not have."""
    return tuple(
        name
        for name in names
        if (one := parse(name)).channel not in motion or one.label not in motion.labels(one.channel)
    )


def read(motion: Motion, names: Sequence[str]) -> Array:
    """(T, n) values of columns.

    Raises BioenvError naming every column that the motion does not have, and for columns per mass
    of a motion whose `meta` has no mass_kg.
    """
    absent = missing(motion, names)
    if absent:
        channels = dict.fromkeys(parse(name).channel for name in absent)
        have = [f"{c}: {', '.join(motion.labels(c))}" for c in channels if c in motion]
        have = have or [f"the channels {', '.join(motion.signals) or 'none'}"]
        raise BioenvError(f"the motion lacks {', '.join(absent)}; it has {'; '.join(have)}")
    return np.column_stack([_values(motion, parse(name)) for name in names])


def mass_of(motion: Motion, what: str) -> float:
    """kg of the body that moved. Raises BioenvError where `meta` does not say."""
    mass = motion.meta.get("mass_kg")
    if not isinstance(mass, int | float) or isinstance(mass, bool) or not mass > 0:
        raise BioenvError(
            f"{what} needs the body's mass, but the motion's mass_kg is {mass!r}; give it with "
            "motion.with_meta(mass_kg=...)"
        )
    return float(mass)


def _values(motion: Motion, column: Column) -> Array:
    values = motion.column(column.channel, column.label)
    if column.axis:
        values = values[:, _AXES.index(column.axis)]
    return values / mass_of(motion, column.name) if column.per_mass else values
