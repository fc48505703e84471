"""Hands-on: what can a dynamometer tell of the biceps, and what must be measured besides?

    python examples/elbow_identifiability.py
    python examples/elbow_identifiability.py --plot elbow.png

A subject pulls as hard as she can against a dynamometer. Wanted are the strength of the muscle, its
moment arm, its optimal fiber length and the slack length of its tendon. Before anybody is measured
we ask which of them the torque can tell at all, how well, and what would help. Read this script
from top to bottom; every step prints what it finds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bioenv.learn.identifiability import (
    Experiment,
    Profile,
    extras,
    monte_carlo,
    precision,
    profile,
    rank,
    ready,
    refit,
    structure,
)

Array = NDArray[np.float64]

STRENGTH, ARM = "max_isometric_force", "moment_arm"
POSTURES = (0.6, 1.2, 1.8)  # rad
IMAGING = 0.05  # an MRI tells the moment arm to 5 %


def what_is_told(one: Experiment, name: str) -> None:
    """The rank of the sensitivities, and what lies in their null space."""
    found = structure(one)
    print(f"   {name}: rank {found.rank} of {len(found.names)} parameters; "
          f"told: {', '.join(found.told) or 'none'}")  # fmt: skip
    for group in found.groups:
        exact = [told.text for told in group.told if told.kind != "local"]
        print(f"      only together: {', '.join(exact) or 'one combination, near these values'}")
        for trade in group.trades:
            print(f"      no torque notices: {trade.text}")


def what_helps(one: Experiment) -> None:
    """Extra measurements, best first."""
    gains = rank(one, extras("elbow-isometric", one, postures=POSTURES))
    for gain in gains[:3] + gains[-2:]:
        tells = ", ".join(gain.newly_told) or "nothing new"
        print(f"   {gain.name:32} deviations ÷ {gain.volume:4.2f}, tells {tells}")


def how_well(one: Experiment) -> None:
    """The Cramér-Rao bound, and a thousand simulated experiments that were estimated anew."""
    check = monte_carlo(one, 1000, seed=0)
    for row in check.rows[: len(one.names)]:  # the combinations follow
        print(f"   {row.name:24} bound {100 * row.bound:5.2f} %, estimates vary by "
              f"{100 * row.deviation:5.2f} %, ratio {row.ratio:.3f}")  # fmt: skip


def profiled(one: Experiment, name: str) -> Profile:
    """How far the strength may be from its value before a torque notices."""
    found = profile(one, STRENGTH)
    low, high = found.interval
    kind = "closed" if found.told else f"open {found.open_}"
    print(f"   {name:24} 95 % from {low:.0f} to {high:.0f} N ({kind})")
    return found


def draw(file: Path, untold: Profile, told: Profile, one: Experiment) -> None:
    """The two profiles, and a thousand estimates with the ellipse that the bound foresees."""
    import matplotlib

    matplotlib.use("Agg")  # no screen needed
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    for found, color, label in ((untold, "tab:red", "torque alone: not told"),
                                (told, "tab:blue", "moment arm known to 5 %: told")):  # fmt: skip
        left.plot(found.values, found.worse, color=color, marker=".", label=label)
    left.axhline(told.limit, color="k", ls=":", label="95 %")
    left.set(xlabel="strength, N", ylabel="worse by (2 log likelihood)", xscale="log",
             ylim=(-0.3, 2.0 * told.limit))  # fmt: skip
    ticks = (200, 500, 1000, 2000, 5000)
    left.set_xticks(ticks, [str(one) for one in ticks])
    left.minorticks_off()
    left.legend(loc="upper right")
    truth = one.evaluate(torch.zeros(len(one.free), dtype=torch.float64))
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1000, *truth.shape, generator=generator, dtype=torch.float64)
    known = torch.zeros(1000, len(one.free), dtype=torch.float64)
    at = [one.names.index(name) for name in (STRENGTH, ARM)]
    known[:, at[1]] = IMAGING * torch.randn(1000, generator=generator, dtype=torch.float64)
    steps = refit(one, truth + noise * one.noise, centers=known).steps[:, at]
    turn = np.linspace(0.0, 2.0 * np.pi, 100)
    root = np.linalg.cholesky(precision(one).covariance[np.ix_(at, at)])
    ring = np.sqrt(5.99) * np.stack([np.cos(turn), np.sin(turn)], 1) @ root.T  # 95 % of a plane
    right.plot(*(100 * steps.T), "k.", ms=2, label="1,000 estimates")
    right.plot(*(100 * ring.T), color="tab:blue", label="95 % by the bound")
    right.set(xlabel="error of the strength, %", ylabel="error of the moment arm, %")
    right.legend()
    figure.savefig(file, dpi=150)
    plt.close(figure)


def main() -> None:
    """All steps, and the figure when asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the result")
    args = parser.parse_args()
    torch.set_num_threads(1)
    effort = {"drive": 0.0}  # the activation at full effort is known, by twitch interpolation
    single = ready("elbow-isometric").knowing(effort)
    several = ready("elbow-isometric", postures=POSTURES).knowing(effort)
    imaged = several.knowing({ARM: IMAGING})
    print("1. What could be told without noise?")
    what_is_told(single, "one posture")
    what_is_told(several, "three postures")
    print("\n2. What would help most, at three postures?")
    what_helps(several)
    print("\n3. With a moment arm from MRI: are the foreseen errors right?")
    how_well(imaged)
    print("\n4. The profile likelihood of the strength")
    untold = profiled(several, "torque alone")
    told = profiled(imaged, "moment arm to 5 %")
    if args.plot:
        draw(args.plot, untold, told, imaged)


if __name__ == "__main__":
    main()
