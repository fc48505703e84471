"""`bioenv solve`: a recipe becomes an optimal movement."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bioenv.agents.trajopt.recipe import load_recipe
from bioenv.agents.trajopt.solution import Solution
from bioenv.agents.trajopt.solver import solve
from bioenv.agents.trajopt.symbolic import build
from bioenv.agents.trajopt.watch import LAST_ITERATE, restore
from bioenv.errors import BioenvError
from bioenv.motion import Motion

_WRITTEN = ("solution.json", "motion.nc", LAST_ITERATE)


def run(args: argparse.Namespace) -> int:
    """Solve, tell how it goes, and say whether it is optimal; exit code 1 if it is not."""
    recipe = load_recipe(args.recipe).changed(args.set or [])
    folder = Path(args.out)
    _check_folder(folder, args.force or args.resume)
    problem, warm = recipe.problem(), _warm(args)
    stages = recipe.stages(warm, resumed=args.resume)
    if args.resume:
        guess = restore(folder / LAST_ITERATE)
    else:
        guess = recipe.trajectory(problem, stages[0].mesh, warm)
    folder.mkdir(parents=True, exist_ok=True)
    solution = solve(
        problem, build(problem.model), guess, stages, out=folder,
        progress=lambda line: print(line, file=sys.stderr), max_seconds=recipe.max_seconds,
    )  # fmt: skip
    solution.save(folder)
    _tell(solution)
    print(f"wrote {args.out}")
    return 0 if solution.success else 1


def _warm(args: argparse.Namespace) -> Motion | None:
    if args.warm and args.resume:
        raise BioenvError("--warm and --resume both say where to start; give one of them")
    return Motion.load(args.warm) if args.warm else None


def _check_folder(folder: Path, overwrite: bool) -> None:
    there = [name for name in _WRITTEN if (folder / name).exists()]
    if there and not overwrite:
        raise BioenvError(
            f"{folder} holds {', '.join(there)}; --resume goes on from the last iterate, --force "
            "begins anew"
        )


def _tell(solution: Solution) -> None:
    print(
        f"{solution.status}: objective {solution.objective:.6g} after {solution.iterations} "
        f"iterations, {solution.cpu_s:.1f} CPU s, violation {solution.violation:.1e}"
    )
    for name, value in solution.terms.items():
        print(f"  {name:16s} {value:.6g}")
    if solution.message:
        print(solution.message)
