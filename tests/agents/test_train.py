"""`train` on a real task: what it writes, refuses, and resumes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bioenv.agents.policy import Policy
from bioenv.agents.recipe import Recipe
from bioenv.agents.training import make_setting, train
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError


def elbow(**changes: Any) -> Recipe:
    data: dict[str, Any] = {
        "task": "bioenv/ElbowPose-v0",
        "name": "elbow",
        "num_envs": 8,
        "episode_s": 0.5,
        "ppo": {"n_steps": 16, "batch_size": 64, "hidden": [16]},
        "evaluation": {"every": 256, "episodes": 4, "episode_s": 0.6},
        "stage": [{"env_steps": 512, "reward_weights": {"effort": -0.3}}],
    }
    return Recipe.from_dict({**data, **changes})


def test_a_trained_policy_fits_its_environment(tmp_path: Path) -> None:
    policy = train(elbow(), seed=1, out=tmp_path / "run", progress=False, threads=1)
    env = BioVectorEnv("bioenv/ElbowPose-v0", 3, threads=1)
    obs, _ = env.reset(seed=0)
    policy.check(obs.shape[1], env.model.muscles, policy.task)
    loaded = Policy.load(tmp_path / "run")
    np.testing.assert_array_equal(loaded.act(obs), policy.act(obs))
    env.step(loaded.act(obs))
    assert loaded.card["command"] == "bioenv train elbow --seed 1"
    assert loaded.model == "elbow"


def test_the_real_environment_resumes_to_the_bit(tmp_path: Path, monkeypatch: Any) -> None:
    whole = train(elbow(), out=tmp_path / "whole", progress=False, threads=1)
    steps = 0
    original = BioVectorEnv.step

    def interrupted(self: BioVectorEnv, actions: Any) -> Any:
        nonlocal steps
        steps += self.num_envs == 8
        if steps > 70:  # the checkpoint at 256 env steps lies behind: (16 + 32) * 8
            raise KeyboardInterrupt
        return original(self, actions)

    monkeypatch.setattr(BioVectorEnv, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(elbow(), out=tmp_path / "cut", progress=False, threads=1)
    monkeypatch.setattr(BioVectorEnv, "step", original)
    resumed = train(elbow(), out=tmp_path / "cut", resume=True, progress=False, threads=1)
    for name, value in whole.tensors().items():
        np.testing.assert_array_equal(resumed.tensors()[name], value, err_msg=name)
    assert resumed.card["scores"] == whole.card["scores"]


def test_walking_task_trains_with_its_mirror(tmp_path: Path) -> None:
    recipe = elbow(task="bioenv/Walk-v0", mirror=True, stage=[{"env_steps": 256}])
    policy = train(recipe, progress=False, threads=1)
    assert policy.mirror is not None
    env = BioVectorEnv("bioenv/Walk-v0", 6, threads=1)
    obs, _ = env.reset(seed=3)
    mirrored = obs[:, policy.mirror.obs_index] * policy.mirror.obs_sign
    # Exactly at a half cycle sin(phase) is zero and no side comes first.
    clear = np.abs(obs[:, policy.mirror.phase_index]) > 1e-6
    assert clear.any()
    np.testing.assert_array_equal(
        policy.act(mirrored)[clear], policy.act(obs)[:, policy.mirror.action_index][clear]
    )


def test_an_occupied_folder_is_refused_or_forced(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BioenvError, match="is not empty"):
        train(elbow(), out=tmp_path, progress=False)
    (tmp_path / "log.jsonl").write_text("old")
    train(elbow(), out=tmp_path, progress=False, force=True, threads=1)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert "old" not in (tmp_path / "log.jsonl").read_text()


MISTAKES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"algorithm": "sac"}, "unknown algorithm 'sac'"),
    ({}, {"seed": -1}, "seed must be a whole number"),
    ({"task": "bioenv/Wlak-v0"}, {}, "unknown task 'bioenv/Wlak-v0'"),
    (
        {"stage": [{"env_steps": 9, "reward_weights": {"efort": 1.0}}]},
        {},
        "unknown reward term 'efort'; did you mean 'effort'",
    ),
    ({"mirror": True}, {}, "mirror|symmetric"),
    ({}, {"resume": True}, "nothing to resume"),
]


@pytest.mark.parametrize(("changes", "arguments", "message"), MISTAKES)
def test_mistakes_write_nothing(
    tmp_path: Path, changes: dict[str, Any], arguments: dict[str, Any], message: str
) -> None:
    out = tmp_path / "run"
    with pytest.raises(BioenvError, match=message):
        train(elbow(**changes), out=out, progress=False, **arguments)
    assert not out.exists()


def test_lengths_of_training_and_evaluation_episodes() -> None:
    setting = make_setting(elbow(), 1)
    assert setting.env.task.episode_s == 0.5
    assert setting.judge_env.task.episode_s == 0.6
    assert setting.judge_steps == 30
