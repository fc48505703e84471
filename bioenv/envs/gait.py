"""What the walking tasks share: observation, poses on the ground, starts, pushes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import mujoco
import numpy as np
from mujoco.batch import Batch
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from bioenv.envs.columns import foot_geoms
from bioenv.envs.random import Draws
from bioenv.envs.state import State
from bioenv.models import Model

Array = NDArray[np.float64]


def observe(s: State) -> tuple[Array, ...]:
    """Joints, muscle state, foot loads, gait clock and commanded speed: what a walker sees."""
    load = s.ground_reaction_force[..., 2] / s.body_weight[:, None]
    angle = 2 * np.pi * s.phase
    return (
        s.qpos[:, 1:],
        s.qvel,
        s.activation,
        s.fiber_length,
        load,
        np.stack((np.sin(angle), np.cos(angle)), axis=1),
        s.goal,
    )


def stride_time(goal: Array) -> Array:
    """(n,) s, stride time of the gait clock at speed ``goal[:, 0]``: 1.1 s at 1.25 m/s, falling
    with its root.

    Cadence grows with the square root of speed (Grieve & Gear 1966, doi 10.1080/00140136608964399).
    """
    return 1.1 * np.sqrt(1.25 / goal[:, 0])


def pitch(s: State) -> Array:
    """(B,) rad, backward tilt of the pelvis against gravity: what the organ of balance feels.

    Beside the tilt against the ground, which legs with a foot flat on it tell, it gives the slope.
    """
    return s.coordinate("pelvis_tilt") + s.slope


def on_the_ground(model: Model, qpos: Array, depth: float = 0.009) -> Array:
    """``qpos`` (n, nq) raised or lowered until the lowest contact sphere of a foot is ``depth`` m
    in the floor.

    9 mm is how far the soft contact sinks under body weight.
    """
    batch = Batch(model.mj, len(qpos), 1)
    batch.bind("qpos")[:] = qpos
    centre = batch.bind("geom_xpos")
    batch.forward(stage=mujoco.mjtStage.mjSTAGE_POS.value)
    feet = foot_geoms(model)
    lowest = (centre[:, feet, 2] - model.mj.geom_size[feet, 0]).min(axis=1)
    out = np.array(qpos, float)
    out[:, model.coordinate_index("pelvis_tz")] -= lowest + depth
    return out


def pose(model: Model, angles: Mapping[str, float]) -> Array:
    """(nq,) the home pose with some coordinates replaced; degrees, as written by hand."""
    qpos = model.home.copy()
    for name, value in angles.items():
        qpos[model.coordinate_index(name)] = np.deg2rad(value)
    return qpos


# Plain steps drawn by hand: degrees at heel strike, mid-stance, the other heel's strike and
# mid-swing. Tasks without reference data begin in them; nothing rewards them.
Step = tuple[tuple[str, tuple[float, ...]], ...]
WALKING: Step = (
    ("hip_flexion", (25.0, 5.0, -15.0, 15.0)),
    ("knee_angle", (8.0, 10.0, 20.0, 55.0)),
    ("ankle_angle", (0.0, 5.0, 8.0, 0.0)),
)
RUNNING: Step = (
    ("hip_flexion", (35.0, 5.0, -5.0, 40.0)),
    ("knee_angle", (15.0, 35.0, 60.0, 90.0)),
    ("ankle_angle", (5.0, 15.0, -10.0, 0.0)),
)


@lru_cache(maxsize=512)
def step_motion(model: Model, step: Step = WALKING, n: int = 200) -> tuple[Array, Array]:
    """A hand-drawn step as poses (n, nq) on the ground and their change per cycle (n, nv)."""
    phase = np.arange(n) / n
    qpos = np.tile(model.home, (n, 1))
    for name, degrees in step:
        closed = np.deg2rad([*degrees, degrees[0]])
        curve = CubicSpline(np.linspace(0, 1, len(closed)), closed, bc_type="periodic")
        qpos[:, model.coordinate_index(f"{name}_r")] = curve(phase)
        qpos[:, model.coordinate_index(f"{name}_l")] = curve((phase + 0.5) % 1.0)
    qpos = on_the_ground(model, qpos)
    return qpos, change_per_cycle(qpos)


def change_per_cycle(qpos: Array) -> Array:
    """Derivative of a closed table of poses (n, nq) with respect to phase, central differences."""
    return (np.roll(qpos, -1, axis=0) - np.roll(qpos, 1, axis=0)) * (len(qpos) / 2)


def step_start(
    rng: Draws,
    model: Model,
    goal: Array,
    cycle_s: Callable[[Array], Array],
    step: Step = WALKING,
) -> dict[str, Array]:
    """Begin anywhere in a hand-drawn step (no measured data), at the commanded speed.

    Args:
        goal: (n, 1) m/s commanded.
        cycle_s: goal -> (n,) s, stride time.
    """
    poses, change = step_motion(model, step)
    phase = rng.uniform(0.0, 1.0)
    row = (phase * len(poses)).astype(int)
    qvel = change[row] / cycle_s(goal)[:, None]
    qvel[:, model.coordinate_index("pelvis_tx")] = goal[:, 0] + rng.normal(0.0, 0.1)
    qpos = poses[row] + rng.normal(np.zeros(model.mj.nq), 0.02) * joints_only(model)
    activation = np.full((len(rng), len(model.muscles)), 0.1)
    return {"qpos": qpos, "qvel": qvel, "activation": activation, "phase": phase}


def joints_only(model: Model) -> Array:
    """(nq,) 1 for joint angles, 0 for slides: the root, which must stay on the ground, and tendons,
    which a centimetre would tear."""
    hinge: Array = (model.mj.jnt_type == mujoco.mjtJoint.mjJNT_HINGE).astype(float)
    return hinge


@dataclass(frozen=True)
class Pushes:
    """Random pushes on one segment: horizontal force pulses.

    Args:
        body: segment that is pushed.
        impulse: N*s per kg body mass, that is the change of the body's mean velocity in m/s (low,
            high); the direction, forward or backward, is drawn.
        every_s: mean time between pushes, s.
        duration_s: how long a push lasts, s.
    """

    body: str = "torso"
    impulse: tuple[float, float] = (0.05, 0.25)
    every_s: float = 2.0
    duration_s: float = 0.1

    def __call__(self, state: State, rng: Draws, force: Array) -> None:
        """Write the push of the coming control step into ``force`` (B, nbody, 6)."""
        body = mujoco.mj_name2id(state.model.mj, mujoco.mjtObj.mjOBJ_BODY, self.body)
        # the pulse grid is fixed: a push may begin every duration_s, with the probability that
        # gives every_s
        slot = np.floor(state.time / self.duration_s + 1e-6)
        begins = np.abs(state.time / self.duration_s - slot) < 1e-3
        draw = rng.uniform([0.0, self.impulse[0], -1.0], [1.0, self.impulse[1], 1.0])
        pushed = draw[:, 0] < self.duration_s / self.every_s
        newton = np.sign(draw[:, 2]) * draw[:, 1] / self.duration_s * state.body_weight / 9.81
        force[:, body, 0] = np.where(begins, np.where(pushed, newton, 0.0), force[:, body, 0])
