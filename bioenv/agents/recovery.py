"""How well a walking policy recovers from a push, at every phase of the cycle and both ways."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.agents.policy import Policy
from bioenv.envs.task import Task
from bioenv.envs.task import task as find_task
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError

Array = NDArray[np.float64]


class Recovery(NamedTuple):
    """Result of `recovery` for n phases, columns pushed forward and backward.

    Attributes:
        phase: (n,) of the gait clock at which the push began, 0 = right heel strike.
        recovered: (n, 2) bool, still walking ``within_s`` after the push began.
        reached: share of the episodes that still walked when the push was due; the others count as
            not recovered.
        share: of all episodes that recovered; forward, backward: of those pushed that way.
    """

    phase: Array
    recovered: NDArray[np.bool_]
    reached: float

    @property
    def share(self) -> float:
        """Of all episodes."""
        return float(self.recovered.mean())

    @property
    def forward(self) -> float:
        """Of those pushed forward."""
        return float(self.recovered[:, 0].mean())

    @property
    def backward(self) -> float:
        """Of those pushed backward."""
        return float(self.recovered[:, 1].mean())


def recovery(
    policy: Policy,
    velocity: float = 0.3,
    phases: int = 100,
    within_s: float = 5.0,
    warm_up_s: float = 4.0,
    duration_s: float = 0.1,
    task: str | Task | None = None,
    body: str = "torso",
    seed: int = 12345,
    threads: int = 0,
) -> Recovery:
    """Push ``2 * phases`` walkers once, at phases spread evenly over the cycle.

    The push is a horizontal force on the trunk's centre of mass, constant for ``duration_s``, of
    impulse (mass of the whole body) * ``velocity``: it changes the mean velocity of the whole body
    by ``velocity`` if nothing else acts. (The trunk alone, free of the legs, would change by more,
    for it is 0.46 of walker2d's mass.) Bodies are the model's own, the ground is level and nobody
    else pushes.

    Args:
        velocity: m/s. warm_up_s: walked before the first push may begin.
        task: another task than the policy's. body: segment that is pushed.
        seed, threads: of the environments.

    Raises:
        BioenvError: the task has no gait clock, the model no such segment, or a figure is not
            positive.
    """
    one = find_task(policy.task) if task is None else task
    one = find_task(one) if isinstance(one, str) else one
    _check(one, velocity=velocity, phases=phases, within_s=within_s, duration_s=duration_s)
    one = replace(one, episode_s=1e6, goal_every_s=None)
    env = BioVectorEnv(one, 2 * phases, threads=threads, autoreset_mode="Disabled", randomize=False)
    segment = mujoco.mj_name2id(env.model.mj, mujoco.mjtObj.mjOBJ_BODY, body)
    if segment < 0:
        raise BioenvError(f"{env.model.name} has no segment {body!r} to push")
    target = np.tile(np.arange(phases) / phases, 2)
    way = np.repeat([1.0, -1.0], phases)
    newton = way * velocity * env.model.mass / duration_s
    obs, _ = env.reset(seed=seed)
    policy.check(obs.shape[1], env.action_names, policy.task)
    steps = round(warm_up_s / one.control_dt)
    pushed, last = round(duration_s / one.control_dt), round(within_s / one.control_dt)
    begin = np.full(2 * phases, 10**9)  # not known yet
    alive, reached = np.ones((2, 2 * phases), bool)
    step = 0
    while step < steps or step < begin.max() + last:
        if step == steps:  # when each walker's clock next comes to its phase
            ahead = (target - env.state.phase) % 1.0 * env.episode.cycle_s
            begin = steps + np.round(ahead / one.control_dt).astype(np.int64)
        acts = (step >= begin) & (step < begin + pushed)
        env.simulation.external_force[:, segment, 0] = np.where(acts, newton, 0.0)
        obs, _, terminated, _, _ = env.step(policy.act(obs))
        reached &= ~terminated | (step >= begin)
        alive &= ~terminated | (step >= begin + last)
        step += 1
    env.close()
    return Recovery(target[:phases], alive.reshape(2, phases).T, float(reached.mean()))


def _check(task: Task, **figures: float) -> None:
    if task.cycle_s is None:
        raise BioenvError(
            "recovery at phases of the cycle needs a task with a gait clock (cycle_s)"
        )
    for name, value in figures.items():
        if not (np.isfinite(value) and value > 0):
            raise BioenvError(f"{name} must be positive, got {value!r}")
