"""Hybrid models and identified parameters: errors inside and outside the data, by seeds and noise.

    .venv/bin/python benchmarks/hybrid_models.py [--seeds N] [--part hybrid|identify]

Hybrids: root mean squared error against the truth without noise, mean and standard deviation over
seeds (of samples and noise), inside the part of the range that was shown and outside of it, of

- the law as given, and with its parameters fitted,
- the hybrid: the fitted law with small networks inside,
- two models of the same data without physics: Gaussian bumps, a tanh network.

"ratio": error outside of the hybrid over that of the better model without physics, seed by seed.
"covered": share of the truth outside within two standard deviations of the hybrid; 0.95 is right.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "toys"))

import numpy as np
import torch
from hybrid_cases import CASES, Case

from bioenv.learn.hybrid import Hybrid
from bioenv.learn.plain import PlainBumps, PlainNetwork

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=8)
    args = parser.parse_args()
    torch.set_num_threads(1)
    hybrids(args.seeds)


if __name__ == "__main__":
    main()
