"""Parser of `bioenv learn causal`."""

from __future__ import annotations

import argparse

from bioenv.commands import arguments
from bioenv.commands.parsing import OVERWRITE, Commands, command, force


def add_causal(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """`bioenv learn causal`."""
    parser = command(
        commands,
        "causal",
        "causal:run",
        "what an intervention does, and what records without it can tell of that.\n\n"
        "Simulates people who hold an arm against a load: the weak are given assistance, the "
        "strong the heavy\nloads, and a reflex reacts. Prints the effect by the simulator (truth), "
        "by the records' correlation\n(naive), after adjusting (adjusted), and by mechanisms "
        f"fitted to the records.\n{OVERWRITE}",
        'bioenv learn causal elbow --do "strength.biceps*=1.2" --effect qpos.elbow',
    )
    parser.add_argument("body", help="elbow or arm26")
    parser.add_argument(
        "--do", metavar="NODE.LABEL=VALUE",
        help="the intervention; += and *= change what would have been, @START:STOP in s limits it. "
        "Nodes: strength, load, push, assistance, target, excitation, activation",
    )  # fmt: skip
    parser.add_argument("--effect", metavar="CHANNEL.LABEL", help="the outcome, as qpos.elbow")
    parser.add_argument(
        "--at", metavar="START:STOP", help="s over which the outcome is averaged, default 0.8:1.0"
    )
    parser.add_argument(
        "--hide", nargs="+", default=[], metavar="NODE", help="what the records do not hold"
    )
    parser.add_argument("--graph", action="store_true", help="print parents and adjustment sets")
    parser.add_argument(
        "--people", type=arguments.count, default=300, metavar="N", help="records, default 300"
    )
    parser.add_argument("--seed", type=arguments.seed, default=0, metavar="N", help="default 0")
    parser.add_argument("--out", metavar="FILE", help="JSON with the figures")
    force(parser)
    return parser
