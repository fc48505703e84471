"""What an environment remembers of its running episode: how it begins, how the goal moves on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bioenv.envs.random import BatchRng, Draws
from bioenv.envs.simulation import Simulation

if TYPE_CHECKING:
    from bioenv.envs.ground import Footholds
    from bioenv.envs.task import Task

Array = NDArray[np.float64]


class Episode:
    """Arrays (B, ...) of every running episode; :meth:`BioVectorEnv.snapshot` saves them all.

    goal: the command of this instant; goal_drawn: what it moves to; goal_due_s: when the next one
    is drawn. start_phase: phase that the gait clock would have had at time 0 at its present period.
    stride_factor: of the period, by the person's height.
    """

    def __init__(self, sim: Simulation, goal_size: int, memory: int = 0, device: int = 0) -> None:
        num, model = sim.num, sim.model
        self.steps = np.zeros(num, dtype=np.int64)
        self.goal, self.goal_drawn = np.zeros((2, num, goal_size))
        self.goal_due_s = np.full(num, np.inf)
        self.start_qpos = np.tile(model.home, (num, 1))
        self.start_phase = np.zeros(num)
        self.cycle_s = np.full(num, np.inf)
        self.stride_factor = np.ones(num)
        self.previous_excitation = np.zeros((num, len(model.muscles)))
        self.held_s = np.zeros(num)
        self.memory = np.zeros((num, memory))
        self.device = np.zeros((num, device))


def draw_goal(task: Task, draws: Draws) -> Array:
    """(n, k) goals, k = 0 for a task without one."""
    if task.goal is None:
        return np.zeros((len(draws), 0))
    goal = np.asarray(task.goal(draws), float)
    return goal[:, None] if goal.ndim == 1 else goal


def begin(
    task: Task,
    sim: Simulation,
    episode: Episode,
    draws: Draws,
    ids: NDArray[np.intp],
    randomize: bool = True,
    footholds: Footholds | None = None,
) -> None:
    """Begin an episode in environments ``ids`` (n,): draw body, slope, goal and start.

    Args:
        draws: the streams of these environments.
        randomize: draw body and slope too; else they stay what they are.
        footholds: to be levelled, of a task with uneven ground.
    """
    parameters = sim.parameters
    if randomize:
        if task.people:  # drawn also when the subject is given, so that the rest is the same
            who = draws.integers(0, len(task.people))
            if parameters.people is not None:
                parameters.set_person(ids, who)
        for name, (low, high) in task.randomize.items():
            parameters.vary(name, ids, draws.uniform(low, high))
        if task.ground is not None:
            parameters.incline(ids, draws.uniform(*task.ground.slope))
    if footholds is not None:
        footholds.reset(ids)
    if task.people:
        episode.stride_factor[ids] = parameters.stride_factor[ids]
    episode.goal[ids] = episode.goal_drawn[ids] = draw_goal(task, draws)
    episode.cycle_s[ids] = _cycle(task, episode, ids)
    if task.goal_every_s is not None:
        episode.goal_due_s[ids] = draws.uniform(*task.goal_every_s)
    start = _start(task, sim, draws, ids, episode.goal[ids])
    episode.start_phase[ids] = start.pop("phase", 0.0)
    sim.reset(ids, start)
    episode.start_qpos[ids] = sim.qpos[ids]
    episode.steps[ids], episode.held_s[ids] = 0, 0.0
    episode.previous_excitation[ids], episode.memory[ids] = 0.0, 0.0
    if task.device is not None:
        episode.device[ids] = task.device.begin(draws if randomize else None, len(ids))


def _cycle(task: Task, episode: Episode, ids: NDArray[np.intp]) -> Array | float:
    """(n,) s, period of the gait clock; infinite for a task without one."""
    if task.cycle_s is None:
        return np.inf
    period = task.cycle_s(episode.goal[ids]) if callable(task.cycle_s) else task.cycle_s
    return period * episode.stride_factor[ids]


def _start(
    task: Task, sim: Simulation, draws: Draws, ids: NDArray[np.intp], goal: Array
) -> dict[str, Array]:
    """What ``Task.reset`` says, each person's asked with their own model."""
    if task.reset is None:
        return {}
    people = sim.parameters.people
    if people is None or (sim.parameters.person[ids] < 0).all():
        return dict(task.reset(draws, sim.model, goal))
    start: dict[str, Array] = {}
    who = sim.parameters.person[ids]
    for one in np.unique(who):
        rows = who == one
        part = task.reset(draws.where(rows), people.models[one], goal[rows])
        for name, values in part.items():
            whole = start.setdefault(name, np.zeros((len(ids), *np.shape(values)[1:])))
            whole[rows] = values
    return start


def move_goal(task: Task, episode: Episode, rng: BatchRng) -> bool:
    """Bring the goals of all episodes to the coming control step; whether any goal changed.

    A new goal is drawn where it is due, and the command moves towards it, at most by ``goal_rate``.
    The gait clock keeps its phase and goes on with the period of the new command.
    """
    if task.goal_every_s is None:
        return False
    now = episode.steps * task.control_dt
    due = np.flatnonzero(now >= episode.goal_due_s - 1e-9)
    if len(due):
        draws = rng.select(due)
        episode.goal_drawn[due] = draw_goal(task, draws)
        episode.goal_due_s[due] = now[due] + draws.uniform(*task.goal_every_s)
    left = episode.goal_drawn - episode.goal
    if not left.any():
        return False
    most = np.inf if task.goal_rate is None else task.goal_rate * task.control_dt
    # the last part of the way lands on the drawn value itself, not beside it
    near = np.abs(left) <= most
    episode.goal[:] = np.where(near, episode.goal_drawn, episode.goal + np.clip(left, -most, most))
    ids = np.flatnonzero(left.any(axis=1))
    before = episode.cycle_s[ids]
    episode.cycle_s[ids] = after = _cycle(task, episode, ids)
    if task.cycle_s is not None:
        episode.start_phase[ids] += now[ids] / before - now[ids] / after
    return True
