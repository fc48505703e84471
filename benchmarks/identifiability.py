"""Identifiability: are all confounded combinations named, and do the bounds hold?

    .venv/bin/python benchmarks/identifiability.py [--seeds 5] [--count 1000] [--part named|bounds]
        [--only NAME] [--json FILE]                                    (20 minutes of one core)

Named: experiments whose null space is known in closed form (tests/toys/identifiability_cases.py).
The null space by the record's sensitivities and, where there are equations, by Lie derivatives must
be that one, and the combinations that are told must be named. "gap": last singular value that
counts over the first that does not.

Bounds: `count` simulated experiments, estimated anew by maximum likelihood, for every seed. Ratio:
standard deviation of the estimates over the Cramér-Rao bound, of every told parameter and told
combination; the table has the mean and the deviation over seeds of the ratio farthest from 1, and
the farthest single one with its name. "one at a time": the same ratio, farthest from 1, for the
bound that takes all other parameters as known, which is what a sensitivity analysis of one
parameter after the other says.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "toys"))

import numpy as np
import torch
from identifiability_cases import ARM, CASES, DRIVE, FIBER, POSTURES, SLACK, same_span, springs

from bioenv.learn.identifiability import (
    Experiment,
    Structure,
    lie_structure,
    monte_carlo,
    precision,
    ready,
    structure,
)

EXPERIMENTS: dict[str, Callable[[], Experiment]] = {
    "springs: only their sum": springs,
    "swing, driven, angle": lambda: ready("pendulum", duration=1.5, motor=1.0),
    "swing, angle and reaction": lambda: ready("pendulum", duration=1.5).measuring(
        "angle", "reaction_x", "reaction_z"
    ),
    "isometric, three postures": lambda: ready("elbow-isometric", postures=POSTURES).knowing(
        {DRIVE: 0.0}
    ),
    "isometric, arm known to 5 %": lambda: ready("elbow-isometric", postures=POSTURES).knowing(
        {DRIVE: 0.0, ARM: 0.05}
    ),
    "isometric, EMG, arm known": lambda: (
        ready("elbow-isometric", postures=POSTURES).measuring("torque", "emg").knowing({ARM: 0.0})
    ),
    "movement, angle": lambda: ready("elbow", duration=2.0, rate=50.0).knowing({DRIVE: 0.0}),
    "movement, motor, EMG, arm known": lambda: (
        ready("elbow", duration=2.0, rate=50.0, motor=2.0)
        .measuring("angle", "emg")
        .knowing({ARM: 0.0})
    ),
    "movement, two muscles, lengths known": lambda: (
        ready("elbow", duration=2.0, rate=50.0, motor=2.0, muscles=("flexor", "extensor"))
        .measuring("angle", "emg")
        .knowing({ARM: 0.0, FIBER: 0.02, SLACK: 0.0})
    ),
    "gait, two calf muscles, 1.5 N m": lambda: ready(
        "gait-muscle", muscles=("soleus_r", "gastroc_r"), noise=1.5
    ).knowing(moment_arm=0.03),
    "gait, two calf muscles, 3 N m": lambda: ready(
        "gait-muscle", muscles=("soleus_r", "gastroc_r"), noise=3.0
    ).knowing(moment_arm=0.03),
    "landing with slip, force plate": lambda: ready(
        "foot-contact", slide=2.0, push=150.0, duration=0.04
    ).measuring("marker_x", "marker_z", "force_x", "force_z"),
}


def named() -> list[dict[str, Any]]:
    """Print the table of confounded combinations."""
    print(
        f"{'experiment':46}{'freedom':>8}{'record':>8}{'Lie':>6}{'named':>7}{'gap':>9}  told only"
    )
    rows = []
    for case in CASES:
        one = case.make()
        found = structure(one)
        lie = None if one.equations is None else lie_structure(one)
        texts = [told.text for group in found.groups for told in group.told]
        texts += [group.names[0] for group in found.groups if len(group.names) == 1]
        row = {
            "case": case.name, "freedom": len(case.null), "gap": min(found.gap, 1e17),
            "record": _right(found, case), "lie": None if lie is None else _right(lie, case),
            "named": set(case.named) <= set(texts), "told": case.named,
        }  # fmt: skip
        rows.append(row)
        marks = [
            {True: "yes", False: "NO", None: "-"}[row[key]] for key in ("record", "lie", "named")
        ]
        print(f"{case.name:46}{len(case.null):8d}{marks[0]:>8}{marks[1]:>6}{marks[2]:>7}"
              f"{row['gap']:9.0e}  {'; '.join(case.named)}")  # fmt: skip
    return rows


def _right(found: Structure, case: Any) -> bool:
    return same_span(found.null, case.basis(found.names))


def bounds(seeds: int, count: int, only: str) -> list[dict[str, Any]]:
    """Print the table of bounds against re-estimation."""
    print(f"\n{'experiment':38}{'told':>5}{'worst ratio - 1, %':>20}{'farthest':>10}  of "
          f"{'':28}{'one at a time':>14}{'s':>6}")  # fmt: skip
    rows = []
    for name, make in EXPERIMENTS.items():
        if only in name:
            rows.append(_bound(name, make(), seeds, count))
    return rows


def _bound(name: str, one: Experiment, seeds: int, count: int) -> dict[str, Any]:
    began = time.process_time()
    checks = [monte_carlo(one, count, seed) for seed in range(seeds)]
    ratios = np.array([[row.ratio for row in check.rows] for check in checks])
    names = [row.name for row in checks[0].rows]
    off = np.abs(ratios - 1.0)
    worst = off.max(axis=1)
    seed, place = np.unravel_index(off.argmax(), off.shape)
    naive = _one_at_a_time(one, names, [row.bound for row in checks[0].rows], ratios)
    row = {
        "experiment": name, "told": len(names), "mean": float(worst.mean()),
        "deviation": float(worst.std()), "farthest": float(ratios[seed, place]),
        "of": names[place], "one_at_a_time": naive,
        "converged": float(np.mean([check.converged for check in checks])),
        "ratios": {n: ratios[:, i].tolist() for i, n in enumerate(names)},
        "seconds": time.process_time() - began,
    }  # fmt: skip
    told = "-" if naive is None else f"{naive:.2f}"
    print(f"{name:38}{len(names):5d}{100 * worst.mean():13.1f} ± {100 * worst.std():4.1f}"
          f"{row['farthest']:10.3f}  {names[place][:30]:30}{told:>14}{row['seconds']:6.0f}",
          flush=True)  # fmt: skip
    return row


def _one_at_a_time(
    one: Experiment, names: list[str], bound: list[float], ratios: np.ndarray
) -> float | None:
    """The farthest mean ratio over the bound that takes all other parameters as known."""
    found = precision(one)
    alone = 1.0 / np.sqrt(np.diagonal(found.information))
    values = [
        ratios[:, i].mean() * bound[i] / alone[found.names.index(name)]
        for i, name in enumerate(names)
        if name in found.names
    ]
    return float(max(values)) if values else None


def main() -> None:
    """Both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--part", choices=("named", "bounds"))
    parser.add_argument("--only", default="", help="bounds of experiments with this in their name")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, Any] = {"seeds": args.seeds, "count": args.count}
    if args.part != "bounds":
        found["named"] = named()
    if args.part != "named":
        found["bounds"] = bounds(args.seeds, args.count, args.only)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
