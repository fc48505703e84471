"""What others plug in: rendering, Stable-Baselines3, a custom task from outside the package."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import gymnasium
import numpy as np
import pytest

import bioenv
from bioenv.errors import BioenvError


def test_rgb_array_shows_the_walker_or_says_what_to_install():
    env = gymnasium.make("bioenv/Walk-v0", render_mode="rgb_array")
    env.reset(seed=0)
    try:
        picture = env.render()
    except BioenvError as error:
        if "apt-get install" not in str(error):
            raise
        pytest.skip(f"no OpenGL on this machine: {error}")
    assert picture.shape == (480, 640, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 10  # not one flat colour
    for _ in range(5):
        env.step(np.full(18, 0.3))
    assert (env.render() != picture).any()
    env.close()


def test_window_without_a_screen_says_so(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    env = gymnasium.make("bioenv/ElbowPose-v0", render_mode="human")
    with pytest.raises(BioenvError, match="rgb_array"):
        env.reset(seed=0)
    with pytest.raises(BioenvError, match="human"):
        bioenv.BioEnv("bioenv/ElbowPose-v0", render_mode="movie")


def test_sb3_adapter_steps_bootstraps_and_learns():
    sb3 = pytest.importorskip("stable_baselines3")
    from bioenv.envs.sb3 import BioVecEnv

    env = BioVecEnv("bioenv/ElbowPose-v0", 4, threads=1)
    env.seed(0)
    env.reset()
    for _ in range(150):
        _, _, done, infos = env.step(np.zeros((4, *env.action_space.shape)))
    assert done.all()
    assert all(one["TimeLimit.truncated"] for one in infos)
    assert infos[0]["terminal_observation"].shape == env.observation_space.shape
    assert infos[0]["episode"]["l"] == 150
    model = sb3.PPO("MlpPolicy", env, n_steps=32, batch_size=64, n_epochs=1, seed=0, device="cpu")
    before = [p.detach().clone() for p in model.policy.parameters()]
    model.learn(256)
    assert any((a != b).any() for a, b in zip(before, model.policy.parameters(), strict=True))


CUSTOM = """
    import numpy as np
    import bioenv

    def near_goal(s):                                              # (B,) in 0..1
        miss = np.linalg.norm(s.sensor("hand") - s.goal, axis=1)   # m
        return bioenv.tolerance(miss, margin=0.10)

    bioenv.register("my/Reach-v0", bioenv.Task(
        model="arm26",
        observe=lambda s: (s.qpos, s.qvel, s.activation, s.goal - s.sensor("hand")),
        rewards={"near": (1.0, near_goal), "effort": (-0.1, bioenv.effort)},
        goal=lambda rng: rng.uniform([.1, 0, -.5], [.3, 0, -.2]),  # m, world
        control_dt=0.02, episode_s=3.0))
"""

USE = """
    import gymnasium
    vec = gymnasium.make_vec("my/Reach-v0", num_envs=5)
    obs, _ = vec.reset(seed=0)
    obs, reward, terminated, truncated, info = vec.step(np.full((5, 6), 0.1))
    assert obs.shape == (5, 2 + 2 + 6 + 3), obs.shape
    assert np.isfinite(reward).all() and sorted(info["reward_terms"]) == ["effort", "near"]
    env = gymnasium.make("my/Reach-v0")
    env.reset(seed=0); env.step(np.full(6, 0.1))
    assert "my/Reach-v0" in bioenv.tasks()
"""


def test_custom_task_from_outside_in_fewer_than_20_lines(tmp_path):
    code = textwrap.dedent(CUSTOM)
    assert len(code.strip().splitlines()) < 20
    script = tmp_path / "my_task.py"
    script.write_text(code + textwrap.dedent(USE))
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_register_refuses_what_it_cannot_keep():
    task = bioenv.task("bioenv/ElbowPose-v0")
    with pytest.raises(BioenvError, match="registered already"):
        bioenv.register("bioenv/Walk-v0", task)
    for name in ("Reach", "my/Reach", "a b/c-v0"):
        with pytest.raises(BioenvError, match="my/Reach-v0"):
            bioenv.register(name, task)
    with pytest.raises(BioenvError, match="weight, function"):
        bioenv.Task(model="arm26", observe=lambda s: (s.qpos,), rewards={"near": bioenv.effort})
