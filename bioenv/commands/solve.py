"""`bioenv solve`: a recipe becomes an optimal movement, or a row of them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bioenv.agents.trajopt.axis import parse
from bioenv.agents.trajopt.recipe import SolveRecipe, load_recipe
from bioenv.agents.trajopt.solution import Solution
from bioenv.agents.trajopt.solver import solve
from bioenv.agents.trajopt.starts import STARTS, starts
from bioenv.agents.trajopt.sweep import SWEEP, Sweep, table
from bioenv.agents.trajopt.watch import LAST_ITERATE, Iterate, restore
from bioenv.agents.trajopt.workshop import Workshop
from bioenv.diff.symbolic.compiled import Evaluation, library
from bioenv.diff.symbolic.model import build
from bioenv.errors import BioenvError
from bioenv.motion import Motion

_WRITTEN = ("solution.json", "motion.nc", LAST_ITERATE, SWEEP, STARTS)
_INTERRUPTED = 130


def run(args: argparse.Namespace) -> int:
    """Solve, tell how it goes, and say whether it is optimal; exit code 1 if it is not."""
    recipe = load_recipe(args.recipe).changed(args.set or [])
    folder = Path(args.out)
    _check_folder(folder, args.force or args.resume)
    _check_options(args)
    problem = recipe.problem()
    shop = Workshop(build(problem.model), _evaluation(args))
    try:
        if args.sweep:
            return _sweep(args, recipe, shop)
        if args.starts:
            return _starts(args, recipe, shop)
        return _one(args, recipe, shop)
    except BioenvError:
        raise
    except BaseException:
        # Whatever it was: minutes of work are on disk.
        if any(folder.rglob(LAST_ITERATE)):
            _progress(_how_to_go_on(args))
        raise


def _one(args: argparse.Namespace, recipe: SolveRecipe, shop: Workshop) -> int:
    problem, folder = recipe.problem(), Path(args.out)
    iterate, stages = _begin(args, recipe)
    guess = iterate or recipe.trajectory(problem, stages[0].mesh, _motion(args))
    folder.mkdir(parents=True, exist_ok=True)
    solution = solve(
        problem, shop.symbolic, guess, stages, out=folder, progress=_progress,
        max_seconds=recipe.max_seconds, workshop=shop,
    )  # fmt: skip
    solution.save(folder, recipe=recipe.name or args.recipe, settings=args.set or [])
    _tell(solution)
    print(f"wrote {args.out}")
    if solution.status == "interrupted":
        print(_how_to_go_on(args))
        return _INTERRUPTED
    return 0 if solution.success else 1


def _sweep(args: argparse.Namespace, recipe: SolveRecipe, shop: Workshop) -> int:
    axis = parse(args.sweep[0])
    warm, first = _motion(args), None
    if warm is not None:
        stages = recipe.stages(warm)
        first = Iterate(recipe.trajectory(recipe.problem(), stages[0].mesh, warm), len(stages))
    rows = Sweep(recipe, axis, Path(args.out), shop, first, _progress).run(args.resume)
    for line in table(axis.key, rows):
        print(line)
    print(f"wrote {args.out}: a folder for each value, and {SWEEP}")
    if rows and any(row["status"] == "interrupted" for row in rows):
        print(_how_to_go_on(args))
        return _INTERRUPTED
    return 0 if all(row["success"] for row in rows) else 1


def _starts(args: argparse.Namespace, recipe: SolveRecipe, shop: Workshop) -> int:
    rows = starts(recipe, args.starts, Path(args.out), shop, resume=args.resume, tell=_progress)
    for row in rows:
        mark = "  best" if row["best"] else ""
        print(
            f"seed {row['seed']:3d}  {row['status']:15s} objective {row['objective']:.6g}  "
            f"{row['iterations']} iterations  {row['cpu_s']:.1f} CPU s{mark}"
        )
    print(f"wrote {args.out}: the best, a folder for each seed, and {STARTS}")
    if rows[-1]["status"] == "interrupted":
        print(_how_to_go_on(args))
        return _INTERRUPTED
    return 0 if any(row["success"] for row in rows) else 1


def _begin(args: argparse.Namespace, recipe: SolveRecipe) -> tuple[Iterate | None, list]:
    """The stored iterate to go on from, if so wanted, and the stages that are left."""
    if not args.resume:
        return None, recipe.stages(_motion(args))
    iterate, stages = restore(Path(args.out) / LAST_ITERATE), recipe.stages()
    return iterate, stages[-min(iterate.left, len(stages)) :]


def _motion(args: argparse.Namespace) -> Motion | None:
    return Motion.load(args.warm) if args.warm else None


def _evaluation(args: argparse.Namespace) -> Evaluation:
    if args.compile:
        try:
            library()
        except BioenvError as error:
            _progress(f"{error}; going on without compiled functions")
            return Evaluation(args.threads)
    return Evaluation(args.threads, args.compile)


def _check_options(args: argparse.Namespace) -> None:
    if args.warm and args.resume:
        raise BioenvError("--warm and --resume both say where to start; give one of them")
    if args.warm and args.starts:
        raise BioenvError("--starts begins from the recipe's guesses; leave --warm out")
    if args.sweep and args.starts:
        raise BioenvError("--sweep and --starts are two different things; give one of them")
    if args.sweep and len(args.sweep) > 1:
        keys = ", ".join(one.partition("=")[0] for one in args.sweep)
        raise BioenvError(
            f"--sweep changes one key at a time, not {keys}: --set the others, one sweep for each "
            "of their values"
        )


def _check_folder(folder: Path, overwrite: bool) -> None:
    there = [name for name in _WRITTEN if (folder / name).exists()]
    if there and not overwrite:
        raise BioenvError(
            f"{folder} holds {', '.join(there)}; --resume goes on from the last iterate, --force "
            "begins anew"
        )


def _how_to_go_on(args: argparse.Namespace) -> str:
    return f"the last iterate is kept: the same command with --resume goes on (folder {args.out})"


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _tell(solution: Solution) -> None:
    print(
        f"{solution.status}: objective {solution.objective:.6g} after {solution.iterations} "
        f"iterations, {solution.cpu_s:.1f} CPU s, violation {solution.violation:.1e}"
    )
    for name, value in solution.terms.items():
        print(f"  {name:16s} {value:.6g}")
    if solution.message:
        print(solution.message)
