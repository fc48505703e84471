"""What every inverse method checks first: names, shapes, numbers."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.models import Model
from bioenv.models.frames import Frames

Array = NDArray[np.float64]

__all__ = ["Frames", "body_id", "mujoco_model", "rows"]


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
