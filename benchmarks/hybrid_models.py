"""Hybrid models and identified parameters: errors inside and outside the data, by seeds and noise.

    .venv/bin/python benchmarks/hybrid_models.py [--seeds N] [--part hybrid|identify]    (minutes)

Hybrids: root mean squared error against the truth without noise, mean and standard deviation over
seeds (of samples and noise), inside the part of the range that was shown and outside of it, of

- the law as given, and with its parameters fitted,
- the hybrid: the fitted law with small networks inside,
- two models of the same data without physics: Gaussian bumps, a tanh network.

"ratio": error outside of the hybrid over that of the better model without physics, seed by seed.
"covered": share of the truth outside within two standard deviations of the hybrid; 0.95 is right.

Identification: the shipped walk, given to a model whose strengths (15 %), tendon slack lengths (3 %
of an optimal fiber length) or masses (10 %) were changed at random, with two kinds of errors and
growing size: white ones of accelerations (1: 3 rad/s^2, 0.6 m/s^2), activations (10 %), forces
(20 N) and their points (5 mm); and a laboratory's, where coordinates (1: 0.3 degrees, 1 mm) and
forces are smoothed at 10 Hz and differentiated. RMS error of the values (factors; changes of slack
lengths in optimal fiber lengths), share covered by the 95 % intervals, parameters called untold.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "toys"))

import numpy as np
import torch
from hybrid_cases import CASES, Case
from identify_cases import LABORATORY, ROUGH, other_body, seen, shaken, walk

from bioenv import models
from bioenv.learn.hybrid import Hybrid
from bioenv.learn.identify import Identify
from bioenv.learn.plain import PlainBumps, PlainNetwork
from bioenv.motion import Motion

MODELS = ("law as given", "law fitted", "hybrid", "bumps alone", "network alone")


def _errors(case: Case, seed: int) -> tuple[np.ndarray, float]:
    """(models, 2) RMS inside and outside; share covered."""
    x, y = case.sample(seed)
    hybrid = case.hybrid().fit(x, y)
    found: tuple[Hybrid | PlainNetwork, ...] = (
        case.hybrid(),
        case.hybrid(learn=False).fit(x, y),
        hybrid,
        PlainBumps(x.shape[1], float(y.mean()), float(y.std())).fit(x, y),
        PlainNetwork(seed=seed).fit(x, y),
    )
    rows = []
    for model in found:
        inside = model.predict(case.shown) - case.shown_truth
        outside = model.predict(case.outside) - case.outside_truth
        rows.append([np.sqrt(np.mean(one**2)) for one in (inside, outside)])
    off = np.abs(hybrid.predict(case.outside) - case.outside_truth)
    return np.array(rows), float(np.mean(off <= 2 * hybrid.deviation(case.outside)))


def hybrids(seeds: int) -> None:
    """Print the table of hybrids."""
    for name, make in CASES.items():
        case = make()
        results = [_errors(case, seed) for seed in range(seeds)]
        errors = np.array([one for one, _ in results])
        ratio = errors[:, 2, 1] / errors[:, 3:, 1].min(axis=1)
        covered = np.mean([share for _, share in results])
        print(f"\n{name}: outside {case.outside_truth.std():.3g} in size, noise {case.noise:g}")
        print(f"  {'':16}{'inside':>18}{'outside':>18}")
        for i, model in enumerate(MODELS):
            text = "".join(
                f"{errors[:, i, j].mean():11.3g} ± {errors[:, i, j].std():.2g}" for j in (0, 1)
            )
            print(f"  {model:16}{text}")
        print(f"  ratio {ratio.mean():.2f} ± {ratio.std():.2f}, worst {ratio.max():.2f}; "
              f"covered {covered:.2f}", flush=True)  # fmt: skip


SOUGHT = {
    "strengths": ({"strength": 0.15}, {"strengths": "all"}),
    "slack lengths": ({"strength": 0.0, "slack": 0.03}, {"tendon_slack_lengths": "all"}),
    "masses": ({"strength": 0.0, "mass": 0.1}, {"masses": "all"}),
    "all three": (
        {"strength": 0.15, "slack": 0.03, "mass": 0.1},
        {"strengths": "all", "tendon_slack_lengths": "all", "masses": "all"},
    ),
}


def _identified(name: str, data: list[Motion], seeds: int) -> str:
    """A line of the table: errors by kind, share covered, untold, seconds."""
    change, settings = SOUGHT[name]
    off, covered, untold, began = [], [], [], time.perf_counter()
    for seed in range(seeds):
        wrong, truth = other_body(models.load("walker2d"), seed, **change)
        found = Identify(wrong, **settings).fit(data[seed])
        off.append([found.values_[n] - truth[n] for n in found.names])
        ends = [(*found.intervals_[n], truth[n]) for n in found.names]
        covered.append([low <= x <= high for low, high, x in ends])
        untold.append(len(found.untold_))
    seconds = (time.perf_counter() - began) / seeds
    kinds = np.array([n.split("/")[0] for n in found.names])
    parts = [np.array(off)[:, kinds == kind] for kind in dict.fromkeys(kinds.tolist())]
    text = " ".join(f"{np.sqrt(np.mean(part**2)):.3f}" for part in parts)
    rest = f"{np.mean(untold):5.1f}/{len(kinds)}{seconds:6.1f}"
    return f"{text:>22}{np.mean(covered):9.2f}{rest}"


def identify(seeds: int) -> None:
    """Print the table of identification."""
    motion = walk()
    for see, unit in ((shaken, ROUGH), (seen, LABORATORY)):
        print(f"\nerrors: {'white' if see is shaken else 'of a laboratory'}")
        print(f"  {'sought':16}{'size':>6}{'RMS error':>22}{'covered':>9}{'untold':>8}{'s':>6}")
        for name in SOUGHT:
            for size in (0.0, 0.3, 1.0):
                data = [see(motion, unit.times(size), seed) for seed in range(seeds)]
                print(f"  {name:16}{size:6.1f}{_identified(name, data, seeds)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--part", choices=("hybrid", "identify"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.part != "identify":
        hybrids(args.seeds)
    if args.part != "hybrid":
        identify(args.seeds)


if __name__ == "__main__":
    main()
