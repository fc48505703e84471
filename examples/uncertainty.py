"""How sure is an estimator, and when should nobody believe it?

    python examples/uncertainty.py [--plot FILE.png] [--seed N]

A notebook as a script: read it from top to bottom, run it as a whole or cell by cell (``# %%``).
The torque of an ankle is learned from its angle and the envelope of soleus. The law and its noise
are known here, so that every claim about uncertainty can be checked.
"""

# %% Packages
from __future__ import annotations

import argparse
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from bioenv.learn.estimators import (
    Estimator,
    Novelty,
    Plan,
    Prediction,
    Settings,
    Windows,
    auroc,
    coverage,
    crps_gaussian,
    expected_calibration_error,
    rmse,
    sharpness,
)

Array = NDArray[np.float64]

SEEN = (-20.0, 10.0)  # degrees of dorsiflexion that were measured
ASKED = (-20.0, 35.0)  # degrees that somebody will ask about

# %% 1. A law with noise
# Soleus pulls with F0 a FL(length) at a moment arm of 46 mm (FL: Thelen 2003); motor noise grows
# with the force (Harris & Wolpert 1998, Nature 394:780): 8 % of the torque, and 2 N*m always.

F0, ARM, FIBER = 3500.0, 0.046, 0.055  # N, m, m


def law(angle: Array, envelope: Array) -> Array:
    """Torque N*m at ankle angles, rad, and activations 0..1: plantarflexion is negative."""
    length = 0.95 + ARM * angle / FIBER
    return -F0 * ARM * envelope * np.exp(-(((length - 1.0) / 0.45) ** 2))


def noise(torque: Array) -> Array:
    """Standard deviation of a measured torque, N*m."""
    return 2.0 + 0.08 * np.abs(torque)


def measured(count: int, degrees: tuple[float, float], seed: int) -> Windows:
    """Samples as windows of one instant: angle and envelope in, torque out."""
    rng = np.random.default_rng(seed)
    angle = np.deg2rad(rng.uniform(*degrees, count))
    envelope = rng.uniform(0.0, 1.0, count)
    torque = law(angle, envelope)
    torque = torque + noise(torque) * rng.normal(size=count)
    name = np.full(count, "somebody")
    return Windows(
        np.stack([angle, envelope], axis=1)[:, None], torque[:, None, None],
        ("qpos/ankle_angle_r", "emg/soleus_r"), ("joint_torque/ankle_angle_r",), ("rad", "1"),
        ("N*m",), 100.0, (0.0,), name, name, np.full(count, -1), np.arange(count) / 100.0,
    )  # fmt: skip


# %% 2. An ensemble that knows two kinds of doubt
# Every member tells a mean and a variance. The mean of the variances is noise that no data remove
# (aleatoric); the variance of the means is what the members do not agree on (epistemic). Their sum
# is the variance of the mixture.


def learned(seed: int) -> Estimator:
    """Five small networks, trained on 300 samples, stopped and calibrated on 200 others."""
    train, valid, calibration = (
        measured(count, SEEN, seed + k) for k, count in enumerate((300, 200, 400))
    )
    return Estimator(
        Settings("plain", hidden=24, layers=2), members=5, seed=seed,
        plan=Plan(epochs=120, patience=30, batch=64, learning_rate=5e-3, anneal=True),
        novelty=Novelty(usual=0.95),
    ).fit(train, valid, calibration)  # fmt: skip


class Claim(NamedTuple):
    """What an interval promised and held, and how good the whole distribution is."""

    rmse: float
    coverage: float
    width: float
    calibration_error: float
    crps: float


def claim(found: Prediction, truth: Array) -> Claim:
    """Judge a prediction by fresh measurements (N, 1, 1)."""
    return Claim(
        rmse(found.mean, truth),
        coverage(found.lower, found.upper, truth),
        sharpness(found.lower, found.upper),
        expected_calibration_error(found.mean, found.total, truth),
        crps_gaussian(found.mean, found.total, truth),
    )


# %% 3. Calibration makes the promise true
# A network that is too sure of itself stays useful if its intervals are stretched until they held
# for samples that it had not seen: split conformal prediction. Here one is made too sure.


def too_sure(estimator: Estimator, share: float) -> Estimator:
    """The same estimator, its intervals `share` as wide as calibrated."""
    other = copy(estimator)
    other.factor_ = share * estimator.factor_
    return other


# %% 4. Out of its depth
# Nobody measured beyond 10 degrees. Members disagree there, the novelty score passes its limit, and
# the band grows. The flag is what a reader should look at first.


