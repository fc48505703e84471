"""Parser of `bioenv learn`: what is learned from movements, how sure it is, and what-ifs."""

from __future__ import annotations

import argparse

from bioenv.commands import arguments
from bioenv.commands.parsers_causal import add_causal
from bioenv.commands.parsers_graph import add_graph
from bioenv.commands.parsers_identifiability import add_identifiability
from bioenv.commands.parsers_moments import add_moments
from bioenv.commands.parsers_sequences import add_emg, add_forecast
from bioenv.commands.parsing import Commands, command, force


def add_learn(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """`bioenv learn`."""
    parser = commands.add_parser(
        "learn",
        help="learned estimators, identifiability and causal what-ifs",
        description="Learned estimators that say how sure they are, what an experiment can tell, "
        "and what an intervention would do.",
        epilog="example: bioenv learn moments walk.nc --mass 70 --height 1.75 --out moments.nc",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    inner = parser.add_subparsers(metavar="WHAT", required=True)
    learned = (add_moments, add_emg, add_forecast, add_graph)
    for add in (_models, _train, _estimate, *learned, add_identifiability, add_causal):
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


def _train(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    parser = command(
        commands,
        "train",
        "learn_train:run",
        "train an estimator on your motions, judged on strides or people held out.\n\n"
        "A column is CHANNEL/LABEL, CHANNEL/LABEL/x (y, z) where it has axes, and may end in\n"
        "' per kg'. Windows that share a sample with held-out ones are left out of the training.\n"
        "The subject of a motion is its meta's, or the file's name.",
        "bioenv learn train anna.nc ben.nc carl.nc --inputs qpos/knee_angle_r qvel/knee_angle_r "
        "--targets joint_torque/knee_angle_r --hold-out carl --out knee",
    )
    parser.add_argument("motions", nargs="+", metavar="MOTION", help="motion files, .nc or .npz")
    for name, text in (("inputs", "columns to read"), ("targets", "columns to estimate")):
        parser.add_argument(f"--{name}", nargs="+", required=True, metavar="COLUMN", help=text)
    parser.add_argument(
        "--length", type=arguments.positive, default=0.5, metavar="S", help="of a window, 0.5 s"
    )
    parser.add_argument(
        "--ahead", type=float, default=0.0, metavar="S",
        help="from the window's end to the targets: forecast, or inside it (negative); default 0",
    )  # fmt: skip
    parser.add_argument(
        "--rate", type=arguments.positive, metavar="HZ", help="default: that of each motion"
    )
    parser.add_argument(
        "--network", default="gru", metavar="KIND", help="gru, lstm, convolution, plain"
    )
    parser.add_argument("--hidden", type=arguments.count, default=64, metavar="N", help="units")
    parser.add_argument("--members", type=arguments.count, default=5, metavar="N", help="networks")
    parser.add_argument("--hold-out", nargs="+", metavar="SUBJECT", help="people to judge on")
    parser.add_argument(
        "--share", type=arguments.positive, default=0.2, metavar="P",
        help="of the strides to hold out, without --hold-out, and to stop the training; 0.2",
    )  # fmt: skip
    parser.add_argument(
        "--noise", action="store_true",
        help="disturb training windows: white noise as measured in the motions above 12 Hz, and "
        "offsets of angles as they are between measured people",
    )  # fmt: skip
    parser.add_argument("--seed", type=arguments.seed, default=0, metavar="N", help="default 0")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the estimator")
    force(parser)
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
        "bioenv learn estimate knee walk.nc --mass 70 --out estimated.nc",
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
