"""State: what a task may read, for all environments at once."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bioenv.envs.columns import columns
from bioenv.envs.episode import Episode
from bioenv.envs.simulation import Simulation
from bioenv.errors import unknown
from bioenv.models import Model, energy, muscle

Array = NDArray[np.float64]


class State:
    """One instant of B environments; every array is batch first, SI, z up.

    Arrays are views that the next step overwrites: copy what you keep. ``qpos``, forces and sensors
        belong
    to the same instant. Quantities that cost something are computed when first read, once per step.
    """

    def __init__(self, sim: Simulation, episode: Episode) -> None:
        self._sim, self._episode = sim, episode

    # ---- what is always there
    @property
    def model(self) -> Model:
        """The model shared by the batch (its nominal parameters)."""
        return self._sim.model

    @property
    def time(self) -> Array:
        """(B,) s since the episode began."""
        return self._sim.time

    @property
    def qpos(self) -> Array:
        """(B, nq) rad or m, in the order of ``model.coordinates``."""
        return self._sim.qpos

    @property
    def qvel(self) -> Array:
        """(B, nv) rad/s or m/s."""
        return self._sim.qvel

    @property
    def qacc(self) -> Array:
        """(B, nv) rad/s^2 or m/s^2."""
        return self._sim.qacc

    @property
    def activation(self) -> Array:
        """(B, nm) in 0..1."""
        return self._sim.activation

    @property
    def excitation(self) -> Array:
        """(B, nm) in 0..1, the action of the step that led here."""
        return self._sim.excitation

    @property
    def previous_excitation(self) -> Array:
        """(B, nm), the action before that one (equal to it in the first step)."""
        return self._episode.previous_excitation

    @property
    def goal(self) -> Array:
        """(B, k) what ``Task.goal`` drew, or the way to it (``Task.goal_rate``)."""
        return self._episode.goal

    @property
    def memory(self) -> Array:
        """(B, width) what ``Task.memory`` keeps."""
        return self._episode.memory

    @property
    def joint_position(self) -> Array:
        """(B, nq, 3) m, world, of every joint's axis, in the order of ``model.coordinates``."""
        return self._sim.joint_anchor

    @property
    def device(self) -> Array:
        """(B, width) what ``Task.device`` remembers."""
        return self._episode.device

    @property
    def newest_qpos(self) -> Array:
        """(B, nq) one physics step ahead of ``qpos``: what an encoder reads now."""
        return self._sim.newest["qpos"]

    @property
    def newest_qvel(self) -> Array:
        """(B, nv) one physics step ahead of ``qvel``."""
        return self._sim.newest["qvel"]

    @property
    def body_weight(self) -> Array:
        """(B,) N, with the environment's own mass."""
        return self._sim.parameters.body_weight

    @property
    def home(self) -> Array:
        """(B, nq) the standing pose of each environment's body."""
        return self._sim.parameters.home

    @property
    def body(self) -> Array:
        """(B, 3) mass, height and strength of the person (``Task.people``, or the environment's
        ``subject``) by those of the task's model; drawn factors are not in it."""
        return self._sim.parameters.body

    @property
    def slope(self) -> Array:
        """(B,) rad by which the ground rises forward; the axes x and z are along and across it."""
        return self._sim.parameters.slope

    @property
    def start_qpos(self) -> Array:
        """(B, nq) the pose in which the episode began."""
        return self._episode.start_qpos

    @property
    def held_s(self) -> Array:
        """(B,) s for which the task's success condition has held without a break until now."""
        return self._episode.held_s

    # ---- computed once when read
    @cached_property
    def phase(self) -> Array:
        """(B,) in 0..1, the gait clock of a task with ``cycle_s``; 0 = right heel strike."""
        return (self._episode.start_phase + self._sim.time / self._episode.cycle_s) % 1.0

    @cached_property
    def muscle_force(self) -> Array:
        """(B, nm) N along the tendon, pull positive (MuJoCo's sign is the other)."""
        return -self._sim.actuator_force

    @property
    def muscle_length(self) -> Array:
        """(B, nm) m, origin to insertion."""
        return self._sim.muscle_length

    @property
    def muscle_velocity(self) -> Array:
        """(B, nm) m/s, lengthening positive."""
        return self._sim.muscle_velocity

    @cached_property
    def fiber_length(self) -> Array:
        """(B, nm) in optimal fiber lengths."""
        return muscle.fiber_length(self.muscle_length, self._sim.parameters.muscle)

    @cached_property
    def metabolic_rate(self) -> Array:
        """(B, nm) W by Bhargava et al. 2004, without the basal rate."""
        return energy.bhargava2004(
            self.excitation, self.activation, self.muscle_length, self.muscle_velocity,
            self.muscle_force, self._sim.parameters.muscle,
        )  # fmt: skip

    @cached_property
    def ground_reaction_force(self) -> Array:
        """(B, feet, 3) N on each foot, world axes."""
        return self._sim.sensordata[:, columns(self.model).foot_force]

    @cached_property
    def center_of_pressure(self) -> Array:
        """(B, feet, 3) m, world; NaN where the foot is in the air."""
        point = self._sim.sensordata[:, columns(self.model).foot_point]
        return np.where(self.ground_reaction_force[..., 2:] > 0, point, np.nan)

    @cached_property
    def free_moment(self) -> Array:
        """(B, feet, 3) N*m of the ground on each foot about its center of pressure, world axes."""
        return self._sim.sensordata[:, columns(self.model).foot_moment]

    @cached_property
    def joint_contact_force(self) -> Array:
        """(B, joints, 3) N on the child segment in its frame, tendons included."""
        return self._sim.sensordata[:, columns(self.model).joint_contact]

    @cached_property
    def limit_torque(self) -> Array:
        """(B, joints) N*m, what the ends of the range of motion bear, >= 0."""
        return self._sim.sensordata[:, columns(self.model).limits]

    def sensor(self, name: str) -> Array:
        """(B, k) readings of one of the model's sensors."""
        return self._sim.sensordata[:, self.model.sensor_slice(name)]

    def coordinate(self, name: str) -> Array:
        """(B,) one coordinate, m or rad."""
        return self._sim.qpos[:, self.model.coordinate_index(name)]

    def speed(self, name: str) -> Array:
        """(B,) one coordinate's velocity, m/s or rad/s."""
        return self._sim.qvel[:, self.model.coordinate_index(name)]

    def muscle(self, name: str, what: str = "activation") -> Array:
        """(B,) one muscle's activation, excitation, muscle_force, muscle_length or fiber_length."""
        known = (
            "activation",
            "excitation",
            "muscle_force",
            "muscle_length",
            "muscle_velocity",
            "fiber_length",
        )
        if what not in known:
            raise unknown("muscle quantity", what, known)
        return getattr(self, what)[:, self.model.muscle_index(name)]
