"""Begin a training with what another policy knows: a walker learns to use a device."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from bioenv.agents.policy import Policy
from bioenv.agents.ppo import PPO
from bioenv.errors import BioenvError

SEEN = 200_000
"""Rows that the adopted normalization counts for: new ones move it slowly."""


def adopt(ppo: PPO, policy: Policy, actions: tuple[str, ...]) -> None:
    """Give the actor of ``ppo`` the weights and the normalization of ``policy``.

    Observations and actions of the policy must be the first ones of the new task. What the task
    adds to the observation has no weight at first, and what it adds to the actions starts as any
    new actor does. The critic is new.

    Args:
        actions: names of the task's actions.

    Raises:
        BioenvError: the policy's actions or network do not fit.
    """
    linear = [one for one in ppo.network.actor if isinstance(one, nn.Linear)]
    inside = [len(bias) for _, bias in policy.layers[:-1]]
    fits = [one.out_features for one in linear[:-1]] == inside
    if (
        not fits
        or policy.obs_size > ppo.obs_size
        or actions[: len(policy.muscles)] != policy.muscles
    ):
        raise BioenvError(
            f"training cannot start from the policy for {policy.task}: it drives "
            f"{len(policy.muscles)} muscles from {policy.obs_size} observations with layers of "
            f"{inside}; the new task has {len(actions)} actions, {ppo.obs_size} observations and "
            f"layers of {[one.out_features for one in linear[:-1]]}, and must begin with the same "
            "muscles"
        )
    with torch.no_grad():
        linear[0].weight.zero_()
        for one, (weight, bias) in zip(linear, policy.layers, strict=True):
            rows, columns = weight.shape
            one.weight[:rows, :columns] = torch.from_numpy(np.array(weight))
            one.bias[:rows] = torch.from_numpy(np.array(bias))
        ppo.network.log_std[: len(policy.muscles)] = torch.from_numpy(np.array(policy.log_std))
    ppo.normalize.mean[: policy.obs_size] = policy.obs_mean
    ppo.normalize.var[: policy.obs_size] = np.square(policy.obs_std.astype(float))
    ppo.normalize.count = SEEN
