"""Solves biosym's walking2d example; run by predictive_gait.py with a Python that has biosym.

    python predictive_biosym.py EXAMPLE_FOLDER RESULT.json

EXAMPLE_FOLDER holds standing2d.yaml, walking2d.yaml and the model that they name (gait2d.yaml and
its XML files), as in biosym's repository. As in the example the walking starts from the standing
solution; both are solved here, with an empty cache, so that compiling counts as set-up. RESULT.json
gets times, status and one stride of the right leg.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    example, result = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home  # biosym caches models and compiled code in ~/.biosym
        os.chdir(example)
        result.write_text(json.dumps(solve(), indent=1))


def solve() -> dict[str, object]:
    import numpy as np
    from biosym.constraints.dynamics import calc_forces
    from biosym.ocp import collocation
    from jax import vmap

    np.random.seed(0)  # noqa: NPY002 - biosym draws from the global generator
    begin = cpu_seconds()
    collocation.Collocation("standing2d.yaml", force_rebuild=True).solve()
    standing = cpu_seconds() - begin
    begin = cpu_seconds()
    problem = collocation.Collocation("walking2d.yaml")
    setup = cpu_seconds() - begin
    iterations = 0

    def count(_mode: int, number: int, *_rest: float) -> bool:
        nonlocal iterations
        iterations = number
        return True

    problem.problem._iteration_callback = count
    wall, begin = time.perf_counter(), cpu_seconds()
    solution = problem.solve()
    figures = {
        "solver_cpu_s": cpu_seconds() - begin,
        "solver_wall_s": time.perf_counter() - wall,
        "standing_cpu_s": standing,
        "setup_cpu_s": setup,
        "status": solution.info["status_msg"].decode(),
        "converged": solution.info["status"] in (0, 1),
        "iterations": iterations,
        "mesh": problem.settings["nnodes"],
    }
    model, states = problem.model, solution.states
    count_nodes, step = problem.settings["nnodes"], float(solution.globals.dur)
    nodes = states[:count_nodes]
    loads = vmap(calc_forces, (0, None, None))(nodes, model, model.default_constants).ext_forces
    weight = float(np.sum(model.default_constants.mass)) * 9.81
    angles, forces = list(model.coordinates.names), list(model.ext_forces.names)
    knee, force = [], []
    for side in "rl":  # the left leg's first half is the right leg's second half
        knee.append(-np.degrees(np.asarray(nodes.q)[:, named(angles, "knee", side)]))
        force.append(np.asarray(loads)[:, named(forces, "foot", f"{side}_y")] / weight)
    times = np.linspace(0.0, 2 * step, 2 * count_nodes, endpoint=False).tolist()
    ends = model.variables.set_index("name").loc[angles[named(angles, "knee", "r")]]
    return figures | {
        "time": times,
        "knee": np.concatenate(knee).tolist(),
        "knee_bounds": [-np.degrees(float(ends.xmax)), -np.degrees(float(ends.xmin))],
        "force_time": times,
        "force": np.concatenate(force).tolist(),
        "distance": times[-1] * float(solution.globals.speed),
        "cost_of_transport": None,
    }


def named(names: list[str], part: str, ending: str) -> int:
    return next(i for i, name in enumerate(names) if part in name and name.endswith(ending))


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
