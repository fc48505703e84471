"""PPO end to end: environment steps per second of bioenv's own PPO and of Stable-Baselines3.

    .venv/bin/python benchmarks/ppo_steps.py [--steps 65536] [--rounds 3]

Same task, 64 environments, 64 steps a rollout, minibatches of 1024, 5 epochs, two layers of 128.
SB3 runs on the native batch through `bioenv.envs.sb3`, and once on a single environment, as most
people use it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from bioenv.agents import train
from bioenv.agents.recipe import EvaluationSettings, Recipe, Stage

TASK = "bioenv/Walk-v0"


def own(steps: int) -> float:
    """Steps per second of `bioenv.train`, evaluations aside."""
    recipe = Recipe(
        task=TASK,
        mirror=True,
        stage=(Stage(env_steps=steps),),
        evaluation=EvaluationSettings(every=10**9, episodes=1, episode_s=0.2),
    )
    start = time.perf_counter()
    train(recipe, seed=0, progress=False)
    return steps / (time.perf_counter() - start)


def sb3(steps: int, num_envs: int) -> float:
    """Steps per second of SB3's PPO."""
    from stable_baselines3 import PPO

    from bioenv.envs.sb3 import BioVecEnv

    env = BioVecEnv(TASK, num_envs)
    network = {"net_arch": [128, 128], "activation_fn": torch.nn.ELU}
    n_steps, batch = (64, 1024) if num_envs > 1 else (2048, 64)
    model = PPO(
        "MlpPolicy", env, n_steps=n_steps, batch_size=batch, n_epochs=5, gamma=0.98,
        policy_kwargs=network, device="cpu", seed=0,
    )  # fmt: skip
    start = time.perf_counter()
    model.learn(steps)
    return model.num_timesteps / (time.perf_counter() - start)


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=65536)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    turns: dict[str, Callable[[], float]] = {
        "bioenv PPO, 64 envs": lambda: own(args.steps),
        "SB3 PPO, 64 envs in the native batch": lambda: sb3(args.steps, 64),
        "SB3 PPO, 1 env": lambda: sb3(args.steps // 16, 1),
    }
    rounds = [{name: turn() for name, turn in turns.items()} for _ in range(args.rounds)]
    print(f"{TASK}: PPO environment steps per second, median of {args.rounds} rounds\n")
    print("| trainer | steps/s | of bioenv's |\n|---|---|---|")
    for name in turns:
        rate = float(np.median([one[name] for one in rounds]))
        ratio = float(np.median([one[name] / one["bioenv PPO, 64 envs"] for one in rounds]))
        print(f"| {name} | {rate:,.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
