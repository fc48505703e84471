"""Parser of `bioenv check`."""

from __future__ import annotations

import argparse

from bioenv.commands import arguments
from bioenv.commands.parsing import OVERWRITE, Commands, command, force


def add_check(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """`bioenv check`."""
    parser = command(
        commands,
        "check",
        "check:run",
        "how far motions are from the nearest ones that obey Newton, in units of noise.\n\n"
        "1 is what measurement noise explains; beyond 3 no noise does. Where feet stand without "
        "measured\nforce, what they need is found within the rules of contact.\n"
        f"{OVERWRITE}",
        "bioenv check motion.nc --json consistency.json",
    )
    parser.add_argument("what", nargs="+", metavar="MOTION", help="motion files, .nc or .npz")
    parser.add_argument(
        "--model", metavar="MODEL.osim|NAME", help="the body, where the motion is of none of ours"
    )
    parser.add_argument("--json", metavar="FILE", help="write scores, frame by frame, as JSON")
    for name, unit, default, text in (
        ("angle", "DEG", "1", "noise of angles"),
        ("position", "M", "0.005", "noise of positions"),
        ("force-noise", "N", "10", "noise of ground forces, and of what the model misses"),
        ("pressure", "M", "0.005", "noise of pressure centers"),
    ):
        parser.add_argument(
            f"--{name}", type=arguments.positive, default=float(default), metavar=unit,
            help=f"{text}, default {default}",
        )  # fmt: skip
    force(parser)
    return parser
