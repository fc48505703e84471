"""Parser of `bioenv learn identifiability`."""

from __future__ import annotations

import argparse

from bioenv.commands.parsing import OVERWRITE, Commands, command, force


def add_identifiability(
    commands: Commands[argparse.ArgumentParser],
) -> argparse.ArgumentParser:
    """`bioenv learn identifiability`."""
    parser = command(
        commands,
        "identifiability",
        "identifiability:run",
        "which parameters of a body an experiment can tell, and what to measure besides.\n\n"
        "EXPERIMENT: elbow-isometric, elbow, pendulum, foot-contact or gait-muscle; without one, "
        "they are listed\nwith their outputs, parameters and settings. Prints, for every "
        "parameter, whether it is told, its Cramér-Rao\nbound, and what it is confounded with; "
        "then the combinations that are told, and the extra measurements that\nwould help, the "
        f"best first.\n{OVERWRITE}",
        "bioenv learn identifiability elbow-isometric --set postures=0.6,1.2,1.8 --know drive",
    )
    parser.add_argument("experiment", nargs="?", metavar="EXPERIMENT", help="a ready-made one")
    _many(parser, "--measure", "NAME", "outputs that are measured, and no others")
    _many(parser, "--noise", "NAME=SD", "standard deviation of an output, in its unit")
    _many(parser, "--know", "NAME[=SHARE]", "known beforehand, exactly or to a share (0.05: 5 %%)")
    _many(parser, "--set", "KEY=VALUE", "settings of the experiment; several values with commas")
    _many(parser, "--profile", "NAME", "parameters whose profile likelihood is wanted")
    parser.add_argument("--motion", metavar="FILE", help="the trial of gait-muscle")
    parser.add_argument(
        "--criterion", choices=("D", "A", "worst"), default="D",
        help="of the ranking: volume of the uncertainty (D, default), mean variance (A), or the "
        "least known parameter (worst)",
    )  # fmt: skip
    parser.add_argument("--json", metavar="FILE", help="write everything as JSON")
    force(parser)
    return parser


def _many(parser: argparse.ArgumentParser, option: str, name: str, text: str) -> None:
    parser.add_argument(
        option, nargs="+", action="extend", default=[], metavar=name, help=text
    )  # fmt: skip
