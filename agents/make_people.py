"""Many simulated people who walk: kinematics and joint moments, in one small file.

    .venv/bin/python agents/make_people.py --out agents/estimators/moments/population.npz
    .venv/bin/python agents/make_people.py --unusual --out agents/estimators/moments/unusual.npz

About half a CPU minute. Shipped policies walk with bodies of other mass, height, segment lengths
and strength, or at other speeds; optimized gaits are added as they are. Every person is two seconds
of steady walking at 50 Hz, low-passed at 6 Hz as the measured people are, in 16-bit integers.
Nobody who fell is in. `--unusual` makes those whom an estimator of walking must notice: runners and
children. `bioenv.learn.people.population` reads the files.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bioenv.agents.policy import Policy
from bioenv.agents.rollout import rollout
from bioenv.envs.people import population
from bioenv.evaluate.complete import completed
from bioenv.lab.filters import butterworth
from bioenv.models import Model, Subject, load
from bioenv.motion import Motion
from bioenv.paths import agent_file

Array = NDArray[np.float64]

RATE, CUTOFF, SECONDS, SETTLE = 50.0, 6.0, 2.0, 2.0  # Hz, Hz, s kept, s of walking before them
COORDINATES = (
    "pelvis_tx", "pelvis_tz", "pelvis_tilt", "lumbar_extension", "hip_flexion_r", "knee_angle_r",
    "ankle_angle_r", "hip_flexion_l", "knee_angle_l", "ankle_angle_l",
)  # fmt: skip
LEGS = COORDINATES[4:]
SIDES = ("r", "l")
THIGH, SHANK = 0.245, 0.246  # of body height (Winter 2009, fig. 4.1)
CHILD_INDEX = 16.0  # kg/m^2, of children of 4 to 8 years
UNEQUAL = 0.06  # how much longer the thigh may be, and the shank shorter by as much


@dataclass(frozen=True)
class Walker:
    """One person of the population: a motion, the body that made it, and what moved it."""

    motion: Motion
    body: Model
    kind: str


def main() -> None:
    """Make the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, metavar="FILE", help="population.npz")
    parser.add_argument("--people", type=int, default=80, metavar="N", help="other bodies")
    parser.add_argument("--speeds", type=int, default=24, metavar="N", help="other speeds")
    parser.add_argument("--unusual", action="store_true", help="runners and children instead")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.unusual:
        walkers = [*runners(args.seed), *children(args.seed)]
    else:
        walkers = [*bodies(args.people, args.seed), *speeds(args.speeds, args.seed), *plans()]
    print(f"{write(Path(args.out), walkers)} people in {args.out}")


def bodies(number: int, seed: int) -> Iterator[Walker]:
    """WalkPeople-v0 with bodies of 1.50-1.95 m and other shares of thigh and shank."""
    policy, rng = Policy.load("WalkPeople-v0"), np.random.default_rng(seed)
    for i, one in enumerate(population(number)):
        uneven = rng.uniform(-UNEQUAL, UNEQUAL)
        lengths = {"femur": THIGH * one.height * (1 + uneven),
                   "tibia": SHANK * one.height * (1 - uneven)}  # fmt: skip
        subject = Subject(one.mass, one.height, lengths, one.strength)
        yield from _walked(policy, seed + i, subject, "bodies")


def speeds(number: int, seed: int) -> Iterator[Walker]:
    """WalkSpeeds-v0 at commanded speeds of 0.6 to 2.0 m/s, and the policies of one speed."""
    for i in range(number):
        yield from _walked(Policy.load("WalkSpeeds-v0"), seed + i, None, "speeds")
    for name in ("WalkImitate-v0", "WalkOptimal-v0", "Walk-v0"):
        yield from _walked(Policy.load(name), seed, None, name)


def plans() -> Iterator[Walker]:
    """Optimized gaits at eight speeds: periodic, so that they may be shown more than once."""
    for path in sorted(agent_file("plans", "walk-speeds").glob("*/motion.nc")):
        motion = Motion.load(path)
        yield Walker(motion, load("walker2d_elastic"), "optimized")


def runners(seed: int) -> Iterator[Walker]:
    """Run-v0 at the speeds it is commanded."""
    for i in range(6):
        yield from _walked(Policy.load("Run-v0"), seed + i, None, "running")


def children(seed: int) -> Iterator[Walker]:
    """Bodies of 1.05 to 1.30 m, walking as WalkPeople-v0 does."""
    policy = Policy.load("WalkPeople-v0")
    for i, height in enumerate(np.linspace(1.05, 1.30, 6)):
        subject = Subject(CHILD_INDEX * height**2, float(height))
        yield from _walked(policy, seed + i, subject, "child")


