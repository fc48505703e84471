"""A trained policy: observations in, muscle excitations out, in plain NumPy.

The network is two ELU layers; its output a is a latent command per muscle and the excitation is
``sigmoid(5 (a - 0.4))``, so that a = 0 asks for 0.12 and a resting muscle stays nearly silent.
Training, saving and shipping share this one class; loading it needs neither torch nor SB3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError

Float32 = NDArray[np.float32]
Layer = tuple[Float32, Float32]  # weight (out, in), bias (out,)

SQUASH_GAIN, SQUASH_CENTER = 5.0, 0.4
OBS_CLIP = 10.0  # standard deviations


def squash(latent: Float32) -> Float32:
    """Latent command to excitation in 0..1: ``1 / (1 + exp(-5 (a - 0.4)))``, any shape."""
    excitation: Float32 = np.exp(np.clip(-SQUASH_GAIN * (latent - SQUASH_CENTER), -80.0, 80.0))
    excitation += 1.0
    return np.reciprocal(excitation, out=excitation)


class MirrorLike(Protocol):
    """What `bioenv.envs.mirror.mirror_map` gives."""

    @property
    def obs_index(self) -> Any: ...
    @property
    def obs_sign(self) -> Any: ...
    @property
    def action_index(self) -> Any: ...
    @property
    def phase_index(self) -> Any: ...


@dataclass(frozen=True, eq=False)
class PhaseMirror:
    """Left-right symmetry of a cyclic task: the second half of the cycle is the first one mirrored.

    Rows whose sin(phase) is negative are mirrored before the policy sees them and its muscles are
    swapped back after, so a gait is symmetric by construction.

    Attributes:
        obs_index: (no,) int, mirrored observation = obs[:, obs_index] * obs_sign.
        obs_sign: (no,) +1 or -1.
        action_index: (nm,) int, the muscle of the other side.
        phase_index: where sin(phase) stands in the observation.
    """

    obs_index: NDArray[np.intp]
    obs_sign: Float32
    action_index: NDArray[np.intp]
    phase_index: int

    @classmethod
    def of(cls, mirror: MirrorLike) -> PhaseMirror:
        """From anything with the same four attributes."""
        return cls(
            np.asarray(mirror.obs_index, dtype=np.intp),
            np.asarray(mirror.obs_sign, dtype=np.float32),
            np.asarray(mirror.action_index, dtype=np.intp),
            int(mirror.phase_index),
        )

    def canonical(self, obs: Float32) -> tuple[Float32, NDArray[np.bool_]]:
        """Observations (B, no) with the second half's rows mirrored, and which those are (B,)."""
        swapped = obs[:, self.phase_index] < 0
        if not swapped.any():
            return obs, swapped
        mirrored = obs.copy()
        mirrored[swapped] = obs[swapped][:, self.obs_index] * self.obs_sign
        return mirrored, swapped

    def actions_back(self, actions: Float32, swapped: NDArray[np.bool_]) -> Float32:
        """Actions (B, nm) for the canonical rows, as the environment wants them."""
        if not swapped.any():
            return actions
        back = actions.copy()
        back[swapped] = actions[swapped][:, self.action_index]
        return back


