"""`bioenv learn graph`: joint torques of a motion by a graph network of the body."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from bioenv import models
from bioenv.commands.files import claim_motion
from bioenv.errors import BioenvError
from bioenv.learn.bodygraph.motions import estimate_torques
from bioenv.learn.bodygraph.skeleton import Skeleton
from bioenv.models import Model, Subject
from bioenv.motion import Motion


def run(args: argparse.Namespace) -> int:
    """Estimate, write, and print how wide the band is and how much is flagged."""
    out = Path(args.out)
    done = claim_motion(out, args.force)
    motion = Motion.load(args.motion)
    model = _model(args, motion)
    found = estimate_torques(motion, model, args.network, held=args.hold)
    found.save(out)
    signal = found.signals["joint_torque"]
    assert signal.band is not None
    assert signal.flag is not None
    half = (signal.band[..., 1] - signal.band[..., 0]).mean(axis=0) / 2.0
    rms = np.sqrt(np.mean(signal.values**2, axis=0))
    root = set(Skeleton(model).root.tolist())
    for i, name in enumerate(signal.labels):
        kind = "residual" if i in root else "torque"
        print(f"{name:24s} {kind} RMS {rms[i]:8.2f}, 90 % band ± {half[i]:.2f}")
    for note in found.meta["estimate_notes"]:
        print(f"note: {note}")
    share = 100 * signal.flag.mean()
    print(f"{share:.0f} % of the frames are flagged: unlike what the networks were trained on")
    print(f"{done} {out}")
    return 0


def _model(args: argparse.Namespace, motion: Motion) -> Model:
    if (args.mass is None) != (args.height is None):
        raise BioenvError("give both --mass and --height, or neither")
    name = args.model or motion.model
    if not name:
        raise BioenvError("this motion does not say its model; give --model")
    return models.load(name, None if args.mass is None else Subject(args.mass, args.height))
