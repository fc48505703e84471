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
from bioenv.models.model import from_mujoco

Array = NDArray[np.float64]
STEP = 0.001
FREE = ("mass", "damping", "stiffness", "optimal_fiber_length", "tendon_slack_length", "friction")
Start = tuple[Array, Array, Array, Array]


HOW = ("explicit", "euler", "implicitfast")
"""Integrators; "explicit" is "euler" of a model that disables eulerdamp."""


def walker(how: str, step: float = STEP) -> Model:
    """The walker, with an integrator and a solver that goes to the end for MuJoCo."""
    model = load("walker2d")
    mj = copy.copy(model.mj)
    kinds = mujoco.mjtIntegrator
    mj.opt.integrator = kinds.mjINT_IMPLICITFAST if how == "implicitfast" else kinds.mjINT_EULER
    mj.opt.timestep = step
    mj.opt.tolerance, mj.opt.iterations, mj.opt.ls_iterations = 0.0, 200, 200
    if how == "explicit":
        mj.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_EULERDAMP)
    return from_mujoco(mj, model.name)


@cache
def simulation(
    how: str = "explicit", *, smoothing: float = 1.0, free: tuple[str, ...] = (),
    compiled: bool | None = None, step: float = STEP,
) -> CompiledSimulation:  # fmt: skip
    integrator = "euler" if how == "explicit" else how
    return CompiledSimulation(
        walker(how, step), smoothing=smoothing, integrator=integrator, free=free, compiled=compiled
    )


def start(steps: int, height: float = 0.0, seed: int = 0) -> Start:
    """qpos, qvel, activation, excitation of the walker, moving, so high above its stance."""
    model, rng = load("walker2d"), np.random.default_rng(seed)
    q = model.home.copy()
    q[1] += height
    v, m = 0.4 * rng.normal(size=q.size), model.mj.nu
    return q, v, np.full(m, 0.2), rng.uniform(0.2, 0.5, (steps, m))


def by_mujoco(s: Start, how: str, strength: float = 1.0, step: float = STEP) -> Array:
    """(T + 1, nq) of mj_step."""
    model = walker(how, step)
    mj = with_parameters(model, strength, model.mj.opt.gravity).mj
    data, (q, v, act, excitation) = mujoco.MjData(mj), s
    data.qpos[:], data.qvel[:], data.act[:] = q, v, act
    out = [q]
    for row in excitation:
        data.ctrl[:] = row
        mujoco.mj_step(mj, data)
        out.append(data.qpos.copy())
    return np.array(out)
