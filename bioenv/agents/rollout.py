"""Let a policy move: one episode as a Motion, recorded at every physics step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.vector import AutoresetMode

from bioenv.envs.state import State
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError
from bioenv.models import Model, Subject
from bioenv.motion import CHANNELS, Motion, Signal

if TYPE_CHECKING:
    from bioenv.agents.policy import Policy
    from bioenv.envs.task import Task

_CHANNELS = (
    "qpos", "qvel", "qacc", "excitation", "activation", "muscle_force", "muscle_length",
    "muscle_velocity", "fiber_length", "metabolic_rate", "ground_reaction_force",
    "center_of_pressure", "free_moment", "joint_contact_force",
)  # fmt: skip


class Recorder:
    """Collects copies of environment 0's state, one row per physics step."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.rows: dict[str, list[Any]] = {name: [] for name in ("time", *self._wanted(model))}

    @staticmethod
    def _wanted(model: Model) -> tuple[str, ...]:
        ground = {"ground_reaction_force", "center_of_pressure", "free_moment"}
        missing = (set() if model.feet else ground) | (
            set() if model.contact_joints else {"joint_contact_force"}
        )
        return tuple(name for name in _CHANNELS if name not in missing)

    def __call__(self, state: State) -> None:
        """Append the state of this instant."""
        for name, rows in self.rows.items():
            rows.append(getattr(state, name)[0].copy())

    def motion(self, **meta: Any) -> Motion:
        """What was recorded."""
        axis = {
            "muscle": self.model.muscles,
            "foot": self.model.feet,
            "joint": self.model.contact_joints,
        }
        signals = {}
        for name, rows in self.rows.items():
            if name != "time":
                labels = axis.get(CHANNELS[name].axes[0], self.model.coordinates)
                signals[name] = Signal(np.array(rows), labels, "simulated")
        return Motion(np.array(self.rows["time"]), signals, self.model.name, meta)


def rollout(
    policy: Policy,
    seed: int = 0,
    seconds: float = 20.0,
    task: str | Task | None = None,
    subject: Subject | None = None,
    timestep: float | None = None,
    randomize: bool = False,
) -> Motion:
    """One episode of ``policy``, from its start until ``seconds`` are over or the task terminates.

    Args:
        policy: anything with ``act(obs (1, no)) -> (1, nm)``; ``policy.task`` names the task.
        seed: of the environment; the policy acts without noise.
        seconds: s; may exceed the task's episode.
        task: another task than the policy's.
        subject, timestep, randomize: as in :class:`bioenv.BioVectorEnv`.

    Returns:
        A Motion at the physics rate (150 Hz for walker2d): every frame holds positions,
        forces and accelerations of one instant. ``meta`` tells task, seed, mass, what was rewarded
        and how it ended; ``goal`` is the last one, ``mean_goal`` the mean over the episode.
    """
    if not (np.isfinite(seconds) and seconds > 0):
        raise BioenvError(f"seconds must be positive, got {seconds!r}")
    env = BioVectorEnv(
        task if task is not None else policy.task, 1, threads=1, subject=subject, timestep=timestep,
        randomize=randomize, autoreset_mode=AutoresetMode.DISABLED,
    )  # fmt: skip
    observation, _ = env.reset(seed=seed)
    recorder = Recorder(env.model)
    env.on_substep = recorder
    ended, rewards, goals = "time", [], []
    for _ in range(max(1, round(seconds / env.task.control_dt))):
        observation, reward, terminated, _, info = env.step(policy.act(observation))
        rewards.append(float(reward[0]))
        goals.append(env.state.goal[0].copy())
        if terminated[0]:
            ended = "terminated"
            break
    meta = {
        "task": env.task_name,
        "seed": seed,
        "mass_kg": env.model.mass * float(env.state.body_weight[0] / env.model.body_weight),
        "ended": ended,
        "mean_reward": float(np.mean(rewards)),
        "success": bool(info["success"][0]),
        "goal": env.state.goal[0].tolist(),
        "mean_goal": np.mean(goals, axis=0).tolist(),
        "rewarded": list(env.task.rewarded),
        "control_dt": env.task.control_dt,
        "timestep": env.simulation.timestep,
        "policy": dict(getattr(policy, "card", {})),
    }
    env.close()
    return recorder.motion(**meta)