class Depth(NamedTuple):
    """By distance: how well the score tells usual from unusual, shares flagged, epistemic
    deviation, N*m, inside and far outside, and how often the grown band outside holds the truth."""

    auroc: float
    flagged_inside: float
    flagged_outside: float
    epistemic_inside: float
    epistemic_outside: float
    covered_outside: float


def depth(estimator: Estimator, seed: int) -> Depth:
    """Compare fresh samples from where it learned with samples from where nobody measured."""
    inside, outside = measured(600, SEEN, seed), measured(600, (20.0, ASKED[1]), seed + 1)
    known, lost = estimator.predict(inside), estimator.predict(outside)
    return Depth(
        auroc(known.novelty, lost.novelty), float(known.flag.mean()), float(lost.flag.mean()),
        float(np.sqrt(known.epistemic.mean())), float(np.sqrt(lost.epistemic.mean())),
        coverage(lost.lower, lost.upper, outside.targets),
    )  # fmt: skip


# %% 5. A picture


def draw(estimator: Estimator, path: Path) -> None:
    """Torque over the angle at half activation: law, samples, mean, bands, and where it is lost."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    degrees = np.linspace(*ASKED, 221)
    like = measured(len(degrees), SEEN, 0)
    inputs = np.stack([np.deg2rad(degrees), np.full(len(degrees), 0.5)], axis=1)[:, None]
    found = estimator.predict(replace(like, inputs=inputs))
    truth = law(np.deg2rad(degrees), np.full(len(degrees), 0.5))
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    mean, noisy = found.mean[:, 0, 0], 1.645 * np.sqrt(found.aleatoric[:, 0, 0])
    axes.fill_between(degrees, found.lower[:, 0, 0], found.upper[:, 0, 0], alpha=0.25,
                      label="90 % band")  # fmt: skip
    axes.fill_between(degrees, mean - noisy, mean + noisy, alpha=0.35, label="noise alone")
    axes.plot(degrees, mean, label="estimate")
    axes.plot(degrees, truth, "k--", label="law")
    axes.fill_between(degrees, 0, 1, where=found.flag, color="0.5", alpha=0.15,
                      transform=axes.get_xaxis_transform(), label="flagged")  # fmt: skip
    axes.axvline(SEEN[1], color="0.5", lw=0.8)
    axes.set(xlabel="ankle angle, degrees", ylabel="torque at half activation, N*m")
    axes.legend(loc="lower left", ncols=2, fontsize="small")
    figure.savefig(path, dpi=120)
    plt.close(figure)


# %% 6. All of it


def main(words: Sequence[str] | None = None) -> None:
    """Print the tables and draw the figure."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--plot", type=Path, default=Path("uncertainty.png"))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(words)
    estimator = learned(args.seed)
    test = measured(2000, SEEN, args.seed + 10)
    found = estimator.predict(test)
    true = noise(law(test.inputs[:, 0, 0], test.inputs[:, 0, 1]))
    print(f"noise told {np.sqrt(found.aleatoric).mean():.2f} N*m, true {true.mean():.2f} N*m; "
          f"disagreement {np.sqrt(found.epistemic.mean()):.2f} N*m")  # fmt: skip
    print("\n                 RMSE  coverage  width   ECE   CRPS")
    for name, one in (("calibrated", estimator), ("too sure", too_sure(estimator, 0.5))):
        row = claim(one.predict(test), test.targets)
        print(f"{name:15s} {row.rmse:5.2f}   {100 * row.coverage:5.1f} %  {row.width:5.1f}  "
              f"{row.calibration_error:.3f}  {row.crps:.2f}")  # fmt: skip
    again = too_sure(estimator, 0.5).calibrate(measured(400, SEEN, args.seed + 2))
    row = claim(again.predict(test), test.targets)
    print(
        f"{'calibrated anew':15s} {row.rmse:5.2f}   {100 * row.coverage:5.1f} %  {row.width:5.1f}"
    )
    far = depth(estimator, args.seed + 20)
    print(f"\nbeyond 20 degrees: AUROC {far.auroc:.3f}, flagged {100 * far.flagged_outside:.0f} % "
          f"(inside {100 * far.flagged_inside:.0f} %),\nmembers disagree by "
          f"{far.epistemic_outside:.1f} N*m (inside {far.epistemic_inside:.1f}), the band holds "
          f"{100 * far.covered_outside:.0f} %")  # fmt: skip
    draw(estimator, args.plot)
    print(f"\nwrote {args.plot}")


if __name__ == "__main__":
    main()
