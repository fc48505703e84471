"""The single environment: a batch of one, with rendering."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import ArrayLike, NDArray

from bioenv.envs.state import State
from bioenv.envs.task import Task
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import unknown
from bioenv.models import Model, Subject


class BioEnv(gymnasium.Env):
    """One environment of a task; to the bit the same as row 0 of :class:`BioVectorEnv` with its
    seed.

    Args:
        task: a registered name or a Task.
        render_mode: "human" (a window), "rgb_array", or None.
        subject, reward_weights, randomize, timestep: as in :class:`BioVectorEnv`.
    """

    metadata: dict[str, Any] = {"render_modes": ["human", "rgb_array"]}  # noqa: RUF012

    def __init__(
        self,
        task: str | Task,
        *,
        render_mode: str | None = None,
        subject: Subject | None = None,
        reward_weights: Mapping[str, float] | None = None,
        randomize: bool = True,
        timestep: float | None = None,
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise unknown("render mode", str(render_mode), self.metadata["render_modes"])
        self.batch = BioVectorEnv(
            task,
            1,
            threads=1,
            autoreset_mode=AutoresetMode.DISABLED,
            subject=subject,
            reward_weights=reward_weights,
            randomize=randomize,
            timestep=timestep,
        )
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "render_fps": self.batch.metadata["render_fps"]}
        self.action_space = self.batch.single_action_space
        self.observation_space = self.batch.single_observation_space
        self._view: Any = None

    @property
    def model(self) -> Model:
        """The model of this environment."""
        return self.batch.model

    @property
    def state(self) -> State:
        """The state, with a leading axis of one."""
        return self.batch.state

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode; see :meth:`BioVectorEnv.reset`."""
        super().reset(seed=seed)
        observation, info = self.batch.reset(seed=seed)
        if self.render_mode == "human":
            self.render()
        return observation[0], {"success": bool(info["success"][0])}

    def step(
        self, action: ArrayLike
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """One control step with excitations (nm,) in 0..1."""
        observation, reward, terminated, truncated, info = self.batch.step(np.asarray(action)[None])
        terms = {name: float(value[0]) for name, value in info["reward_terms"].items()}
        if self.render_mode == "human":
            self.render()
        one = {"reward_terms": terms, "success": bool(info["success"][0])}
        return observation[0], float(reward[0]), bool(terminated[0]), bool(truncated[0]), one

    def render(self) -> NDArray[np.uint8] | None:
        """The picture (height, width, 3) in "rgb_array" mode; draws the window in "human" mode."""
        if self.render_mode is None:
            return None
        if self._view is None:
            from bioenv.envs.render import Picture, Window

            self._view = (
                Picture() if self.render_mode == "rgb_array" else Window(self.batch.simulation)
            )
        return self._view.draw(self.batch.simulation, 0)

    def close(self) -> None:
        if self._view is not None:
            self._view.close()
            self._view = None
