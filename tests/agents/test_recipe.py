"""Recipes are checked key by key before anything starts; the shipped ones are sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bioenv.agents.recipe import Recipe, load_recipe, recipes
from bioenv.envs.task import task, tasks
from bioenv.errors import BioenvError

BASE = {"task": "bioenv/Walk-v0"}
MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"tsk": "x"}, r"unknown key 'tsk'; did you mean 'task'\? Available: task, name, num_envs"),
    ({"ppo": {"gama": 0.9}}, r"ppo: unknown key 'gama'; did you mean 'gamma'"),
    ({"stage": [{"env_step": 5}]}, r"stage\[0\]: unknown key 'env_step'; did you mean 'env_steps'"),
    ({"stage": [{"name": "a"}]}, r"stage\[0\]: key 'env_steps' is missing"),
    ({"stage": []}, "at least one"),
    ({"stage": {"env_steps": 5}}, "stage must be a list"),
    ({"ppo": 3}, "ppo: expected a table"),
    ({"num_envs": "64"}, "num_envs must be of type int, not '64'"),
    ({"num_envs": 64.0}, "num_envs must be of type int"),
    ({"num_envs": True}, "num_envs must be of type int"),
    ({"num_envs": 0}, "num_envs must be at least 1, not 0"),
    ({"mirror": 1}, "mirror must be of type bool"),
    ({"ppo": {"gamma": 1.5}}, "gamma must be at least 0 and at most 1"),
    ({"ppo": {"gamma": float("nan")}}, "gamma must be finite"),
    ({"ppo": {"learning_rate": 0}}, "learning_rate must be above 0"),
    ({"ppo": {"batch_size": 1000}}, r"batch_size 1000 must divide num_envs \* n_steps = 64 \* 64"),
    ({"ppo": {"hidden": [128, 0]}}, "hidden must hold positive"),
    ({"ppo": {"hidden": 128}}, "hidden must be a list"),
    (
        {"evaluation": {"criterion": "sucess"}},
        "unknown .*criterion 'sucess'; did you mean 'success'",
    ),
    (
        {"stage": [{"env_steps": 5, "reward_weights": {"effort": "a"}}]},
        "effort must be of type float",
    ),
    ({"stage": [{"env_steps": 5, "reward_weights": 2}]}, "must be a table of numbers"),
]


@pytest.mark.parametrize(("change", "message"), MISTAKES)
def test_mistakes_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BioenvError, match=message):
        Recipe.from_dict({**BASE, **change})


def test_the_task_is_required() -> None:
    with pytest.raises(BioenvError, match="key 'task' is missing"):
        Recipe.from_dict({})


def test_defaults_are_the_published_ones_of_the_walker() -> None:
    recipe = Recipe.from_dict({"task": "x"})
    assert (recipe.num_envs, recipe.ppo.n_steps, recipe.ppo.batch_size) == (64, 64, 1024)
    assert (recipe.ppo.gamma, recipe.ppo.gae_lambda, recipe.ppo.log_std) == (0.98, 0.95, -0.7)


def test_integers_stand_for_floats_and_round_trip() -> None:
    recipe = Recipe.from_dict({**BASE, "episode_s": 10, "ppo": {"hidden": [8]}})
    assert recipe.episode_s == 10.0
    assert Recipe.from_dict(recipe.as_dict()) == recipe


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'task = "bioenv/Walk-v0"\n[[stage]]\nenv_steps = 10\nreward_weights = {effort = -1}'
    )
    recipe = load_recipe(path)
    assert recipe.name == "mine"
    assert recipe.stage[0].reward_weights == {"effort": -1.0}
    path.write_text("task = ")
    with pytest.raises(BioenvError, match=r"mine.toml is not valid TOML"):
        load_recipe(path)
    with pytest.raises(BioenvError, match="cannot read recipe"):
        load_recipe(tmp_path / "other.toml")
    with pytest.raises(BioenvError, match="unknown recipe or task 'wlak'; did you mean 'walk'"):
        load_recipe("wlak")


def test_a_task_names_its_shipped_recipe() -> None:
    assert load_recipe("bioenv/WalkImitate-v0").name == "walk_imitate"
    assert load_recipe("ElbowPose-v0").name == "elbow_pose"


@pytest.mark.parametrize("name", recipes())
def test_shipped_recipes_fit_their_tasks(name: str) -> None:
    recipe = load_recipe(name)
    rewards = task(recipe.task).rewards
    for stage in recipe.stage:
        assert set(stage.reward_weights) <= set(rewards)
    assert recipe.evaluation.criterion == "survival" or task(recipe.task).success is not None


def test_every_task_has_a_recipe() -> None:
    built_in = {name for name in tasks() if name.startswith("bioenv/")}
    assert {load_recipe(name).task for name in recipes()} == built_in
