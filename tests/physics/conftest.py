"""Small measuring bench shared by the physics tests: lengths, moment arms and torques of a pose."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray

from bioenv import models
from bioenv.models import Model

Array = NDArray[np.float64]


class Bench:
    """One model held in the air at rest, posed by coordinate name in degrees."""

    def __init__(self, model: Model) -> None:
        self.model, self.data = model, mujoco.MjData(model.mj)

    def pose(self, **degrees: float) -> Array:
        q = np.zeros(self.model.mj.nq)
        if "pelvis_tz" in self.model.coordinates:
            q[self.model.coordinate_index("pelvis_tz")] = 3.0
        for name, angle in degrees.items():
            q[self.model.coordinate_index(name)] = np.deg2rad(angle)
        return q

    def forward(self, qpos: Array, active: tuple[str, ...] = ()) -> mujoco.MjData:
        self.data.qpos[:], self.data.qvel[:], self.data.act[:] = qpos, 0.0, 0.0
        for name in active:
            self.data.act[self.model.muscle_index(name)] = 1.0
        mujoco.mj_forward(self.model.mj, self.data)
        return self.data

    def lengths(self, qpos: Array) -> Array:
        """(nm,) m, muscle-tendon lengths."""
        return self.forward(qpos).actuator_length.copy()

    def fibers(self, qpos: Array) -> Array:
        """(nm,) normalized fiber lengths."""
        p = self.model.muscle
        return (self.lengths(qpos) - p.tendon_slack_length) / p.element_length

    def moment_arms(self, qpos: Array) -> Array:
        """(nm, nv) m, positive where a pull turns the coordinate up."""
        mj, data = self.model.mj, self.forward(qpos)
        moment = np.zeros((mj.nu, mj.nv))
        mujoco.mju_sparse2dense(
            moment, data.actuator_moment, data.moment_rownnz, data.moment_rowadr, data.moment_colind
        )
        return -moment

    def moment_arm(self, muscle: str, coordinate: str, qpos: Array) -> float:
        model = self.model
        return float(
            self.moment_arms(qpos)[model.muscle_index(muscle), model.coordinate_index(coordinate)]
        )

    def torque(self, coordinate: str, qpos: Array, active: tuple[str, ...] = ()) -> float:
        """N*m about a coordinate: these muscles fully active, all others passive."""
        torques = self.forward(qpos, active).qfrc_actuator
        return float(torques[self.model.coordinate_index(coordinate)])


@pytest.fixture(scope="session")
def walker() -> Bench:
    return Bench(models.load("walker2d"))


@pytest.fixture(scope="session")
def legs() -> Bench:
    return Bench(models.load("legs3d"))


@pytest.fixture(scope="session")
def elbow() -> Bench:
    return Bench(models.load("elbow"))


@pytest.fixture(scope="session")
def arm() -> Bench:
    return Bench(models.load("arm26"))
