"""The command line: `bioenv COMMAND`. Parses, runs one command, and turns errors into one line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from bioenv import __version__
from bioenv.commands import arguments
from bioenv.commands.parsers_check import add_check
from bioenv.commands.parsers_estimators import add_learn
from bioenv.commands.parsers_lab import add_import, add_inverse
from bioenv.commands.parsers_leaderboard import add_leaderboard
from bioenv.commands.parsers_learn import add_pinn
from bioenv.commands.parsers_whatif import add_whatif
from bioenv.commands.parsing import OVERWRITE, Commands, command, force
from bioenv.errors import BioenvError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed, 2 wrong usage."""
    for library in ("OMP", "OPENBLAS"):
        # Batches are small: a second linear-algebra thread costs more than it gives (7 times, at
        # 64 rows on a busy machine) and takes the core from the physics.
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    args = parse(argv)
    module, _, function = args.run.partition(":")
    try:
        code: int = getattr(import_module(f"bioenv.commands.{module}"), function)(args)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return _fail("stopped", 130, args.debug)
    except BrokenPipeError:
        # The reader (head, say) has enough. Python would complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except BioenvError as error:
        return _fail(str(error), 1, args.debug)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        return _fail(f"{error.strerror or error}{where}", 1, args.debug)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments of a command line; exits with usage on a wrong one."""
    return _parser().parse_args(argv)


def _fail(message: str, code: int, debug: bool) -> int:
    if debug:
        raise  # the error being handled
    print(f"bioenv: error: {message}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bioenv",
        description="Predict human movement, then check it.",
        epilog="example: bioenv evaluate WalkImitate-v0 --against falisse2019 --out report",
    )
    parser.add_argument("--version", action="version", version=f"bioenv {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    lab = (add_import, add_inverse, add_check, add_pinn, add_learn)
    judge = (_evaluate, add_leaderboard)
    for add in (_tasks, _models, _train, _rollout, _solve, add_whatif, *lab, *judge, _view):
        added = add(commands)
        added.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _tasks(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    text = "list the tasks with their model, control rate and shipped policy."
    return command(commands, "tasks", "listing:show_tasks", text, "bioenv tasks")


def _models(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    text = "list the musculoskeletal models."
    return command(commands, "models", "listing:show_models", text, "bioenv models")


def _train(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    parser = command(
        commands,
        "train",
        "train:run",
        "train a policy by a recipe.\n\nRECIPE is a .toml file or the name of a shipped recipe. "
        "The run folder gets the\npolicy, checkpoints and TensorBoard logs; --resume goes on "
        "where a run stopped.",
        "bioenv train walk_imitate --seed 0 --out runs/walk",
    )
    parser.add_argument("recipe", metavar="RECIPE", help="recipe file or shipped name")
    parser.add_argument("--seed", type=arguments.seed, default=0, metavar="N", help="default 0")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument(
        "--force", action="store_true", help="begin anew in a folder that holds a run"
    )
    return parser


def _rollout(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    parser = command(
        commands,
        "rollout",
        "rollout:run",
        "let a policy move and save the motion.\n\nPOLICY is a folder written by `bioenv train`, "
        f"or a shipped name.\n{OVERWRITE}",
        "bioenv rollout WalkImitate-v0 --seed 1 --seconds 20 --out motion.nc",
    )
    parser.add_argument("policy", metavar="POLICY", help="policy folder or shipped name")
    _seed_and_seconds(parser)
    parser.add_argument("--out", required=True, metavar="FILE", help="motion file, .nc or .npz")
    parser.add_argument("--opensim", metavar="DIR", help="also write OpenSim .mot and .sto here")
    force(parser)
    return parser


def _solve(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    parser = command(
        commands,
        "solve",
        "solve:run",
        "find the movement of least cost, by optimal control.\n\nDIR gets motion.nc, solution.json "
        "and the last iterate, where --resume goes on.\nWith --sweep it gets a folder for each "
        "value, with --starts for each seed.",
        "bioenv solve reach --set duration=0.6 --out reach",
    )
    parser.add_argument("recipe", metavar="RECIPE", help="recipe file or shipped name")
    parser.add_argument(
        "--set", nargs="+", action="extend", metavar="KEY=VALUE", help="change the recipe"
    )
    parser.add_argument("--warm", metavar="MOTION", help="start from this motion, .nc or .npz")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the solution")
    parser.add_argument("--resume", action="store_true", help="go on from the last iterate")
    parser.add_argument(
        "--sweep",
        nargs="+",
        action="extend",
        metavar="KEY=VALUES",
        help="solve for each value: first:last:count, or a list with commas",
    )
    parser.add_argument(
        "--starts", type=arguments.count, metavar="N", help="solve from N guesses, keep the best"
    )
    parser.add_argument(
        "--compile", action="store_true", help="evaluate functions by compiled C (needs gcc)"
    )
    parser.add_argument(
        "--threads", type=arguments.count, default=1, metavar="N", help="of --compile, default 1"
    )
    force(parser)
    return parser


def _evaluate(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    parser = command(
        commands,
        "evaluate",
        "evaluate:run",
        "judge motions against the physics and a measured reference.\n\n"
        "Each argument is a motion (.nc, .npz) or a policy; a policy is rolled out first and its\n"
        "motion saved beside the report. REFERENCE is a name, a table or a motion file.\n"
        f"{OVERWRITE}",
        "bioenv evaluate motion.nc --against falisse2019 --out report --json scores.json",
    )
    parser.add_argument(
        "what", nargs="+", metavar="POLICY_OR_MOTION", help="what to judge, side by side"
    )
    parser.add_argument(
        "--against", metavar="REFERENCE", help="measured people; without it physics alone"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the report")
    parser.add_argument("--json", metavar="FILE", help="also write the scores as JSON")
    _seed_and_seconds(parser)
    force(parser)
    return parser


def _view(commands: Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    parser = command(
        commands,
        "view",
        "view:run",
        "watch a policy in a window, or film it.",
        "bioenv view WalkImitate-v0 --video walk.mp4 --seconds 5",
    )
    parser.add_argument("policy", metavar="POLICY", help="policy folder or shipped name")
    _seed_and_seconds(parser)
    parser.add_argument("--video", metavar="FILE", help="write .mp4 or .gif; needs no screen")
    force(parser)
    return parser


def _seed_and_seconds(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=arguments.seed, default=0, metavar="N", help="default 0")
    parser.add_argument(
        "--seconds",
        type=arguments.seconds,
        default=20.0,
        metavar="S",
        help="how long a rollout is, default 20",
    )


if __name__ == "__main__":
    sys.exit(main())
