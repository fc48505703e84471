"""Stand: keep balance from a disturbed start."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bioenv.envs import gait, terms
from bioenv.envs.random import Draws
from bioenv.envs.state import State
from bioenv.envs.task import Task
from bioenv.models import Model


def standing(s: State) -> NDArray[np.bool_]:
    """(B,) pelvis above 90 % of standing height, trunk within 20 degrees, slower than 0.15 m/s."""
    home = s.home[:, s.model.coordinate_index("pelvis_tz")]
    high = s.coordinate("pelvis_tz") > 0.9 * home
    calm = np.hypot(s.speed("pelvis_tx"), s.speed("pelvis_tz")) < 0.15
    return high & calm & (np.abs(terms.trunk_tilt(s)) < np.deg2rad(20))


def calm(s: State) -> NDArray[np.float64]:
    """Score of the pelvis standing still: its speed in m/s near zero."""
    return terms.tolerance(np.hypot(s.speed("pelvis_tx"), s.speed("pelvis_tz")), 0.15)


def height(s: State) -> NDArray[np.float64]:
    """Score of the pelvis at standing height."""
    home = s.home[:, s.model.coordinate_index("pelvis_tz")]
    return terms.tolerance(np.minimum(s.coordinate("pelvis_tz") / home - 1.0, 0.0), 0.08)


def _start(rng: Draws, model: Model, goal: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    noise = rng.normal(np.zeros(model.mj.nq), 0.03)
    noise[:, :2] = 0.0
    qpos = gait.on_the_ground(model, model.home + noise)
    qvel = rng.normal(np.zeros(model.mj.nv), 0.1)
    qvel[:, 1] = 0.0
    return {"qpos": qpos, "qvel": qvel, "activation": np.full((len(rng), len(model.muscles)), 0.05)}


TASK = Task(
    model="walker2d",
    observe=lambda s: (
        s.qpos[:, 1:],
        s.qvel,
        s.activation,
        s.fiber_length,
        s.ground_reaction_force[..., 2] / s.body_weight[:, None],
    ),
    rewards={
        "height": (1.0, height),
        "upright": (0.5, lambda s: terms.tolerance(terms.trunk_tilt(s), 0.25)),
        "still": (0.5, terms.still(1.0)),
        "calm": (0.0, calm),
        "effort": (-0.3, terms.effort),
        "limit": (-0.01, terms.limit_torque),
        "smoothness": (-0.2, terms.smoothness),
    },
    reset=_start,
    terminate=terms.fallen(),
    control_dt=0.02,
    episode_s=10.0,
    success=standing,
    success_hold_s=3.0,
    rewarded=("posture", "effort"),
    description="keep balance from a disturbed stance; success: upright and calm for the last 3 s",
)
