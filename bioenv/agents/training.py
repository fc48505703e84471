"""`train`: from a recipe and a seed to a policy, with evaluations, checkpoints and a log."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.vector import AutoresetMode

from bioenv.agents.log import LOG, TENSORBOARD
from bioenv.agents.policy import PhaseMirror, Policy
from bioenv.agents.policy_file import RECORD, WEIGHTS
from bioenv.agents.recipe import Recipe, load_recipe
from bioenv.agents.setting import Setting
from bioenv.agents.trainer import CHECKPOINT, Trainer
from bioenv.envs.mirror import mirror_map
from bioenv.envs.task import task as find_task
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError, unknown

_WRITTEN = (CHECKPOINT, LOG, TENSORBOARD, WEIGHTS, RECORD)


def train(
    recipe: str | Path | Recipe,
    algorithm: str = "ppo",
    seed: int = 0,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    force: bool = False,
    threads: int = 0,
    torch_threads: int = 1,
    command: str | None = None,
) -> Policy:
    """Train a policy.

    Args:
        recipe: shipped name ("walk_imitate"), path of a TOML file, task id, or a Recipe.
        algorithm: "ppo".
        seed: of weights, exploration and environments; the same seed gives the same bits for the
            same number of torch threads, on the same machine.
        out: folder for policy.safetensors, policy.json, log.jsonl, tensorboard/ and
            checkpoint.safetensors; None writes nothing.
        resume: continue the checkpoint in `out`, to the bit.
        progress: show a progress bar on stderr.
        force: begin anew in an `out` that holds an earlier training; its files are removed.
        threads: physics threads, 0 for all cores.
        torch_threads: torch threads in each of the two networks' updates, which run side by side.
        command: what made the policy, for its card.

    Returns:
        The best policy by the recipe's criterion; `card["passed"]` says whether it met it.

    Raises:
        BioenvError: a mistake in the recipe or the folder; nothing has been written then.
    """
    if algorithm != "ppo":
        raise unknown("algorithm", algorithm, ["ppo"])
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise BioenvError(f"seed must be a whole number, at least 0, not {seed!r}")
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe)
    folder = None if out is None else Path(out)
    if resume and folder is None:
        raise BioenvError("resume needs the folder of the training: out=...")
    if not resume:
        _refuse_occupied(folder, force)
    setting = make_setting(recipe, threads, command or f"bioenv train {recipe.name} --seed {seed}")
    try:
        with _torch_threads(torch_threads):
            trainer = Trainer(recipe, setting, seed, folder)
            if resume:
                trainer.resume()
            elif folder is not None:
                _clear(folder)
            return trainer.run(progress)
    finally:
        setting.env.close()
        setting.judge_env.close()


def make_setting(recipe: Recipe, threads: int = 0, command: str = "") -> Setting:
    """Environments and names for a recipe; mistakes in it that need the task show here."""
    task = find_task(recipe.task)
    where = f"recipe {recipe.name or recipe.task}"
    for stage in recipe.stage:
        for name in stage.reward_weights:
            if name not in task.rewards:
                raise BioenvError(f"{where}: {unknown('reward term', name, task.rewards)}")
    if recipe.evaluation.criterion == "success" and task.success is None:
        raise BioenvError(
            f"{where}: {recipe.task} defines no success; give it one, or set "
            'criterion = "survival" in [evaluation]'
        )
    mirror = None
    if recipe.mirror:
        found = mirror_map(task)
        if found.phase_index is None:
            raise BioenvError(f"{where}: mirror = true needs a task with a gait clock (cycle_s)")
        mirror = PhaseMirror.of(found)
    long = dataclasses.replace(task, episode_s=recipe.evaluation.episode_s or task.episode_s)
    short = dataclasses.replace(task, episode_s=recipe.episode_s or task.episode_s)
    same = AutoresetMode.SAME_STEP
    common: dict[str, Any] = {"threads": threads, "autoreset_mode": same}
    env = BioVectorEnv(short, recipe.num_envs, randomize=recipe.randomize, **common)
    judge_env = BioVectorEnv(long, recipe.evaluation.episodes, randomize=recipe.randomize, **common)
    return Setting(
        env=env,
        judge_env=judge_env,
        judge_steps=int(np.rint(long.episode_s / long.control_dt)),
        model=env.model.name,
        muscles=env.action_names,
        reward_weights={name: weight for name, (weight, _) in task.rewards.items()},
        mirror=mirror,
        command=command,
    )


def _refuse_occupied(folder: Path | None, force: bool) -> None:
    if folder is None:
        return
    if folder.exists() and not folder.is_dir():
        raise BioenvError(f"{folder} is a file; give a folder for the training")
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise BioenvError(
            f"{folder} is not empty; resume the training in it, force a new one over it, "
            "or give another folder"
        )


def _clear(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in _WRITTEN:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _torch_threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
