"""Noise of the measured inputs: how large it is, and windows disturbed by it (augmentation).

White noise is measured in the data themselves, from what lies above the frequencies of movement.
Offsets are what another marker set or another examiner makes of an angle: the spread of measured
people's mean angles, of which their different postures are a part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from bioenv.errors import BioenvError
from bioenv.lab import reference
from bioenv.lab.cohort import MEMBERS
from bioenv.lab.filters import spectrum
from bioenv.learn.estimators.scaling import Scaling

Array = NDArray[np.float64]

Disturb = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True, eq=False)
class Noise:
    """Of each input column: (I,) standard deviations in its unit.

    Attributes:
        white: of every sample. offset: of a constant of a window. gain: of a factor of a window.
        drop: probability that a window lacks the column (it then reads its mean).
    """

    white: Array
    offset: Array
    gain: Array
    drop: Array

    @staticmethod
    def of(
        count: int,
        white: ArrayLike = 0.0,
        offset: ArrayLike = 0.0,
        gain: ArrayLike = 0.0,
        drop: ArrayLike = 0.0,
    ) -> Noise:
        """Noise of `count` columns from numbers or arrays. Raises BioenvError for negative ones."""
        each = np.stack(
            [np.broadcast_to(np.asarray(one, float), count) for one in (white, offset, gain, drop)]
        )
        if each.min(initial=0.0) < 0 or each[3].max(initial=0.0) > 1:
            raise BioenvError("noise must not be negative, and drop not above 1")
        return Noise(each[0], each[1], each[2], each[3])

    def disturb(self, scaling: Scaling) -> Disturb:
        """A function of scaled inputs (N, L, I) and a generator: the same with this noise."""

        def tensor(values: Array) -> Tensor:
            return torch.as_tensor(np.array(values), dtype=torch.float32)

        white, offset = tensor(self.white / scaling.scale), tensor(self.offset / scaling.scale)
        gain, drop = tensor(self.gain), tensor(self.drop)
        zero = tensor(-scaling.center / scaling.scale)

        def disturbed(seen: Tensor, generator: torch.Generator) -> Tensor:
            each = (len(seen), 1, seen.shape[2])
            factor = 1.0 + gain * torch.randn(each, generator=generator)
            moved = zero + (seen - zero) * factor
            moved = moved + offset * torch.randn(each, generator=generator)
            moved = moved + white * torch.randn(seen.shape, generator=generator)
            lost = torch.rand(each, generator=generator) < drop
            return torch.where(lost, torch.zeros(()), moved)

        return disturbed


def white_noise(values: ArrayLike, rate: float, above: float) -> Array:
    """(n,) standard deviation of white noise in signals (T, n), from their power above a frequency.

    Noise that is white has the same power at every frequency; what lies above `above` Hz, where
    movement has none, tells how much lies below. Smoothed signals show less than was measured.

    Raises BioenvError where nothing lies above.
    """
    power, frequency = spectrum(values, rate)
    high = frequency > above
    if not high.any():
        raise BioenvError(f"a signal of {rate:g} Hz holds no frequency above {above:g} Hz")
    share = power[high].sum(axis=0) / (high.sum() / len(frequency))
    # The spectrum's powers add up to the signal's mean square.
    return np.sqrt(np.atleast_1d(share))


def offset_between_people(curve: str) -> float:
    """Standard deviation of the mean of a curve ("ankle_angle") between the shipped references.

    Raises BioenvError where fewer than three people have it.
    """
    people = [reference.load(name) for name in MEMBERS]
    means = [float(one.curve(curve).mean.mean()) for one in people if curve in one.curves]
    if len(means) < 3:
        raise BioenvError(f"{curve!r} is known of {len(means)} people; a spread needs three")
    return float(np.std(means, ddof=1))


def offsets_of(names: Sequence[str]) -> Array:
    """(I,) `offset_between_people` of columns "qpos/<angle>_r"; 0 for all others."""
    found = np.zeros(len(names))
    for number, name in enumerate(names):
        channel, _, label = name.partition("/")
        curve = label.removesuffix("_r").removesuffix("_l")
        if channel == "qpos":
            try:
                found[number] = offset_between_people(curve)
            except BioenvError:
                continue
    return found
