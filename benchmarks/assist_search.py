"""Search for assistance that breaks the filter: the weights of the `learned` adversary.

    .venv/bin/python benchmarks/assist_search.py

Cross-entropy search (Rubinstein 1999) over its linear map against the device with its filter,
pushes and faults. It wants the angle, the speed and the load to come as near their limits as they
can, wherever the device pushes outward (`Violations.device`), and then anywhere.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace

import numpy as np
from assist import RESULTS, hostile, walked

from bioenv.agents.policy import Policy
from bioenv.envs.assist import Adversary
from bioenv.envs.assist.adversary import FEATURES

KINDS = ("angle", "speed", "load")


def harm(weights: np.ndarray, policy: Policy, seed: int) -> float:
    """What the adversary wants: episodes violated by the device, plus the mean worst share."""
    task = hostile("pump", seed, filtered=True)
    device = replace(task.device, asking=Adversary("learned", seed, weights))
    seen, _ = walked(replace(task, device=device, episode_s=2.5), policy, 16, seed)
    mine = sum(seen.episodes(kind, by_device=True) for kind in KINDS)
    near = np.mean([np.minimum(seen.worst[kind], 2.0).mean() for kind in KINDS])
    return mine + float(near)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--policy", default="AssistWalk-v0")
    parser.add_argument("--generations", type=int, default=4)
    args = parser.parse_args()
    policy, rng = Policy.load(args.policy), np.random.default_rng(0)
    (RESULTS.parent / "assist_adversary.json").write_text(
        json.dumps({"weights": [0.0] * FEATURES, "harm": []})
    )
    mean, deviation, history = np.zeros(FEATURES), np.ones(FEATURES), []
    for generation in range(args.generations):
        tried = mean + deviation * rng.standard_normal((8, FEATURES))
        scores = np.array([harm(one, policy, 70_000 + generation) for one in tried])
        best = tried[np.argsort(scores)[-3:]]
        mean, deviation = best.mean(axis=0), best.std(axis=0) + 0.1
        history.append(float(scores.max()))
        print(generation, f"best {scores.max():.3f}, mean {scores.mean():.3f}", flush=True)
    (RESULTS.parent / "assist_adversary.json").write_text(
        json.dumps({"weights": [round(float(w), 4) for w in mean], "harm": history}, indent=1)
        + "\n"
    )


if __name__ == "__main__":
    main()
