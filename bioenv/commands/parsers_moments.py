"""Parser of `bioenv learn moments`."""

from __future__ import annotations

import argparse

from bioenv.commands import arguments
from bioenv.commands.parsing import OVERWRITE, Commands, command, force


def add_moments(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """`bioenv learn moments`."""
    parser = command(
        commands,
        "moments",
        "learn_moments:run",
        "hip, knee and ankle moments of a walking person from kinematics, without force plates.\n\n"
        "MOTION needs the path and tilt of the pelvis and the hip, knee and ankle angles of both\n"
        "legs. FILE gets joint_torque with a 90 % band, and flags where the person moves unlike\n"
        "those who were learned from. Another sampling rate is resampled, with a note.\n"
        f"{OVERWRITE}",
        "bioenv learn moments walk.nc --mass 70 --height 1.75 --out moments.nc",
    )
    parser.add_argument("motion", metavar="MOTION", help="motion file, .nc or .npz")
    parser.add_argument(
        "--estimator", default="moments", metavar="ESTIMATOR", help="folder or shipped name"
    )
    parser.add_argument("--mass", type=arguments.positive, metavar="KG", help="of the body")
    parser.add_argument(
        "--height", type=arguments.positive, metavar="M", help="if MOTION has no leg lengths"
    )
    parser.add_argument("--out", required=True, metavar="FILE", help="motion file, .nc or .npz")
    force(parser)
    return parser
