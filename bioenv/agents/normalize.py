"""Running means and variances: of the observations, and of the discounted return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioenv.agents.policy import OBS_CLIP, Float32

Float64 = NDArray[np.float64]


class RunningMoments:
    """Mean and variance of everything seen, merged batch by batch (Chan, Golub & LeVeque 1983).

    Attributes:
        mean, var: (k,) population moments; 0 and 1 until something was seen.
        count: rows seen.
    """

    def __init__(self, size: int) -> None:
        self.mean: Float64 = np.zeros(size)
        self.var: Float64 = np.ones(size)
        self.count = 0

    def update(self, rows: NDArray[Any]) -> None:
        """Take in rows (n, k)."""
        n = len(rows)
        if n == 0:
            return
        mean = rows.mean(axis=0, dtype=np.float64)
        var = rows.var(axis=0, dtype=np.float64)
        total = self.count + n
        shift = mean - self.mean
        squares = self.var * self.count + var * n + shift**2 * (self.count * n / total)
        self.mean = self.mean + shift * (n / total)
        self.var = squares / total
        self.count = total

    def state(self) -> dict[str, NDArray[Any]]:
        """Arrays to store."""
        return {"mean": self.mean, "var": self.var, "count": np.array(self.count)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from stored arrays."""
        self.mean, self.var = state["mean"].copy(), state["var"].copy()
        self.count = int(state["count"])


class ObservationNormalizer(RunningMoments):
    """Observations to zero mean and unit deviation, clipped at 10 deviations, in float32."""

    def tensors(self) -> tuple[Float32, Float32]:
        """Mean and deviation (no,) in the float32 that a policy stores and uses."""
        deviation = np.sqrt(self.var + 1e-8)
        return self.mean.astype(np.float32), deviation.astype(np.float32)

    def __call__(self, obs: Float32) -> Float32:
        """Normalize observations (..., no)."""
        mean, deviation = self.tensors()
        scaled: Float32 = np.clip((obs - mean) / deviation, -OBS_CLIP, OBS_CLIP)
        return scaled


class ReturnScale:
    """Rewards divided by the running deviation of the discounted return (Engstrom et al. 2020).

    Args:
        num_envs: B.
        gamma: discount of the return.
    """

    def __init__(self, num_envs: int, gamma: float) -> None:
        self.gamma = gamma
        self.moments = RunningMoments(1)
        self.returns: Float64 = np.zeros(num_envs)

    def __call__(self, rewards: Float32, done: NDArray[np.bool_]) -> Float32:
        """Scale rewards (T, B) of one rollout, after taking in their returns.

        Args:
            rewards: as the environment gave them.
            done: (T, B) steps that ended an episode; the return starts again after them.
        """
        running = np.empty(rewards.shape)
        for t, reward in enumerate(rewards):
            self.returns = self.gamma * self.returns + reward
            running[t] = self.returns
            self.returns = np.where(done[t], 0.0, self.returns)
        self.moments.update(running.reshape(-1, 1))
        scaled = rewards / np.sqrt(self.moments.var + 1e-8)
        return np.clip(scaled, -10.0, 10.0).astype(np.float32)

    def state(self) -> dict[str, NDArray[Any]]:
        """Arrays to store."""
        return {**self.moments.state(), "returns": self.returns}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from stored arrays."""
        self.moments.restore(state)
        self.returns = state["returns"].copy()
