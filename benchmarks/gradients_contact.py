"""Gradients through contact: how they grow with the horizon, where, and how far to trust them.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/gradients_contact.py

walker2d by bioenv.diff.symbolic, steps of 1 ms unless said. For a movement of T steps:

    growth    largest singular value of d qpos(T) / d (qpos(0), 0.1 s * qvel(0)): the most that a
              small change of the first state can be magnified
    controls  2-norm of d (pelvis height at T) / d (all excitations)
    off by    how wrong the gradient's prediction is for a first state 1 mm, 1 mrad off (random
              directions, median of some), relative to the change that really happens

Columns end where the body has fallen: what follows is no movement of interest.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv import models, paths
from bioenv.diff.symbolic.simulation import CompiledSimulation, SimulatedPath
from bioenv.models.model import Model, from_mujoco
from bioenv.motion import Motion

Array = NDArray[np.float64]
HORIZONS = (10, 20, 50, 100, 200, 500, 1000)
WAIT = 0.1  # s, a velocity's weight against a position's
FALLEN = 0.5  # m, height of the pelvis
HEIGHT = 1


@dataclass
class Case:
    """A movement: where it starts, what excites it, and on which ground."""

    name: str
    start: tuple[Array, Array, Array]
    excitation: Array
    step: float = 0.001
    floor: bool = True
    softness: float = 1.0
    path: SimulatedPath = field(init=False)
    made: CompiledSimulation = field(init=False)

    def __post_init__(self) -> None:
        own = self.step > 0.005
        self.made = CompiledSimulation(
            walker(self.floor), step=self.step, contact_softness=self.softness,
            integrator="implicitfast" if own else "euler",
        )  # fmt: skip
        self.path = self.made.simulate(*self.start, self.excitation)

    def until(self, steps: int) -> SimulatedPath:
        """The first steps of the movement."""
        p, n = self.path, steps + 1
        return replace(
            p, time=p.time[:n], qpos=p.qpos[:n], qvel=p.qvel[:n], activation=p.activation[:n],
            excitation=p.excitation[:steps], qacc=p.qacc[:steps], applied=p.applied[:steps],
        )  # fmt: skip

    def slopes(self, steps: int) -> Array:
        """(nq, steps + 1, 2 nq) d qpos(steps) / d (qpos, WAIT * qvel) of every instant."""
        part, n = self.until(steps), self.made.body.nq
        out = []
        for i in range(n):
            seed = np.zeros((steps + 1, 2 * n + self.made.body.nm))
            seed[-1, i] = 1.0
            state = self.made.gradient(part, seed).state[:, : 2 * n]
            out.append(state / np.repeat([1.0, WAIT], n))
        return np.array(out)

    def by_controls(self, steps: int) -> float:
        """2-norm of d height / d excitations."""
        seed = np.zeros((steps + 1, 2 * self.made.body.nq + self.made.body.nm))
        seed[-1, HEIGHT] = 1.0
        return float(np.linalg.norm(self.made.gradient(self.until(steps), seed).excitation))

    def off_by(self, steps: int, slopes: Array, size: float = 1e-3, count: int = 9) -> float:
        """Median relative error of the predicted qpos(steps) for another first state."""
        rng, (q, v, act) = np.random.default_rng(0), self.start
        errors = []
        for _ in range(count):
            shift = size * rng.normal(size=len(q))
            moved = self.made.simulate(q + shift, v, act, self.excitation[:steps]).qpos[-1]
            change = moved - self.path.qpos[steps]
            predicted = slopes[:, 0, : len(q)] @ shift
            errors.append(np.linalg.norm(predicted - change) / np.linalg.norm(change))
        return float(np.median(errors))


def walker(floor: bool) -> Model:
    """walker2d, or without anything to touch."""
    model = models.load("walker2d")
    if floor:
        return model
    mj = copy.copy(model.mj)
    mj.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_CONTACT)
    return from_mujoco(mj, model.name)


def gait(step: float, steps: int) -> tuple[tuple[Array, Array, Array], Array]:
    """First state and excitations of the shipped optimal walk, open loop."""
    walk = Motion.load(paths.agent_file("solutions", "predict-walk", "motion.nc"))
    at = np.mod(step * np.arange(steps), walk.time[-1])
    excitation = np.column_stack([np.interp(at, walk.time, x) for x in walk["excitation"].T])
    first = (walk["qpos"][0], walk["qvel"][0], walk["activation"][0])
    return first, np.clip(excitation, 0.0, 1.0)


def cases() -> list[Case]:
    """Standing, landing, walking; with and without the ground, softer and stiffer."""
    model, steps = models.load("walker2d"), HORIZONS[-1]
    phase = 3e-3 * np.arange(steps)[:, None] + np.arange(model.mj.nu) / model.mj.nu
    low = 0.15 + 0.05 * np.sin(2.0 * np.pi * phase)
    still, act = np.zeros(model.mj.nv), np.full(model.mj.nu, 0.15)
    above = model.home.copy()
    above[HEIGHT] += 0.1
    walk, excitation = gait(0.001, steps)
    own = float(model.mj.opt.timestep)
    return [
        Case("standing, sinking", (model.home, still, act), low),
        Case("landing from 0.1 m", (above, still, act), low),
        Case("the same, no floor", (above, still, act), low, floor=False),
        Case("walking", walk, excitation),
        Case("the same, no floor", walk, excitation, floor=False),
        Case("walking, 10 x softer", walk, excitation, softness=10.0),
        Case("walking, 10 x stiffer", walk, excitation, softness=0.1),
        Case("walking, 6.7 ms", walk, gait(own, 200)[1], step=own),
    ]  # fmt: skip


def row(label: str, values: Sequence[float | None]) -> None:
    """Print one line of a table."""
    cells = ["      -" if x is None else f"{x:7.3g}" for x in values]
    print(f"{label:34}" + " ".join(cells))


def growth_table(made: list[Case]) -> None:
    """Print what grows with the horizon."""
    row("steps", HORIZONS)
    for case in made:
        up = case.path.qpos[:, HEIGHT] > FALLEN
        falls = case.floor and not up.all()
        last = int(np.argmin(up)) if falls else len(case.excitation)
        found: list[list[float | None]] = [[], [], []]
        for steps in HORIZONS:
            if steps > last:
                values: list[float | None] = [None] * 3
            else:
                slopes = case.slopes(steps)
                values = [
                    float(np.linalg.norm(slopes[:, 0], 2)), case.by_controls(steps),
                    case.off_by(steps, slopes),
                ]  # fmt: skip
            for column, value in zip(found, values, strict=True):
                column.append(value)
        for name, values in zip(("growth", "controls", "off by"), found, strict=True):
            row(f"{case.name}: {name}", values)


def course_table(case: Case, steps: int = 500, window: int = 50) -> None:
    """Print when the growth of `steps` steps comes about, and what the feet do meanwhile."""
    size = np.array([np.linalg.norm(x, 2) for x in case.slopes(steps).swapaxes(0, 1)])
    forces = np.array([ground_forces(case, t) for t in range(steps)])
    on = forces[:, :, 2] > 1.0
    grip = np.array([float(c.friction[0]) for c in case.made.body.contacts])
    slips = on & (np.abs(forces[:, :, 0]) > 0.999 * grip * forces[:, :, 2])
    names = [contact.name for contact in case.made.body.contacts]
    print(f"\n{case.name}: d qpos({steps}) / d state(t), from t to t + {window}\n")
    print(f"{'steps':>9} {'growth':>7} {'largest of one step':>20}   what the feet do")
    for t in range(0, steps, window):
        part = slice(t, t + window)
        ratio = size[t : t + window] / size[t + 1 : t + window + 1]
        events = []
        for i, name in enumerate(names):
            turns = np.diff(on[max(t - 1, 0) : t + window, i].astype(int))
            events += [f"{name} touches"] * bool((turns > 0).any())
            events += [f"{name} lifts"] * bool((turns < 0).any())
            events += [f"{name} slips"] * bool(slips[part, i].any())
        print(f"{t:4}-{t + window:<4} {size[t] / size[t + window]:7.2f} {ratio.max():12.2f} at "
              f"{t + int(ratio.argmax()):4}   {', '.join(events)}")  # fmt: skip


def ground_forces(case: Case, t: int) -> Array:
    """(n_contact, 3) N at a step."""
    p = case.path
    return np.array(case.made.body.contact_force(p.qpos[t], p.qvel[t], p.qacc[t], p.parameters))


def main() -> None:
    """Print the tables."""
    made = cases()
    growth_table(made)
    course_table(next(case for case in made if case.name == "walking"))


if __name__ == "__main__":
    main()
