"""Kinematics of many frames at once, on native threads."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator

import mujoco
import numpy as np
from mujoco.batch import Batch
from numpy.typing import NDArray

Array = NDArray[np.float64]

CHUNK = 1024  # frames held at once: bounds memory whatever the length of the motion
_VELOCITY = mujoco.mjtStage.mjSTAGE_VEL.value


class Frames:
    """All frames of a motion, chunk by chunk: iterate for (slice, Batch) after the velocity stage.

    Args:
        qpos: (T, nq); qvel: (T, nv), zero when None.
        fields: names of the MjData fields that will be read with `batch.bind`.
    """

    def __init__(
        self, mj: mujoco.MjModel, qpos: Array, qvel: Array | None, fields: Iterable[str] = ()
    ) -> None:
        quiet = mj
        if mj.ngeom or mj.nsensor or mj.neq or mj.jnt_limited.any() or mj.tendon_limited.any():
            quiet = copy.copy(mj)  # takes longer than a hundred frames of a bare skeleton
            off = mujoco.mjtDisableBit
            quiet.opt.disableflags |= off.mjDSBL_CONSTRAINT | off.mjDSBL_SENSOR
        self._qpos, self._qvel, self._count = qpos, qvel, len(qpos)
        self._batch = Batch(quiet, min(CHUNK, max(self._count, 1)))
        for name in fields:
            self._batch.bind(name)

    def __iter__(self) -> Iterator[tuple[slice, Batch, NDArray[np.intp]]]:
        batch = self._batch
        for start in range(0, self._count, CHUNK):
            part = slice(start, min(start + CHUNK, self._count))
            ids = np.arange(part.stop - part.start)
            batch.bind("qpos")[ids] = self._qpos[part]
            batch.bind("qvel")[ids] = 0.0 if self._qvel is None else self._qvel[part]
            batch.forward(ids, _VELOCITY)
            yield part, batch, ids
