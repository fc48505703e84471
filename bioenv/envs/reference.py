"""What an imitation task follows: one stride of a gait on a model's coordinates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bioenv.envs import gait
from bioenv.lab.gait_reference import ReferenceGait
from bioenv.models import Model

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Periodic:
    """A closed curve as a table: ``values`` (n, k) at phases 0, 1/n, …

    Interpolated row by row, so that a row's result does not depend on the size of the batch.
    """

    values: Array

    def at(self, phase: Array) -> Array:
        """(B, k) at ``phase`` (B,) in 0..1, linear between rows."""
        n = len(self.values)
        x = phase * n
        i = np.floor(x).astype(int)
        w = (x - i)[:, None]
        return (1 - w) * self.values[i % n] + w * self.values[(i + 1) % n]


@dataclass(frozen=True, eq=False)
class ReferenceMotion:
    """One stride on a model; pelvis_tx stays 0, its velocity is the walking speed.

    qpos (nq): rad, m; qvel (nv); vertical_force (feet): body weights; activation and excitation
    (nm): 0..1. What the reference does not know is None.
    """

    qpos: Periodic
    qvel: Periodic
    vertical_force: Periodic | None = None
    activation: Periodic | None = None
    excitation: Periodic | None = None


@dataclass(frozen=True, eq=False)
class Reference:
    """A gait to follow.

    on: the stride on a model, which may be the reference's own or one scaled to a subject; it is
    asked at every step, so it remembers its answers. cycle_s: stride time s. speed: m/s.
    """

    on: Callable[[Model], ReferenceMotion]
    cycle_s: float
    speed: float


def suited_stride_time(source: ReferenceGait, model: Model) -> float:
    """Stride time s at which a gait's angles carry a model at the gait's speed.

    At the person's cadence the same angles would carry longer legs faster, and feet would slip in
    the reference itself.
    """
    names = [model.mj.body(i).name for i in range(model.mj.nbody)]
    ankle = "talus_r" if "talus_r" in names else "calcn_r"  # the body below the ankle's joint
    thigh, shank = (float(np.hypot(*model.mj.body(b).pos[[0, 2]])) for b in ("tibia_r", ankle))
    return source.for_legs(thigh, shank).cycle_s


def measured_reference(name: str, cycle_s: float) -> Reference:
    """Reference gait ``name`` of :mod:`bioenv.lab`, one stride lasting ``cycle_s`` s."""

    def on(model: Model) -> ReferenceMotion:
        return measured_motion(model, name, cycle_s)

    return Reference(on, cycle_s, ReferenceGait.load(name).speed)


@lru_cache(maxsize=64)
def measured_motion(model: Model, name: str, cycle_s: float, n: int = 200) -> ReferenceMotion:
    """Reference gait ``name`` on ``model``, feet on the ground; phase 0 is right heel strike."""
    source = ReferenceGait.load(name)
    phase = np.arange(n) / n
    qpos = np.tile(model.home, (n, 1))
    known = [i for i, name in enumerate(source.coordinates) if name in model.coordinates]
    columns = [model.coordinate_index(source.coordinates[i]) for i in known]
    qpos[:, columns] = source.qpos(phase)[:, known]
    qpos[:, model.coordinate_index("pelvis_tx")] = 0.0
    qpos = gait.on_the_ground(model, qpos)
    qvel = gait.change_per_cycle(qpos) / cycle_s
    qvel[:, model.coordinate_index("pelvis_tx")] = source.speed
    return ReferenceMotion(Periodic(qpos), Periodic(qvel), Periodic(source.vertical_grf(phase)))
