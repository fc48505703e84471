"""Which numbers of a model are sought, under one name for both sides; the model with new ones."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.models import Model
from bioenv.models.model import from_mujoco

Array = NDArray[np.float64]
Index = NDArray[np.intp]

SIDES = ("_r", "_l")


@dataclass(frozen=True, eq=False)
class Groups:
    """Numbers that share one unknown.

    names: (g,) of the unknowns. of: (n,) which unknown each muscle or body has, -1 for none.
    """

    names: tuple[str, ...]
    of: Index

    def spread(self, step: Array, none: float) -> Array:
        """(n,) value of every muscle or body, `none` where it has no unknown."""
        return np.where(self.of >= 0, np.append(step, none)[self.of], none)


def grouped(
    all_names: Sequence[str],
    asked: Sequence[str] | str,
    tie_sides: bool,
    kind: str,
    able: NDArray[np.bool_] | None = None,
) -> Groups:
    """Groups of the names asked for: "all", or names with or without side.

    able: (n,) those that can be sought; the others are never meant.

    Raises BioenvError for a name that is none of the model's.
    """
    if isinstance(asked, str) and asked != "all":
        raise BioenvError(f"give a list of names of {kind}s or 'all', got {asked!r}")
    use = np.ones(len(all_names), dtype=bool) if able is None else able
    own = [name for name, on in zip(all_names, use, strict=True) if on]
    stem = {name: _stem(name) if tie_sides else name for name in own}
    wanted = set(stem.values())
    if not isinstance(asked, str):
        wanted = set()
        for name in asked:
            meant = {stem[one] for one in own if name in (one, _stem(one))}
            if not meant:
                raise unknown(kind, name, own)
            wanted |= meant
    names = tuple(one for one in dict.fromkeys(stem.values()) if one in wanted)
    of = [names.index(stem[n]) if stem.get(n) in wanted else -1 for n in all_names]
    return Groups(names, np.array(of, dtype=np.intp))


def applied(model: Model, strength: Array, slack: Array, mass: Array) -> Model:
    """The model with muscles `strength` (nm,) times as strong, tendons longer by `slack` (nm,) m
    and bodies `mass` (nbody,) times as heavy, their inertia with them."""
    mj = copy.copy(model.mj)
    for table in (mj.actuator_gainprm, mj.actuator_biasprm):
        table[:, 2] *= strength
    # MuJoCo knows slack lengths by the range of muscle-tendon lengths they leave for the fiber.
    mj.actuator_lengthrange += slack[:, None]
    mj.body_mass *= mass
    mj.body_inertia *= mass[:, None]
    mujoco.mj_setConst(mj, mujoco.MjData(mj))
    return from_mujoco(mj, model.name, model.subject)


def _stem(name: str) -> str:
    return name[:-2] if name.endswith(SIDES) else name
