"""Steps of a plain environment with legs3d and of MyoSuite's legs at 100 Hz, of walker2d at 50 Hz.

    .venv/bin/python benchmarks/legs3d_speed.py [--myosuite PYTHON] [--rounds 5] [--physics]

Random actions everywhere, a fall ends the episode. The plain environment observes joints, muscle
states and foot loads, and rewards standing, speed, effort, impact and limits, as walking tasks do.
CPU seconds are the process's own, so that others on the machine do not count; wall time is what
two threads can improve. Every contestant takes its turn in every round; the table shows medians.
--physics prints what changes of the model's options cost instead.
"""

from __future__ import annotations

import argparse
import copy
import subprocess
import time
from collections.abc import Callable
from functools import partial

import mujoco
import numpy as np
from mujoco.batch import Batch

from bioenv import models
from bioenv.envs import terms
from bioenv.envs.task import Task
from bioenv.envs.vector import BioVectorEnv

MYOSUITE = """
import time, warnings
warnings.filterwarnings("ignore")
from myosuite.utils import gym
env = gym.make("myoLegWalk-v0"); env.reset()
env.unwrapped.seed(0)
steps, start, cpu = 0, time.perf_counter(), time.process_time()
while time.perf_counter() - start < {seconds}:
    *_, terminated, truncated, _ = env.step(env.action_space.sample()); steps += 1
    if terminated or truncated: env.reset()
wall, cpu = time.perf_counter() - start, time.process_time() - cpu
print(steps / wall, steps / cpu, env.unwrapped.dt)
"""
_NUM = 64


def plain(model: str) -> Task:
    """A walking task's observation and rewards without its clock."""
    return Task(
        model=model,
        observe=lambda s: (
            s.qpos[:, 1:], s.qvel, s.activation, s.fiber_length,
            s.ground_reaction_force[..., 2] / s.body_weight[:, None],
        ),
        rewards={
            "alive": (0.5, lambda s: np.ones(len(s.time))),
            "speed": (0.5, terms.speed(1.25)),
            "effort": (-1.0, terms.effort),
            "impact": (-0.5, terms.ground_impact(1.2)),
            "limit": (-0.01, terms.limit_torque),
            "smoothness": (-0.3, terms.smoothness),
        },
        terminate=terms.fallen(),
        control_dt=0.01 if model == "legs3d" else 0.02,
        episode_s=10.0,
    )  # fmt: skip


def native(model: str, threads: int, seconds: float) -> tuple[float, float]:
    """Environment steps per second of wall and of CPU time."""
    env = BioVectorEnv(plain(model), _NUM, threads=threads, autoreset_mode="SameStep")
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    actions = rng.uniform(0.0, 1.0, (50, _NUM, len(env.model.muscles))).astype(np.float32)
    steps, wall, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - wall < seconds:
        env.step(actions[steps % 50])
        steps += 1
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    env.close()
    return _NUM * steps / wall, _NUM * steps / cpu


def myosuite(python: str, seconds: float) -> tuple[float, float]:
    """The same of MyoSuite's walking environment in its own interpreter."""
    code = MYOSUITE.format(seconds=seconds)
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    wall, cpu, dt = map(float, done.stdout.split()[-3:])
    assert abs(dt - 0.01) < 1e-9, f"MyoSuite's control step is {dt} s, not 0.01 s"
    return wall, cpu


def _edited(change: Callable[[mujoco.MjModel], None]) -> mujoco.MjModel:
    mj = copy.copy(models.load("legs3d").mj)
    change(mj)
    return mj


def _option(name: str, value: float) -> Callable[[mujoco.MjModel], None]:
    return lambda mj: setattr(mj.opt, name, value)


def _flag(bit: int) -> Callable[[mujoco.MjModel], None]:
    return lambda mj: setattr(mj.opt, "disableflags", mj.opt.disableflags | bit)


def _same(_: mujoco.MjModel) -> None:
    """The model as shipped."""


def physics(rounds: int) -> None:
    """CPU time of a physics step, 64 bodies standing and sinking, for changes of options."""
    jac, integrator, bits = mujoco.mjtJacobian, mujoco.mjtIntegrator, mujoco.mjtDisableBit
    cases = {
        "as shipped": _edited(_same),
        "sparse Jacobian": _edited(_option("jacobian", jac.mjJAC_SPARSE)),
        "pyramidal cone": _edited(_option("cone", mujoco.mjtCone.mjCONE_PYRAMIDAL)),
        "impratio 1": _edited(_option("impratio", 1.0)),
        "impratio 5": _edited(_option("impratio", 5.0)),
        "Euler": _edited(_option("integrator", integrator.mjINT_EULER)),
        "implicit": _edited(_option("integrator", integrator.mjINT_IMPLICIT)),
        "no contact": _edited(_flag(bits.mjDSBL_CONTACT)),
        "no sensors": _edited(_flag(bits.mjDSBL_SENSOR)),
        "walker2d": models.load("walker2d").mj,
    }
    spent: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, mj in cases.items():
            batch = Batch(mj, _NUM, 1)
            batch.bind("qpos")[:] = mj.key_qpos[0]
            batch.bind("ctrl")[:] = np.random.default_rng(0).uniform(0.0, 0.2, (_NUM, mj.nu))
            start = time.process_time()
            batch.step(None, 60, mujoco.mjtStage.mjSTAGE_NONE.value)
            spent[name].append((time.process_time() - start) / (60 * _NUM))
    base = np.array(spent["as shipped"])
    for name, seconds in spent.items():
        best, ratio = 1e6 * min(seconds), min(seconds) / base.min()
        print(f"| {name} | {best:.1f} µs | {ratio:.2f} |")


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn")
    parser.add_argument("--myosuite", metavar="PYTHON", help="interpreter with MyoSuite installed")
    parser.add_argument("--physics", action="store_true", help="what options cost")
    args = parser.parse_args()
    if args.physics:
        physics(args.rounds)
        return
    turns: dict[str, Callable[[], tuple[float, float]]] = {}
    for model in ("walker2d", "legs3d"):
        for threads in (1, 2):
            name = f"{model}, {threads} thread{'s' * (threads > 1)}"
            turns[name] = partial(native, model, threads, args.seconds)
    peer = "MyoSuite myoLegWalk-v0"
    if args.myosuite:
        turns[peer] = partial(myosuite, args.myosuite, args.seconds)
    rounds = [{name: turn() for name, turn in turns.items()} for _ in range(args.rounds)]
    print("| environment (random actions) | steps/s wall | steps per CPU second |")
    print("|---|---|---|")
    for name in turns:
        wall, cpu = np.median([one[name] for one in rounds], axis=0)
        print(f"| {name} | {wall:,.0f} | {cpu:,.0f} |")
    if args.myosuite:
        for name, column in (("legs3d, 1 thread", 1), ("legs3d, 2 threads", 0)):
            ratio = np.median([one[name][column] / one[peer][column] for one in rounds])
            print(f"{name} over MyoSuite, {('wall', 'CPU')[column]} time: {ratio:.1f} times")


if __name__ == "__main__":
    main()
