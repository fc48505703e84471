"""B simulations of one model on native threads, and per-simulation changes of its parameters."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np
from mujoco.batch import Batch
from numpy.typing import NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.models import Model

_FORWARD = mujoco.mjtStage.mjSTAGE_ACC.value
_NONE = mujoco.mjtStage.mjSTAGE_NONE.value
_VARIATIONS = ("mass", "strength", "friction")


def substeps(control_dt: float, timestep: float) -> int:
    """Physics steps in one control step; both in s, the first a whole multiple of the second."""
    n = round(control_dt / timestep)
    if n < 1 or abs(n * timestep - control_dt) > 1e-9:
        raise BioenvError(
            f"control_dt {control_dt:g} s is not a whole multiple of the physics step {timestep:g} s; "
            f"the nearest that is: {max(n, 1) * timestep:g} s"
        )
    return n


class Simulation:
    """``num`` simulations of ``model``, stepped together by :class:`mujoco.batch.Batch`.

    The arrays are live and batch first: ``qpos`` (B, nq), ``qvel`` (B, nv), ``activation`` (B, nm) and
    ``excitation`` (B, nm) may be written; the others are results of the last call. Every call ends with the
    forward dynamics at the new state, so forces, sensors and accelerations belong to the same instant as
    ``qpos``: MuJoCo's own step leaves them one physics step behind.
    """

    def __init__(
        self, model: Model, num: int, threads: int = 0, timestep: float | None = None
    ) -> None:
        mj = model.mj
        if timestep is not None and timestep != mj.opt.timestep:
            mj = copy.copy(mj)
            mj.opt.timestep = timestep
        self.model, self.num, self.timestep = model, num, mj.opt.timestep
        self.batch = b = Batch(mj, num, threads)
        self.time, self.qpos, self.qvel = b.bind("time"), b.bind("qpos"), b.bind("qvel")
        self.activation, self.excitation = b.bind("act"), b.bind("ctrl")
        self.external_force = b.bind("xfrc_applied")  # (B, nbody, 6) N, N*m, world
        self.qacc, self.sensordata = b.bind("qacc"), b.bind("sensordata")
        self.actuator_force = b.bind("actuator_force")
        self.muscle_length, self.muscle_velocity = (
            b.bind("actuator_length"),
            b.bind("actuator_velocity"),
        )
        self._varied: dict[str, NDArray[np.float64]] = {}
        self.factors = {name: np.ones(num) for name in _VARIATIONS}
        self.body_weight = np.full(num, model.body_weight)

    def advance(self, nstep: int, ids: NDArray[np.intp] | None = None) -> None:
        """Step ``nstep`` physics steps, all simulations or those in ``ids``, and refresh every result."""
        self.batch.step(ids, nstep, _FORWARD)

    def reset(self, ids: NDArray[np.intp], start: Mapping[str, NDArray[np.float64]]) -> None:
        """Put simulations ``ids`` (n,) into a new state and refresh every result.

        Args:
            start: any of qpos (n, nq), qvel (n, nv), activation (n, nm); what is missing is the model's home
                pose, zero velocity, zero activation.
        """
        self.batch.reset(ids, stage=_NONE)
        self.qpos[ids] = start.get("qpos", self.model.home)
        self.qvel[ids] = start.get("qvel", 0.0)
        self.activation[ids] = start.get("activation", 0.0)
        self.batch.forward(ids, _FORWARD)

    def vary(self, name: str, ids: NDArray[np.intp], factor: NDArray[np.float64]) -> None:
        """Multiply one property of simulations ``ids`` (n,) by ``factor`` (n,), relative to the model.

        ``mass`` scales every segment's mass and inertia, ``strength`` every muscle's force, ``friction`` the
        sliding friction of every foot contact.
        """
        if name not in _VARIATIONS:
            raise unknown("randomization", name, _VARIATIONS)
        self.factors[name][ids] = factor
        if name == "mass":
            self._scale("body_mass", ids, factor)
            self._scale("body_inertia", ids, factor)
            self.batch.set_const(ids)
            self.body_weight[ids] = self.model.body_weight * factor
        elif name == "strength":
            self._scale("actuator_gainprm", ids, factor, column=2)
            self._scale("actuator_biasprm", ids, factor, column=2)
        else:
            self._scale(
                "pair_friction" if self.model.mj.npair else "geom_friction",
                ids,
                factor,
                slice(0, 2),
            )

    def _scale(self, field: str, ids: Any, factor: NDArray[np.float64], column: Any = None) -> None:
        if field not in self._varied:
            self._varied[field] = self.batch.expand(field)
        values, nominal = self._varied[field], getattr(self.model.mj, field)
        shape = (len(factor),) + (1,) * (values.ndim - 1)
        if column is None:
            values[ids] = nominal * factor.reshape(shape)
        else:
            rows = values[ids]
            rows[..., column] = (nominal[None] * factor.reshape(shape))[..., column]
            values[ids] = rows

    def unstable(self) -> NDArray[np.bool_]:
        """(B,) simulations whose state left the finite numbers since the last call (MuJoCo resets them)."""
        first, last = mujoco.mjtWarning.mjWARN_BADQPOS, mujoco.mjtWarning.mjWARN_BADQACC
        bad = self.batch.warning[:, int(first) : int(last) + 1, 1]
        failed = bad.any(axis=1)
        if failed.any():
            self.batch.warning[failed] = 0
        return failed

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Everything needed to continue from here to the bit."""
        arrays = {f"factor/{k}": v.copy() for k, v in self.factors.items()}
        return arrays | {"integration_state": self.batch.state.copy()}

    def restore(self, snapshot: Mapping[str, NDArray[Any]]) -> None:
        """Continue from :meth:`snapshot`."""
        everyone = np.arange(self.num)
        for name in _VARIATIONS:
            factor = snapshot[f"factor/{name}"]
            if (factor != self.factors[name]).any():
                self.vary(name, everyone, factor)
        self.batch.state[:] = snapshot["integration_state"]
        self.batch.forward(None, _FORWARD)
