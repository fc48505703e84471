"""A model of the tests at rest in a pose."""

from __future__ import annotations

import mujoco

from bioenv.models import Model


def at(model: Model, **angles: float) -> mujoco.MjData:
    """MuJoCo's state at rest in the home pose with these coordinates (rad, m)."""
    data = mujoco.MjData(model.mj)
    data.qpos[:] = model.home
    for name, value in angles.items():
        data.qpos[model.coordinate_index(name)] = value
    mujoco.mj_forward(model.mj, data)
    return data
