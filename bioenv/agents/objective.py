"""What PPO optimizes: advantages of actions, and the clipped surrogate of the policy."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bioenv.agents.policy import Float32


def advantages(
    reward: Float32,
    value: Float32,
    next_value: Float32,
    terminated: NDArray[np.bool_],
    done: NDArray[np.bool_],
    gamma: float,
    gae_lambda: float,
) -> Float32:
    """Generalized advantage estimates (T, B).

    Args:
        reward, value: (T, B).
        next_value: (T, B) value of the observation that followed, before any reset: an episode
            cut by time goes on in expectation.
        terminated: (T, B) nothing follows.
        done: (T, B) the next row belongs to another episode.
    """
    following = np.where(terminated, np.float32(0), next_value)
    delta = np.asarray(reward + gamma * following - value, np.float32)
    decay = np.where(done, 0, gamma * gae_lambda).astype(np.float32)
    result: Float32 = np.empty(delta.shape, np.float32)
    running = np.zeros_like(delta[0])
    for t in reversed(range(len(delta))):
        running = delta[t] + decay[t] * running
        result[t] = running
    return result


def policy_loss(
    log_prob: Tensor, old_log_prob: Tensor, advantage: Tensor, clip: float
) -> tuple[Tensor, Tensor]:
    """Clipped surrogate loss (Schulman 2017, equation 7) and the probability ratio (n,)."""
    ratio = torch.exp(log_prob - old_log_prob)
    clipped = torch.clamp(ratio, 1 - clip, 1 + clip)
    return -torch.min(advantage * ratio, advantage * clipped).mean(), ratio
