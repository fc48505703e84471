"""Where a model's forces stand in ``sensordata``, and which geoms are its feet."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.models import Model

Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns of ``sensordata``.

    foot_force, foot_moment, foot_point: (feet, 3) of the sensors grf_<foot>, the force on the foot;
    joint_contact: (joints, 3) of contact_<joint>; limits: (n,) of all joint-limit sensors.
    """

    foot_force: Index
    foot_moment: Index
    foot_point: Index
    joint_contact: Index
    limits: Index


@lru_cache(maxsize=64)
def columns(model: Model) -> Columns:
    """The columns of ``model``."""
    mj = model.mj
    feet = [model.sensor_slice(f"grf_{foot}").start for foot in model.feet]
    joints = [model.sensor_slice(f"contact_{joint}").start for joint in model.contact_joints]
    xyz, first = np.arange(3), np.array(feet, dtype=np.intp).reshape(-1, 1)
    limit = mj.sensor_type == mujoco.mjtSensor.mjSENS_JOINTLIMITFRC
    return Columns(
        foot_force=first + 1 + xyz,  # data="found force torque pos"
        foot_moment=first + 4 + xyz,
        foot_point=first + 7 + xyz,
        joint_contact=np.array(joints, dtype=np.intp).reshape(-1, 1) + xyz,
        limits=np.asarray(mj.sensor_adr[limit], dtype=np.intp),
    )


@lru_cache(maxsize=64)
def foot_geoms(model: Model) -> Index:
    """(n,) ids of the spheres that touch the floor."""
    mj = model.mj
    met = np.unique(np.concatenate((mj.pair_geom1, mj.pair_geom2)))
    plane = mj.geom_type[met] == mujoco.mjtGeom.mjGEOM_PLANE
    met = met[~plane] if plane.any() else met[:0]
    if len(met) == 0 or (mj.geom_type[met] != mujoco.mjtGeom.mjGEOM_SPHERE).any():
        raise BioenvError(
            f"model {model.name!r} needs contact pairs of its floor with foot spheres"
        )
    return met.astype(np.intp)
