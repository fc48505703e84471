"""What any sequence model must beat: small estimators with one `fit(windows)` and `predict`.

    Persistence().fit(train).predict(test)          # (N, H, O), in the targets' units

Every one takes Windows, or inputs (N, L, I), and gives the mean alone. The temporal convolution is
an `Estimator(Settings("convolution"))`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.learn.estimators import Scaling, Windows

Array = NDArray[np.float64]


class Baseline(Protocol):
    """`fit` learns from windows; `predict` gives (N, H, O)."""

    def fit(self, train: Windows, valid: Windows | None = None) -> Self: ...

    def predict(self, windows: Windows) -> Array: ...


def own_columns(windows: Windows) -> NDArray[np.intp]:
    """(O,) which input column holds each target now. Raises BioenvError where one is no input."""
    for name in windows.target_names:
        if name not in windows.input_names:
            raise unknown("target among the inputs", name, windows.input_names)
    return np.array([windows.input_names.index(one) for one in windows.target_names])


class Persistence:
    """Everything stays as it is: the last sample, at every instant."""

    def fit(self, train: Windows, valid: Windows | None = None) -> Self:
        """Remember which columns are the targets."""
        self.columns_ = own_columns(train)
        self.instants_ = len(train.offsets_s)
        return self

    def predict(self, windows: Windows) -> Array:
        """(N, H, O)."""
        last = windows.inputs[:, -1, self.columns_]
        return np.repeat(last[:, None], self.instants_, axis=1)


class FourierSeries:
    """Each window's own Fourier series, continued.

    The fundamental frequency is the one of a grid that leaves the least of the window, all targets
    together; a little ridge keeps waves apart that a short window cannot tell from each other. What
    the series misses at the last sample is added, fading over `fade_s`.

    Args:
        waves: harmonics of the series. strides_hz: lowest and highest frequency. ridge: share of
            the window's length that is added to the normal equations. fade_s: s.
    """

    def __init__(
        self,
        waves: int = 5,
        strides_hz: tuple[float, float] = (0.6, 1.7),
        grid: int = 90,
        ridge: float = 1e-3,
        fade_s: float = 0.15,
    ) -> None:
        self.waves, self.strides_hz, self.grid = waves, strides_hz, grid
        self.ridge, self.fade_s = ridge, fade_s

    def fit(self, train: Windows, valid: Windows | None = None) -> Self:
        """Make the projections of every frequency; nothing is learned from the data."""
        self.columns_ = own_columns(train)
        now = np.arange(1 - train.length, 1) / train.rate
        ahead = np.asarray(train.offsets_s)
        self.frequencies_ = np.linspace(*self.strides_hz, self.grid)
        waves = np.stack([self._waves(now, f) for f in self.frequencies_])
        square = np.swapaxes(waves, 1, 2) @ waves
        square += self.ridge * train.length * np.eye(square.shape[1])
        self._solve = np.linalg.solve(square, np.swapaxes(waves, 1, 2))
        self._waves_now = waves
        self._waves_ahead = np.stack([self._waves(ahead, f) for f in self.frequencies_])
        self._fade = np.exp(-ahead / self.fade_s)
        return self

    def predict(self, windows: Windows) -> Array:
        """(N, H, O)."""
        seen = windows.inputs[:, :, self.columns_]
        chosen = np.argmin(self._left(seen), axis=1)
        weights = np.einsum("nkl,nlo->nko", self._solve[chosen], seen)
        found = np.einsum("nhk,nko->nho", self._waves_ahead[chosen], weights)
        miss = seen[:, -1] - np.einsum("nk,nko->no", self._waves_now[chosen, -1], weights)
        return np.asarray(found + self._fade[None, :, None] * miss[:, None])

    def _left(self, seen: Array) -> Array:
        """(N, grid) squares that every frequency leaves."""
        spread = np.maximum(seen.std(axis=(0, 1)), 1e-12)
        flat = np.swapaxes(seen / spread, 0, 1).reshape(seen.shape[1], -1)
        sums = []
        # One small product per frequency: all at once would not fit into memory.
        for wave, solve in zip(self._waves_now, self._solve, strict=True):
            rest = flat - wave @ (solve @ flat)
            sums.append((rest**2).sum(axis=0).reshape(len(seen), -1).sum(axis=1))
        return np.stack(sums, axis=1)

    def _waves(self, time: Array, frequency: float) -> Array:
        angle = 2 * np.pi * frequency * time[:, None] * np.arange(1, self.waves + 1)
        return np.concatenate([np.ones((len(time), 1)), np.cos(angle), np.sin(angle)], axis=1)


class Ridge:
    """A linear map of the whole window (scaled), its penalty chosen on the validation windows.

    Args:
        penalties: of the squared weights, times the number of windows; the best one is kept.
    """

    def __init__(self, penalties: Sequence[float] = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)) -> None:
        self.penalties = tuple(penalties)
        if not self.penalties or min(self.penalties) <= 0:
            raise BioenvError(f"penalties must be positive, got {self.penalties}")

    def fit(self, train: Windows, valid: Windows | None = None) -> Self:
        """Solve the normal equations; without `valid` the first penalty counts.

        Raises BioenvError for targets that are not known.
        """
        if not np.isfinite(train.targets).all():
            raise BioenvError("ridge needs every target known: leave windows with NaN out")
        self.inputs_, self.targets_ = Scaling.of(train.inputs), Scaling.of(train.targets)
        self._shape = train.targets.shape[1:]
        x = self._flat(train.inputs)
        y = self.targets_.forward(train.targets).reshape(len(train), -1)
        self._mean = x.mean(axis=0), y.mean(axis=0)
        x, y = x - self._mean[0], y - self._mean[1]
        size, axes = np.linalg.eigh(x.T @ x)
        along = axes.T @ (x.T @ y)
        tried = []
        for penalty in self.penalties if valid is not None else self.penalties[:1]:
            self.weights_ = axes @ (along / (np.maximum(size, 0) + penalty * len(x))[:, None])
            error = 0.0
            if valid is not None:
                error = float(np.nanmean(((self.predict(valid) - valid.targets)
                                          / self.targets_.scale) ** 2))  # fmt: skip
            tried.append((error, penalty, self.weights_))
        _, self.penalty_, self.weights_ = min(tried, key=lambda one: one[0])
        return self

    def predict(self, windows: Windows) -> Array:
        """(N, H, O)."""
        found = (self._flat(windows.inputs) - self._mean[0]) @ self.weights_ + self._mean[1]
        return self.targets_.back(found.reshape(len(windows), *self._shape))

    def _flat(self, inputs: ArrayLike) -> Array:
        scaled = self.inputs_.forward(inputs)
        return scaled.reshape(len(scaled), -1)


class MeanStride:
    """The mean of the training strides at the same share of the stride, told by heel strikes.

    Args:
        strikes: (k,) s, of every recording alike (one recording). The stride's end is used too, as
            if it were known in advance: stronger than anything that runs in time with a person.
        bins: of the stride.
    """

    def __init__(self, strikes: ArrayLike, bins: int = 50) -> None:
        self.strikes, self.bins = np.asarray(strikes, dtype=np.float64), bins
        if self.strikes.size < 2:
            raise BioenvError("a mean stride needs two heel strikes or more")

    def fit(self, train: Windows, valid: Windows | None = None) -> Self:
        """Average the targets in bins of the stride; empty ones are filled from their neighbors."""
        place, inside = self._phase(train)
        bin_ = np.minimum((place * self.bins).astype(np.intp), self.bins - 1)
        total = np.zeros((self.bins, *train.targets.shape[1:]))
        count = np.zeros(self.bins)
        np.add.at(total, bin_[inside], train.targets[inside])
        np.add.at(count, bin_[inside], 1.0)
        known = np.flatnonzero(count)
        flat = (total[known] / count[known, None, None]).reshape(len(known), -1)
        middle = (np.arange(self.bins) + 0.5) / self.bins
        self.middle_ = np.concatenate([middle[known] - 1, middle[known], middle[known] + 1])
        self.mean_ = np.concatenate([flat, flat, flat])
        self._shape = train.targets.shape[1:]
        return self

    def predict(self, windows: Windows) -> Array:
        """(N, H, O); NaN outside of the strides."""
        place, inside = self._phase(windows)
        columns = [np.interp(place, self.middle_, one) for one in self.mean_.T]
        found = np.column_stack(columns).reshape(len(windows), *self._shape)
        found[~inside] = np.nan
        return found

    def _phase(self, windows: Windows) -> tuple[Array, NDArray[np.bool_]]:
        after = np.searchsorted(self.strikes, windows.time, side="right")
        inside = (after > 0) & (after < self.strikes.size)
        after = np.clip(after, 1, self.strikes.size - 1)
        start, stop = self.strikes[after - 1], self.strikes[after]
        return np.clip((windows.time - start) / (stop - start), 0.0, 1.0), inside
