"""What the training episodes were like: return, length, survival, reward terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


class EpisodeStatistics:
    """Running figures over B environments, read and cleared once an iteration.

    Args:
        num_envs: B.
    """

    def __init__(self, num_envs: int) -> None:
        self.returns = np.zeros(num_envs)
        self.lengths = np.zeros(num_envs)
        self._last = {"return": 0.0, "length": 0.0, "survival": 0.0}
        self._clear()

    def _clear(self) -> None:
        self._ended = np.zeros(4)  # episodes, sum of returns, of lengths, of survivals
        self._terms: dict[str, NDArray[np.float64]] = {}  # sums over steps, (B,)
        self._steps = 0

    def step(
        self,
        reward: NDArray[Any],
        terminated: NDArray[np.bool_],
        done: NDArray[np.bool_],
        info: Mapping[str, Any],
    ) -> None:
        """Take in one step of all environments, arrays (B,)."""
        self.returns += reward
        self.lengths += 1
        self._steps += 1
        for name, value in info.get("reward_terms", {}).items():
            if name in self._terms:
                self._terms[name] += value
            else:
                self._terms[name] = np.array(value, float)
        if done.any():
            self._ended += (
                done.sum(),
                self.returns[done].sum(),
                self.lengths[done].sum(),
                (done & ~terminated).sum(),
            )
            self.returns[done] = 0
            self.lengths[done] = 0

    def read(self) -> dict[str, float]:
        """Means over the episodes that ended since the last call, then start again.

        return: of the episode; length: in steps; survival: share that was cut by time and not
        by a termination; term/NAME: mean of each reward term per step. When no episode ended, the
        former means are repeated.
        """
        count = self._ended[0]
        if count:
            means = (self._ended[1:] / count).tolist()
            self._last = dict(zip(("return", "length", "survival"), means, strict=True))
        terms = {f"term/{k}": float(v.mean()) / self._steps for k, v in self._terms.items()}
        self._clear()
        return {**self._last, **terms}

    def state(self) -> dict[str, NDArray[Any]]:
        """Arrays to store; call after `read`."""
        last = np.array(list(self._last.values()))
        return {"returns": self.returns, "lengths": self.lengths, "last": last}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from stored arrays."""
        self.returns, self.lengths = state["returns"].copy(), state["lengths"].copy()
        self._last = dict(zip(self._last, state["last"].tolist(), strict=True))
        self._clear()
