"""`bioenv learn emg` and `bioenv learn forecast`: motions with torques, or with what comes next."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from bioenv.commands.estimates import finish
from bioenv.commands.files import claim_motion
from bioenv.errors import BioenvError
from bioenv.evaluate.aligned import table
from bioenv.learn.estimators import Estimator
from bioenv.learn.sequences import emg as from_emg
from bioenv.learn.sequences import forecast as ahead
from bioenv.learn.sequences.recordings import normalized
from bioenv.motion import Motion


def emg(args: argparse.Namespace) -> int:
    """Estimate, write the motion, and print ranges and bands."""
    path = Path(args.out)
    verb = claim_motion(path, args.force)
    motion = Motion.load(args.motion)
    if args.mass is not None:
        motion = motion.with_meta(mass_kg=args.mass)
    if "emg" not in motion:
        have = ", ".join(motion.signals) or "nothing"
        raise BioenvError(f"{args.motion} has no channel emg; it has {have}")
    if not args.as_is:
        one = motion.signals["emg"]
        motion = motion.add("emg", normalized(one.values), labels=one.labels, source="measured")
    found = from_emg.estimate(motion, Estimator.load(args.estimator), side=args.side)
    print(_rows(found, "joint_torque", "N*m"))
    print()
    print(_rows(found, "activation", "1"))
    finish(found, path, verb)
    return 0


def forecast(args: argparse.Namespace) -> int:
    """Forecast, write the motion, and print the angles."""
    path = Path(args.out)
    verb = claim_motion(path, args.force)
    estimator = Estimator.load(args.estimator)
    found = ahead.forecast(
        Motion.load(args.motion), estimator, seconds=args.seconds, start=args.start
    )
    one = found.signals["qpos"]
    assert one.band is not None
    degrees, half = np.rad2deg(one.values), np.rad2deg(np.ptp(one.band, axis=-1)) / 2
    rows = [("time s", *one.labels)]
    for instant, values, widths in zip(found.time, degrees, half, strict=True):
        cells = (f"{v:.1f} ± {w:.1f}" for v, w in zip(values, widths, strict=True))
        rows.append((f"{instant:.3f}", *cells))
    print(table(rows))
    print("degrees, with half of the 90 % band")
    finish(found, path, verb)
    return 0


def _rows(found: Motion, channel: str, unit: str) -> str:
    """Smallest, mean and largest value of each column, and the mean width of its band."""
    one = found.signals[channel]
    assert one.band is not None
    rows: list[tuple[str, ...]] = [(channel, "min", "mean", "max", "band", "unit")]
    for i, label in enumerate(one.labels):
        values, width = one.values[:, i], float(np.ptp(one.band[:, i], axis=-1).mean())
        numbers = (values.min(), values.mean(), values.max(), width)
        rows.append((label, *(f"{number:.3g}" for number in numbers), unit))
    return table(rows)
