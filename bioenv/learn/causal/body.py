"""A body's mechanics as functions of its state: paths of muscles, and acceleration by torque.

MuJoCo computes both, for all rows of a batch at once. Time is stepped by the explicit rule

    qvel[k+1] = qvel[k] + dt qacc[k],    qpos[k+1] = qpos[k] + dt qvel[k+1],

so that every arrow of the causal graph is one function: MuJoCo's implicit integrators mix the
muscles' damping into the acceleration, and there would be no ``torque`` that is the cause of it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import NamedTuple

import mujoco
import numpy as np
from mujoco.batch import Batch
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.models import Subject, load
from bioenv.models.muscle import activation_rate, fiber_length, muscle_force

Array = NDArray[np.float64]

LOAD = "carried_load"
"""Name of the body that stands for the mass in the hand."""
_POS, _ACC = mujoco.mjtStage.mjSTAGE_POS.value, mujoco.mjtStage.mjSTAGE_ACC.value
_ROWS = 2048  # rows computed in one call; more only cost memory
_NEWTON = 30
_STEP = 1e-2  # N*m, of differences
_TOLERANCE = 1e-11  # of the largest acceleration in the row


class Paths(NamedTuple):
    """length (N, nm) m of muscle and tendon; arm (N, nm, nv): derivative of length by qpos, m."""

    length: Array
    arm: Array


class Body:
    """Muscles and segments of one model, as functions of (N, ...) rows.

    Args:
        name: a shipped model ("elbow", "arm26") or a model file; subject: whom it is scaled to.
        dt: s of one step; the model's own if not given.
        hand: site where a load hangs and a push acts; None for a model without it.

    Raises BioenvError for an unknown model or site.
    """

    def __init__(
        self, name: str = "elbow", subject: Subject | None = None, *,
        dt: float | None = None, hand: str | None = "hand",
    ) -> None:  # fmt: skip
        self.model = load(name, subject, edit=_carrying(hand) if hand else None)
        self.mj = _explicit(self.model.mj)
        self.dt = float(self.mj.opt.timestep if dt is None else dt)
        self.mj.opt.timestep = self.dt
        self.nm, self.nv = int(self.mj.nu), int(self.mj.nv)
        self.hand = hand
        self._load = self.mj.body(LOAD).id if hand else -1
        self._batches: dict[int, _Rows] = {}

    def paths(self, qpos: Array) -> Paths:
        """Muscle-tendon lengths and moment arms at qpos (N, nq)."""
        parts = [self._rows(len(q)).paths(q) for q in _chunks(qpos)]
        return Paths(*(np.concatenate(one) for one in zip(*parts, strict=True)))

    def force(self, paths: Paths, qvel: Array, activation: Array, strength: ArrayLike) -> Array:
        """(N, nm) N along the tendons, pull positive; strength (N, nm) or (nm,) a factor."""
        velocity = np.einsum("nij,nj->ni", paths.arm, qvel)
        force = muscle_force(paths.length, velocity, activation, self.model.muscle)
        return np.asarray(force * np.asarray(strength))

    def torque(self, paths: Paths, force: Array) -> Array:
        """(N, nv) N*m of the muscles: shortening does work, so ``-arm^T force``."""
        return -np.einsum("nij,ni->nj", paths.arm, force)

    def activate(self, excitation: Array, activation: Array) -> Array:
        """(N, nm) activation one step later."""
        rate = activation_rate(excitation, activation, self.model.muscle)
        return np.asarray(activation + self.dt * rate)

    def stretch(self, paths: Paths, qvel: Array) -> tuple[Array, Array]:
        """What spindles feel: fiber length (N, nm) in optimal lengths, and its rate in 1/s."""
        velocity = np.einsum("nij,nj->ni", paths.arm, qvel)
        muscle = self.model.muscle
        return fiber_length(paths.length.copy(), muscle), velocity / muscle.element_length

    def accelerate(
        self, qpos: Array, qvel: Array, torque: Array, mass: Array, push: Array
    ) -> Array:
        """(N, nv) qacc of the joints under a torque, with gravity, dampers and ends of range.

        Args:
            qpos (N, nq), qvel (N, nv), torque (N, nv) N*m; mass (N,) kg in the hand;
            push (N, 3) N on the hand, world axes.
        """
        rows = zip(*(_chunks(x) for x in (qpos, qvel, torque, mass, push)), strict=True)
        return np.concatenate([self._rows(len(one[0])).accelerate(*one) for one in rows])

    def torque_for(self, qpos: Array, qvel: Array, qacc: Array, mass: Array, push: Array) -> Array:
        """(N, nv) the torque under which the body accelerates by qacc: `accelerate` inverted.

        Newton with differences: one step where nothing touches, more at an end of range, whose
        force is piecewise linear in the acceleration. Raises BioenvError when it does not arrive.
        """

        def reached(torque: Array) -> Array:
            return self.accelerate(qpos, qvel, torque, mass, push)

        torque = np.zeros_like(qacc)
        scale = np.maximum(np.abs(qacc).max(axis=1, keepdims=True), 1.0)
        for _ in range(_NEWTON):
            now = reached(torque)
            miss = qacc - now
            if (np.abs(miss) <= _TOLERANCE * scale).all():
                return torque
            columns = [reached(torque + step) - now for step in _STEP * np.eye(self.nv)]
            slope = np.stack(columns, axis=-1) / _STEP
            torque = torque + np.linalg.solve(slope, miss[..., None])[..., 0]
        worst = float((np.abs(miss) / scale).max())
        if worst < 1e-6:  # round-off beside stiff ends of range
            return torque
        raise BioenvError(
            f"no torque gives the recorded accelerations: {worst:.1e} of them is left after "
            f"{_NEWTON} Newton steps; is the record of this body, in rad and s?"
        )

    def _rows(self, count: int) -> _Rows:
        if count not in self._batches:
            if len(self._batches) > 8:
                self._batches.clear()
            self._batches[count] = _Rows(self.mj, count, self._load)
        return self._batches[count]


class _Rows:
    """MuJoCo's batch of a fixed number of rows."""

    def __init__(self, mj: mujoco.MjModel, count: int, load: int) -> None:
        self.batch = batch = Batch(mj, count, 1)
        self.shape, self.load = (count, int(mj.nu), int(mj.nv)), load
        self.qpos, self.qvel = batch.bind("qpos"), batch.bind("qvel")
        self.applied, self.outer = batch.bind("qfrc_applied"), batch.bind("xfrc_applied")
        self.length, self.moment = batch.bind("actuator_length"), batch.bind("actuator_moment")
        self.first, self.filled = batch.bind("moment_rowadr"), batch.bind("moment_rownnz")
        self.column, self.qacc = batch.bind("moment_colind"), batch.bind("qacc")
        self.mass = batch.expand("body_mass") if load >= 0 else None

    def paths(self, qpos: Array) -> Paths:
        self.qpos[:] = qpos
        self.batch.forward(None, _POS)
        arm = np.zeros(self.shape)
        place = np.arange(self.moment.shape[1])
        first = self.first[..., None]
        row, muscle, at = np.nonzero((place >= first) & (place < first + self.filled[..., None]))
        arm[row, muscle, self.column[row, at]] = self.moment[row, at]
        return Paths(self.length.copy(), arm)

    def accelerate(
        self, qpos: Array, qvel: Array, torque: Array, mass: Array, push: Array
    ) -> Array:
        self.qpos[:], self.qvel[:], self.applied[:] = qpos, qvel, torque
        if self.mass is not None:
            self.outer[:, self.load, :3] = push
            if (self.mass[:, self.load] != mass).any():
                self.mass[:, self.load] = mass
                # Ends of range are scaled by inverse masses.
                self.batch.set_const(None)
                self.qpos[:], self.qvel[:] = qpos, qvel
        self.batch.forward(None, _ACC)
        return np.array(self.qacc)


def _chunks(values: Array) -> list[Array]:
    return [values[i : i + _ROWS] for i in range(0, len(values), _ROWS)]


def _carrying(hand: str) -> Callable[[mujoco.MjSpec], None]:
    """An edit that hangs a body without mass at a site."""

    def edit(spec: mujoco.MjSpec) -> None:
        sites = {site.name: site for site in spec.sites}
        if hand not in sites:
            raise unknown("site for the load", hand, sites)
        body = sites[hand].parent.add_body(name=LOAD, pos=sites[hand].pos)
        body.mass, body.inertia, body.ipos = 0.0, np.zeros(3), np.zeros(3)
        body.explicitinertial = True

    return edit


def _explicit(mj: mujoco.MjModel) -> mujoco.MjModel:
    """A copy without muscle forces and implicit damping."""
    flags, mj = mujoco.mjtDisableBit, copy.copy(mj)
    mj.opt.integrator = mujoco.mjtIntegrator.mjINT_EULER
    mj.opt.disableflags |= int(flags.mjDSBL_EULERDAMP) | int(flags.mjDSBL_ACTUATION)
    return mj
