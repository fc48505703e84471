"""How far a window is from everything that was trained on.

Windows are described by their principal components and by what these leave over, whitened as in
probabilistic principal component analysis (Tipping & Bishop 1999); the score is the distance to
the k-th nearest training window (Sun et al. 2022, ICML: out-of-distribution detection with deep
nearest neighbors), in units of what held-out windows of the same kind have. Movement runs along a
closed curve, whose middle (standing) is far from every sample though near their mean: a Gaussian
would call it usual.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from bioenv.errors import BioenvError

Array = NDArray[np.float64]


class Novelty:
    """Distance from the training windows, 1 at the limit.

    Args:
        components: principal components at most. neighbors: k.
        references: training windows kept to compare with, drawn from a seed.
        usual: share of held-out usual windows that lie below the limit.

    Learned: mean_ (D,), directions_ (D, c), spread_ (c,) and rest_: standard deviations along the
        components and of the rest; references_ (n, c + 1); limit_.
    """

    def __init__(
        self,
        components: int = 24,
        neighbors: int = 5,
        references: int = 1500,
        usual: float = 0.98,
        seed: int = 0,
    ) -> None:
        if min(components, neighbors, references) < 1 or not 0 < usual < 1:
            raise BioenvError(
                "components, neighbors and references must be 1 or more and usual in (0, 1); got "
                f"{components}, {neighbors}, {references}, {usual}"
            )
        self.components, self.neighbors, self.references = components, neighbors, references
        self.usual, self.seed = usual, seed

    def fit(self, train: ArrayLike, held_out: ArrayLike) -> Self:
        """Learn from scaled windows (N, L, I), and the limit from held-out usual ones (M, L, I)."""
        flat = _flat(train)
        self.mean_ = flat.mean(axis=0)
        _, size, rows = np.linalg.svd(flat - self.mean_, full_matrices=False)
        kept = min(self.components, len(size))
        variance = size**2 / max(1, len(flat) - 1)
        left = flat.shape[1] - kept
        rest = variance[kept:].sum() / left if left > 0 else 0.0
        self.directions_ = rows[:kept].T
        # A direction that hardly varies must not outvote all others by rounding alone.
        floor = max(rest, 1e-4 * float(variance.mean()), 1e-12)
        self.spread_ = np.sqrt(np.maximum(variance[:kept], floor))
        self.rest_ = np.array([np.sqrt(floor * max(1, left))])
        rng = np.random.default_rng(self.seed)
        chosen = rng.permutation(len(flat))[: self.references]
        self.references_ = self._described(flat[chosen])
        self.limit_ = np.ones(1)
        self._grow()
        self.limit_ = np.array([np.quantile(self.score(held_out), self.usual)])
        return self

    def score(self, windows: ArrayLike) -> Array:
        """(N,) distance of scaled windows (N, L, I) in limits; infinite for windows with NaN."""
        flat = _flat(windows)
        known = np.isfinite(flat).all(axis=1)
        found = np.full(len(flat), np.inf)
        if known.any():
            k = min(self.neighbors, len(self.references_))
            distance, _ = self._tree.query(self._described(flat[known]), k=[k])
            found[known] = distance[:, 0] / self.limit_[0]
        return found

    def state(self) -> dict[str, Array]:
        """What was learned, by name."""
        names = ("mean_", "directions_", "spread_", "rest_", "references_", "limit_")
        return {name: getattr(self, name) for name in names}

    def restore(self, state: dict[str, Array]) -> Self:
        """What was learned, put back."""
        for name, value in state.items():
            setattr(self, name, np.asarray(value, dtype=np.float64))
        self._grow()
        return self

    def _grow(self) -> None:
        self._tree = cKDTree(self.references_)

    def _described(self, flat: Array) -> Array:
        """(N, c + 1) whitened components, and the size of the rest."""
        moved = flat - self.mean_
        along = moved @ self.directions_
        over = ((moved - along @ self.directions_.T) ** 2).sum(axis=1)
        # Whitened, the rest of a usual window is 1 per direction: its root mean square counts as
        # one more component, large enough to be heard among the others.
        rest = np.sqrt(over) / self.rest_[0] * np.sqrt(len(self.spread_))
        return np.column_stack([along / self.spread_, rest])


def _flat(windows: ArrayLike) -> Array:
    array = np.asarray(windows, dtype=np.float64)
    return array.reshape(len(array), -1)
