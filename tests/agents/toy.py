"""A toy: push a point to a goal with two opposing muscles; SAME_STEP autoreset as Gymnasium's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv

from bioenv.agents.policy import PhaseMirror
from bioenv.agents.recipe import Recipe
from bioenv.agents.setting import Setting

STEPS = 20


class Toy(VectorEnv):
    """Observation: position, goal, and the sine of a clock; falls beyond |x| = 1.5."""

    def __init__(self, num_envs: int, seed: int = 0) -> None:
        self.num_envs = num_envs
        self.single_observation_space = spaces.Box(-np.inf, np.inf, (3,), np.float32)
        self.single_action_space = spaces.Box(0, 1, (2,), np.float32)
        self.weights = {"near": 1.0}
        self.interrupt_after = 10**9
        self.arrays: dict[str, np.ndarray] = {}
        self.reset(seed=seed)

    def _begin(self, rows: np.ndarray) -> None:
        a = self.arrays
        # One stream for the whole batch, stored as its draw count: enough for exact resuming.
        rng = np.random.default_rng([int(a["seed"]), int(a["draws"])])
        a["draws"] = a["draws"] + 1
        fresh = rng.uniform(-1, 1, (2, self.num_envs))
        a["x"] = np.where(rows, fresh[0], a["x"])
        a["goal"] = np.where(rows, fresh[1], a["goal"])
        a["steps"] = np.where(rows, 0, a["steps"])

    def _obs(self) -> np.ndarray:
        a = self.arrays
        clock = np.sin(2 * np.pi * a["steps"] / STEPS)
        return np.stack([a["x"], a["goal"], clock], 1).astype(np.float32)

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        zero = np.zeros(self.num_envs)
        self.arrays = {
            "x": zero,
            "goal": zero,
            "steps": zero.astype(int),
            "seed": np.array(seed or 0),
            "draws": np.array(0),
        }
        self._begin(np.ones(self.num_envs, bool))
        return self._obs(), {}

    def step(self, actions: np.ndarray) -> Any:
        self.interrupt_after -= 1
        if self.interrupt_after < 0:
            raise KeyboardInterrupt
        a = self.arrays
        a["x"] = a["x"] + 0.3 * (actions[:, 0] - actions[:, 1])
        a["steps"] = a["steps"] + 1
        miss = np.abs(a["x"] - a["goal"])
        terms = {"near": self.weights["near"] * (0.5 - miss)}
        terminated = np.abs(a["x"]) > 1.5
        truncated = (a["steps"] >= STEPS) & ~terminated
        done = terminated | truncated
        info: dict[str, Any] = {"reward_terms": terms, "success": (miss < 0.2) & truncated}
        if done.any():
            info["final_obs"], info["_final_obs"] = self._obs(), done
            self._begin(done)
        return self._obs(), terms["near"].copy(), terminated, truncated, info

    def set_reward_weights(self, weights: Mapping[str, float]) -> None:
        self.weights = dict(weights)

    def snapshot(self) -> dict[str, np.ndarray]:
        return {name: value.copy() for name, value in self.arrays.items()}

    def restore(self, snapshot: Mapping[str, np.ndarray]) -> np.ndarray:
        self.arrays = {name: value.copy() for name, value in snapshot.items()}
        return self._obs()


# Left and right exchanged: the position, the goal and the clock change sign.
MIRROR = PhaseMirror(np.arange(3), -np.ones(3, np.float32), np.array([1, 0]), 2)


def toy_recipe(**changes: Any) -> Recipe:
    """Small enough to learn in seconds."""
    data: dict[str, Any] = {
        "task": "toy/Push-v0",
        "name": "toy",
        "num_envs": 16,
        "ppo": {"n_steps": 16, "batch_size": 64, "learning_rate": 3e-3, "hidden": [16, 16]},
        "evaluation": {"every": 2048, "episodes": 50, "share": 0.9},
        "stage": [{"env_steps": 30_000}],
    }
    return Recipe.from_dict({**data, **changes})


def toy_setting(recipe: Recipe, mirror: bool = False) -> Setting:
    """The toy where `train` would build environments."""
    return Setting(
        env=Toy(recipe.num_envs),
        judge_env=Toy(recipe.evaluation.episodes),
        judge_steps=STEPS,
        model="toy",
        muscles=("push", "pull"),
        reward_weights={"near": 1.0},
        mirror=MIRROR if mirror else None,
        command="bioenv train toy",
    )
