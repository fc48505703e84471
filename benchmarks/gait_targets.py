"""Gait of the shipped policies: many speeds, pushes, other people; one table each.

    .venv/bin/python benchmarks/gait_targets.py [speeds] [pushes] [people] [--policy NAME]

speeds: the policy of WalkSpeeds at one commanded speed after another, 20 s each: error of the mean
speed over whole strides, stride, cadence, duty factor, gross cost of transport, and the stride
length of people at that speed (Grieve and Gear 1966: length grows with speed to the power 0.42).
pushes: share of walkers that recover from a change of velocity by 0.3 m/s, 100 phases, both ways.
people: survival and success by the size of the person, 32 people, 20 s.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from bioenv.agents.policy import Policy
from bioenv.agents.recovery import recovery
from bioenv.agents.rollout import rollout
from bioenv.agents.trial import Outcome, judge
from bioenv.envs.catalog import walk_speeds
from bioenv.envs.task import task as find_task
from bioenv.envs.vector import BioVectorEnv
from bioenv.evaluate import Evaluation, evaluate

SIZES = (("height", 2), ("mass", 0))  # what a person is told by, decimals
SPEEDS = np.linspace(0.6, 2.0, 8)
WALKERS = ("Walk-v0", "WalkImitate-v0", "WalkOptimal-v0", "WalkSpeeds-v0", "WalkPerturbed-v0")


def main() -> None:
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["speeds", "pushes", "people"])
    parser.add_argument("--policy", help="name or folder, instead of the shipped ones")
    args = parser.parse_args()
    tables = {"speeds": speeds, "pushes": pushes, "people": people}
    for name in args.what:
        tables[name](args.policy)


def speeds(name: str | None) -> None:
    """One row a speed."""
    policy = Policy.load(name or "WalkSpeeds-v0")
    print("| asked m/s | error % | stride m | people m | cadence /min | duty | J/kg/m | falls |")
    print("|---|---|---|---|---|---|---|---|")
    costs = []
    for speed in SPEEDS:
        motion = rollout(policy, seed=1, seconds=20, task=walk_speeds.at(float(speed)))
        judged = evaluate(motion, against=None)
        if motion.meta["ended"] == "terminated":
            print(f"| {speed:.1f} | | | | | | | after {motion.duration:.1f} s |")
            continue
        reached, costs = figure(judged, "speed"), [*costs, figure(judged, "cost_of_transport")]
        print(
            f"| {speed:.1f} | {100 * (reached / speed - 1):+.1f} "
            f"| {figure(judged, 'stride_length'):.2f} | {1.375 * (speed / 1.25) ** 0.42:.2f} "
            f"| {figure(judged, 'cadence'):.0f} | {figure(judged, 'duty_factor'):.2f} "
            f"| {costs[-1]:.2f} | no |"
        )
    if len(costs) == len(SPEEDS):
        print(f"\nleast gross cost of transport at {vertex(np.array(costs)):.2f} m/s\n")
    outcome = judged_over(policy, 100)
    print(f"speeds changing, 100 episodes of 20 s: survival {outcome.survival:.2f}, ", end="")
    print(f"every speed within 5 %: {outcome.success:.2f}\n")


def vertex(costs: np.ndarray) -> float:
    """m/s, of the parabola through the least cost and its two neighbours."""
    i = int(np.clip(costs.argmin(), 1, len(costs) - 2))
    a, b, _ = np.polyfit(SPEEDS[i - 1 : i + 2], costs[i - 1 : i + 2], 2)
    return float(-b / (2 * a))


def figure(judged: Evaluation, name: str) -> float:
    """A score's value."""
    return float(judged.score(name).value)


def judged_over(policy: Policy, episodes: int) -> Outcome:
    """Outcome of 20 s episodes of the policy's own task."""
    env = BioVectorEnv(policy.task, episodes, autoreset_mode="SameStep")
    steps = round(20 / env.task.control_dt)
    return judge(policy, env, 12345, steps, criterion="success", needed=0.0)


def pushes(name: str | None) -> None:
    """One row a policy."""
    print("| policy | recover, % | pushed forward | backward | worst tenth of the cycle |")
    print("|---|---|---|---|---|")
    for one in (name,) if name else WALKERS:
        found = recovery(Policy.load(one))
        tenths = found.recovered.reshape(10, -1).mean(axis=1)
        print(
            f"| {one} | {100 * found.share:.1f} | {100 * found.forward:.0f} "
            f"| {100 * found.backward:.0f} | {10 * tenths.argmin()}-{10 * tenths.argmin() + 10} %: "
            f"{100 * tenths.min():.0f} |"
        )
    print()


def people(name: str | None) -> None:
    """One row a group of people: the smallest, the middle, the tallest third."""
    policy = Policy.load(name or "WalkPeople-v0")
    task = find_task(policy.task)
    order = np.argsort([person.height for person in task.people])
    print("| people | height m | mass kg | survival | success |")
    print("|---|---|---|---|---|")
    for label, group in zip(("short", "middle", "tall"), np.array_split(order, 3), strict=True):
        some = tuple(task.people[i] for i in group)
        env = BioVectorEnv(replace(task, people=some), 100, autoreset_mode="SameStep")
        outcome = judge(policy, env, 12345, 1000, criterion="success", needed=0.0)
        heights, masses = (spread([getattr(p, w) for p in some], n) for w, n in SIZES)
        print(
            f"| {label} | {heights} | {masses} | {outcome.survival:.2f} | {outcome.success:.2f} |"
        )
    print()


def spread(values: list[float], digits: int) -> str:
    """Least to most."""
    return f"{min(values):.{digits}f}-{max(values):.{digits}f}"


if __name__ == "__main__":
    main()
