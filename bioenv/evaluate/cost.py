"""The cost of a movement: what optimal control minimizes, computed from the channels of any Motion.

A goal is the mean over time of the quantity of the same name in :mod:`bioenv.envs.terms`, as in
:mod:`bioenv.agents.trajopt.goals`: what a policy did and what an optimization found are measured by
one yardstick, over whole strides where there are any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.evaluate.aims import goals_of
from bioenv.evaluate.contact import contact_loss
from bioenv.evaluate.gait import Gait
from bioenv.lab.cycles import GRAVITY
from bioenv.models import Model, muscle
from bioenv.models.goals import (
    ACCELERATION_SIZE,
    ACTIVATION_RATE_SIZE,
    CONTROL_DT,
    IMPACT_THRESHOLD,
    LOADING_RATE_SIZE,
)
from bioenv.motion import Motion

Array = NDArray[np.float64]


class _Body(NamedTuple):
    """Who moved: mass kg, weight N, and the model where it is known."""

    mass: float
    weight: float
    model: Model | None


class Goal(NamedTuple):
    """A goal: unit and meaning of its value, the channels it needs, and the quantity (T,).

    NaN in the quantity marks a step between samples that is not there: see `_mean`.
    """

    unit: str
    doc: str
    channels: tuple[str, ...]
    quantity: Callable[[Motion, _Body], Array | None]


def _effort(motion: Motion, body: _Body) -> Array:
    return (motion["activation"] ** 2).mean(axis=1)


def _effort_cubed(motion: Motion, body: _Body) -> Array:
    return (motion["activation"] ** 3).mean(axis=1)


def _metabolic(motion: Motion, body: _Body) -> Array:
    return motion["metabolic_rate"].sum(axis=1) / body.mass


def _joint_load(motion: Motion, body: _Body) -> Array:
    force = motion["joint_contact_force"] / body.weight
    return (force**2).sum(axis=2).mean(axis=1)


def _ground_impact(motion: Motion, body: _Body) -> Array:
    load = motion["ground_reaction_force"][..., 2] / body.weight
    return (np.maximum(load - IMPACT_THRESHOLD, 0.0) ** 2).sum(axis=1)


def _loading_rate(motion: Motion, body: _Body) -> Array:
    """Of the step that ends at each sample; NaN before the first one."""
    out = np.full(len(motion), np.nan)
    change = np.diff(motion["ground_reaction_force"] / body.weight, axis=0)
    rate = change / np.diff(motion.time)[:, None, None] / LOADING_RATE_SIZE
    out[1:] = (rate**2).sum(axis=(1, 2))
    return out


def _contact_loss(motion: Motion, body: _Body) -> Array | None:
    states = [motion.labels(name) for name in ("qpos", "qvel", "qacc")]
    if body.model is None or any(labels != body.model.coordinates for labels in states):
        return None
    return contact_loss(motion, body.model) / body.mass


def _acceleration(motion: Motion, body: _Body) -> Array:
    """Of a simulated motion, what its velocities did: an implicit integrator takes a stiff damper's
    acceleration back within the step, so that the one it reports (qacc) never happened."""
    acceleration = motion["qacc"]
    if motion.source("qacc") == "simulated" and "qvel" in motion:
        acceleration = np.full(motion["qvel"].shape, np.nan)
        acceleration[:-1] = np.diff(motion["qvel"], axis=0) / np.diff(motion.time)[:, None]
    return ((acceleration / ACCELERATION_SIZE) ** 2).mean(axis=1)


def _activation_rate(motion: Motion, body: _Body) -> Array | None:
    """From the excitation by the activation dynamics: differences would lose what is fast."""
    known = body.model is not None and motion.labels("activation") == body.model.muscles
    if body.model is None or not known or motion.labels("excitation") != body.model.muscles:
        return None
    rate = muscle.activation_rate(motion["excitation"], motion["activation"], body.model.muscle)
    return ((rate / ACTIVATION_RATE_SIZE) ** 2).mean(axis=1)


def _smoothness(motion: Motion, body: _Body) -> Array:
    """Change of excitation per control step, of the step that ends at each sample; NaN before one.

    A policy's excitation is held over a control step, meta["control_dt"]; other motions change from
    sample to sample, and the change is that of `CONTROL_DT`.
    """
    step = float(np.median(np.diff(motion.time))) if len(motion) > 1 else CONTROL_DT
    lag = max(1, round(float(motion.meta.get("control_dt", step)) / step))
    out = np.full(len(motion), np.nan)
    u = motion["excitation"]
    change = (u[lag:] - u[:-lag]) * (CONTROL_DT / (lag * step))
    out[lag:] = (change**2).mean(axis=1)
    return out


GOALS: Mapping[str, Goal] = MappingProxyType(
    {
        "effort": Goal("1", "mean squared activation", ("activation",), _effort),
        "effort_cubed": Goal("1", "mean cubed activation", ("activation",), _effort_cubed),
        "metabolic": Goal(
            "W/kg", "metabolic rate of the muscles (Bhargava 2004), no basal rate",
            ("metabolic_rate",), _metabolic,
        ),
        "joint_load": Goal(
            "BW^2", "mean squared joint contact force, over the joints",
            ("joint_contact_force",), _joint_load,
        ),
        "ground_impact": Goal(
            "BW^2", f"squared vertical force above {IMPACT_THRESHOLD:g} body weights, both feet",
            ("ground_reaction_force",), _ground_impact,
        ),
        "contact_loss": Goal(
            "W/kg", "power that the ground takes by damping and friction",
            ("qpos", "qvel", "qacc", "ground_reaction_force"), _contact_loss,
        ),
        "loading_rate": Goal(
            f"({LOADING_RATE_SIZE:g} BW/s)^2", "squared rate of the ground reaction, both feet",
            ("ground_reaction_force",), _loading_rate,
        ),
        "smoothness": Goal(
            "1", f"mean squared change of excitation in {CONTROL_DT:g} s",
            ("excitation",), _smoothness,
        ),
        "acceleration": Goal(
            f"({ACCELERATION_SIZE:g} rad/s^2)^2", "mean squared acceleration of the coordinates",
            ("qacc",), _acceleration,
        ),
        "activation_rate": Goal(
            f"({ACTIVATION_RATE_SIZE:g}/s)^2", "mean squared rate of activation",
            ("excitation", "activation"), _activation_rate,
        ),
    }
)  # fmt: skip
"""Goal -> what it is. The same names, sizes and definitions as an optimization's goals."""


