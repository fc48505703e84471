"""The ankle exoskeleton: sensors, filter and actuator of both ankles, as a `Task.device`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bioenv.envs.assist.faults import Faults
from bioenv.envs.assist.filter import SafetyFilter
from bioenv.envs.assist.limits import Limits
from bioenv.envs.assist.load import TendonLoad, together
from bioenv.envs.assist.monitor import Monitor
from bioenv.envs.assist.sensors import Estimator, Readings, Sensors
from bioenv.envs.random import Draws
from bioenv.envs.state import State
from bioenv.errors import BioenvError, unknown
from bioenv.models import Model

Array = NDArray[np.float64]
Asking = Callable[[State, Array], Array]

SIDES = ("r", "l")
_NAMES = (
    "torque", "asked", "lower", "upper", "fallback", "load", "angle", "speed", "ground", "forefoot",
    "tendon", "acceleration", "known", "same", "drift", "doubt_s", "fault", "fault_s", "fault_size",
    "power",
)  # fmt: skip
_COLUMN = {name: slice(2 * i, 2 * i + 2) for i, name in enumerate(_NAMES)}
_CROSSING = ("soleus", "gastroc", "tib_ant")
HEEL, BALL = -0.028, 0.129
"""m ahead of the ankle, where the shipped walkers' feet bear: the two zones of the insole."""


@dataclass(frozen=True)
class Exoskeleton:
    """A torque on each ankle: the commands of an action, through the safety filter.

    A command c in 0..1 asks for plantarflexion of c times the device's power times its greatest
    torque. Torques are applied to the joint as a pure torque between shank and foot, are
    held for a physics step and chosen anew at every one.

    Args:
        limits: of joint and device.
        filter: sampled at the physics step, whatever its own ``dt``. None lets everything through
            that torque limit and rate of the motor allow.
        sensors: noise.
        monitor: None believes every reading.
        faults: of the sensors, or None.
        estimator: another estimator of the load, which can only tighten the physical one's bound.
        power: (low, high) from which an episode's power is drawn, cut to 0..1: (-0.5, 1.5) gives a
            quarter of the episodes without assistance and a quarter with all of it. Environments
            that draw nothing (``randomize=False``) have the mean.
        asking: (State, asked (B, 2) N*m) -> (B, 2) N*m: what is asked instead, where an adversary
            or another controller listens.
    """

    limits: Limits = field(default_factory=Limits)
    filter: SafetyFilter | None = field(default_factory=SafetyFilter)
    sensors: Sensors = field(default_factory=Sensors)
    monitor: Monitor | None = field(default_factory=Monitor)
    faults: Faults | None = None
    estimator: Estimator | None = None
    power: tuple[float, float] = (1.0, 1.0)
    asking: Asking | None = None

    actions = tuple(f"assist_{side}" for side in SIDES)
    """Names of its actions."""
    width = 2 * len(_NAMES)
    """Numbers kept per environment."""
    mirror: NDArray[np.intp] = field(
        default_factory=lambda: np.arange(2 * len(_NAMES)).reshape(-1, 2)[:, ::-1].ravel(),
        init=False,
        compare=False,
        repr=False,
    )
    """(width,) index of the same number on the other side."""

    def __post_init__(self) -> None:
        if self.filter is not None and self.filter.limits != self.limits:
            raise BioenvError("the device's limits are not its filter's: give both the same Limits")
        low, high = self.power
        if not (np.isfinite([low, high]).all() and low <= high):
            raise BioenvError(f"power must be (low, high), low <= high, got {self.power!r}")

    def without_filter(self) -> Exoskeleton:
        """The same device with nothing between the wish and the motor."""
        return replace(self, filter=None, monitor=None)

    def begin(self, rng: Draws | None, n: int) -> Array:
        """(n, width) what the device remembers when an episode begins."""
        low, high = self.power
        drawn = np.full(n, 0.5 * (low + high)) if rng is None else rng.uniform(low, high)
        memory = np.zeros((n, self.width))
        memory[:, _COLUMN["power"]] = np.clip(drawn, 0.0, 1.0)[:, None]
        return memory

    def drive(self, state: State, command: Array, memory: Array, dt: float, rng: Draws) -> Array:
        """(B, nv) N*m of the coming physics step.

        Args:
            command: (B, 2) in 0..1.
            memory: (B, width) what the device remembers, brought up to date in place.
            dt: s, physics step.
        """
        joints = ankles(state.model)
        m = {name: memory[:, column] for name, column in _COLUMN.items()}
        asked = self.limits.torque[0] * command * m["power"]
        if self.asking is not None:
            asked = self.asking(state, asked)
        m["asked"][:] = asked
        if self.filter is None:
            torque = self._motor(asked, m["torque"], dt)
        else:
            torque = self._filtered(state, asked, m, dt, rng)
        m["torque"][:] = torque
        out = np.zeros((len(command), state.model.mj.nv))
        out[:, joints] = torque
        return out

    def _motor(self, asked: Array, previous: Array, dt: float) -> Array:
        step = self.limits.torque_rate * dt
        wish = np.clip(np.nan_to_num(asked, nan=0.0), *self.limits.torque)
        return np.clip(wish, previous - step, previous + step)

    def _filtered(
        self, state: State, asked: Array, m: dict[str, Array], dt: float, rng: Draws
    ) -> Array:
        assert self.filter is not None
        filter_ = self.filter if abs(dt - self.filter.dt) < 1e-9 else _sampled(self.filter, dt)
        last = Readings(*(m[name] for name in Readings._fields))
        now = self.sensors.read(true_readings(state), rng)
        if self.faults is not None:
            now = self.faults.corrupt(now, m["fault"], m["fault_s"], m["fault_size"], last, dt, rng)
        known = m["known"] > 0.0
        trusted = self._trusted(now, last, known, m, dt)
        acceleration = np.where(known & trusted, (now.speed - last.speed) / dt, 0.0)
        estimate = TendonLoad()(state, now, m["load"], dt)
        if self.estimator is not None:
            learned = self.estimator(state, now)
            estimate = together(estimate, learned, filter_.deviations)
        decided = filter_(asked, m["torque"].copy(), now, acceleration, estimate, trusted)
        for name, value in zip(Readings._fields, now, strict=True):
            m[name][:] = value
        m["acceleration"][:], m["known"][:], m["load"][:] = acceleration, 1.0, estimate.load
        m["lower"][:], m["upper"][:], m["fallback"][:] = decided[1], decided[2], decided[4]
        return decided.torque

    def _trusted(
        self,
        now: Readings,
        last: Readings,
        known: NDArray[np.bool_],
        m: dict[str, Array],
        dt: float,
    ) -> NDArray[np.bool_]:
        if self.monitor is None:
            return np.isfinite(sum(now))
        repeats = known & self.monitor.repeated(now, last)
        m["same"][:] = np.where(repeats, m["same"] + 1.0, 0.0)
        m["drift"][:] = self.monitor.drifted(now, last, m["drift"], known, dt)
        bad = self.monitor.corrupt(now, last, m["same"], m["drift"], known)
        m["doubt_s"][:] = np.where(bad, self.monitor.hold_s, np.maximum(m["doubt_s"] - dt, 0.0))
        trusted: NDArray[np.bool_] = m["doubt_s"] <= 0.0
        return trusted


