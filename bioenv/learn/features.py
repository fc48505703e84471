"""Functions of time that a network sees instead of time itself.

A plain tanh network learns slow parts first and fast ones hardly at all (Rahaman et al. 2019);
sines of chosen frequencies mend that (Tancik et al. 2020, "Fourier features let networks learn high
frequency functions"). Amplitudes fall with frequency, as those of movements do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bioenv.errors import BioenvError
from bioenv.learn.jet import Jet


@dataclass(frozen=True)
class Periodic:
    """Harmonics 1 ... `harmonics` of a period (s): equal at t and t + period to all derivatives.

    Amplitude of harmonic k is ``k ** -decay``.
    """

    period: float
    harmonics: int
    decay: float = 1.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.period) and self.period > 0 and self.harmonics >= 1):
            raise BioenvError(
                f"Periodic needs a period > 0 s and 1 harmonic or more, got {self.period} and "
                f"{self.harmonics}"
            )

    @property
    def count(self) -> int:
        """Features."""
        return 2 * self.harmonics

    def __call__(self, time: Tensor) -> Jet:
        """Jet (..., count) at times (...) s: sines, then cosines."""
        order = torch.arange(1, self.harmonics + 1, dtype=time.dtype)
        return _waves(time, order / self.period, order**-self.decay)


@dataclass(frozen=True)
class Window:
    """Time scaled to -1 ... 1 over a window (s), and sines of any frequencies (Hz); not periodic.

    Amplitude of a frequency f is ``(f / lowest) ** -decay``. No frequencies: a plain network.
    """

    start: float
    end: float
    frequencies: tuple[float, ...] = ()
    decay: float = 1.0

    def __post_init__(self) -> None:
        if not (np.isfinite([self.start, self.end]).all() and self.end > self.start):
            raise BioenvError(f"Window needs start < end in s, got {self.start} and {self.end}")
        if not all(np.isfinite(f) and f > 0 for f in self.frequencies):
            raise BioenvError(f"frequencies must be positive and finite, got {self.frequencies}")

    @staticmethod
    def even(start: float, end: float, highest: float, decay: float = 1.0) -> Window:
        """Half-waves of a window a quarter longer, up to `highest` Hz.

        The longer window leaves the ends free, so that smooth functions that are not periodic are
        approximated as fast as periodic ones (Fourier extension, Huybrechs 2010).
        """
        lowest = 0.5 / (1.25 * (end - start))
        count = max(1, int(np.floor(highest / lowest)))
        frequencies = tuple(float(lowest * k) for k in range(1, count + 1))
        return Window(start, end, frequencies, decay)

    @staticmethod
    def geometric(
        start: float, end: float, highest: float, count: int, decay: float = 1.0
    ) -> Window:
        """`count` frequencies, each the same factor above the last, up to `highest` Hz."""
        lowest = min(0.5 / (end - start), highest)
        return Window(start, end, tuple(np.geomspace(lowest, highest, count).tolist()), decay)

    @staticmethod
    def random(
        start: float, end: float, highest: float, count: int, seed: int, decay: float = 1.0
    ) -> Window:
        """`count` frequencies drawn evenly from 0 to `highest` Hz."""
        drawn = np.random.default_rng(seed).uniform(0.0, highest, count)
        return Window(start, end, tuple(np.sort(drawn).tolist()), decay)

    @property
    def count(self) -> int:
        """Features."""
        return 1 + 2 * len(self.frequencies)

    def __call__(self, time: Tensor) -> Jet:
        """Jet (..., count) at times (...) s: scaled time, sines, cosines."""
        middle, half = 0.5 * (self.start + self.end), 0.5 * (self.end - self.start)
        straight = Jet.time(time, middle, half)
        if not self.frequencies:
            return straight
        hertz = torch.tensor(self.frequencies, dtype=time.dtype)
        waves = _waves(time - self.start, hertz, (hertz / hertz[0]) ** -self.decay)
        return Jet(*(torch.cat(pair, dim=-1) for pair in zip(straight, waves, strict=True)))


Features = Periodic | Window


def _waves(time: Tensor, hertz: Tensor, amplitude: Tensor) -> Jet:
    omega = 2.0 * torch.pi * hertz
    angle = time.unsqueeze(-1) * omega
    sine, cosine = amplitude * torch.sin(angle), amplitude * torch.cos(angle)
    value = torch.cat([sine, cosine], dim=-1)
    turned = torch.cat([omega * cosine, -omega * sine], dim=-1)
    return Jet(value, turned, -(torch.cat([omega, omega]) ** 2) * value)
