"""Parser of `bioenv learn graph`."""

from __future__ import annotations

import argparse

from bioenv.commands import arguments
from bioenv.commands.parsing import OVERWRITE, Commands, command, force


def add_graph(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """`bioenv learn graph`."""
    parser = command(
        commands,
        "graph",
        "learn_graph:run",
        "estimate joint torques of a motion by a graph network of the body.\n\n"
        "MOTION needs qpos, qvel and qacc, and ground_reaction_force with center_of_pressure for a "
        "body\nthat floats. FILE is the motion with joint_torque, its 90 % band, and a flag where "
        "the network is\nout of its depth. Torques are net of everything at the joint, as those of "
        f"inverse dynamics.\n{OVERWRITE}",
        "bioenv learn graph walk.nc --model walker2d --mass 72 --height 1.78 --out torques.nc",
    )
    parser.add_argument("motion", metavar="MOTION", help="a .nc or .npz file")
    parser.add_argument("--model", metavar="NAME", help="or an MJCF file; default the motion's own")
    for name, unit, text in (("mass", "KG", "of the person"), ("height", "M", "of the person")):
        parser.add_argument(f"--{name}", type=arguments.positive, metavar=unit, help=text)
    parser.add_argument(
        "--network", default="body_graph", metavar="GRAPH",
        help="a folder with model.safetensors and card.json, or a shipped name; default body_graph",
    )  # fmt: skip
    parser.add_argument(
        "--hold", nargs="+", default=[], metavar="JOINT",
        help="joints that the motion does not have and that stand still at the home pose",
    )  # fmt: skip
    parser.add_argument("--out", required=True, metavar="FILE", help="a .nc or .npz file")
    force(parser)
    return parser
