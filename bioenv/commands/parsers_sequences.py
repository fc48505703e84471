"""Parsers of `bioenv learn emg` and `bioenv learn forecast`."""

from __future__ import annotations

import argparse

from bioenv.commands import arguments
from bioenv.commands.parsing import OVERWRITE, Commands, command, force


def add_emg(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """`bioenv learn emg`."""
    parser = command(
        commands,
        "emg",
        "learn_sequences:emg",
        "knee and ankle torque and muscle activation of one leg from its EMG.\n\n"
        "MOTION holds emg envelopes (any scale: every electrode is taken as a share of its own "
        "peak), qpos and\nqvel of the leg, and mass_kg. One electrode may be missing: the band "
        f"gets wider and every sample is\nflagged.\n{OVERWRITE}",
        "bioenv learn emg walk.nc --side l --out torque.nc",
    )
    parser.add_argument("motion", metavar="MOTION", help="a motion file")
    parser.add_argument("--side", choices=("r", "l"), required=True, help="the leg with electrodes")
    parser.add_argument(
        "--estimator", default="emg_torque", metavar="NAME", help="folder or shipped name"
    )
    parser.add_argument("--mass", type=arguments.positive, metavar="KG", help="of the body")
    parser.add_argument(
        "--as-is", action="store_true", help="the envelopes are shares of their peak already"
    )
    parser.add_argument("--out", required=True, metavar="FILE", help=".nc or .npz")
    force(parser)
    return parser


def add_forecast(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """`bioenv learn forecast`."""
    parser = command(
        commands,
        "forecast",
        "learn_sequences:forecast",
        "where the legs will be: angles 50 to 500 ms after a motion, or further.\n\n"
        "The last 2 s before the start are looked at. Beyond 0.5 s forecasts are fed back, and "
        f"flagged.\n{OVERWRITE}",
        "bioenv learn forecast walk.nc --start 6 --out ahead.nc",
    )
    parser.add_argument("motion", metavar="MOTION", help="a motion with qpos and qvel")
    parser.add_argument(
        "--start", type=arguments.instant, metavar="S", help="forecast from here, default the end"
    )
    parser.add_argument(
        "--seconds", type=arguments.positive, default=0.5, metavar="S", help="default 0.5"
    )
    parser.add_argument(
        "--estimator", default="forecast", metavar="NAME", help="folder or shipped name"
    )
    parser.add_argument("--out", required=True, metavar="FILE", help=".nc or .npz")
    force(parser)
    return parser