@dataclass(frozen=True, eq=False)
class Policy:
    """A frozen policy for one task.

    Attributes:
        task: id of the task it was trained on, such as "bioenv/Walk-v0".
        model: name of the musculoskeletal model.
        muscles: names of the actions, in order (nm,).
        obs_mean, obs_std: (no,) normalization of the observations, clipped at 10 deviations.
        layers: (weight (out, in), bias (out,)) of every layer, ELU between them.
        log_std: (nm,) logarithm of the exploration's standard deviation in the latent command.
        mirror: left-right symmetry, or None.
        card: where it comes from (command, seed, env_steps, training_minutes, scores); JSON only.
    """

    task: str
    model: str
    muscles: tuple[str, ...]
    obs_mean: Float32
    obs_std: Float32
    layers: tuple[Layer, ...]
    log_std: Float32
    mirror: PhaseMirror | None = None
    card: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for array in self.tensors().values():
            array.flags.writeable = False

    @property
    def obs_size(self) -> int:
        """Numbers in one observation."""
        return len(self.obs_mean)

    def act(self, obs: ArrayLike, rng: np.random.Generator | None = None) -> Float32:
        """Excitations in 0..1 for observations (B, no) -> (B, nm), or (no,) -> (nm,).

        Args:
            obs: observations as the environment gives them.
            rng: explore with this generator; without it the action is the mean.

        Raises:
            BioenvError: the observation has another size.
        """
        rows = np.atleast_2d(np.asarray(obs, dtype=np.float32))
        if rows.ndim != 2 or rows.shape[1] != self.obs_size:
            raise BioenvError(
                f"the policy for {self.task} takes observations (B, {self.obs_size}), "
                f"not {np.shape(obs)}"
            )
        swapped = None
        if self.mirror is not None:
            rows, swapped = self.mirror.canonical(rows)
        latent = self._latent(rows)
        if rng is not None:
            noise = rng.standard_normal(latent.shape, dtype=np.float32)
            latent += np.exp(self.log_std) * noise
        actions = squash(latent)
        if self.mirror is not None and swapped is not None:
            actions = self.mirror.actions_back(actions, swapped)
        return actions if np.ndim(obs) == 2 else actions[0]

    def _latent(self, obs: Float32) -> Float32:
        hidden = np.clip((obs - self.obs_mean) / self.obs_std, -OBS_CLIP, OBS_CLIP)
        for weight, bias in self.layers[:-1]:
            hidden = hidden @ weight.T + bias
            # exp(x) - 1: expm1 is eight times slower in NumPy and no better at float32 here.
            hidden = np.where(hidden > 0, hidden, np.exp(np.minimum(hidden, 0)) - 1)
        weight, bias = self.layers[-1]
        latent: Float32 = hidden @ weight.T + bias
        return latent

    def check(self, obs_size: int, muscles: Sequence[str], task: str | None = None) -> None:
        """Raise BioenvError unless this policy fits an environment.

        Args:
            obs_size: numbers in the environment's observation.
            muscles: names of the environment's actions, in order.
            task: id of the environment's task, for the message.
        """
        where = f"the environment {task}" if task else "this environment"
        origin = f"the policy was trained on {self.task} (model {self.model})"
        if tuple(muscles) != self.muscles:
            raise BioenvError(
                f"{origin}: it drives {_listed(self.muscles)}, but {where} has {_listed(muscles)}"
            )
        if obs_size != self.obs_size:
            raise BioenvError(
                f"{origin}: it reads {self.obs_size} observations, but {where} gives {obs_size}; "
                "the task's observation has changed or it is another task: train again"
            )

    def with_card(self, **entries: Any) -> Policy:
        """The same policy with more said about where it comes from."""
        return replace(self, card={**self.card, **entries})

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Every array of the policy by name, as stored in policy.safetensors."""
        named: dict[str, NDArray[Any]] = {
            "obs_mean": self.obs_mean,
            "obs_std": self.obs_std,
            "log_std": self.log_std,
        }
        for i, (weight, bias) in enumerate(self.layers):
            named[f"layer{i}.weight"], named[f"layer{i}.bias"] = weight, bias
        if self.mirror is not None:
            named["mirror.obs_index"] = self.mirror.obs_index
            named["mirror.obs_sign"] = self.mirror.obs_sign
            named["mirror.action_index"] = self.mirror.action_index
        return named

    def save(self, folder: str | Path) -> Path:
        """Write policy.safetensors and policy.json into a folder (made if missing), never half.

        Returns:
            The folder.
        """
        from bioenv.agents.policy_file import write

        return write(self, Path(folder))

    @classmethod
    def load(cls, source: str | Path) -> Policy:
        """Read a policy from a folder, or a shipped one by its task's name ("WalkImitate-v0").

        Nothing in the files is executed.

        Raises:
            BioenvError: no such policy, or its files are damaged, foreign, or of another version.
        """
        from bioenv.agents.policy_file import find, read

        return read(find(source))


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{len(names)} muscles ({shown}{', ...' if len(names) > 3 else ''})"
