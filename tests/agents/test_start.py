"""Training that begins with another policy's actor."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bioenv.agents.policy import Policy
from bioenv.agents.ppo import PPO
from bioenv.agents.recipe import PPOSettings, load_recipe
from bioenv.agents.start import adopt
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError


@pytest.fixture(scope="module")
def ppo() -> PPO:
    env = BioVectorEnv("bioenv/AssistWalk-v0", 4, threads=1, autoreset_mode="SameStep")
    return PPO(env, PPOSettings(n_steps=4, batch_size=16), seed=0)


def test_what_the_policy_knew_is_done_whatever_the_task_adds(ppo):
    """The muscles' commands are the policy's for any value of the added observations, but for the
    floor of 1e-4 under deviations, which the policy's already have."""
    known = dataclasses.replace(Policy.load("Walk-v0"), mirror=None)
    adopt(ppo, known, ppo.env.action_names)
    observations, _ = ppo.env.reset(seed=1)
    mean, deviation = ppo.normalize.tensors()
    new = Policy(
        "", "", ppo.env.action_names, mean, deviation, ppo.network.actor_layers(),
        ppo.network.log_std.detach().numpy().copy(),
    )  # fmt: skip
    expected = known.act(observations[:, : known.obs_size])
    changed = observations.copy()
    changed[:, known.obs_size :] += 5.0
    for given in (observations, changed):
        np.testing.assert_allclose(new.act(given)[:, :18], expected, atol=5e-4)
    # the device's commands begin as those of any new actor, near 0.12
    np.testing.assert_allclose(new.act(observations)[:, 18:], 0.12, atol=0.05)


def test_a_policy_that_does_not_fit_is_refused(ppo):
    with pytest.raises(BioenvError, match="cannot start from the policy for bioenv/ArmReach-v0"):
        adopt(ppo, Policy.load("ArmReach-v0"), ppo.env.action_names)


def test_the_recipe_names_where_it_starts():
    assert load_recipe("assist_walk").start == "Walk-v0"
    assert load_recipe("walk").start == ""
