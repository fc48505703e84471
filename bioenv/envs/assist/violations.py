"""What went wrong: limits exceeded, and whether the device had a hand in it.

Judged by the true state at every physics step, not by what the device believed. A limit counts as
exceeded *by the device* where the state is outside it and the device pushes outward, or has driven
the joint that way (torque and speed outward) within the last ``memory_s``; for the load, where the
load would be lower without its torque at these instants. Load is the mean of ``load_s``, as loads
are measured: what lasts one physics step of a landing is the contact's numerics. All others were
exceeded by the person, a push or a fall.
"""

from __future__ import annotations

from collections import deque

import mujoco
import numpy as np
from mujoco.batch import Batch
from numpy.typing import NDArray

from bioenv.envs.assist.device import SIDES, ankles, remembered
from bioenv.envs.assist.limits import Limits
from bioenv.envs.columns import columns
from bioenv.envs.state import State
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

KINDS = ("torque", "rate", "angle", "speed", "load")
_FREE_LOAD = 0.05  # body weights that the device may add to a load beyond its limit
_FREE_TORQUE = 1.0  # N*m that count as no push


class Violations:
    """Listens to an environment (``env.on_substep``) for one episode in each.

    Args:
        env: a batch whose task has an `Exoskeleton`, and one body for all on level ground.
        limits: to be kept.
        memory_s: s for which a drive counts.
        load_s: s over which load is taken.

    Attributes:
        alive: (B,) set an environment's to False when its episode has ended.
        any_, device: kind -> (B,) physics steps outside the limit, at any ankle; those that count
            as the device's.
        worst: kind -> (B,) the largest value reached, as a share of the limit.
        steps: (B,) physics steps seen.
    """

    def __init__(
        self, env: BioVectorEnv, limits: Limits, memory_s: float = 0.05, load_s: float = 0.02
    ) -> None:
        task, num = env.task, env.num_envs
        if task.people or task.randomize or task.ground is not None:
            raise BioenvError(
                "violations are judged beside a twin of the model's own body on level ground: give "
                "a task without people, randomize and ground"
            )
        self.env, self.limits = env, limits
        self.alive = np.ones(num, dtype=bool)
        self.any_ = {kind: np.zeros(num, dtype=int) for kind in KINDS}
        self.device = {kind: np.zeros(num, dtype=int) for kind in KINDS}
        self.worst = {kind: np.zeros(num) for kind in KINDS}
        self.steps = np.zeros(num, dtype=int)
        self._last = np.zeros((num, 2))
        step = env.simulation.timestep
        self._drives: deque[Array] = deque(maxlen=max(1, round(memory_s / step)))
        self._loads_now: deque[Array] = deque(maxlen=max(1, round(load_s / step)))
        self._added: deque[Array] = deque(maxlen=max(1, round(load_s / step)))
        self._twin = Batch(env.model.mj, num, 1)
        joints = [env.model.contact_joints.index(f"ankle_{side}") for side in SIDES]
        self._load = columns(env.model).joint_contact[joints]

    def __call__(self, state: State) -> None:
        """Judge the physics step that led here."""
        torque = remembered(state, "torque")
        least, most = self.limits.torque
        self._note("torque", np.maximum(torque / most, torque / least) if most else torque / least)
        rate = np.abs(torque - self._last) / self.env.simulation.timestep
        self._note("rate", rate / self.limits.torque_rate)
        self._last = torque.copy()
        index = ankles(state.model)
        angle, speed = state.qpos[:, index], state.qvel[:, index]
        low, high = self.limits.angle
        # a brake works against the movement: it has driven the joint nowhere
        self._drives.append(np.where(torque * speed > 0.0, torque, 0.0))
        driven = np.stack([*self._drives, torque])
        up, down = driven.max(axis=0) > _FREE_TORQUE, driven.min(axis=0) < -_FREE_TORQUE
        self._note("angle", np.maximum(angle / high, angle / low), np.where(angle > 0, up, down))
        speeding = np.where(speed > 0, up, down)
        self._note("speed", np.abs(speed) / self.limits.speed, speeding)
        load = self._loads(state.joint_contact_force[:, self._joints(state)], state)
        self._loads_now.append(load)
        acts = bool((np.abs(torque) > _FREE_TORQUE).any())
        self._added.append(load - self._without_device(state) if acts else np.zeros_like(load))
        mean, added = (np.mean(one, axis=0) for one in (self._loads_now, self._added))
        self._note("load", mean / self.limits.load, added > _FREE_LOAD)
        self.steps += self.alive

    def end(self, ended: Flags) -> None:
        """(B,) episodes that are over: what follows in them is not judged."""
        self.alive &= ~ended

    def episodes(self, kind: str, by_device: bool = False) -> int:
        """Number of episodes with a violation of that kind."""
        return int(((self.device if by_device else self.any_)[kind] > 0).sum())

    def _note(self, kind: str, share: Array, device: Flags | None = None) -> None:
        """Account for (B, 2) values as shares of their limit."""
        outside = (share > 1.0 + 1e-9) & self.alive[:, None]
        mine = outside if device is None else outside & device
        self.any_[kind] += outside.any(axis=1)
        self.device[kind] += mine.any(axis=1)
        self.worst[kind] = np.where(
            self.alive, np.maximum(self.worst[kind], share.max(axis=1)), self.worst[kind]
        )

    @staticmethod
    def _joints(state: State) -> list[int]:
        return [state.model.contact_joints.index(f"ankle_{side}") for side in SIDES]

    @staticmethod
    def _loads(force: Array, state: State) -> Array:
        norm: Array = np.linalg.norm(force, axis=2)
        return norm / state.body_weight[:, None]

    def _without_device(self, state: State) -> Array:
        """(B, 2) load of the same instant, had the device let go."""
        sim, twin = self.env.simulation, self._twin
        for name, value in (
            ("qpos", sim.qpos), ("qvel", sim.qvel), ("act", sim.activation),
            ("ctrl", sim.excitation), ("xfrc_applied", sim.external_force),
        ):  # fmt: skip
            twin.bind(name)[:] = value
        twin.bind("qfrc_applied")[:] = 0.0
        twin.forward(stage=mujoco.mjtStage.mjSTAGE_ACC.value)
        return self._loads(twin.bind("sensordata")[:, self._load], state)
