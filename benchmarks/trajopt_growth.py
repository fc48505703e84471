"""Where the time of an optimal control goes, against mesh, size of the model, and evaluation.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/trajopt_growth.py [--iterations 15] [--fast]

CPU milliseconds per iteration of IPOPT, split into functions, first and second derivatives, and the
linear solver with the rest; CPU seconds to build. Walks start from one solved gait (found first, on
the shipped recipe's mesh) at another speed, arms from a guess at rest. Iterations are a fixed
number, not until convergence, so that meshes compare. Threads save wall time at best, so that is
told too. --fast leaves out meshes above 50.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

from bioenv.agents.trajopt.guess import Trajectory, static
from bioenv.agents.trajopt.ipopt import Stage
from bioenv.agents.trajopt.problem import Problem
from bioenv.agents.trajopt.recipe import load_recipe
from bioenv.agents.trajopt.solver import solve
from bioenv.agents.trajopt.sweep import moved
from bioenv.agents.trajopt.transcription import Transcription
from bioenv.agents.trajopt.watch import Iterate
from bioenv.diff.symbolic.compiled import PLAIN, Evaluation
from bioenv.diff.symbolic.model import SymbolicModel, build
from bioenv.models import load

HOW = {
    "interpreted": PLAIN,
    "compiled": Evaluation(1, compiled=True),
    "2 threads": Evaluation(2, compiled=True),
}
PARTS = ("functions", "first_derivatives", "second_derivatives", "linear_solver_and_rest")


def gait() -> tuple[Problem, SymbolicModel, Trajectory, float]:
    """A solved walk: its problem, equations and movement, and the last stage's smoothing."""
    recipe = load_recipe("predict-walk")
    problem, stages = recipe.problem(), recipe.stages()
    symbolic = build(problem.model)
    guess = recipe.trajectory(problem, stages[0].mesh)
    found = solve(problem, symbolic, guess, stages, evaluation=HOW["compiled"])
    print(f"gait to start from: {found.status}, {found.iterations} iterations, "
          f"{found.cpu_s:.1f} CPU s")  # fmt: skip
    return problem, symbolic, found.trajectory, float(stages[-1].parameters["smoothing"])


def faster(problem: Problem, movement: Trajectory) -> tuple[Problem, Trajectory]:
    """The walk 0.1 m/s faster, and the guess for it."""
    assert problem.speed is not None
    speed = problem.speed[0] + 0.1
    other = replace(problem, speed=(speed, speed))
    return other, moved(other, Iterate(movement)).trajectory


def reach(name: str) -> tuple[Problem, SymbolicModel, Trajectory, float]:
    """From one pose to another within 0.6 s, from rest to rest, on a model of an arm."""
    model = load(name)
    start = dict(zip(model.coordinates, model.home.tolist(), strict=True))
    finish = {coordinate: value + 0.3 for coordinate, value in start.items()}
    goals = {"effort": 1.0, "activation_rate": 1e-3}
    problem = Problem(
        model, goals, (0.6, 0.6), start=start, finish=finish, rest=("start", "end")
    )
    return problem, build(model), static(problem, 20), 1.0


def row(
    label: str, problem: Problem, symbolic: SymbolicModel, guess: Trajectory, mesh: int,
    smoothing: float, iterations: int,
) -> None:  # fmt: skip
    """Print the figures of one problem for every way of evaluation."""
    for name, evaluation in HOW.items():
        stage = Stage(
            mesh, {"smoothing": smoothing}, tolerance=1e-12, max_iterations=iterations, mu=1e-5
        )
        wall = time.perf_counter()
        found = solve(problem, symbolic, guess, [stage], evaluation=evaluation)
        wall = time.perf_counter() - wall
        step = found.steps[0]
        count = max(step.iterations, 1)
        split = [1e3 * step.split_s[part] / count for part in PARTS]
        size = Transcription(problem, symbolic, mesh).size if name == "interpreted" else 0
        print(
            f"{label:10s} {mesh:4d} {size or '':>8} {name:12s} {step.build_s:7.2f} "
            f"{step.iterations:5d} {sum(split):8.1f} " + " ".join(f"{x:8.1f}" for x in split)
            + f" {1e3 * (wall - step.build_s) / count:8.1f}",
            flush=True,
        )  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--iterations", type=int, default=15)
    parser.add_argument("--fast", action="store_true")
    args = parser.parse_args()
    problem, symbolic, movement, smoothing = gait()
    other, guess = faster(problem, movement)
    print("\nCPU ms per iteration, but for build (CPU s) and the last column (wall ms)")
    print("model      mesh unknowns evaluation    build  iter      all functions    first   second"
          "   linear     wall")  # fmt: skip
    for name in ("elbow", "arm26"):
        row(name, *_four(reach(name)), args.iterations)
    for mesh in (20, 50) if args.fast else (20, 50, 100, 200):
        row("walker2d", other, symbolic, guess, mesh, smoothing, args.iterations)


def _four(
    made: tuple[Problem, SymbolicModel, Trajectory, float],
) -> tuple[Problem, SymbolicModel, Trajectory, int, float]:
    problem, symbolic, guess, smoothing = made
    return problem, symbolic, guess, 50, smoothing


if __name__ == "__main__":
    main()
