"""Parsers of the commands that take lab data: import and inverse."""

from __future__ import annotations

import argparse

from bioenv.commands import arguments
from bioenv.commands.parsing import OVERWRITE, Commands, command, force


def add_import(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """`bioenv import`."""
    parser = command(
        commands,
        "import",
        "importing:run",
        "turn an OpenSim model into a MuJoCo model of bioenv.\n\nDIR gets model.xml, which every "
        "environment takes, conversion.json, which says how\nfar lengths and moment arms of each "
        f"muscle are from OpenSim's, and a copy of the model.\n{OVERWRITE}",
        "bioenv import subject01.osim --out subject01",
    )
    parser.add_argument("model", metavar="MODEL.osim", help="OpenSim model, version 3 or 4")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the new model")
    force(parser)
    return parser


def add_inverse(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """`bioenv inverse`."""
    parser = command(
        commands,
        "inverse",
        "inverse:run",
        "angles, moments, muscle forces and joint loads of a measured trial.\n\n"
        "Reads markers (.trc, .c3d) or joint angles (.mot, .sto), ground forces and EMG; writes "
        "OpenSim\ntables, motion.nc, a report of two pages and JSON on residuals and "
        "well-posedness.\nWhat the trial does not allow is said and left out.\n"
        f"{OVERWRITE}",
        "bioenv inverse --model subject01.osim --markers walk.trc --forces walk_grf.mot --out walk",
    )
    trial_files(parser)
    parser.add_argument("--emg", metavar="FILE", help="EMG, raw or envelopes: .sto .c3d .anc .csv")
    parser.add_argument("--emg-side", choices=("r", "l"), help="leg of electrodes without a side")
    parser.add_argument("--weights", metavar="FILE", help="of markers: OpenSim IK tasks, .xml")
    _settings(parser)
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the results")
    parser.add_argument("--no-report", action="store_true", help="leave out report.pdf")
    force(parser)
    return parser


def trial_files(parser: argparse.ArgumentParser) -> None:
    """The options that name a body and the files of a trial."""
    parser.add_argument(
        "--model", required=True, metavar="MODEL.osim|NAME", help="OpenSim model or built-in name"
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--markers", metavar="FILE", help="marker trajectories, .trc or .c3d")
    source.add_argument("--coordinates", metavar="FILE", help="joint angles, .mot or .sto")
    parser.add_argument(
        "--angles",
        choices=("degrees", "radians"),
        help="unit of --coordinates, if not the header's",
    )
    parser.add_argument("--forces", metavar="FILE", help="ground forces, .mot, .sto or .c3d")
    parser.add_argument("--external-loads", metavar="FILE", help="OpenSim's .xml: force to body")
    parser.add_argument("--static", metavar="FILE", help="standing trial: scale the model to it")
    parser.add_argument("--mass", type=arguments.positive, metavar="KG", help="scale to this mass")


def _settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cutoff", type=arguments.from_zero, default=6.0, metavar="HZ",
        help="low-pass of the coordinates, default 6; 0 for none",
    )  # fmt: skip
    parser.add_argument(
        "--force-cutoff", type=arguments.positive, metavar="HZ",
        help="low-pass of the ground forces; without it they stay as they are",
    )  # fmt: skip
    parser.add_argument("--start", type=arguments.instant, metavar="S", help="first instant, s")
    parser.add_argument("--stop", type=arguments.instant, metavar="S", help="last instant, s")
    parser.add_argument(
        "--keep-gaps", action="store_true", help="leave markers unseen where they were not seen"
    )
    parser.add_argument(
        "--method", choices=("static", "dynamic", "emg", "synergy"), default="static",
        help="how muscles share the torque, default static",
    )  # fmt: skip
    parser.add_argument(
        "--cost", choices=("activation", "force"), default="activation",
        help="sum of a^p or of (F/F0)^p, default activation",
    )  # fmt: skip
    parser.add_argument(
        "--exponent", type=arguments.positive, default=2.0, metavar="P", help="of cost, default 2"
    )
    parser.add_argument(
        "--reserve", type=arguments.from_zero, default=1.0, metavar="NM",
        help="reserve torque per unit of its activation, default 1; 0 for none",
    )  # fmt: skip
    parser.add_argument(
        "--contact-weight", type=arguments.from_zero, default=0.0, metavar="W",
        help="pay for the load of the knees beside effort, default 0; 0.03 is a good weight",
    )  # fmt: skip
    parser.add_argument("--passive", action="store_true", help="count passive muscle forces")
    parser.add_argument(
        "--reduce-residuals", action="store_true",
        help="adjust mass distribution and kinematics slightly, and say by how much",
    )  # fmt: skip
