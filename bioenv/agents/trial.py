"""Judge a policy on fresh episodes, as cheaply as a fall allows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bioenv.agents.policy import Policy


class Outcome(NamedTuple):
    """Result of `judge` over n episodes.

    Attributes:
        survival: share that reached its time limit.
        success: share that the task calls a success.
        mean_return: mean sum of rewards.
        mean_length: mean steps, at most up to where judging stopped.
        held: mean share of an episode that went by before the fall or the stop.
        complete: False when judging stopped early, since too many had failed: survival and
            success then leave out the episodes that still ran, and mean_return what they missed.
        judged_steps: environment steps spent.
    """

    survival: float
    success: float
    mean_return: float
    mean_length: float
    held: float
    complete: bool
    judged_steps: int


def judge(
    policy: Policy,
    env: Any,
    seed: int,
    max_steps: int,
    criterion: str = "success",
    needed: float = 0.0,
) -> Outcome:
    """One fresh episode in every environment of `env` (SAME_STEP autoreset), without exploration.

    Args:
        seed: of the environments.
        max_steps: length of an episode in steps.
        criterion: "success" or "survival".
        needed: share of episodes that must meet the criterion; judging stops once it cannot be
            met any more. 0 never stops early.
    """
    obs, _ = env.reset(seed=seed)
    num = env.num_envs
    running = np.ones(num, bool)
    survived, succeeded = np.zeros((2, num), bool)
    returns, lengths = np.zeros((2, num))
    allowed = num - int(np.ceil(needed * num - 1e-9))
    complete = True
    steps = 0
    while running.any() and steps < max_steps + 1:
        obs, reward, terminated, truncated, info = env.step(policy.act(obs))
        steps += 1
        returns[running] += reward[running]
        lengths[running] += 1
        ended = running & (terminated | truncated)
        survived |= ended & ~terminated
        succeeded |= ended & np.asarray(info.get("success", ~terminated), bool)
        running &= ~ended
        met = survived if criterion == "survival" else succeeded
        if (~running & ~met).sum() > allowed and running.any():
            complete = False
            break
    held = np.where(survived, 1.0, lengths / max_steps)
    return Outcome(
        survival=float(survived.mean()),
        success=float(succeeded.mean()),
        mean_return=float(returns.mean()),
        mean_length=float(lengths.mean()),
        held=float(held.mean()),
        complete=complete,
        judged_steps=steps * num,
    )
