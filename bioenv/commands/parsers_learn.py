"""Parser of `bioenv pinn`."""

from __future__ import annotations

import argparse

from bioenv.commands import arguments
from bioenv.commands.parsers_lab import trial_files
from bioenv.commands.parsing import OVERWRITE, Commands, command, force


def add_pinn(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """`bioenv pinn`."""
    parser = command(
        commands,
        "pinn",
        "pinn:run",
        "fit a network that obeys the equation of motion to a stride.\n\n"
        "Gives joint torques and muscle activations without a filter, and the ground's force on "
        "feet that\nstand on no plate. DIR gets motion.nc, inverse_dynamics.sto and fit.json.\n"
        f"{OVERWRITE}",
        "bioenv pinn --model subject01.osim --markers walk.trc --start 0.6 --stop 1.9 --out fit",
    )
    trial_files(parser)
    parser.add_argument("--start", type=arguments.instant, metavar="S", help="first instant, s")
    parser.add_argument("--stop", type=arguments.instant, metavar="S", help="last instant, s")
    _settings(parser)
    parser.add_argument("--seed", type=arguments.seed, default=0, metavar="N", help="default 0")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the results")
    force(parser)
    return parser


def _settings(parser: argparse.ArgumentParser) -> None:
    for name, unit, default, text in (
        ("highest", "HZ", 20.0, "fastest wave among the features"),
        ("marker-noise", "M", 0.002, "noise of a marker along each axis"),
        ("angle-noise", "RAD", 0.01, "noise of the angles of --coordinates"),
        ("force-noise", "N", 5.0, "noise of the ground forces"),
    ):
        parser.add_argument(
            f"--{name}", type=arguments.positive, default=default, metavar=unit,
            help=f"{text}, default {default:g}",
        )  # fmt: skip
    parser.add_argument(
        "--collocation", type=arguments.positive, metavar="N",
        help="points per s at which the equation of motion counts, default 5 times --highest",
    )  # fmt: skip
    parser.add_argument(
        "--identify-masses", type=arguments.positive, metavar="SHARE",
        help="find segment masses too; they may well be off by this share (0.15, say)",
    )  # fmt: skip
    parser.add_argument("--no-muscles", action="store_true", help="leave out activations")
