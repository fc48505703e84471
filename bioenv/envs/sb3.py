"""Adapter for Stable-Baselines3: the native batch as an SB3 ``VecEnv``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from bioenv.envs.task import Task
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError

try:
    from stable_baselines3.common.vec_env import VecEnv
except ImportError as error:
    raise BioenvError(
        "the SB3 adapter needs Stable-Baselines3: pip install 'bioenv[sb3]'"
    ) from error


class BioVecEnv(VecEnv):
    """``num_envs`` environments of ``task`` for any SB3 algorithm.

    SB3's Gaussian policies start around 0 and are clipped to the action box, so actions here lie in
    -1.2..1.2 and the excitation is ``sigmoid(5 (a - 0.4))``, as in bioenv's own policies.
    """

    def __init__(self, task: str | Task, num_envs: int, **options: Any) -> None:
        self.env = BioVectorEnv(task, num_envs, autoreset_mode=AutoresetMode.SAME_STEP, **options)
        muscles = (len(self.env.action_names),)
        # wide enough to reach excitations of 0.0003 and 0.98
        box = spaces.Box(-1.2, 1.2, muscles, np.float32)
        super().__init__(num_envs, self.env.single_observation_space, box)
        self._actions: NDArray[Any] = np.zeros((num_envs, *muscles))
        self._return, self._length = np.zeros(num_envs), np.zeros(num_envs, dtype=int)

    def reset(self) -> NDArray[np.float32]:
        """Begin everywhere; observation (B, no)."""
        seeds = [s for s in self._seeds if s is not None]
        observation, _ = self.env.reset(seed=self._seeds if len(seeds) == self.num_envs else None)
        self._reset_seeds()
        self._return[:], self._length[:] = 0.0, 0
        return observation

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions (B, nm) for :meth:`step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], list[dict[str, Any]]]:
        """Step all environments."""
        excitation = 1.0 / (1.0 + np.exp(-5.0 * (np.asarray(self._actions, float) - 0.4)))
        observation, reward, terminated, truncated, info = self.env.step(excitation)
        done = terminated | truncated
        self._return += reward
        self._length += 1
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for i in np.flatnonzero(done):
            infos[i] = {
                "terminal_observation": info["final_obs"][i],
                "TimeLimit.truncated": bool(truncated[i]),
                "is_success": bool(info["success"][i]),
                "episode": {"r": float(self._return[i]), "l": int(self._length[i])},
            }
        self._return[done], self._length[done] = 0.0, 0
        return observation, reward.astype(np.float32), done, infos

    def close(self) -> None:
        """Close the batch."""
        self.env.close()

    def seed(self, seed: int | None = None) -> list[int | None]:
        """Environment i gets ``seed + i`` at the next reset."""
        self._seeds = [None if seed is None else seed + i for i in range(self.num_envs)]
        return self._seeds

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The same attribute of the batch for every environment asked for."""
        return [getattr(self.env, attr_name, None)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the whole batch."""
        setattr(self.env, attr_name, value)

    def env_method(
        self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any
    ) -> list[Any]:
        """Call a method of the batch once; its result for every environment asked for."""
        result = getattr(self.env, method_name)(*args, **kwargs)
        return [result] * len(list(self._get_indices(indices)))

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """No environment of a batch is wrapped."""
        return [False] * len(list(self._get_indices(indices)))

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """The picture of environment 0."""
        picture = self.env.render()
        return [] if picture is None else list(picture)
