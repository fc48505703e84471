"""A policy drives the muscles, the action only the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorWrapper
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError

Array = NDArray[np.float64]


class Human(VectorWrapper):
    """A batch whose actions (B, k) in 0..1 are the device's alone: a person walks by themselves.

    Args:
        env: a batch whose task has a device.
        act: observations (B, n) -> excitations (B, nm), such as ``Policy.load("Walk-v0").act``.
        observations: n, how many of the first observations the person sees; all by default. The
            assisted walk's first ones are those of ``bioenv/Walk-v0``.
    """

    def __init__(
        self, env: BioVectorEnv, act: Callable[[Any], Any], observations: int | None = None
    ) -> None:
        super().__init__(env)
        if env.task.device is None:
            raise BioenvError("Human needs an environment whose task has a device")
        self._act, self._seen = act, observations
        self._commands = len(env.task.device.actions)
        self.single_action_space = spaces.Box(0.0, 1.0, (self._commands,), np.float32)
        self.action_space = batch_space(self.single_action_space, env.num_envs)
        self._observation: NDArray[Any] = np.zeros((env.num_envs, 0))

    def reset(self, **options: Any) -> Any:
        """As the batch's."""
        self._observation, info = self.env.reset(**options)
        return self._observation, info

    def step(self, actions: ArrayLike) -> Any:
        """One control step with the device's commands (B, k)."""
        command = np.asarray(actions)
        expected = (self.env.num_envs, self._commands)
        if command.shape != expected:
            raise BioenvError(f"commands have shape {command.shape}, expected {expected}")
        excitation = np.asarray(self._act(self._observation[:, : self._seen]))
        out = self.env.step(np.concatenate((excitation, command), axis=1))
        self._observation = out[0]
        return out
