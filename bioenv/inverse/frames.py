"""Kinematics of many frames at once, on native threads."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator

import mujoco
import numpy as np
from mujoco.batch import Batch
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.models import Model

Array = NDArray[np.float64]

CHUNK = 1024  # frames held at once: bounds memory whatever the length of the motion
_VELOCITY = mujoco.mjtStage.mjSTAGE_VEL.value


def mujoco_model(model: Model | mujoco.MjModel) -> mujoco.MjModel:
    """The MjModel itself."""
    return model if isinstance(model, mujoco.MjModel) else model.mj


def body_id(mj: mujoco.MjModel, name: str) -> int:
    """Id of a body; an unknown name lists the bodies there are."""
    index = mujoco.mj_name2id(mj, mujoco.mjtObj.mjOBJ_BODY, name)
    if index < 0:
        raise unknown("body", name, [mj.body(i).name for i in range(1, mj.nbody)])
    return index


def rows(values: ArrayLike, width: int, what: str, frames: int | None = None) -> Array:
    """`values` as a finite float (T, width) array; a BioenvError says what is wrong."""
    array = np.asarray(values, dtype=float)
    if array.ndim != 2 or array.shape[1] != width or frames not in (None, len(array)):
        wanted = f"({'T' if frames is None else frames}, {width})"
        raise BioenvError(f"{what} must have shape {wanted}, got {array.shape}")
    if not np.isfinite(array).all():
        first = int(np.argmin(np.isfinite(array).all(axis=1)))
        raise BioenvError(f"{what} must be finite; frame {first} is not")
    return array


class Frames:
    """All frames of a motion, chunk by chunk: iterate for (slice, Batch) after the velocity stage.

    Args:
        qpos: (T, nq); qvel: (T, nv), zero when None.
        fields: names of the MjData fields that will be read with `batch.bind`.
    """

    def __init__(
        self, mj: mujoco.MjModel, qpos: Array, qvel: Array | None, fields: Iterable[str] = ()
    ) -> None:
        quiet = copy.copy(mj)
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
