"""Ridge regression on products of named features, with bootstrap over trials for free.

    w = (X^T X + penalty N)^-1 X^T y

on features scaled to unit size (Hoerl and Kennard 1970, Technometrics 12:55-67). The sums X^T X and
X^T y are kept for blocks of trials; a bootstrap sample is a weighted sum of blocks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

Array = NDArray[np.float64]

PENALTIES = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)
_FOLDS = 5


def monomials(x: Array, degree: int) -> Array:
    """(N, m) products of up to `degree` columns of x (N, d), the constant first."""
    found = [np.ones((len(x), 1))]
    # Of each degree: every column times the products of the degree before that begin no earlier.
    starts = np.zeros(1, dtype=np.intp)
    for _ in range(degree):
        last, parts, begin = found[-1], [], []
        for column in range(x.shape[1]):
            fits = starts <= column
            parts.append(last[:, fits] * x[:, column : column + 1])
            begin.append(np.full(int(fits.sum()), column))
        found.append(np.concatenate(parts, axis=1))
        starts = np.concatenate(begin)
    return np.concatenate(found, axis=1)


def products(a: Array, b: Array) -> Array:
    """(N, i * j) every column of a (N, i) times every column of b (N, j)."""
    return (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)


class Ridge:
    """Linear in features; learned by `fit`.

    Args:
        penalty: of a feature of unit size, relative to the number of samples; if not given, that
            of `PENALTIES` with the least error on blocks left out (cross-validation over trials).
        blocks: groups of trials whose sums are kept, for `resample`.

    Attributes after `fit`: weights_ (f, o); penalty_; residual_ (o,) standard deviation of what is
    left.
    """

    def __init__(self, penalty: float | None = None, blocks: int = 50) -> None:
        self.penalty, self.blocks = penalty, blocks

    def fit(self, features: Array, target: Array, trial: NDArray[np.intp]) -> Ridge:
        """From N samples: features (N, f), target (N, o), trial (N,) the trial of each."""
        self._size = np.maximum(np.sqrt(np.mean(features**2, axis=0)), 1e-12)
        scaled = features / self._size
        block = trial % min(self.blocks, int(trial.max()) + 1)
        which = np.unique(block)
        parts = [(scaled[block == b], target[block == b]) for b in which]
        self._square = np.stack([x.T @ x for x, _ in parts])
        self._cross = np.stack([x.T @ y for x, y in parts])
        self._power = np.stack([(y**2).sum(axis=0) for _, y in parts])
        self._count = np.array([len(x) for x, _ in parts], dtype=float)
        self.penalty_ = self._chosen() if self.penalty is None else self.penalty
        self.weights_ = self._solved(np.ones(len(which)), self.penalty_)
        self.residual_ = np.std(target - self.predict(features), axis=0)
        return self

    def predict(self, features: Array) -> Array:
        """(N, o)."""
        return np.asarray(features @ self.weights_)

    def resample(self, rng: np.random.Generator) -> Ridge:
        """The same regression on blocks drawn with replacement (Efron and Tibshirani 1993)."""
        other = Ridge(self.penalty, self.blocks)
        other.__dict__ |= self.__dict__
        number = len(self._count)
        drawn = np.bincount(rng.integers(number, size=number), minlength=number)
        other.weights_ = self._solved(drawn.astype(float), self.penalty_)
        return other

    def _chosen(self) -> float:
        """The penalty with the least squared error on fifths of the blocks."""
        number = len(self._count)
        if number < _FOLDS:
            return PENALTIES[0]
        scale = self._power.sum(axis=0)
        errors = np.zeros(len(PENALTIES))
        for fold in range(_FOLDS):
            out = np.arange(number) % _FOLDS == fold
            square, cross = self._square[out].sum(axis=0), self._cross[out].sum(axis=0)
            for i, penalty in enumerate(PENALTIES):
                w = self._solved((~out).astype(float), penalty) * self._size[:, None]
                left = self._power[out].sum(axis=0) - 2 * (w * cross).sum(axis=0)
                errors[i] += float(((left + (w * (square @ w)).sum(axis=0)) / scale).sum())
        return PENALTIES[int(np.argmin(errors))]

    def _solved(self, weight: Array, penalty: float) -> Array:
        square = np.tensordot(weight, self._square, axes=1)
        cross = np.tensordot(weight, self._cross, axes=1)
        square[np.diag_indices_from(square)] += penalty * float(weight @ self._count)
        return np.asarray(cho_solve(cho_factor(square), cross) / self._size[:, None])
