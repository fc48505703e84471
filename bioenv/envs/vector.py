"""The native vector environment: all environments in one batch, one step one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from bioenv.envs.actions import checked
from bioenv.envs.episode import Episode, begin, draw_goal, move_goal
from bioenv.envs.ground import Footholds
from bioenv.envs.people import bodies
from bioenv.envs.random import BatchRng, Draws
from bioenv.envs.simulation import Simulation, substeps
from bioenv.envs.state import State
from bioenv.envs.task import Task
from bioenv.envs.task import task as find_task
from bioenv.errors import BioenvError, unknown
from bioenv.models import Subject

Array = NDArray[np.float64]


class BioVectorEnv(VectorEnv):
    """``num_envs`` environments of one task, stepped together on native threads.

    Actions are muscle excitations (B, nm) in 0..1, followed by the commands of the task's device if
    it has one (``action_names`` tells); observations (B, no) float32. ``info`` holds
    ``reward_terms`` (name -> (B,), they add up to the reward) and ``success`` (B,) bool. In
    SAME_STEP mode ``final_obs`` (B, no) has valid rows where an episode ended (mask
    ``_final_obs``).

    Args:
        task: a registered name or a Task.
        num_envs: B.
        threads: physics threads; 0 takes all cores. Results do not depend on it.
        autoreset_mode: Gymnasium's NEXT_STEP, SAME_STEP or DISABLED.
        subject: whose body; the model's own, or the task's people, by default.
        reward_weights: other weights for some reward terms.
        randomize: False keeps to the model's (or subject's) own body, mass, strength and friction,
            to level ground, and nobody pushes.
        timestep: physics step in s, the model's by default.
        render_mode: "rgb_array" (draws environment 0) or None.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 (Gymnasium declares it so)
        "render_modes": ["rgb_array"],
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        task: str | Task,
        num_envs: int = 1,
        *,
        threads: int = 0,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        subject: Subject | None = None,
        reward_weights: Mapping[str, float] | None = None,
        randomize: bool = True,
        timestep: float | None = None,
        render_mode: str | None = None,
    ) -> None:
        if num_envs < 1:
            raise BioenvError(f"num_envs must be at least 1, got {num_envs}")
        if render_mode not in (None, "rgb_array"):
            raise unknown("render mode", str(render_mode), self.metadata["render_modes"])
        self.task_name = task if isinstance(task, str) else "custom"
        self.task = find_task(task) if isinstance(task, str) else task
        if reward_weights:
            self.task = self.task.weighted(**reward_weights)
        self.model = self.task.build_model(subject)
        self.num_envs, self.threads, self.render_mode = num_envs, threads, render_mode
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {
            "render_modes": ["rgb_array"],
            "autoreset_mode": self.autoreset_mode,
            "render_fps": round(1 / self.task.control_dt),
        }
        people, body = bodies(self.task, self.model, subject, randomize)
        self.simulation = Simulation(self.model, num_envs, threads, timestep, people, body)
        self.nstep = substeps(self.task.control_dt, self.simulation.timestep)
        self._max_steps = substeps(self.task.episode_s, self.task.control_dt)
        self._randomize = randomize
        self._perturb = self.task.perturb if randomize else None
        ground = self.task.ground if randomize else None
        uneven = ground is not None and ground.uneven
        self._footholds = Footholds(self.simulation, ground) if ground and uneven else None
        device = self.task.device
        self._commands: tuple[str, ...] = device.actions if device else ()
        self.action_names: tuple[str, ...] = self.model.muscles + self._commands
        self._ended = np.zeros(num_envs, dtype=bool)
        self._rng: BatchRng | None = None
        self._renderer: Any = None
        self.on_substep: Callable[[State], None] | None = None
        """Called after every physics step with the state, where a recorder listens."""
        self._begin()

    def _begin(self) -> None:
        """Spaces, from one probe of the task's functions."""
        draws = BatchRng(np.zeros(self.num_envs)).select(np.arange(self.num_envs))
        goal, memory = draw_goal(self.task, draws), self.task.memory
        device = self.task.device
        self.episode = Episode(
            self.simulation, goal.shape[1], memory.width if memory else 0,
            device.width if device else 0,
        )  # fmt: skip
        self.episode.goal[:] = goal
        self.simulation.reset(np.arange(self.num_envs), {})
        self.state = State(self.simulation, self.episode)
        size = self._observe().shape[1]
        unit = spaces.Box(0.0, 1.0, (len(self.action_names),), np.float32)
        free = spaces.Box(-np.inf, np.inf, (size,), np.float32)
        self.single_action_space, self.single_observation_space = unit, free
        self.action_space = batch_space(unit, self.num_envs)
        self.observation_space = batch_space(free, self.num_envs)

    # ---- Gymnasium

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode in every environment, or in those of ``options["reset_mask"]`` (B,)
        bool.

        Args:
            seed: environment i gets ``seed + i``, or ``seed[i]``; None continues the random
                streams.
        """
        mask = (options or {}).get("reset_mask")
        ids = np.arange(self.num_envs) if mask is None else np.flatnonzero(np.asarray(mask, bool))
        self._seed(seed, ids)
        self._start(ids)
        self.state = State(self.simulation, self.episode)
        return self._observe(), {"success": np.zeros(self.num_envs, dtype=bool)}

    def step(
        self, actions: ArrayLike
    ) -> tuple[NDArray[np.float32], Array, NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Advance every environment by one control step.

        Args:
            actions: (B, nm) excitations in 0..1, and the device's commands (B, nm + k) in 0..1.

        Returns:
            observation (B, no) float32, reward (B,), terminated (B,), truncated (B,), info.

        Raises:
            BioenvError: wrong shape, NaN, or an excitation or command outside 0..1.
        """
        if self._rng is None:
            raise BioenvError("call reset() before step()")
        action = checked(actions, self.num_envs, self.action_names, self._commands)
        again = self._ended if self.autoreset_mode == AutoresetMode.NEXT_STEP else None
        again = again if again is not None and again.any() else None
        self._advance(action, None if again is None else np.flatnonzero(~again))
        terms, reward, terminated, truncated, success = self._judge()
        if again is not None:  # these episodes ended one step ago: this step only begins the next
            self._start(np.flatnonzero(again))
            for values in (reward, terminated, truncated, success, *terms.values()):
                values[again] = 0
        if move_goal(self.task, self.episode, self._rng) or again is not None:
            self.state = State(self.simulation, self.episode)
        observation = self._observe()
        info: dict[str, Any] = {"reward_terms": terms, "success": success}
        self._ended = terminated | truncated
        if self.autoreset_mode == AutoresetMode.SAME_STEP and self._ended.any():
            info["final_obs"], info["_final_obs"] = observation, self._ended.copy()
            self._start(np.flatnonzero(self._ended))
            self.state = State(self.simulation, self.episode)
            observation = self._observe()
            self._ended = np.zeros(self.num_envs, dtype=bool)
        return observation, reward, terminated, truncated, info

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """The picture of environment 0, (height, width, 3), in a tuple as Gymnasium has it."""
        if self.render_mode is None:
            return None
        if self._renderer is None:
            from bioenv.envs.render import Picture

            self._renderer = Picture()
        return (self._renderer.draw(self.simulation, 0),)

    def close_extras(self, **kwargs: Any) -> None:
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    # ---- what else a trainer needs

    def set_reward_weights(self, weights: Mapping[str, float]) -> None:
        """Change the weights of some reward terms from the next step on."""
        self.task = self.task.weighted(**weights)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Everything needed to continue from here to the bit, as named arrays."""
        if self._rng is None:
            raise BioenvError("call reset() before snapshot()")
        arrays = {f"episode/{name}": value.copy() for name, value in vars(self.episode).items()}
        arrays |= {"rng/key": self._rng.key.copy(), "rng/counter": self._rng.counter.copy()}
        ground = {} if self._footholds is None else self._footholds.snapshot()
        return arrays | ground | self.simulation.snapshot() | {"ended": self._ended.copy()}

    def restore(self, snapshot: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Continue from :meth:`snapshot`; returns the observation (B, no) at that point."""
        for name, value in vars(self.episode).items():
            value[:] = snapshot[f"episode/{name}"]
        self._rng = BatchRng(np.zeros(self.num_envs))
        self._rng.key[:], self._rng.counter[:] = snapshot["rng/key"], snapshot["rng/counter"]
        self._ended = snapshot["ended"].astype(bool)
        self.simulation.restore(snapshot)
        if self._footholds is not None:
            self._footholds.restore(snapshot)
        self.state = State(self.simulation, self.episode)
        return self._observe()

    # ---- parts of a step

    def _advance(self, action: Array, ids: NDArray[np.intp] | None) -> None:
        sim, ep = self.simulation, self.episode
        excitation, command = np.split(action, [len(self.model.muscles)], axis=1)
        ep.previous_excitation[:] = np.where(ep.steps[:, None] > 0, sim.excitation, excitation)
        sim.excitation[:] = excitation
        assert self._rng is not None
        everyone = self._rng.select(np.arange(self.num_envs))
        if self._perturb is not None:
            self._perturb(self.state, everyone, sim.external_force)
        if self._footholds is not None:
            self._footholds.move(everyone)
        if self.on_substep is None and self.task.device is None:
            sim.advance(self.nstep, ids)
        else:
            self._advance_singly(command, ids, everyone)
        ep.steps += 1
        self.state = State(sim, ep)
        if self.task.memory is not None:
            self.task.memory.update(self.state, ep.memory)

    def _advance_singly(self, command: Array, ids: NDArray[np.intp] | None, rng: Draws) -> None:
        """Physics step by physics step: a device acts, or a recorder listens."""
        sim, ep, device = self.simulation, self.episode, self.task.device
        for _ in range(self.nstep):
            if device is not None:
                state = State(sim, ep)
                torque = device.drive(state, command, ep.device, sim.timestep, rng)
                sim.joint_torque[:] = torque
            sim.advance(1, ids)
            if self.on_substep is not None:
                self.on_substep(State(sim, ep))

    def _judge(
        self,
    ) -> tuple[dict[str, Array], Array, NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
        s, task, ep = self.state, self.task, self.episode
        terms = {
            name: weight * np.asarray(fn(s), float) if weight else np.zeros(self.num_envs)
            for name, (weight, fn) in task.rewards.items()
        }
        reward = np.zeros(self.num_envs)
        for value in terms.values():
            reward += value
        terminated = self.simulation.unstable()
        if task.terminate is not None:
            terminated = terminated | task.terminate(s)
        truncated = (ep.steps >= self._max_steps) & ~terminated
        success = np.zeros(self.num_envs, dtype=bool)
        if task.success is not None:
            holds = np.asarray(task.success(s), bool) & ~terminated
            ep.held_s[:] = np.where(holds, ep.held_s + task.control_dt, 0.0)
            success = ep.held_s >= task.success_hold_s - 1e-9
        return terms, reward, terminated, truncated, success

    def _observe(self) -> NDArray[np.float32]:
        parts = [np.asarray(part) for part in self.task.observe(self.state)]
        columns = [p[:, None] if p.ndim == 1 else p for p in parts]
        return np.concatenate(columns, axis=1).astype(np.float32)

    def _start(self, ids: NDArray[np.intp]) -> None:
        """Begin an episode in environments ``ids`` (n,)."""
        if len(ids) == 0 or self._rng is None:
            return
        draws = self._rng.select(ids)
        begin(
            self.task, self.simulation, self.episode, draws, ids, self._randomize, self._footholds
        )

    def _seed(self, seed: int | list[int | None] | None, ids: NDArray[np.intp]) -> None:
        if seed is None and self._rng is not None:
            return
        fresh = BatchRng.of(seed, self.num_envs)
        if self._rng is None:
            self._rng = fresh
        self._rng.key[ids], self._rng.counter[ids] = fresh.key[ids], fresh.counter[ids]
