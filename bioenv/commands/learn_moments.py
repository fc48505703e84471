"""`bioenv learn moments`: joint moments of a walking person without force plates."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from bioenv.commands.estimates import finish
from bioenv.commands.files import claim_motion
from bioenv.evaluate.aligned import table
from bioenv.learn.estimators import Estimator
from bioenv.learn.people.moments import estimate_moments
from bioenv.motion import Motion


def run(args: argparse.Namespace) -> int:
    """Estimate, write the motion, and print peaks, bands and what may be believed."""
    path = Path(args.out)
    verb = claim_motion(path, args.force)
    motion = Motion.load(args.motion)
    if args.mass is not None:
        motion = motion.with_meta(mass_kg=args.mass)
    if args.height is not None:
        # The height that was asked for counts, not lengths that the file may hold.
        motion = motion.with_meta(height_m=args.height, thigh_m=None, shank_m=None)
    found = estimate_moments(motion, Estimator.load(args.estimator))
    signal = found.signals["joint_torque"]
    assert signal.band is not None
    mass = float(found.meta["mass_kg"])
    rows = [["moment N*m/kg", "least", "largest", "90 % band, mean width"]]
    for i, label in enumerate(signal.labels):
        values, width = signal.values[:, i] / mass, np.ptp(signal.band[:, i], axis=-1) / mass
        rows.append([label, f"{values.min():.2f}", f"{values.max():.2f}", f"{width.mean():.2f}"])
    print(table(rows, numbers=(1, 2, 3)))
    finish(found, path, verb)
    return 0
