"""Environment steps per second: single, Gymnasium's vectors, the native vector, MyoSuite.

    .venv/bin/python benchmarks/env_steps.py [--task bioenv/WalkImitate-v0] [--rounds 5]
                                             [--myosuite PYTHON]

Every contestant takes its turn in every round, so that they share the machine's good and bad
moments; the table shows medians and ratios. The shipped policy acts (its time is not counted),
because a falling body costs other contacts than a walking one. MyoSuite runs in the environment
whose interpreter is named (`pip install myosuite` there), with random actions, since it ships no
policy for `myoLegWalk-v0`.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

from bioenv.agents.policy import Policy
from bioenv.envs.vector import BioVectorEnv

MYOSUITE = """
import time, warnings
warnings.filterwarnings("ignore")
from myosuite.utils import gym
env = gym.make("myoLegWalk-v0"); env.reset()
steps, start = 0, time.perf_counter()
while time.perf_counter() - start < {seconds}:
    *_, terminated, truncated, _ = env.step(env.action_space.sample()); steps += 1
    if terminated or truncated: env.reset()
print(steps / (time.perf_counter() - start))
"""


class Clock:
    """Adds up the time spent in some methods of an object."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def watch(self, owner: Any, name: str) -> None:
        """Replace ``owner.name`` by itself with a stopwatch."""
        method: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            result = method(*args, **kwargs)
            self.seconds += time.perf_counter() - start
            return result

        setattr(owner, name, timed)


def native(task: str, policy: Policy, num: int, threads: int, seconds: float) -> dict[str, float]:
    """Steps per second of the native vector and the shares of its time."""
    env = BioVectorEnv(task, num, threads=threads, autoreset_mode="SameStep")
    physics, judging = Clock(), Clock()
    physics.watch(env.simulation, "advance")
    for name in ("_observe", "_judge"):
        judging.watch(env, name)
    obs, _ = env.reset(seed=0)
    for _ in range(20):  # into the gait, away from the common start
        obs = env.step(policy.act(obs))[0]
    physics.seconds = judging.seconds = spent = 0.0
    steps = 0
    while spent < seconds:
        action = policy.act(obs)
        start = time.perf_counter()
        obs = env.step(action)[0]
        spent += time.perf_counter() - start
        steps += num
    rest = spent - physics.seconds - judging.seconds
    return {
        "rate": steps / spent,
        "physics": physics.seconds / spent,
        "obs and reward": judging.seconds / spent,
        "rest": rest / spent,
    }


def through_gymnasium(task: str, policy: Policy, kind: str, seconds: float) -> dict[str, float]:
    """Steps per second of the single environment and of Gymnasium's own vectors around it."""
    if kind == "single":
        env: Any = SyncVectorEnv([lambda: gymnasium.make(task)])
    else:
        make = [lambda: gymnasium.make(task)] * 16
        env = AsyncVectorEnv(make) if kind == "async" else SyncVectorEnv(make)
    obs, _ = env.reset(seed=0)
    steps, spent = 0, 0.0
    while spent < seconds:
        action = policy.act(obs)
        start = time.perf_counter()
        obs = env.step(action)[0]
        spent += time.perf_counter() - start
        steps += len(obs)
    env.close()
    return {"rate": steps / spent}


def myosuite(python: str, seconds: float) -> dict[str, float]:
    """Steps per second of MyoSuite's walking environment in its own interpreter."""
    code = MYOSUITE.format(seconds=seconds)
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return {"rate": float(done.stdout.split()[-1])}


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--task", default="bioenv/WalkImitate-v0")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn")
    parser.add_argument("--myosuite", metavar="PYTHON", help="interpreter with MyoSuite installed")
    args = parser.parse_args()
    task, seconds = args.task, args.seconds
    policy = Policy.load(task.split("/")[-1])
    turns: dict[str, Callable[[], dict[str, float]]] = {
        "single": lambda: through_gymnasium(task, policy, "single", seconds),
        "gymnasium sync, 16": lambda: through_gymnasium(task, policy, "sync", seconds),
        "gymnasium async, 16": lambda: through_gymnasium(task, policy, "async", seconds),
    }
    for num in (64, 256):
        for threads in (1, 2):
            turns[f"native {num}, {threads} threads"] = lambda n=num, t=threads: native(
                task, policy, n, t, seconds
            )
    if args.myosuite:
        turns["MyoSuite myoLegWalk-v0"] = lambda: myosuite(args.myosuite, seconds)
    rounds = [{name: turn() for name, turn in turns.items()} for _ in range(args.rounds)]

    def median(name: str, key: str) -> float:
        return float(np.median([one[name].get(key, np.nan) for one in rounds]))

    base = "gymnasium async, 16"
    print(f"{task}: environment steps per second, median of {args.rounds} rounds\n")
    print("| environment | steps/s | of async | physics | obs and reward | rest |")
    print("|---|---|---|---|---|---|")
    for name in turns:
        ratio = float(np.median([one[name]["rate"] / one[base]["rate"] for one in rounds]))
        shares = [median(name, key) for key in ("physics", "obs and reward", "rest")]
        cells = ["" if np.isnan(share) else f"{100 * share:.1f} %" for share in shares]
        print(f"| {name} | {median(name, 'rate'):,.0f} | {ratio:.2f} | {' | '.join(cells)} |")
    if args.myosuite:
        best = [one["native 256, 2 threads"]["rate"] for one in rounds]
        theirs = [one["MyoSuite myoLegWalk-v0"]["rate"] for one in rounds]
        ratios = np.array(best) / np.array(theirs)
        print(f"\nnative 256, 2 threads over MyoSuite: {np.median(ratios):.0f} times")


if __name__ == "__main__":
    main()
