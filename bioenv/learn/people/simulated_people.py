"""Simulated people who walk, as `Motion`s: other masses, heights, leg lengths, strengths, speeds.

The file is made by `agents/make_people.py` with the shipped policies and optimized gaits. Joint
torques are those of inverse dynamics of the simulated body, with passive structures, as a
laboratory would compute them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from bioenv.errors import BioenvError
from bioenv.learn.people.measured_people import LEGS, RATE, SIDES, with_rates
from bioenv.motion import Motion
from bioenv.paths import agent_file

Array = NDArray[np.float64]

_MEMBERS = ("values", "low", "step", "rate", "columns", "kind", "mass_kg", "lengths_m", "hip_m")


def population(path: Path | None = None) -> tuple[Motion, ...]:
    """Every simulated person as a Motion of 2 s at 100 Hz, with the channels and `meta` of
    `bioenv.learn.people.read`; meta["subject"] is "simulated_007", meta["kind"] how it was made.

    Raises BioenvError for a missing or foreign file.
    """
    return _population(path or agent_file("estimators", "moments", "population.npz"))


@lru_cache(maxsize=2)
def _population(path: Path) -> tuple[Motion, ...]:
    if not path.is_file():
        raise BioenvError(f"no population file '{path}'; agents/make_people.py makes one")
    with np.load(path, allow_pickle=False) as stored:
        missing = [name for name in _MEMBERS if name not in stored]
        if missing:
            raise BioenvError(f"'{path}' is no population file: it lacks {', '.join(missing)}")
        data = {name: stored[name] for name in _MEMBERS}
    values = (data["values"].astype(np.float64) + 32768) * data["step"][:, None].astype(float)
    values += data["low"][:, None]
    return tuple(_person(i, one, data) for i, one in enumerate(values))


def _person(number: int, values: Array, data: Mapping[str, Array]) -> Motion:
    names = [str(name) for name in data["columns"]]
    old = np.arange(len(values)) / float(data["rate"])
    time = np.arange(int(old[-1] * RATE + 1e-6) + 1) / RATE
    values = CubicSpline(old, values)(time)
    mass = float(data["mass_kg"][number])
    at = {name: i for i, name in enumerate(names)}
    pose = [name.removeprefix("qpos/") for name in names if name.startswith("qpos/")]
    motion = Motion(time).add(
        "qpos", values[:, [at[f"qpos/{n}"] for n in pose]], labels=pose, source="simulated"
    )
    motion = with_rates(motion)
    torque = mass * values[:, [at[f"joint_torque/{n}"] for n in LEGS]]
    motion = motion.add("joint_torque", torque, labels=LEGS, source="simulated")
    force = np.zeros((len(time), 2, 3))
    for i, side in enumerate(SIDES):
        for axis, name in ((0, "x"), (2, "z")):
            force[:, i, axis] = mass * values[:, at[f"ground_reaction_force/{side}_{name}"]]
    motion = motion.add("ground_reaction_force", force, labels=SIDES, source="simulated")
    thigh, shank = data["lengths_m"][number]
    return motion.with_meta(
        subject=f"simulated_{number:03d}", recording=f"simulated_{number:03d}", mass_kg=mass,
        thigh_m=float(thigh), shank_m=float(shank), hip_m=data["hip_m"][number].tolist(),
        kind=str(data["kind"][number]),
    )  # fmt: skip