@lru_cache(maxsize=32)
def _sampled(one: SafetyFilter, dt: float) -> SafetyFilter:
    return replace(one, dt=dt)


def remembered(state: State, name: str) -> Array:
    """(B, 2) what the device remembers of the last physics step, right and left.

    name: "torque" or "asked" N*m, "power" in 0..1, "lower" and "upper" bound of the filter,
    "fallback" 0 or 1, "load" estimated body weights, and the fields of `Readings` as the sensors
    read them.
    """
    if name not in _COLUMN:
        raise unknown("device quantity", name, _COLUMN)
    return state.device[:, _COLUMN[name]]


@lru_cache(maxsize=32)
def ankles(model: Model) -> NDArray[np.intp]:
    """(2,) index of the right and the left ankle in qpos and qvel."""
    return np.array([model.coordinate_index(f"ankle_angle_{side}") for side in SIDES])


@lru_cache(maxsize=32)
def _tendons(model: Model) -> NDArray[np.intp]:
    """(2, n) muscles that cross the right and the left ankle."""
    return np.array([[model.muscle_index(f"{m}_{side}") for m in _CROSSING] for side in SIDES])


@lru_cache(maxsize=32)
def _feet(model: Model) -> NDArray[np.intp]:
    return np.array([model.feet.index(side) for side in SIDES])


def true_readings(state: State) -> Readings:
    """What perfect sensors read: motion of this instant, forces of the last physics step."""
    index, feet = ankles(state.model), _feet(state.model)
    ground = state.ground_reaction_force[:, feet, 2]
    ahead = state.center_of_pressure[:, feet, 0] - state.joint_position[:, index, 0]
    share = np.clip((np.nan_to_num(ahead) - HEEL) / (BALL - HEEL), 0.0, 1.0)
    return Readings(
        state.newest_qpos[:, index],
        state.newest_qvel[:, index],
        ground,
        share * ground,
        state.muscle_force[:, _tendons(state.model)].sum(axis=2),
    )
