"""Solving: IPOPT on a sequence of ever finer and sharper problems, watched and kept on disk.

The settings are those that converge on gait: exact Hessian, monotone barrier parameter from a small
start, little push off the bounds. The adaptive barrier fails here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import casadi as ca
import numpy as np
from numpy.typing import NDArray

from bioenv.agents.trajopt.compiled import PLAIN, Evaluation
from bioenv.agents.trajopt.guess import Trajectory
from bioenv.agents.trajopt.problem import Problem
from bioenv.agents.trajopt.solution import Solution, Step, build
from bioenv.agents.trajopt.transcription import Transcription
from bioenv.agents.trajopt.watch import Watch, store
from bioenv.errors import BioenvError

Array = NDArray[np.float64]

STATUS = {
    "Solve_Succeeded": "solved",
    "Solved_To_Acceptable_Level": "acceptable",
    "Infeasible_Problem_Detected": "infeasible",
    "Restoration_Failed": "infeasible",
    "Maximum_Iterations_Exceeded": "iteration limit",
    "Maximum_CpuTime_Exceeded": "time limit",
    "Maximum_WallTime_Exceeded": "time limit",
    "User_Requested_Stop": "interrupted",
    "Diverging_Iterates": "diverged",
    "Search_Direction_Becomes_Too_Small": "stalled",
}
"""IPOPT's answers in this module's words; anything else is "failed"."""

FEASIBLE = 1e-6
"""Scaled violation above which a result is never called solved."""


@dataclass(frozen=True)
class Stage:
    """One solve of the homotopy: mesh intervals, parameters (smoothing, softness), effort.

    assist: largest reserve forces on coordinates but the vertical, in body weights (hinges: body
    weights times 0.1 m); 0 in the last stage.
    carried: the body may be carried too, by reserves on the vertical, all of them cheap.
    goals: weights that differ from the problem's; the last stage has the problem's own.
    """

    mesh: int = 50
    parameters: Mapping[str, float] = field(default_factory=dict)
    tolerance: float = 1e-4
    feasibility: float = FEASIBLE
    max_iterations: int = 1000
    assist: float = 0.0
    mu: float = 1e-3
    carried: bool = False
    goals: Mapping[str, float] = field(default_factory=dict)


def solve(
    problem: Problem,
    symbolic: Any,
    guess: Trajectory,
    stages: Sequence[Stage] = (Stage(),),
    *,
    out: Path | None = None,
    progress: Callable[[str], None] | None = None,
    max_seconds: float = 600.0,
    evaluation: Evaluation = PLAIN,
) -> Solution:
    """Go through the stages, each from the last one's result.

    Args:
        symbolic: the model's equations, see :mod:`bioenv.agents.trajopt.symbolic`.
        guess: where to start.
        out: folder for the last iterate ("last_iterate.npz"), rewritten every few seconds.
        progress: called with a line of text now and then.
        max_seconds: CPU limit over all stages.
        evaluation: threads that evaluate the nodes, and whether compiled C does.

    Returns:
        A Solution, whatever happened: read its status.

    Raises BioenvError for an unknown parameter.
    """
    if not stages or stages[-1].assist or stages[-1].goals:
        raise BioenvError(
            "the last stage must be without assist, or its movement is not physical, and with the "
            "problem's own goals"
        )
    wall, cpu = time.perf_counter(), time.process_time()
    steps: list[Step] = []
    multipliers: Array | None = None
    made: Transcription | None = None
    trajectory = guess
    for stage in stages:
        begun = time.process_time()
        staged = replace(problem, goals={**problem.goals, **stage.goals})
        if (
            made is None
            or (made.mesh, made.carried) != (stage.mesh, stage.carried)
            or made.problem.goals != staged.goals
        ):
            made = Transcription(staged, symbolic, stage.mesh, evaluation, stage.carried)
            multipliers = None
        made.lower, made.upper = made.bounds(stage.assist)
        p = parameter_vector(symbolic, {**problem.parameters, **stage.parameters})
        left = max_seconds - (time.process_time() - cpu)
        watch = Watch(made, progress, out, len(steps))
        built = time.process_time() - begun
        result = _ipopt(made, trajectory, p, stage, watch, left, multipliers)
        trajectory = made.unpack(result["x"])
        multipliers = result["lam_g"]
        steps.append(_step(made, result, stage, built, time.process_time() - begun))
        if out is not None:
            store(out, trajectory, steps[-1].status)
        if steps[-1].status in ("interrupted", "time limit"):
            break
    assert made is not None
    spent = (time.process_time() - cpu, time.perf_counter() - wall)
    return build(made, result, p, steps, *spent)


def parameter_vector(symbolic: Any, values: Mapping[str, float]) -> Array:
    """(np,) the model's parameters with `values` put in.

    Names: "smoothing", "softness", "gravity" (m/s^2, downward), "strength" of all muscles,
    "strength.soleus" of both sides, "strength.soleus_r" of one.

    Raises BioenvError for a name the model does not have.
    """
    model, chosen = symbolic.model, {}
    strength = np.ones(len(model.muscles))
    for name, value in values.items():
        if not np.isfinite(value):
            raise BioenvError(f"parameter {name} must be finite, not {value!r}")
        kind, _, muscle = name.partition(".")
        if kind == "strength" and muscle:
            sides = [i for i, m in enumerate(model.muscles) if m.rpartition("_")[0] == muscle]
            strength[sides or [model.muscle_index(muscle)]] = value
        elif name == "gravity":
            chosen["gravity"] = np.array([0.0, 0.0, -value])
        else:
            chosen[name] = np.asarray(value)
    return symbolic.parameters.pack(**{"strength": strength, **chosen})


def _ipopt(
    made: Transcription,
    guess: Trajectory,
    p: Array,
    stage: Stage,
    watch: Watch,
    seconds: float,
    multipliers: Array | None,
) -> dict[str, Any]:
    program = made.program
    options: dict[str, Any] = {
        "print_level": 0,
        "sb": "yes",
        "tol": stage.tolerance,
        "constr_viol_tol": stage.feasibility,
        "acceptable_tol": 10 * stage.tolerance,
        "acceptable_constr_viol_tol": stage.feasibility,
        "acceptable_iter": 10,
        "max_iter": stage.max_iterations,
        "max_cpu_time": max(seconds, 1e-3),
        "mu_strategy": "monotone",
        "mu_init": stage.mu,
        "bound_push": 1e-4,
        "bound_frac": 1e-4,
        "nlp_scaling_method": "none",
        "linear_solver": "mumps",
        "mumps_pivot_order": 5,  # METIS: half the time of the default on a gait
        "mumps_permuting_scaling": 0,
    }
    if multipliers is not None:
        options |= {"warm_start_init_point": "yes", "warm_start_bound_push": 1e-6,
                    "warm_start_mult_bound_push": 1e-6}  # fmt: skip
    solver = ca.nlpsol(
        "movement", "ipopt", program.value,
        {
            "grad_f": program.gradient, "jac_g": program.jacobian, "hess_lag": program.hessian,
            "iteration_callback": watch, "print_time": False, "ipopt": options,
            "calc_lam_p": False, "no_nlp_grad": True, "error_on_fail": False,
        },
    )  # fmt: skip
    start = {"x0": made.pack(guess.resampled(made.mesh))}
    if multipliers is not None:
        start["lam_g0"] = multipliers
    watch.begin()
    found = solver(
        **start, p=p, lbx=made.lower, ubx=made.upper, lbg=program.lower, ubg=program.upper
    )
    stats = solver.stats()
    answer = {name: np.asarray(found[name]).ravel() for name in ("x", "g", "lam_x", "lam_g")}
    status = STATUS.get(stats["return_status"], "failed")
    if status == "failed" and watch.stopped:
        status = "interrupted"
    return {**answer, "f": float(found["f"]), "stats": stats, "status": status}


def _step(
    made: Transcription, result: Mapping[str, Any], stage: Stage, built: float, cpu: float
) -> Step:
    stats, excess = result["stats"], made.program.worst(result["g"])
    seconds = {
        name: float(sum(stats.get(f"t_proc_nlp_{part}", 0.0) for part in parts))
        for name, parts in {
            "functions": ("f", "g"),
            "first_derivatives": ("grad_f", "jac_g"),
            "second_derivatives": ("hess_l",),
        }.items()
    }
    solving = cpu - built
    return Step(
        status=result["status"], mesh=stage.mesh, parameters=dict(stage.parameters),
        iterations=int(stats["iter_count"]), objective=result["f"],
        violation=excess[0][2] if excess else 0.0, build_s=built, cpu_s=cpu,
        split_s={**seconds, "linear_solver_and_rest": max(solving - sum(seconds.values()), 0.0)},
    )  # fmt: skip
