"""Walks of the shipped policies as Motions: what the forecasts learn from and are judged on.

Every walk is one episode of a batch, at 40 Hz, its first second left out; a walk that ends before
four seconds is left out too. Seeds of training and test never meet.
"""

from __future__ import annotations

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from bioenv import BioVectorEnv, agents
from bioenv.envs.state import State
from bioenv.learn.sequences.forecast import LABELS, RATE
from bioenv.motion import Motion

Array = NDArray[np.float64]

TASKS = {"WalkSpeeds-v0": 24.0, "WalkPerturbed-v0": 20.0, "WalkPeople-v0": 14.0}
"""Task -> seconds of a walk: changing commands; pushes and slopes; other bodies."""
TIMESTEP = 0.005  # s; five of them are a sample of 40 Hz
_START_S, _LEAST_S = 1.0, 4.0


def walks(task: str, count: int, seed: int, seconds: float | None = None) -> list[Motion]:
    """Up to `count` walks of a shipped policy; walk i draws from seed + i.

    qpos and qvel of the legs' and the trunk's coordinates; meta: subject (the task), recording.
    """
    policy = agents.Policy.load(task)
    env = BioVectorEnv(
        policy.task, count, threads=1, timestep=TIMESTEP, autoreset_mode=AutoresetMode.DISABLED
    )
    columns = [env.model.coordinates.index(label) for label in LABELS]
    every, rows, steps = round(1 / (RATE * TIMESTEP)), ([], []), 0

    def listen(state: State) -> None:
        nonlocal steps
        if steps % every == 0:
            rows[0].append(state.qpos[:, columns].copy())
            rows[1].append(state.qvel[:, columns].copy())
        steps += 1

    env.on_substep = listen
    observation, _ = env.reset(seed=seed)
    alive, samples = np.ones(count, dtype=bool), np.zeros(count, dtype=int)
    for _ in range(round((seconds or TASKS[task]) / env.task.control_dt)):
        observation, _, terminated, _, _ = env.step(policy.act(observation))
        alive &= ~terminated
        samples[alive] = len(rows[0])
    env.close()
    angles, speeds = np.stack(rows[0], axis=1), np.stack(rows[1], axis=1)
    return [
        _motion(angles[i, :n], speeds[i, :n], task, seed + i)
        for i, n in enumerate(samples.tolist())
        if n >= _LEAST_S * RATE
    ]


def _motion(angles: Array, speeds: Array, task: str, seed: int) -> Motion:
    first = round(_START_S * RATE)
    motion = Motion(np.arange(first, len(angles)) / RATE)
    for name, values in (("qpos", angles), ("qvel", speeds)):
        motion = motion.add(name, values[first:], labels=LABELS, source="simulated")
    return motion.with_meta(subject=task, recording=f"{task} {seed}")
