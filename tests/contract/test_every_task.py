"""Every registered task: Gymnasium's rules, determinism, batch = single, honest success."""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import bioenv
from bioenv.envs.registration import CATALOG
from bioenv.envs.single import BioEnv
from bioenv.envs.vector import BioVectorEnv

TASKS = sorted(CATALOG)
LEGGED = [name for name in TASKS if "Elbow" not in name and "Arm" not in name]


@pytest.fixture(params=TASKS)
def task(request) -> str:
    return request.param


def run(env: BioVectorEnv, actions: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Observations, rewards and ends over (T, B, nm) actions."""
    first, _ = env.reset(seed=seed)
    out: dict[str, list] = {"obs": [first], "reward": [], "ended": []}
    for action in actions:
        obs, reward, terminated, truncated, _ = env.step(action)
        out["obs"].append(obs)
        out["reward"].append(reward)
        out["ended"].append(terminated | truncated)
    return {name: np.array(rows) for name, rows in out.items()}


def test_gymnasium_checker_accepts_it(task):
    env = gymnasium.make(task)
    with warnings.catch_warnings():
        # the checker advises symmetric action boxes; excitations lie in 0..1 by nature
        warnings.simplefilter("ignore")
        check_env(env.unwrapped, skip_render_check=True)
    assert env.spec.to_json()
    env.close()


def test_single_is_row_of_batch_to_the_bit_and_threads_do_not_matter(task):
    actions = np.random.default_rng(1).uniform(0, 0.5, (12, 3, 1)) * np.ones(
        (1, 1, BioEnv(task).action_space.shape[0])
    )
    modes = [BioVectorEnv(task, 3, threads=t, autoreset_mode="Disabled") for t in (1, 2)]
    one, two = (run(env, actions, seed=5) for env in modes)
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])
    single = BioEnv(task)
    obs, _ = single.reset(seed=7)  # environment 2 of a batch seeded with 5
    np.testing.assert_array_equal(obs, one["obs"][0, 2])
    for t, action in enumerate(actions[:, 2]):
        obs, reward, *_ = single.step(action)
        np.testing.assert_array_equal(obs, one["obs"][t + 1, 2])
        assert reward == one["reward"][t, 2]


def test_seeds_reproduce_and_differ(task):
    actions = np.full((6, 2, BioEnv(task).action_space.shape[0]), 0.2)
    env = BioVectorEnv(task, 2, threads=1)
    a, b, c = run(env, actions, 3), run(env, actions, 3), run(env, actions, 30)
    np.testing.assert_array_equal(a["obs"], b["obs"])
    assert (a["obs"][0] != c["obs"][0]).any()


def test_reward_is_the_sum_of_its_terms(task):
    env = BioVectorEnv(task, 4, threads=1)
    env.reset(seed=0)
    for _ in range(5):
        _, reward, _, _, info = env.step(np.full(env.action_space.shape, 0.3))
        assert set(info["reward_terms"]) == set(env.task.rewards)
        np.testing.assert_allclose(sum(info["reward_terms"].values()), reward, rtol=0, atol=1e-12)


def test_observation_is_finite_and_in_its_space(task):
    env = BioVectorEnv(task, 8, threads=1, autoreset_mode=AutoresetMode.SAME_STEP)
    actions = np.random.default_rng(0).uniform(0, 1, (60, *env.action_space.shape))
    observations = run(env, actions)["obs"]
    assert np.isfinite(observations).all()
    assert env.single_observation_space.contains(observations[-1, 0])


def success_share(task: str, policy, episodes: int = 10) -> float:
    """Share of full episodes that end in success under ``policy(env, step) -> actions``."""
    env = BioVectorEnv(task, episodes, threads=2, autoreset_mode="Disabled", randomize=False)
    env.reset(seed=11)
    alive, last = np.ones(episodes, bool), np.zeros(episodes, bool)
    for step in range(round(env.task.episode_s / env.task.control_dt)):
        _, _, terminated, _, info = env.step(policy(env, step))
        alive &= ~terminated
        last = info["success"]
        if not alive.any():
            break
    return float((alive & last).mean())


def test_zero_action_does_not_succeed(task):
    assert success_share(task, lambda env, _: np.zeros(env.action_space.shape)) == 0.0


def test_random_action_does_not_succeed(task):
    rng = np.random.default_rng(0)
    assert success_share(task, lambda env, _: rng.uniform(0, 1, env.action_space.shape)) == 0.0


@pytest.mark.parametrize("task", [name for name in LEGGED if "Walk" in name])
def test_standing_still_is_not_walking(task):
    """Hold the walker in its home pose for a whole episode: no speed, so no success."""

    def freeze(env: BioVectorEnv, _: int) -> np.ndarray:
        ids = np.arange(env.num_envs)
        time = env.simulation.time.copy()
        env.simulation.reset(ids, {})
        env.simulation.batch.bind("time")[:] = time + env.task.control_dt
        return np.zeros(env.action_space.shape)

    assert success_share(task, freeze, episodes=2) == 0.0


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_autoreset_modes_follow_gymnasium(mode):
    """Fall on purpose; NEXT_STEP begins anew one step later, SAME_STEP at once with final_obs."""
    env = BioVectorEnv("bioenv/Walk-v0", 3, threads=1, autoreset_mode=mode)
    env.reset(seed=0)
    action = np.zeros(env.action_space.shape)
    for _ in range(200):
        obs, _, terminated, _, info = env.step(action)
        if terminated.any():
            break
    fallen = np.flatnonzero(terminated)
    assert len(fallen)
    if mode == AutoresetMode.SAME_STEP:
        assert info["_final_obs"][fallen].all()
        assert (info["final_obs"][fallen] != obs[fallen]).any()
        assert (env.episode.steps[fallen] == 0).all()
        return
    assert "final_obs" not in info
    steps = env.episode.steps.copy()
    _, reward, terminated, _, _ = env.step(action)
    others = np.setdiff1d(np.arange(3), fallen)
    assert (env.episode.steps[fallen] == 0).all()
    assert (reward[fallen] == 0).all()
    assert not terminated[fallen].any()
    assert (env.episode.steps[others] == steps[others] + 1).all()


def test_make_and_make_vec():
    env = gymnasium.make("bioenv/ElbowPose-v0")
    assert isinstance(env.unwrapped, BioEnv)
    vec = gymnasium.make_vec("bioenv/ElbowPose-v0", num_envs=3)
    assert isinstance(vec, BioVectorEnv)
    assert vec.reset(seed=0)[0].shape == (3, *env.observation_space.shape)
    assert set(bioenv.tasks()) >= set(TASKS)
