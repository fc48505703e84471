"""Parser of `bioenv learn`: what is learned from movements, how sure it is, and what-ifs."""

from __future__ import annotations

import argparse

from bioenv.commands import arguments
from bioenv.commands.parsing import Commands, command, force


def add_learn(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """`bioenv learn`."""
    parser = commands.add_parser(
        "learn",
        help="learned estimators, identifiability and causal what-ifs",
        description="Learned estimators that say how sure they are, what an experiment can tell, "
        "and what an intervention would do.",
        epilog="example: bioenv learn estimate moments walk.nc --out moments.nc",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    inner = parser.add_subparsers(metavar="WHAT", required=True)
    for add in (_models, _estimate):
        add(inner).add_argument("--debug", action="store_true", help=argparse.SUPPRESS)
    return parser


def _models(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    parser = command(
        commands,
        "models",
        "learn:models",
        "list the shipped estimators, or show one's card: data, columns, units, rates, scores.",
        "bioenv learn models moments",
    )
    parser.add_argument("name", nargs="?", metavar="ESTIMATOR", help="folder or shipped name")
    return parser


def _estimate(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    parser = command(
        commands,
        "estimate",
        "learn:run_estimate",
        "estimate from a motion what was not measured, with a 90 % band and a flag.\n\n"
        "A motion of another sampling rate is resampled, and FILE says so. A motion that lacks\n"
        "one input is estimated in a degraded mode, where the estimator allows it: wider band,\n"
        "every sample flagged. `bioenv evaluate FILE` shows band and flags.",
        "bioenv learn estimate moments walk.nc --mass 70 --out moments.nc",
    )
    parser.add_argument("estimator", metavar="ESTIMATOR", help="folder or shipped name")
    parser.add_argument("motion", metavar="MOTION", help="motion file, .nc or .npz")
    parser.add_argument(
        "--mass", type=arguments.positive, metavar="KG", help="of the body, if MOTION has none"
    )
    parser.add_argument(
        "--as-is", action="store_true", help="refuse another sampling rate instead of resampling"
    )
    parser.add_argument("--out", required=True, metavar="FILE", help="motion file, .nc or .npz")
    force(parser)
    return parser
