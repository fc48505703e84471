"""Mirror image of a task's observation and action: sides exchanged, half a cycle later."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bioenv.envs.task import Task
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError
from bioenv.models.model import mirrored_names

_PROBES = 24


@dataclass(frozen=True, eq=False)
class Mirror:
    """``obs[:, obs_index] * obs_sign`` is the mirrored observation, ``action[:, action_index]`` the
    action.

    ``phase_index`` is the observation column that holds sin(2 pi phase), None without a gait clock.
    """

    obs_index: NDArray[np.int64]
    obs_sign: NDArray[np.float64]
    action_index: NDArray[np.int64]
    phase_index: int | None


def mirror_map(task: str | Task) -> Mirror:
    """Find how ``task``'s observation changes when left and right are exchanged.

    The observation function is opaque, so it is asked: pairs of random states and their mirror
    images are simulated, and each mirrored observation column is matched with the column it equals
    (or negates).

    Raises:
        BioenvError: a column has no mirror image, so the task is not symmetric.
    """
    env = BioVectorEnv(task, 2 * _PROBES, threads=1, randomize=False)
    env.reset(seed=0)
    rng, sim, model = np.random.default_rng(0), env.simulation, env.model
    a, b = np.arange(_PROBES), np.arange(_PROBES) + _PROBES
    qpos = model.home + rng.normal(0, 0.1, (_PROBES, model.mj.nq))
    qvel = rng.normal(0, 0.5, (_PROBES, model.mj.nv))
    act, u, previous = rng.uniform(0, 1, (3, _PROBES, len(model.muscles)))
    phase = rng.uniform(0, 0.5, _PROBES)
    m, q, sign = model.mirror_muscle, model.mirror_qpos, model.mirror_sign
    sim.reset(a, {"qpos": qpos, "qvel": qvel, "activation": act})
    image = {"qpos": qpos[:, q] * sign, "qvel": qvel[:, q] * sign, "activation": act[:, m]}
    sim.reset(b, image)
    sim.excitation[a], sim.excitation[b] = u, u[:, m]
    episode = env.episode
    episode.previous_excitation[a], episode.previous_excitation[b] = previous, previous[:, m]
    episode.start_phase[a], episode.start_phase[b] = phase, phase + 0.5
    episode.goal[b], episode.cycle_s[b] = episode.goal[a], episode.cycle_s[a]
    actions = m
    if env.task.device is not None:
        device = env.task.device
        episode.device[a] = rng.uniform(0, 1, (_PROBES, device.width))
        episode.device[b] = episode.device[a][:, device.mirror]
        actions = np.append(m, len(m) + mirrored_names(device.actions))
    env.state = type(env.state)(sim, episode)
    obs = env._observe().astype(float)
    env.close()
    index, signs = _match(obs[a], obs[b])
    clock = np.abs(obs[a] - np.sin(2 * np.pi * phase)[:, None]).max(axis=0) < 1e-5
    return Mirror(index, signs, actions, int(np.flatnonzero(clock)[0]) if clock.any() else None)


def _match(original: NDArray, mirrored: NDArray) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Columns (index, sign) of ``original`` (K, n) that give ``mirrored`` (K, n)."""
    scale = np.abs(original).max(axis=0) + 1e-6
    same = np.abs(mirrored[:, :, None] - original[:, None, :]).max(axis=0) / scale
    flipped = np.abs(mirrored[:, :, None] + original[:, None, :]).max(axis=0) / scale
    # a column that is its own image stays where it is, also when another happens to equal it
    error = np.minimum(same, flipped) - 1e-9 * np.eye(len(scale))
    index = error.argmin(axis=1)
    worst = error[np.arange(len(index)), index]
    if (worst > 1e-4).any():
        column = int(worst.argmax())
        raise BioenvError(
            f"observation column {column} has no mirror image: the task is not left-right "
            "symmetric, train it with mirror = false"
        )
    rows = np.arange(len(index))
    return index, np.where(same[rows, index] <= flipped[rows, index], 1.0, -1.0)
