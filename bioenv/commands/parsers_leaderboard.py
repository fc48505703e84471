"""Parser of `bioenv leaderboard`."""

from __future__ import annotations

import argparse

from bioenv.commands import arguments
from bioenv.commands.parsing import OVERWRITE, Commands, command, force


def add_leaderboard(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """`bioenv leaderboard`."""
    parser = command(
        commands,
        "leaderboard",
        "leaderboard:run",
        "rank policies and motions by how human they walk.\n\n"
        "Each argument is a policy (folder or shipped name), rolled out for several seeds, or a "
        "motion\nfile. The order goes by what they were not made for; a walker that falls comes "
        "after those\nthat walk, what is physically impossible comes last. --walkers also ranks "
        "walkers whose\nplace is known: random, standing, limping, a person's angles replayed.\n"
        f"{OVERWRITE}",
        "bioenv leaderboard WalkImitate-v0 WalkOptimal-v0 --walkers --out board.html",
    )
    parser.add_argument("what", nargs="*", metavar="POLICY_OR_MOTION", help="what to rank")
    parser.add_argument(
        "--against", default="cohort", metavar="REFERENCE",
        help='measured people, default "cohort"; names with commas make a cohort',
    )  # fmt: skip
    parser.add_argument(
        "--episodes", type=arguments.count, default=5, metavar="N",
        help="rollouts of each policy, default 5",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=arguments.seed, default=0, metavar="N", help="of the first one, default 0"
    )
    parser.add_argument(
        "--seconds", type=arguments.seconds, default=10.0, metavar="S",
        help="how long a rollout is, default 10",
    )  # fmt: skip
    parser.add_argument("--walkers", action="store_true", help="also rank the reference walkers")
    parser.add_argument("--out", metavar="FILE", help="write the table as .html or .md")
    parser.add_argument("--json", metavar="FILE", help="write everything as JSON")
    force(parser)
    return parser
