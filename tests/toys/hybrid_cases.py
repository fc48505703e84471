"""Truths that hybrid models are tried on, each with a part of its range that is shown to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv import models
from bioenv.learn.hybrid import Hybrid
from bioenv.learn.hybrid_contact import ContactHybrid
from bioenv.learn.hybrid_joint import PassiveMomentHybrid
from bioenv.learn.hybrid_muscle import MuscleHybrid
from bioenv.models import passive_moments
from bioenv.models.osim.description import Muscle
from bioenv.models.osim.muscle_curves import KINDS

Array = NDArray[np.float64]


class Case(NamedTuple):
    """hybrid: makes the estimator with settings. shown (n, d), outside (m, d): inputs in the part
    of the range that is shown, and beyond it; truth at both. noise: of a measurement."""

    hybrid: Callable[..., Hybrid]
    shown: Array
    shown_truth: Array
    outside: Array
    outside_truth: Array
    noise: float

    def sample(self, seed: int, count: int = 150) -> tuple[Array, Array]:
        """Inputs and noisy targets that a model may learn from."""
        rng = np.random.default_rng(seed)
        rows = rng.choice(len(self.shown), count, replace=False)
        return self.shown[rows], self.shown_truth[rows] + rng.normal(0.0, self.noise, count)


def muscle(kind: str) -> Case:
    """Another muscle model's curves for MuJoCo's: slow, half active, not much stretched are shown.

    kind: an OpenSim class name. Thelen's maximum velocity shrinks with activation.
    """
    curves = KINDS[kind]([Muscle("m", kind, 1.0, 1.0, 1.0, 0.0, 10.0, ())])

    def truth(x: Array) -> Array:
        length, velocity, activation = (x[:, i, None] for i in range(3))
        if kind == "Thelen2003Muscle":
            velocity = velocity / (0.25 + 0.75 * activation)
        pull = curves.active_force_length.value(length) * curves.force_velocity.value(velocity)
        passive = curves.passive_force_length.value(length)
        return (activation * np.maximum(pull, 0.0) + np.maximum(passive, 0.0))[:, 0]

    body = models.load("walker2d")
    return _boxes(
        lambda **s: MuscleHybrid(body, "soleus_r", **s), truth,
        [(0.75, 1.3), (-0.4, 0.15), (0.1, 0.7)], [(0.5, 1.5), (-1.0, 0.35), (0.0, 1.0)], 0.02,
    )  # fmt: skip


def hip() -> Case:
    """Riener and Edrich's hip and a damper, for a spring: the middle of hip and knee is shown."""

    def truth(x: Array) -> Array:
        return passive_moments.hip_moment(x[:, 0], x[:, 2]) - 0.5 * x[:, 1]

    return _boxes(
        lambda **s: PassiveMomentHybrid(20.0, 0.5, 0.4, ["knee"], **s), truth,
        np.deg2rad([(0, 60), (-115, 115), (10, 70)]),
        np.deg2rad([(-15, 90), (-115, 115), (0, 90)]), 0.5,
    )  # fmt: skip


def ankle() -> Case:
    """Riener and Edrich's ankle and a damper, for a spring: the middle is shown."""

    def truth(x: Array) -> Array:
        return passive_moments.ankle_moment(x[:, 0], x[:, 2]) - 0.5 * x[:, 1]

    return _boxes(
        lambda **s: PassiveMomentHybrid(20.0, 0.5, 0.0, ["knee"], **s), truth,
        np.deg2rad([(-20, 10), (-115, 115), (10, 70)]),
        np.deg2rad([(-35, 20), (-115, 115), (0, 90)]), 0.5,
    )  # fmt: skip


SCENE = """
<mujoco>
  <option timestep="0.0005" cone="elliptic"/>
  <worldbody>
    <geom name="floor" type="plane" size="1 1 1"/>
    <body>
      <joint type="slide" axis="0 0 1"/>
      <geom name="foot" type="sphere" size="0.03" mass="10"/>
    </body>
  </worldbody>
  <contact>
    <pair geom1="floor" geom2="foot" solref="0.02 1" solimp="0.05 0.9 0.015 0.5 2"/>
  </contact>
</mujoco>
"""


def contact() -> Case:
    """Drops of a foot on MuJoCo's soft ground, for Hunt and Crossley's: low drops are shown."""
    shown = np.concatenate([_drop(height) for height in np.linspace(0.002, 0.03, 12)])
    high = np.concatenate([_drop(height) for height in np.linspace(0.05, 0.15, 6)])
    beyond = (high < shown.min(0)) | (high > shown.max(0))
    outside = high[beyond[:, :2].any(axis=1)]
    return Case(
        lambda **s: ContactHybrid(1e6, 1.0, **s), shown[:, :2], shown[:, 2],
        outside[:, :2], outside[:, 2], 10.0,
    )  # fmt: skip


def _drop(height: float, seconds: float = 0.25) -> Array:
    """(n, 3) depth m, speed m/s into the ground and force N while in contact."""
    model = mujoco.MjModel.from_xml_string(SCENE)
    data = mujoco.MjData(model)
    data.qpos[0] = 0.03 + height
    rows = []
    while data.time < seconds:
        mujoco.mj_step(model, data)
        mujoco.mj_forward(model, data)  # force and state of one instant
        if data.ncon:
            rows.append((-data.contact.dist[0], -data.qvel[0], data.efc_force[0]))
    return np.array(rows)


CASES: dict[str, Callable[[], Case]] = {
    "muscle, Thelen": lambda: muscle("Thelen2003Muscle"),
    "muscle, Millard": lambda: muscle("Millard2012EquilibriumMuscle"),
    "muscle, De Groote": lambda: muscle("DeGrooteFregly2016Muscle"),
    "hip": hip,
    "ankle": ankle,
    "contact": contact,
}


def _boxes(hybrid: Any, truth: Any, shown: Any, whole: Any, noise: float) -> Case:
    """Inputs evenly in a box, and outside of it in a larger one."""
    (low, high), (lowest, highest) = np.array(shown).T, np.array(whole).T
    rng = np.random.default_rng(1234)
    inside = rng.uniform(low, high, (1000, len(low)))
    wide = rng.uniform(lowest, highest, (4000, len(low)))
    outside = wide[((wide < low) | (wide > high)).any(axis=1)]
    return Case(hybrid, inside, truth(inside), outside, truth(outside), noise)
