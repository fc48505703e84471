"""B simulations of one model on native threads, and per-simulation changes of its parameters."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np
from mujoco.batch import Batch
from numpy.typing import NDArray

from bioenv.envs.parameters import Parameters
from bioenv.envs.people import People
from bioenv.errors import BioenvError
from bioenv.models import Model

_FORWARD = mujoco.mjtStage.mjSTAGE_ACC.value
_NONE = mujoco.mjtStage.mjSTAGE_NONE.value
_STATE = {"time": "time", "qpos": "qpos", "qvel": "qvel", "activation": "act"}
_RESULTS = {
    "qacc": "qacc", "sensordata": "sensordata", "actuator_force": "actuator_force",
    "muscle_length": "actuator_length", "muscle_velocity": "actuator_velocity",
    "joint_anchor": "xanchor",
}  # fmt: skip


def substeps(control_dt: float, timestep: float) -> int:
    """Physics steps in one control step; both in s, the first a whole multiple of the second."""
    n = round(control_dt / timestep)
    if n < 1 or abs(n * timestep - control_dt) > 1e-9:
        raise BioenvError(
            f"control_dt {control_dt:g} s is not a whole multiple of the physics step "
            f"{timestep:g} s; the nearest that is: {max(n, 1) * timestep:g} s"
        )
    return n


class Simulation:
    """``num`` simulations of ``model``, stepped together by :class:`mujoco.batch.Batch`.

    Everything it shows belongs to one instant: MuJoCo's step leaves forces and sensors one physics
    step behind the positions, so what is shown is the state *before the last physics step* of a
    call, with the forces that acted there. That pairing is exact and costs nothing; refreshing the
    forces at the newest state instead costs another 20 % of the physics. (After :meth:`reset` the
    two are the same.)

    Batch first, read only for users: ``time`` (B,), ``qpos`` (B, nq), ``qvel`` (B, nv),
    ``activation`` (B, nm), ``qacc``, ``sensordata``, ``actuator_force``, ``muscle_length``,
    ``muscle_velocity``, ``joint_anchor`` (B, nq, 3). Inputs of the next call: ``excitation`` (B,
    nm), ``external_force`` (B, nbody, 6) N, N*m, world axes, and ``joint_torque`` (B, nv) N*m or N.
    ``parameters`` tells what differs between the simulations.

    Args:
        people: whose bodies ``parameters.set_person`` may give the simulations.
        body: (3,) what ``parameters.body`` says of the model's own body.
    """

    def __init__(
        self,
        model: Model,
        num: int,
        threads: int = 0,
        timestep: float | None = None,
        people: People | None = None,
        body: Any = 1.0,
    ) -> None:
        mj = model.mj
        if timestep is not None and timestep != mj.opt.timestep:
            mj = copy.copy(mj)
            mj.opt.timestep = timestep
        self.model, self.num, self.timestep = model, num, mj.opt.timestep
        self.batch = b = Batch(mj, num, threads)
        self._newest = {name: b.bind(field) for name, field in _STATE.items()}
        self._results = {name: b.bind(field) for name, field in _RESULTS.items()}
        self.excitation, self.external_force = b.bind("ctrl"), b.bind("xfrc_applied")
        self.joint_torque = b.bind("qfrc_applied")
        self.time, self.qpos, self.qvel, self.activation = (v.copy() for v in self._newest.values())
        self._show_results(self._results)
        self.parameters = Parameters(b, model, people, body)

    @property
    def newest(self) -> Mapping[str, NDArray[Any]]:
        """time, qpos, qvel and activation after the last physics step, (B, ...) each: one step
        ahead of what is shown, for what measures motion between two steps."""
        return self._newest

    def _show_results(self, results: Mapping[str, NDArray[Any]]) -> None:
        self.qacc, self.sensordata = results["qacc"], results["sensordata"]
        self.actuator_force, self.joint_anchor = results["actuator_force"], results["joint_anchor"]
        self.muscle_length, self.muscle_velocity = (
            results["muscle_length"],
            results["muscle_velocity"],
        )

    def _show_state(self, ids: Any = slice(None)) -> None:
        for name, value in self._newest.items():
            getattr(self, name)[ids] = value[ids]

    def advance(self, nstep: int, ids: NDArray[np.intp] | None = None) -> None:
        """Step ``nstep`` physics steps, all simulations or those in ``ids``."""
        if nstep > 1:
            self.batch.step(ids, nstep - 1, _NONE)
        self._show_state(slice(None) if ids is None else ids)
        self.batch.step(ids, 1, _NONE)
        self._show_results(self._results)

    def reset(self, ids: NDArray[np.intp], start: Mapping[str, NDArray[np.float64]]) -> None:
        """Put simulations ``ids`` (n,) into a new state and compute forces and sensors there.

        Args:
            start: any of qpos (n, nq), qvel (n, nv), activation (n, nm); what is missing is the
                home pose, zero velocity, zero activation.
        """
        self.batch.reset(ids, stage=_NONE)
        self._newest["qpos"][ids] = start.get("qpos", self.parameters.home[ids])
        self._newest["qvel"][ids] = start.get("qvel", 0.0)
        self._newest["activation"][ids] = start.get("activation", 0.0)
        self.batch.forward(ids, _FORWARD)
        self._show_state(ids)
        self._show_results(self._results)

    def unstable(self) -> NDArray[np.bool_]:
        """(B,) simulations that left the finite numbers in the last call (MuJoCo resets them)."""
        first, last = mujoco.mjtWarning.mjWARN_BADQPOS, mujoco.mjtWarning.mjWARN_BADQACC
        bad = self.batch.warning[:, int(first) : int(last) + 1, 1]
        failed = bad.any(axis=1)
        if failed.any():
            self.batch.warning[failed] = 0
        return failed

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Everything needed to continue from here to the bit."""
        arrays = self.parameters.snapshot()
        arrays |= {f"shown/{name}": getattr(self, name).copy() for name in (*_STATE, *_RESULTS)}
        return arrays | {"integration_state": self.batch.state.copy()}

    def restore(self, snapshot: Mapping[str, NDArray[Any]]) -> None:
        """Continue from :meth:`snapshot`."""
        self.parameters.restore(snapshot)
        self.batch.state[:] = snapshot["integration_state"]
        for name in _STATE:
            getattr(self, name)[:] = snapshot[f"shown/{name}"]
        self._show_results({name: snapshot[f"shown/{name}"] for name in _RESULTS})
