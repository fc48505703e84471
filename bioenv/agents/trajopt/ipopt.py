"""IPOPT: one stage of a solve.

The settings are those that converge on gait: exact Hessian, monotone barrier parameter from a small
start, little push off the bounds. The adaptive barrier fails here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import casadi as ca
import numpy as np
from numpy.typing import NDArray

from bioenv.agents.trajopt.solution import Step
from bioenv.agents.trajopt.transcription import Transcription
from bioenv.agents.trajopt.watch import Watch

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
    carried: above 0, the body may be carried too, by reserves on the vertical; the price of the
        root's mean squared reserves, (body weights)^2.
    gauss_newton: in place of the problem's own choice: the whole curvature of sums of squares, near
        an optimum, saves many iterations.
    goals: weights that differ from the problem's; the last stage has the problem's own.
    """

    mesh: int = 50
    parameters: Mapping[str, float] = field(default_factory=dict)
    tolerance: float = 1e-4
    feasibility: float = FEASIBLE
    max_iterations: int = 1000
    assist: float = 0.0
    mu: float = 1e-3
    carried: float = 0.0
    gauss_newton: bool | None = None
    goals: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Start:
    """Scaled unknowns (size,) to start from; multipliers (ng,) and (size,) where they are known."""

    unknowns: Array
    multipliers: Array | None = None
    bound_multipliers: Array | None = None


def run(
    made: Transcription, start: Start, p: Array, stage: Stage, watch: Watch, seconds: float
) -> dict[str, Any]:
    """Solve one stage within so many CPU seconds.

    Returns:
        x, g, lam_x, lam_g (scaled), f, IPOPT's stats and the status in this package's words.
    """
    program = made.program
    solver = ca.nlpsol(
        "movement", "ipopt", program.value,
        {
            "grad_f": program.gradient, "jac_g": program.jacobian, "hess_lag": program.hessian,
            "iteration_callback": watch, "print_time": False, "calc_lam_p": False,
            "no_nlp_grad": True, "error_on_fail": False,
            "ipopt": _options(stage, seconds, start.multipliers is not None),
        },
    )  # fmt: skip
    known = {"lam_g0": start.multipliers, "lam_x0": start.bound_multipliers}
    found = solver(
        x0=start.unknowns, p=p, lbx=made.lower, ubx=made.upper, lbg=program.lower,
        ubg=program.upper, **{name: value for name, value in known.items() if value is not None},
    )  # fmt: skip
    stats = solver.stats()
    answer = {name: np.asarray(found[name]).ravel() for name in ("x", "g", "lam_x", "lam_g")}
    status = STATUS.get(stats["return_status"], "failed")
    return {**answer, "f": float(found["f"]), "stats": stats, "status": status}


def _options(stage: Stage, seconds: float, warm: bool) -> dict[str, Any]:
    options: dict[str, Any] = {
        "print_level": 0,
        "sb": "yes",
        "tol": stage.tolerance,
        "constr_viol_tol": stage.feasibility,
        "acceptable_tol": 10 * stage.tolerance,
        "acceptable_constr_viol_tol": stage.feasibility,
        # Where feet lift off, the last digits of optimality may dance for hundreds of iterations
        # while the objective stands still.
        "acceptable_iter": 2,
        "acceptable_obj_change_tol": 1e-4,
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
    if warm:
        options |= {"warm_start_init_point": "yes", "warm_start_bound_push": 1e-6,
                    "warm_start_mult_bound_push": 1e-6}  # fmt: skip
    return options


def step_of(
    made: Transcription, result: Mapping[str, Any], stage: Stage, built: float, cpu: float
) -> Step:
    """What a stage came to; built, cpu: CPU s of its building and of all of it."""
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
