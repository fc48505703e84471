"""Trials whose bodies are known: the shipped walk as a laboratory would see it, and a moved arm."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv import models, paths
from bioenv.lab import filters
from bioenv.learn.identify_model import applied
from bioenv.models import Model
from bioenv.motion import Motion

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Noise:
    """Standard deviations of white noise: angle rad and position m of coordinates, activation as
    a share of itself, force N and center of pressure m of the ground."""

    angle: float = 0.0
    position: float = 0.0
    activation: float = 0.0
    force: float = 0.0
    pressure: float = 0.0

    def times(self, factor: float) -> Noise:
        values = (self.angle, self.position, self.activation, self.force, self.pressure)
        return Noise(*(factor * one for one in values))


LABORATORY = Noise(np.deg2rad(0.3), 0.001, 0.1, 5.0, 0.003)  # coordinates before smoothing
ROUGH = Noise(3.0, 0.6, 0.1, 20.0, 0.005)  # accelerations


def walk() -> Motion:
    """The shipped predicted walk: its activations, forces and accelerations belong together."""
    return Motion.load(paths.agent_file("solutions", "predict-walk", "motion.nc"))


def shaken(motion: Motion, noise: Noise, seed: int) -> Motion:
    """The motion with white noise on accelerations (angle rad/s^2, position m/s^2), activations,
    forces and their points: exact kinematics, and errors that neighbouring frames do not share."""
    rng = np.random.default_rng(seed)
    size = np.where(_slides(motion), noise.position, noise.angle)
    out = motion.add("qacc", motion["qacc"] + size * rng.normal(size=motion["qacc"].shape),
                     labels=motion.labels("qacc"), source="measured")  # fmt: skip
    active = motion["activation"] * (1.0 + noise.activation * rng.normal(size=(len(motion), 18)))
    force, point = _loads(motion, noise, rng)
    return _with(out, np.clip(active, 0.0, 1.0), force, point)


def seen(motion: Motion, noise: Noise, seed: int, cutoff: float = 10.0) -> Motion:
    """The motion as a laboratory has it: white noise on coordinates (rad, m), activations, forces
    and their points; coordinates and forces low-passed at `cutoff` Hz, coordinates differentiated
    twice, ends left out. Smoothing takes the impacts away: the errors of neighbouring frames are
    alike and not random."""
    rng, rate = np.random.default_rng(seed), filters.sampling_rate(motion.time)
    size = np.where(_slides(motion), noise.position, noise.angle)
    qpos = motion["qpos"] + size * rng.normal(size=motion["qpos"].shape)
    qpos = filters.butterworth(qpos, rate, cutoff)
    qvel = np.gradient(qpos, motion.time, axis=0, edge_order=2)
    active = motion["activation"] * (1.0 + noise.activation * rng.normal(size=(len(motion), 18)))
    force, point = _loads(motion, noise, rng)
    moment = filters.butterworth(np.nan_to_num(point) * force[..., 2:], rate, cutoff)
    force = filters.butterworth(force, rate, cutoff)
    up = force[..., 2:]
    point = np.where(up > 20.0, moment / np.maximum(up, 1.0), np.nan)
    out = Motion(motion.time, model=motion.model)
    for name, values in (("qpos", qpos), ("qvel", qvel)):
        out = out.add(name, values, labels=motion.labels(name), source="measured")
    for name in ("activation", "ground_reaction_force", "center_of_pressure"):
        out = out.add(name, motion[name], labels=motion.labels(name), source="measured")
    out = _with(out, np.clip(active, 0.0, 1.0), force, point)
    return out.between(motion.time[0] + 0.05, motion.time[-1] - 0.05)


def _slides(motion: Motion) -> NDArray[np.bool_]:
    return np.isin(motion.labels("qpos"), ("pelvis_tx", "pelvis_tz"))


def _loads(motion: Motion, noise: Noise, rng: np.random.Generator) -> tuple[Array, Array]:
    force, point = motion["ground_reaction_force"], motion["center_of_pressure"]
    loaded = np.abs(force).max(axis=2, keepdims=True) > 1e-3
    force = np.where(loaded, force + noise.force * rng.normal(size=force.shape), 0.0)
    shift = noise.pressure * rng.normal(size=point.shape) * [1, 1, 0]
    return force, np.where(loaded, point + shift, np.nan)


def _with(motion: Motion, active: Array, force: Array, point: Array) -> Motion:
    for name, values in (
        ("activation", active), ("ground_reaction_force", force), ("center_of_pressure", point),
    ):  # fmt: skip
        motion = motion.add(name, values, labels=motion.labels(name), source="measured")
    return motion


def other_body(
    model: Model, seed: int, strength: float = 0.15, slack: float = 0.0, mass: float = 0.0
) -> tuple[Model, dict[str, float]]:
    """The model changed at random, alike on both sides, and what leads back to the old one: by
    name, factors of strength and mass and changes of slack lengths in optimal fiber lengths.

    strength, mass: standard deviations of logarithms; slack: of optimal fiber lengths.
    """
    rng = np.random.default_rng(seed)
    stems = [name[:-2] if name.endswith(("_r", "_l")) else name for name in model.muscles]
    bodies = [model.mj.body(i).name for i in range(model.mj.nbody)]
    body_stems = [name[:-2] if name.endswith(("_r", "_l")) else name for name in bodies]
    drawn = {stem: strength * rng.normal() for stem in dict.fromkeys(stems)}
    longer = {stem: slack * rng.normal() for stem in dict.fromkeys(stems)}
    heavier = {stem: mass * rng.normal() for stem in dict.fromkeys(body_stems)}
    fiber = model.muscle.optimal_fiber_length
    wrong = applied(
        model,
        np.exp([drawn[s] for s in stems]),
        np.array([longer[s] for s in stems]) * fiber,
        np.exp([heavier[s] for s in body_stems]),
    )
    truth = {f"strength/{s}": float(np.exp(-x)) for s, x in drawn.items()}
    truth |= {f"tendon_slack_length/{s}": -x for s, x in longer.items()}
    truth |= {f"mass/{s}": float(np.exp(-x)) for s, x in heavier.items()}
    return wrong, truth


def arm(seconds: float = 2.0, name: str = "arm26") -> Motion:
    """MuJoCo's simulation of an arm whose muscles are excited by slow waves; every frame exact."""
    model = models.load(name)
    data = mujoco.MjData(model.mj)
    data.qpos[:] = model.home
    mujoco.mj_forward(model.mj, data)
    phase = np.linspace(0.0, 5.0, model.mj.nu)
    rows: dict[str, list[Array]] = {key: [] for key in ("time", "qpos", "qvel", "qacc", "act")}
    while data.time < seconds:
        data.ctrl[:] = 0.15 + 0.15 * np.sin(2 * np.pi * (0.7 + 0.2 * phase) * data.time + phase)
        mujoco.mj_step(model.mj, data)
        mujoco.mj_forward(model.mj, data)
        for key, column in rows.items():
            column.append(np.array(getattr(data, key)))
    motion = Motion(np.array(rows["time"]), model=name)
    for key in ("qpos", "qvel", "qacc"):
        motion = motion.add(key, rows[key], labels=model.coordinates, source="simulated")
    return motion.add("activation", rows["act"], labels=model.muscles, source="simulated")