def _walked(policy: Policy, seed: int, subject: Subject | None, kind: str) -> Iterator[Walker]:
    motion = rollout(policy, seed=seed, seconds=SETTLE + SECONDS + 1.0, subject=subject)
    if motion.meta["ended"] == "time":
        name = str(motion.model)
        yield Walker(motion, load(name, subject) if subject else load(name), kind)


def write(path: Path, walkers: list[Walker]) -> int:
    """Write the file; returns how many people are in it."""
    rows = [(w, table(w)) for w in walkers]
    rows = [(w, one) for w, one in rows if one is not None]
    values = np.stack([one for _, one in rows if one is not None])  # (N, T, columns)
    low, high = values.min(axis=1), values.max(axis=1)
    step = np.maximum(high - low, 1e-9) / 65535.0
    whole = np.round((values - low[:, None]) / step[:, None]) - 32768
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path, values=whole.astype(np.int16), low=low.astype(np.float32),
        step=step.astype(np.float32), rate=RATE, columns=np.array(columns()),
        kind=np.array([w.kind for w, _ in rows]),
        mass_kg=np.array([w.body.mass for w, _ in rows]),
        lengths_m=np.array([lengths(w.body) for w, _ in rows]),
        hip_m=np.array([hip(w.body) for w, _ in rows]),
    )  # fmt: skip
    return len(rows)


def columns() -> list[str]:
    """Names of the columns: coordinates rad or m, moments N*m/kg, ground forces N/kg."""
    force = [f"ground_reaction_force/{side}_{axis}" for side in SIDES for axis in "xz"]
    return [f"qpos/{n}" for n in COORDINATES] + [f"joint_torque/{n}" for n in LEGS] + force


def table(walker: Walker) -> Array | None:
    """(T, columns) of one person at RATE, low-passed; None without ground forces of both feet."""
    motion = completed(walker.motion, walker.body)
    if "joint_torque" not in motion or walker.kind == "optimized":
        motion = _repeated(motion)
    force = motion["ground_reaction_force"][:, [motion.labels("ground_reaction_force").index(s)
                                                for s in SIDES]][..., [0, 2]]  # fmt: skip
    q = [motion.column("qpos", n) for n in COORDINATES]
    torque = [motion.column("joint_torque", n) / walker.body.mass for n in LEGS]
    every = np.column_stack([*q, *torque, force.reshape(len(motion), 4) / walker.body.mass])
    rate = (len(motion) - 1) / motion.duration
    smooth = butterworth(every, rate, CUTOFF, 4)
    start = motion.time[-1] - SECONDS - 0.3
    time = start + np.arange(round(SECONDS * RATE)) / RATE
    values = np.column_stack([np.interp(time, motion.time, column) for column in smooth.T])
    values[:, 0] -= values[0, 0]
    return values


def _repeated(motion: Motion) -> Motion:
    """One period of a gait, often enough to fill the time that is kept."""
    count = len(motion) - 1
    times = int(np.ceil((SECONDS + 1.0) / motion.duration)) + 1
    step = motion.duration / count
    rows = np.arange(times * count) % count
    turn = np.arange(times * count) // count
    out = Motion(np.arange(times * count) * step, model=motion.model, meta=motion.meta)
    for name in ("qpos", "joint_torque", "ground_reaction_force"):
        values = motion[name][rows].copy()
        if name == "qpos":
            ahead = motion.labels(name).index("pelvis_tx")
            path = motion.column(name, "pelvis_tx")
            values[:, ahead] += turn * (path[-1] - path[0])
        out = out.add(name, values, labels=motion.labels(name), source="computed")
    return out


def lengths(body: Model) -> tuple[float, float]:
    """Thigh and shank between joint centres, m."""
    knee, ankle = _chain(body, "tibia_r", "femur_r"), _chain(body, "calcn_r", "tibia_r")
    return float(np.linalg.norm(knee)), float(np.linalg.norm(ankle))


def hip(body: Model) -> tuple[float, float]:
    """The hip in the pelvis, forward and up, m."""
    where = _chain(body, "femur_r", "pelvis")
    return float(where[0]), float(where[2])


def _chain(body: Model, below: str, above: str) -> Array:
    """(3,) m from one body's origin to another's further down, in the unbent pose."""
    mj, total = body.mj, np.zeros(3)
    at = mj.body(below).id
    while mj.body(at).name != above:
        total = total + mj.body_pos[at]
        at = int(mj.body_parentid[at])
    return total


if __name__ == "__main__":
    main()
