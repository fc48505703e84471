"""Parser of `bioenv whatif`."""

from __future__ import annotations

import argparse

from bioenv.commands import arguments
from bioenv.commands.parsing import OVERWRITE, Commands, command, force


def add_whatif(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """`bioenv whatif`."""
    parser = command(
        commands,
        "whatif",
        "whatif:run",
        "predict how walking changes under an intervention, beside published findings.\n\n"
        "The optimal gait of the body before and after it, each from several starts, nothing "
        "measured.\nInterventions: weakness.MUSCLE=SHARE, contracture.MUSCLE=SHARE, "
        "added_mass.BODY=KG, leg_length.SIDE=M,\nlift.SIDE=M, exo.ankle=N*m/rad, "
        "exo_angle.ankle=RAD. A name without _r or _l means both sides.\n"
        f"{OVERWRITE}",
        "bioenv whatif weakness.soleus=0.6 --compile --out weak",
    )
    parser.add_argument("changes", nargs="+", metavar="KIND.TARGET=NUMBER", help="interventions")
    parser.add_argument("--recipe", default="predict-walk", help="default predict-walk")
    parser.add_argument(
        "--set", nargs="+", action="extend", metavar="KEY=VALUE", help="of the recipe, for both"
    )
    parser.add_argument("--warm", metavar="MOTION", help="where the gait before it starts")
    parser.add_argument(
        "--starts", type=arguments.count, default=2, metavar="N",
        help="starts of each, default 2; from 3 on also the recipe's own guesses",
    )  # fmt: skip
    parser.add_argument("--compile", action="store_true", help="evaluate by compiled C")
    parser.add_argument(
        "--policy", metavar="POLICY",
        help="instead: this policy on the changed body, before anybody adapts",
    )  # fmt: skip
    parser.add_argument("--seed", type=arguments.seed, default=1, help="of --policy, default 1")
    parser.add_argument("--out", metavar="DIR", help="folder for whatif.json and both gaits")
    force(parser)
    return parser
