"""How closely a policy follows the gait that its task imitates."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.agents.policy import Policy
from bioenv.agents.trial import judge
from bioenv.envs.imitation import JOINTS, ImitationTask
from bioenv.envs.state import State
from bioenv.envs.task import task as find_task
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError


class Following(NamedTuple):
    """Result of `following` over n episodes.

    Attributes:
        survival: share of episodes that reached their time limit.
        success: share that the task calls a success.
        rmse_deg: root-mean-square deviation in degrees of all joints, episodes and instants.
        joint_rmse_deg: the same of each joint, by coordinate name.
        worst_rmse_deg: the largest of the joints' deviations within one episode.
    """

    survival: float
    success: float
    rmse_deg: float
    joint_rmse_deg: dict[str, float]
    worst_rmse_deg: float


class _Deviation:
    """Sums of squared deviations over the first episode of every environment."""

    def __init__(self, task: ImitationTask, num_envs: int) -> None:
        self.task = task
        self.square = np.zeros((num_envs, len(JOINTS)))  # rad^2
        self.count = np.zeros(num_envs)
        self._running, self._time = np.ones(num_envs, bool), np.full(num_envs, -1.0)

    def __call__(self, state: State) -> None:
        """Add the state of one physics step."""
        # an episode that ended begins anew at once: what follows is not counted
        self._running &= state.time >= self._time
        self._time[:] = state.time
        self.square += np.where(self._running[:, None], np.square(self.task.miss(state)), 0.0)
        self.count += self._running

    def degrees(self) -> NDArray[np.float64]:
        """(B, joints) root-mean-square deviation in each environment."""
        return np.rad2deg(np.sqrt(self.square / self.count[:, None]))


def following(
    policy: Policy,
    task: str | ImitationTask | None = None,
    episodes: int = 100,
    seconds: float = 20.0,
    seed: int = 12345,
    threads: int = 0,
) -> Following:
    """Let ``policy`` walk ``episodes`` fresh episodes and compare it with its task's reference.

    The deviation is taken at every physics step, at the phase of the task's clock: who falls behind
    the clock deviates, however well the shape of the curves agrees. An episode counts until it
    ends, so read the deviation together with the survival.

    Args:
        task: another imitation task than the policy's.
        seconds: length of an episode.
        seed, threads: of the environments.

    Raises:
        BioenvError: the task imitates nothing.
    """
    asked = policy.task if task is None else task
    follow = find_task(asked) if isinstance(asked, str) else asked
    if not isinstance(follow, ImitationTask):
        raise BioenvError(f"task {asked} follows no reference; following() is for imitation tasks")
    long = replace(follow, episode_s=seconds)
    env = BioVectorEnv(long, episodes, threads=threads, autoreset_mode="SameStep")
    env.on_substep = deviation = _Deviation(long, episodes)
    outcome = judge(policy, env, seed, round(seconds / long.control_dt))
    env.close()
    degrees = deviation.degrees()
    joints = np.sqrt(np.average(np.square(degrees), axis=0, weights=deviation.count))
    return Following(
        outcome.survival,
        outcome.success,
        float(np.sqrt(np.mean(np.square(joints)))),
        {name: float(value) for name, value in zip(JOINTS, joints, strict=True)},
        float(degrees.max()),
    )