def shared_weights(motions: Iterable[Motion]) -> dict[str, float]:
    """Goal -> weight of the first motion that was optimized; they apply to all. {} without one."""
    return next((goals for motion in motions if (goals := goals_of(motion))), {})


def goal_values(gait: Gait, model: Model | None) -> dict[str, float]:
    """Unweighted value of every goal that the motion's channels allow.

    Mean over whole strides (the samples within them); over the whole motion, by the trapezoidal
    rule, when it holds no stride.
    """
    motion = gait.motion
    mass = motion.meta.get("mass_kg") or (model.mass if model is not None else None)
    body = _Body(*((mass, mass * GRAVITY) if mass else (np.nan, np.nan)), model)
    weight = _sample_weights(gait)
    found = {}
    for name, goal in GOALS.items():
        if all(channel in motion for channel in goal.channels):
            values = goal.quantity(motion, body)
            mean = np.nan if values is None else _mean(values, weight)
            if np.isfinite(mean):
                found[name] = mean
    return found


def total(values: Mapping[str, float], weights: Mapping[str, float]) -> float | None:
    """Weighted sum of the goals; None when one that could be computed is not there, or no weight.

    Goals that no Motion tells ("tracking" needs curves, "jerk" a hand) are left out for everybody:
    see `left_out`.
    """
    counted = [name for name in weights if name in GOALS]
    if not counted or any(name not in values for name in counted):
        return None
    return sum(weights[name] * values[name] for name in counted)


def left_out(weights: Mapping[str, float]) -> tuple[str, ...]:
    """Goals with a weight that cannot be computed from the channels of a Motion."""
    return tuple(name for name in weights if name not in GOALS)


def _sample_weights(gait: Gait) -> Array:
    """(T,) weight of each sample in a mean over time."""
    time = gait.motion.time
    if gait.count:
        return gait.whole_strides().astype(np.float64)
    if len(time) < 2:
        return np.ones(len(time))
    step = np.diff(time)
    return 0.5 * (np.append(step, 0.0) + np.append(0.0, step))


def _mean(values: Array, weight: Array) -> float:
    """Mean over the samples with a weight; NaN where there is none.

    Values that are NaN somewhere belong to the steps between samples: there is one step less, and
    the first and last of them count whole.
    """
    between = np.isnan(values)
    if between.any():
        weight = np.where((weight > 0) & ~between, 1.0, 0.0)
    return float(np.average(np.nan_to_num(values), weights=weight)) if weight.any() else np.nan
