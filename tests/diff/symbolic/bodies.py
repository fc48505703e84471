"""Simulations that several tests share, made once."""

from __future__ import annotations

import copy
from functools import cache

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.diff.symbolic.simulation import CompiledSimulation
from bioenv.models import Model, load
from bioenv.models.changed import with_parameters

Array = NDArray[np.float64]
STEP = 0.001
FREE = ("mass", "damping", "stiffness", "optimal_fiber_length", "tendon_slack_length", "friction")
Start = tuple[Array, Array, Array, Array]


@cache
def simulation(
    name: str = "walker2d", smoothing: float = 1.0, implicit_damping: bool = False,
    free: tuple[str, ...] = (), compiled: bool | None = None,
) -> CompiledSimulation:  # fmt: skip
    return CompiledSimulation(
        load(name), step=STEP, smoothing=smoothing, implicit_damping=implicit_damping, free=free,
        compiled=compiled,
    )  # fmt: skip


def start(steps: int, height: float = 0.0, seed: int = 0) -> Start:
    """qpos, qvel, activation, excitation of the walker, moving, so high above its stance."""
    model, rng = load("walker2d"), np.random.default_rng(seed)
    q = model.home.copy()
    q[1] += height
    v, m = 0.4 * rng.normal(size=q.size), model.mj.nu
    return q, v, np.full(m, 0.2), rng.uniform(0.2, 0.5, (steps, m))


def by_mujoco(s: Start, eulerdamp: bool, strength: float = 1.0) -> Array:
    """(T + 1, nq) of mj_step with the Euler integrator and a solver that goes to the end."""
    model: Model = load("walker2d")
    mj = copy.copy(with_parameters(model, strength, model.mj.opt.gravity).mj)
    mj.opt.timestep, mj.opt.integrator = STEP, mujoco.mjtIntegrator.mjINT_EULER
    mj.opt.tolerance, mj.opt.iterations, mj.opt.ls_iterations = 0.0, 200, 200
    if not eulerdamp:
        mj.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_EULERDAMP)
    data, (q, v, act, excitation) = mujoco.MjData(mj), s
    data.qpos[:], data.qvel[:], data.act[:] = q, v, act
    out = [q]
    for row in excitation:
        data.ctrl[:] = row
        mujoco.mj_step(mj, data)
        out.append(data.qpos.copy())
    return np.array(out)
