"""Safe assistance, measured: adversaries with and without the filter, its speed, what it saves.

    .venv/bin/python benchmarks/assist.py safety [--episodes 1000]
    .venv/bin/python benchmarks/assist.py speed
    .venv/bin/python benchmarks/assist.py metabolic

`safety`: the muscles are driven by the shipped policy, the torque asked for by an adversary that
sees the true state and asks for twice what the device has; walkers are pushed, sensors fail, and
the learned estimator says that there is no load and that it is sure. Every adversary is run with
the filter and, on the same device, without. The one called `learned` was found by search against
the filter (benchmarks/assist_search.py). Judged by the true state at every physics step
(`bioenv.envs.assist.Violations`). Results are written to benchmarks/results/assist.json.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bioenv import models
from bioenv.agents.policy import Policy
from bioenv.envs import gait
from bioenv.envs.assist import ADVERSARIES, Adversary, Estimate, Exoskeleton, Faults, Violations
from bioenv.envs.assist.device import remembered
from bioenv.envs.assist.violations import KINDS
from bioenv.envs.catalog import assist_walk, walk
from bioenv.envs.task import Task
from bioenv.envs.vector import BioVectorEnv

RESULTS = Path(__file__).parent / "results" / "assist.json"
PUSHES = gait.Pushes(impulse=(0.05, 0.2), every_s=3.0)
FAULTS = Faults(every_s=2.0)
BATCH = 100
FRESH = 130_000  # first seed of `safety`; the filter was tuned on smaller ones
CALM = replace(assist_walk.TASK, perturb=None, device=replace(assist_walk.DEVICE, faults=None))


def liar(state: Any, readings: Any) -> Estimate:
    """A learned estimator that is wrong and sure of itself."""
    zero = np.zeros_like(readings.angle)
    return Estimate(zero, zero, np.zeros(len(zero), dtype=bool))


def hostile(kind: str | None, seed: int, filtered: bool) -> Task:
    """The task under pushes and faults; kind None: the device is silent.

    Walkers are told what power the device has as in the task: some rely on it, some do not.
    """
    device = replace(assist_walk.DEVICE, faults=FAULTS, estimator=liar)
    if kind is None:
        device = replace(device, power=(0.0, 0.0))
    else:
        device = replace(device, asking=Adversary(kind, seed, weights()))
    device = device if filtered else device.without_filter()
    return replace(assist_walk.TASK, device=device, perturb=PUSHES)


def weights() -> Any:
    """Of the learned adversary, from its search."""
    found = json.loads((RESULTS.parent / "assist_adversary.json").read_text())
    return np.array(found["weights"])


def walked(task: Task, policy: Policy, num: int, seed: int) -> tuple[Violations, float]:
    """Violations of ``num`` episodes, and the share that stood."""
    env = BioVectorEnv(task, num, threads=1, autoreset_mode="Disabled")
    device = task.device
    assert isinstance(device, Exoskeleton)
    seen = Violations(env, device.limits)
    env.on_substep = seen
    observation, _ = env.reset(seed=seed)
    for _ in range(round(task.episode_s / task.control_dt)):
        observation, _, terminated, _, _ = env.step(policy.act(observation))
        seen.end(terminated)
        if not seen.alive.any():
            break
    env.close()
    return seen, float(seen.alive.mean())


def safety(policy: Policy, episodes: int) -> list[dict[str, Any]]:
    """One row per adversary and device; printed and returned."""
    each = -(-episodes // len(ADVERSARIES))
    cases: list[tuple[str | None, bool]] = [(k, f) for f in (True, False) for k in ADVERSARIES]
    cases += [(None, False)]
    rows = []
    print(f"{'assistance':10} {'filter':6} {'episodes':>8} {'stood':>6}  "
          + "  ".join(f"{kind + ' dev/any':>14}" for kind in KINDS))  # fmt: skip
    for kind, filtered in cases:
        row: dict[str, Any] = {"adversary": kind, "filter": filtered, "episodes": 0, "stood": 0.0}
        row |= {f"{k}/{w}": 0 for k in KINDS for w in ("device", "any")}
        row |= {"episodes/device": 0, "episodes/any": 0} | {f"{k}/worst": 0.0 for k in KINDS}
        for begin in range(0, each, BATCH):
            num, seed = min(BATCH, each - begin), FRESH + begin
            seen, stood = walked(hostile(kind, seed, filtered), policy, num, seed)
            row["episodes"] += num
            row["stood"] += stood * num / each
            for k in KINDS:
                row[f"{k}/device"] += seen.episodes(k, by_device=True)
                row[f"{k}/any"] += seen.episodes(k)
                row[f"{k}/worst"] = max(row[f"{k}/worst"], float(seen.worst[k].max()))
            row["episodes/device"] += int(
                sum(v > 0 for v in seen.device.values()).astype(bool).sum()
            )
            row["episodes/any"] += int(sum(v > 0 for v in seen.any_.values()).astype(bool).sum())
        rows.append(row)
        shown = (f"{row[k + '/device']:>6}/{row[k + '/any']:<7}" for k in KINDS)
        print(f"{kind or 'none':10} {filtered!s:6} {row['episodes']:>8} {row['stood']:>6.2f}  "
              + "  ".join(shown), flush=True)  # fmt: skip
    return rows


def speed() -> list[dict[str, float]]:
    """Time of the filter alone and of the whole device, per environment and physics step."""
    rows = []
    for num in (1, 64, 256):
        env = BioVectorEnv("bioenv/AssistWalk-v0", num, threads=1, autoreset_mode="SameStep")
        env.reset(seed=0)
        device = env.task.device
        assert isinstance(device, Exoskeleton)
        assert device.filter is not None
        inner, spent = device.filter, {"filter": [], "device": []}

        def timed(*args: Any, inner: Any = inner, spent: Any = spent) -> Any:
            begin = time.perf_counter()
            result = inner(*args)
            spent["filter"].append(time.perf_counter() - begin)
            return result

        object.__setattr__(device, "filter", timed)
        timed.dt, timed.deviations = inner.dt, inner.deviations  # type: ignore[attr-defined]
        drive = type(device).drive

        def driven(*args: Any, device: Any = device, drive: Any = drive, spent: Any = spent) -> Any:
            begin = time.perf_counter()
            result = drive(device, *args)
            spent["device"].append(time.perf_counter() - begin)
            return result

        object.__setattr__(device, "drive", driven)
        action = np.full(env.action_space.shape, 0.2)
        for _ in range(200):
            env.step(action)
        object.__setattr__(device, "filter", inner)
        object.__delattr__(device, "drive")
        row = {"environments": num}
        row |= {k: float(np.median(v)) / num * 1e6 for k, v in spent.items()}
        rows.append(row)
        print(
            f"{num:4d} environments: filter {row['filter']:.1f}, device {row['device']:.1f} us "
            "per environment and physics step (median)",
            flush=True,
        )
    return rows


def rate(task: Task, policy: Policy, num: int = 32, seed: int = 900) -> dict[str, float]:
    """Gross metabolic rate W/kg, cost J/kg/m, survival, torque and power of the device.

    Over 8 s from the third second on; every walker is commanded what its seed says.
    """
    env = BioVectorEnv(task, num, threads=1, autoreset_mode="Disabled")
    observation, _ = env.reset(seed=seed)
    person = models.load(walk.MODEL).mass
    rates, work, peak, alive = [], [], [], np.ones(num, dtype=bool)
    first = np.zeros(num)
    steps, skip = round(10.0 / task.control_dt), round(2.0 / task.control_dt)
    for step in range(steps):
        observation, _, terminated, _, _ = env.step(policy.act(observation[:, : policy.obs_size]))
        alive &= ~terminated
        state = env.state
        if step == skip:
            first = state.coordinate("pelvis_tx").copy()
        if step >= skip:
            rates.append(state.metabolic_rate.sum(axis=1) / person)
            if task.device is not None:
                index = [state.model.coordinate_index(f"ankle_angle_{side}") for side in "rl"]
                torque = remembered(state, "torque")
                work.append((torque * state.qvel[:, index]).sum(axis=1) / person)
                peak.append(torque.min(axis=1))
    way = (env.state.coordinate("pelvis_tx") - first) / ((steps - 1 - skip) * task.control_dt)
    muscles = np.mean(rates, axis=0)[alive]
    return {
        "stood": float(alive.mean()), "speed": float(way[alive].mean()),
        "gross": float(muscles.mean()) + 1.2, "gross_sd": float(muscles.std()),
        "cost": float(((muscles + 1.2) / way[alive]).mean()),
        "device_power": float(np.mean(work, axis=0)[alive].mean()) if work else 0.0,
        "peak_torque": float(-np.min(peak, axis=0)[alive].mean()) if peak else 0.0,
    }  # fmt: skip


def metabolic(policy: Policy) -> dict[str, dict[str, float]]:
    """What assistance saves: the same policy, the same body with the device silent, and without."""
    bare = replace(assist_walk.at(0.0, CALM), model=walk.MODEL)
    cases: dict[str, tuple[Task, Policy]] = {
        f"power {power:g}": (assist_walk.at(power, CALM), policy)
        for power in (1.0, 0.75, 0.5, 0.25, 0.0)
    }
    cases["device taken off"] = (bare, policy)
    cases["Walk-v0, no device"] = (walk.TASK, Policy.load("Walk-v0"))
    rows = {}
    for name, (task, one) in cases.items():
        rows[name] = row = rate(task, one)
        print(
            f"{name:20} stood {row['stood']:.2f}  {row['speed']:.2f} m/s  {row['gross']:.2f} W/kg  "
            f"{row['cost']:.2f} J/kg/m  device {row['device_power']:+.2f} W/kg, "
            f"peak {row['peak_torque']:.0f} N*m",
            flush=True,
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("safety", "speed", "metabolic"))
    parser.add_argument("--episodes", type=int, default=1000)
    parser.add_argument("--policy", default="AssistWalk-v0", help="folder or shipped name")
    args = parser.parse_args()
    found: Any
    if args.what == "speed":
        found = speed()
    elif args.what == "safety":
        found = safety(Policy.load(args.policy), args.episodes)
    else:
        found = metabolic(Policy.load(args.policy))
    results = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    RESULTS.write_text(json.dumps(results | {args.what: found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
