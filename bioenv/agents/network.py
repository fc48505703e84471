"""The two networks PPO trains: one for the latent muscle commands, one for the value."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bioenv.agents.policy import Layer


class ActorCritic(nn.Module):
    """Actor and critic, ELU layers, and a learned deviation that no observation changes.

    Args:
        obs_size: numbers in one (normalized) observation.
        action_size: muscles.
        hidden: units of the hidden layers.
        log_std: logarithm of the exploration's deviation at the start.
        generator: draws the initial weights.
    """

    def __init__(
        self,
        obs_size: int,
        action_size: int,
        hidden: Sequence[int],
        log_std: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        # The small last layer starts every muscle near sigmoid(5 (0 - 0.4)) = 0.12.
        self.actor = _mlp([obs_size, *hidden, action_size], 0.01, generator)
        self.critic = _mlp([obs_size, *hidden, 1], 1.0, generator)
        self.log_std = nn.Parameter(torch.full((action_size,), log_std))

    def value(self, obs: Tensor) -> Tensor:
        """Values (B,) of normalized observations (B, no)."""
        value: Tensor = self.critic(obs).squeeze(-1)
        return value

    def log_prob(self, obs: Tensor, latent: Tensor) -> Tensor:
        """Log-density (B,) of latent commands (B, nm), up to the constant nm/2 log(2 pi)."""
        return gaussian_log_prob(latent, self.actor(obs), self.log_std)

    def actor_layers(self) -> tuple[Layer, ...]:
        """Copies of the actor's (weight, bias) for a Policy."""
        return tuple(
            (_array(one.weight), _array(one.bias))
            for one in self.actor
            if isinstance(one, nn.Linear)
        )


def gaussian_log_prob(latent: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """``-sum(z^2 / 2 + log std)`` with z = (latent - mean) / std: (B, nm) -> (B,).

    The constant is left out since only differences are used.
    """
    z = (latent - mean) * torch.exp(-log_std)
    return -0.5 * (z * z).sum(-1) - log_std.sum()


def _mlp(sizes: Sequence[int], last_gain: float, generator: torch.Generator) -> nn.Sequential:
    layers: list[nn.Module] = []
    pairs = list(itertools.pairwise(sizes))
    for i, (inside, outside) in enumerate(pairs):
        last = i == len(pairs) - 1
        linear = nn.Linear(inside, outside)
        nn.init.orthogonal_(linear.weight, last_gain if last else 2**0.5, generator=generator)
        nn.init.zeros_(linear.bias)
        layers += [linear] if last else [linear, nn.ELU()]
    return nn.Sequential(*layers)


def _array(parameter: Tensor) -> NDArray[np.float32]:
    copied: NDArray[np.float32] = parameter.detach().numpy().copy()
    return copied
