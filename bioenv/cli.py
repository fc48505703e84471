"""The command line: `bioenv COMMAND`. Parses, runs one command, and turns errors into one line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from bioenv import __version__
from bioenv.commands import arguments
from bioenv.errors import BioenvError

_OVERWRITE = (
    "Nothing is overwritten silently: a file that bioenv did not write itself stays,\n"
    "unless --force."
)


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
    for add in (_tasks, _models, _train, _rollout, _solve, _import, _inverse, _evaluate, _view):
        command = add(commands)
        command.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


_Commands = argparse._SubParsersAction  # the type of what add_subparsers returns


def _command(
    commands: _Commands[argparse.ArgumentParser], name: str, run: str, text: str, example: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=text.partition(".")[0],
        description=text,
        epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    return command


def _tasks(commands: _Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    text = "list the tasks with their model, control rate and shipped policy."
    return _command(commands, "tasks", "listing:show_tasks", text, "bioenv tasks")


def _models(commands: _Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    text = "list the musculoskeletal models."
    return _command(commands, "models", "listing:show_models", text, "bioenv models")


def _train(commands: _Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    command = _command(
        commands,
        "train",
        "train:run",
        "train a policy by a recipe.\n\nRECIPE is a .toml file or the name of a shipped recipe. "
        "The run folder gets the\npolicy, checkpoints and TensorBoard logs; --resume goes on "
        "where a run stopped.",
        "bioenv train walk_imitate --seed 0 --out runs/walk",
    )
    command.add_argument("recipe", metavar="RECIPE", help="recipe file or shipped name")
    command.add_argument("--seed", type=arguments.seed, default=0, metavar="N", help="default 0")
    command.add_argument("--out", required=True, metavar="DIR", help="folder of the run")
    command.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    command.add_argument(
        "--force", action="store_true", help="begin anew in a folder that holds a run"
    )
    return command


def _rollout(commands: _Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    command = _command(
        commands,
        "rollout",
        "rollout:run",
        "let a policy move and save the motion.\n\nPOLICY is a folder written by `bioenv train`, "
        f"or a shipped name.\n{_OVERWRITE}",
        "bioenv rollout WalkImitate-v0 --seed 1 --seconds 20 --out motion.nc",
    )
    command.add_argument("policy", metavar="POLICY", help="policy folder or shipped name")
    _seed_and_seconds(command)
    command.add_argument("--out", required=True, metavar="FILE", help="motion file, .nc or .npz")
    command.add_argument("--opensim", metavar="DIR", help="also write OpenSim .mot and .sto here")
    _force(command)
    return command


def _solve(commands: _Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    command = _command(
        commands,
        "solve",
        "solve:run",
        "find the movement of least cost, by optimal control.\n\nDIR gets motion.nc, solution.json "
        "and the last iterate, where --resume goes on.",
        "bioenv solve reach --set duration=0.6 --out reach",
    )
    command.add_argument("recipe", metavar="RECIPE", help="recipe file or shipped name")
    command.add_argument(
        "--set", nargs="+", action="extend", metavar="KEY=VALUE", help="change the recipe"
    )
    command.add_argument("--warm", metavar="MOTION", help="start from this motion, .nc or .npz")
    command.add_argument("--out", required=True, metavar="DIR", help="folder of the solution")
    command.add_argument("--resume", action="store_true", help="go on from the last iterate")
    _force(command)
    return command


def _import(commands: _Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    command = _command(
        commands,
        "import",
        "importing:run",
        "turn an OpenSim model into a MuJoCo model of bioenv.\n\nDIR gets model.xml, which every "
        "environment takes, conversion.json, which says how\nfar lengths and moment arms of each "
        f"muscle are from OpenSim's, and a copy of the model.\n{_OVERWRITE}",
        "bioenv import subject01.osim --out subject01",
    )
    command.add_argument("model", metavar="MODEL.osim", help="OpenSim model, version 3 or 4")
    command.add_argument("--out", required=True, metavar="DIR", help="folder of the new model")
    _force(command)
    return command


def _inverse(commands: _Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    command = _command(
        commands,
        "inverse",
        "inverse:run",
        "angles, moments, muscle forces and joint loads of a measured trial.\n\n"
        "Reads markers (.trc, .c3d) or joint angles (.mot, .sto), ground forces and EMG; writes "
        "OpenSim\ntables, motion.nc, a report of two pages and JSON on residuals and "
        "well-posedness.\nWhat the trial does not allow is said and left out.\n"
        f"{_OVERWRITE}",
        "bioenv inverse --model subject01.osim --markers walk.trc --forces walk_grf.mot --out walk",
    )
    command.add_argument(
        "--model", required=True, metavar="MODEL.osim|NAME", help="OpenSim model or built-in name"
    )
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("--markers", metavar="FILE", help="marker trajectories, .trc or .c3d")
    source.add_argument("--coordinates", metavar="FILE", help="joint angles, .mot or .sto")
    command.add_argument(
        "--angles",
        choices=("degrees", "radians"),
        help="unit of --coordinates, if not the header's",
    )
    command.add_argument("--forces", metavar="FILE", help="ground forces, .mot, .sto or .c3d")
    command.add_argument("--external-loads", metavar="FILE", help="OpenSim's .xml: force to body")
    command.add_argument("--emg", metavar="FILE", help="EMG, raw or envelopes: .sto .c3d .anc .csv")
    command.add_argument("--emg-side", choices=("r", "l"), help="leg of electrodes without a side")
    command.add_argument("--static", metavar="FILE", help="standing trial: scale the model to it")
    command.add_argument("--mass", type=arguments.positive, metavar="KG", help="scale to this mass")
    command.add_argument("--weights", metavar="FILE", help="marker weights, OpenSim IK tasks .xml")
    _inverse_settings(command)
    command.add_argument("--out", required=True, metavar="DIR", help="folder of the results")
    command.add_argument("--no-report", action="store_true", help="leave out report.pdf")
    _force(command)
    return command


def _inverse_settings(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--cutoff", type=arguments.from_zero, default=6.0, metavar="HZ",
        help="low-pass of the coordinates, default 6; 0 for none",
    )  # fmt: skip
    command.add_argument(
        "--force-cutoff", type=arguments.positive, metavar="HZ",
        help="low-pass of the ground forces; without it they stay as they are",
    )  # fmt: skip
    command.add_argument("--start", type=arguments.instant, metavar="S", help="first instant, s")
    command.add_argument("--stop", type=arguments.instant, metavar="S", help="last instant, s")
    command.add_argument(
        "--keep-gaps", action="store_true", help="leave markers unseen where they were not seen"
    )
    command.add_argument(
        "--method", choices=("static", "dynamic", "emg", "synergy"), default="static",
        help="how muscles share the torque, default static",
    )  # fmt: skip
    command.add_argument(
        "--cost", choices=("activation", "force"), default="activation",
        help="sum of a^p or of (F/F0)^p, default activation",
    )  # fmt: skip
    command.add_argument(
        "--exponent", type=arguments.positive, default=2.0, metavar="P", help="of cost, default 2"
    )
    command.add_argument(
        "--reserve", type=arguments.from_zero, default=1.0, metavar="NM",
        help="reserve torque per unit of its activation, default 1; 0 for none",
    )  # fmt: skip
    command.add_argument("--passive", action="store_true", help="count passive muscle forces")
    command.add_argument(
        "--reduce-residuals", action="store_true",
        help="adjust mass distribution and kinematics slightly, and say by how much",
    )  # fmt: skip


def _evaluate(commands: _Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    command = _command(
        commands,
        "evaluate",
        "evaluate:run",
        "judge motions against the physics and a measured reference.\n\n"
        "Each argument is a motion (.nc, .npz) or a policy; a policy is rolled out first and its\n"
        "motion saved beside the report. REFERENCE is a name, a table or a motion file.\n"
        f"{_OVERWRITE}",
        "bioenv evaluate motion.nc --against falisse2019 --out report --json scores.json",
    )
    command.add_argument(
        "what", nargs="+", metavar="POLICY_OR_MOTION", help="what to judge, side by side"
    )
    command.add_argument(
        "--against", metavar="REFERENCE", help="measured people; without it physics alone"
    )
    command.add_argument("--out", required=True, metavar="DIR", help="folder of the report")
    command.add_argument("--json", metavar="FILE", help="also write the scores as JSON")
    _seed_and_seconds(command)
    _force(command)
    return command


def _view(commands: _Commands[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    command = _command(
        commands,
        "view",
        "view:run",
        "watch a policy in a window, or film it.",
        "bioenv view WalkImitate-v0 --video walk.mp4 --seconds 5",
    )
    command.add_argument("policy", metavar="POLICY", help="policy folder or shipped name")
    _seed_and_seconds(command)
    command.add_argument("--video", metavar="FILE", help="write .mp4 or .gif; needs no screen")
    _force(command)
    return command


def _seed_and_seconds(command: argparse.ArgumentParser) -> None:
    command.add_argument("--seed", type=arguments.seed, default=0, metavar="N", help="default 0")
    command.add_argument(
        "--seconds",
        type=arguments.seconds,
        default=20.0,
        metavar="S",
        help="how long a rollout is, default 20",
    )


def _force(command: argparse.ArgumentParser) -> None:
    command.add_argument("--force", action="store_true", help="overwrite what stands in the way")


if __name__ == "__main__":
    sys.exit(main())
