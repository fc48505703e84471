"""PPO's closed forms: advantages, log-densities, the clipped loss, normalization."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from toy import MIRROR, Toy, toy_recipe, toy_setting

from bioenv.agents.network import ActorCritic, gaussian_log_prob
from bioenv.agents.normalize import ObservationNormalizer, ReturnScale, RunningMoments
from bioenv.agents.objective import advantages, policy_loss
from bioenv.agents.policy import Policy, squash
from bioenv.agents.ppo import PPO
from bioenv.agents.trainer import Trainer


def random_rollout(steps: int = 40, num: int = 5) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    reward, value, following = rng.standard_normal((3, steps, num)).astype(np.float32)
    terminated = rng.random((steps, num)) < 0.1
    truncated = (rng.random((steps, num)) < 0.1) & ~terminated
    return reward, value, following, terminated, truncated


def test_advantages_equal_the_sum_over_each_episode() -> None:
    """The definition: sum of (gamma lambda)^k delta_{t+k} up to the end of the episode."""
    reward, value, following, terminated, truncated = random_rollout()
    done = terminated | truncated
    gamma, lam = 0.9, 0.8
    found = advantages(reward, value, following, terminated, done, gamma, lam)
    steps, num = reward.shape
    for env in range(num):
        for t in range(steps):
            expected = 0.0
            for k in range(t, steps):
                bootstrap = 0.0 if terminated[k, env] else gamma * following[k, env]
                delta = reward[k, env] + bootstrap - value[k, env]
                expected += (gamma * lam) ** (k - t) * delta
                if done[k, env]:
                    break
            assert found[t, env] == pytest.approx(expected, abs=2e-5)


def test_lambda_one_is_the_discounted_return_and_zero_the_td_error() -> None:
    reward, value, following, *_ = random_rollout()
    never = np.zeros(reward.shape, bool)
    # With values that agree with what follows, lambda = 1 telescopes.
    following[:-1] = value[1:]
    full = advantages(reward, value, following, never, never, 0.9, 1.0)
    powers = 0.9 ** np.arange(len(reward))
    total = (powers[:, None] * reward).sum(0) + 0.9 ** len(reward) * following[-1]
    np.testing.assert_allclose(full[0] + value[0], total, atol=1e-5)
    error = advantages(reward, value, following, never, never, 0.9, 0.0)
    np.testing.assert_allclose(error, reward + 0.9 * following - value, atol=1e-6)


def test_log_prob_is_the_normal_density_up_to_its_constant() -> None:
    generator = torch.Generator().manual_seed(0)
    latent, mean = torch.randn(2, 6, 3, generator=generator)
    log_std = torch.tensor([-0.7, 0.0, 0.4])
    expected = torch.distributions.Normal(mean, log_std.exp()).log_prob(latent).sum(-1)
    found = gaussian_log_prob(latent, mean, log_std) - 1.5 * math.log(2 * math.pi)
    torch.testing.assert_close(found, expected)


def test_loss_gradient_is_the_policy_gradient_until_the_clip() -> None:
    advantage = torch.tensor([2.0, -1.0, 3.0, 3.0, -2.0, -2.0])
    # ratios: 1, 1, above the clip, below it, above, below
    old = torch.zeros(6)
    new = torch.tensor([0.0, 0.0, 0.5, -0.5, 0.5, -0.5], requires_grad=True)
    loss, ratio = policy_loss(new, old, advantage, 0.2)
    loss.backward()
    assert new.grad is not None
    slope = -advantage * ratio.detach() / 6
    # Where the ratio has gone too far in the profitable direction nothing is left to gain.
    expected = torch.where(torch.tensor([True, True, False, True, True, False]), slope, 0.0)
    torch.testing.assert_close(new.grad, expected)


def test_update_makes_good_actions_likelier() -> None:
    recipe = toy_recipe()
    ppo = PPO(Toy(16), recipe.ppo, 0)
    ppo.warm_up()
    rollout = ppo.collect()
    # Pretend that pushing right was all that paid.
    rollout.reward[:] = rollout.latent[..., 0]
    obs = torch.from_numpy(ppo.normalize(rollout.obs[:-1]))
    before = ppo.network.actor(obs).detach().mean((0, 1))
    ppo.update(rollout)
    after = ppo.network.actor(obs).detach().mean((0, 1))
    assert after[0] > before[0] + 0.01
    assert abs(after[1] - before[1]) < after[0] - before[0]


def test_truncation_bootstraps_from_the_observation_before_the_reset() -> None:
    """Values that name the observation show which one was used where time cut the episode."""
    ppo = PPO(Toy(4), toy_recipe().ppo, 0)
    ppo.warm_up()
    rollout = ppo.collect()
    at, env = rollout.final_at
    assert len(at) > 0
    assert rollout.done[rollout.final_at].all()
    assert not rollout.terminated[rollout.final_at].any()
    assert len(at) == (rollout.done & ~rollout.terminated).sum()
    # The position goes on by at most 0.3 from the step before; a reset would draw it anew.
    step = np.abs(rollout.final_obs[:, 0] - rollout.obs[at, env, 0])
    assert step.max() <= 0.3 + 1e-6
    np.testing.assert_array_equal(rollout.final_obs[:, 1], rollout.obs[at, env, 1])
    assert (rollout.obs[at + 1, env, 1] != rollout.final_obs[:, 1]).all()


def test_mirrored_rollout_stores_the_first_half_of_the_cycle() -> None:
    ppo = PPO(Toy(16), toy_recipe().ppo, 0, MIRROR)
    ppo.warm_up()
    seen: list[np.ndarray] = []
    original = ppo.env.step
    ppo.env.step = lambda actions: (seen.append(actions), original(actions))[1]
    raw = ppo.obs
    rollout = ppo.collect()
    assert (rollout.obs[..., 2] >= 0).all()
    assert (rollout.final_obs[:, 2] >= 0).all()
    swapped = raw[:, 2] < 0
    plain = squash(rollout.latent[0])
    np.testing.assert_array_equal(seen[0][~swapped], plain[~swapped])
    np.testing.assert_array_equal(seen[0][swapped], plain[swapped][:, ::-1])
    np.testing.assert_array_equal(rollout.obs[0][swapped], -raw[swapped])


def test_numpy_policy_equals_the_torch_network() -> None:
    trainer = Trainer(toy_recipe(), toy_setting(toy_recipe()), 0, None)
    trainer.ppo.warm_up()
    trainer.ppo.iterate()
    policy: Policy = trainer.policy()
    obs = np.random.default_rng(0).uniform(-1, 1, (100, 3)).astype(np.float32)
    noise = np.zeros((100, 2), np.float32)
    latent = trainer.ppo._actor()(obs, noise)
    np.testing.assert_allclose(policy.act(obs), squash(latent), atol=1e-6)
    normalized = torch.from_numpy(trainer.ppo.normalize(obs))
    whole = torch.sigmoid(5 * (trainer.ppo.network.actor(normalized) - 0.4)).detach().numpy()
    np.testing.assert_allclose(policy.act(obs), whole, atol=1e-5)


def test_initial_policy_hardly_excites() -> None:
    network = ActorCritic(5, 4, (32, 32), -0.7, torch.Generator().manual_seed(1))
    latent = network.actor(torch.randn(200, 5)).detach().numpy()
    np.testing.assert_allclose(squash(latent), 0.119, atol=0.03)


def test_running_moments_equal_the_moments_of_everything() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal([5, -300, 0.1], [1, 40, 1e-3], (1000, 3))
    moments = RunningMoments(3)
    for part in np.split(rows, [1, 1, 40, 700]):  # one row, none, and many
        moments.update(part)
    np.testing.assert_allclose(moments.mean, rows.mean(0), rtol=1e-12)
    np.testing.assert_allclose(moments.var, rows.var(0), rtol=1e-9)
    assert moments.count == 1000


def test_normalized_observations_have_unit_deviation_and_a_bound() -> None:
    rows = np.random.default_rng(0).normal(3, 7, (5000, 2)).astype(np.float32)
    normalize = ObservationNormalizer(2)
    normalize.update(rows)
    scaled = normalize(rows)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(0), 1, atol=1e-4)
    assert normalize(np.full((1, 2), 1e9, np.float32)).max() == 10


def test_rewards_are_divided_by_the_deviation_of_the_return() -> None:
    rng = np.random.default_rng(0)
    reward = rng.normal(0, 50, (400, 8)).astype(np.float32)
    done = rng.random((400, 8)) < 0.05
    scale = ReturnScale(8, 0.9)
    parts = [scale(reward[i : i + 100], done[i : i + 100]) for i in range(0, 400, 100)]
    returns, running = [], np.zeros(8)
    for t in range(400):
        running = 0.9 * running + reward[t]
        returns.append(running)
        running = np.where(done[t], 0, running)
    deviation = np.std(returns)
    np.testing.assert_allclose(parts[-1], reward[300:] / deviation, rtol=1e-5)
