"""A walk predicted from nothing but a model: bioenv against OpenSim Moco and biosym, CPU time.

    .venv/bin/python benchmarks/predictive_gait.py \\
        [--opensim PYTHON --moco-example DIR [--moco-guess bounds]] \\
        [--biosym PYTHON --biosym-example DIR] [--results DIR] [--stored] [--set speed=1.2] \\
        [--compile]

The contestants solve one after the other, each in a process of its own and on one core:

* OpenSim Moco 4.6's example2DWalking, the prediction, mesh of 24 intervals, tolerance 1e-3. PYTHON
  has `opensim` 4.6; DIR is OpenSim's folder of that example. About 20 minutes.
* biosym 0.1.12's walking2d. PYTHON (3.12 or later) has `biosym`; DIR holds the example's
  standing2d.yaml and walking2d.yaml with the model that they name. Some minutes. Measured with the
  model gait2d_huntcrossley and the example as a prediction: effort alone (weight 1000, exponent 3),
  half a stride of 50 nodes with symmetry, 0.4 to 0.7 s, at 1.3 m/s.
* bioenv: `bioenv solve predict-walk --set guess=static`, cold: with an empty cache.

With --results every result is kept in that folder, and a peer whose interpreter is not given is
read from there; --stored does so for bioenv, too. Nothing is run twice without need.

CPU: user and system time of the whole process with its children: imports, building, compiling,
standing or tracking problems that give a first guess. Solve: the walk's own program alone. All
three models are planar; they differ in muscles, contact and cost, so that the times tell what
somebody waits for, not how one program is solved by three codes. The figures of the gait come from
one stride of the right leg: at bound, the share of the stride within half a degree of the end of
the knee's range; stance, with more than 3 % of body weight on the foot; transport, gross cost with
a basal rate of 1.2 W/kg.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bioenv import models
from bioenv.evaluate.complete import completed
from bioenv.motion import Motion

Result = dict[str, Any]
"""What a contestant did: times, status and the curves of a stride; JSON."""

OURS = "bioenv"
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENSIM_MOCO_PARALLEL": "0",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
BASAL_RATE = 1.2  # W/kg
STANCE = 0.03  # body weights
NEAR = 0.5  # degrees


def measured(command: Sequence[str], **environment: str) -> Result:
    """CPU and wall seconds of a command with all its children, on one core."""
    core = {max(os.sched_getaffinity(0))}
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        command, env={**os.environ, **ONE_THREAD, **environment}, capture_output=True, text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, core),
    )  # fmt: skip
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_s": cpu, "wall_s": wall, "code": done.returncode, "said": done.stderr[-2000:]}


def peer(python: str, worker: str, example: Path, *options: str) -> Result:
    """A peer's result, by a worker of this folder that its own interpreter runs."""
    script = str(Path(__file__).with_name(worker))
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "result.json"
        spent = measured([python, script, str(example.resolve()), str(answer), *options])
        if not answer.exists():
            raise SystemExit(f"{worker} failed: {spent['said']}")
        return spent | json.loads(answer.read_text())


def ours(settings: Sequence[str], *options: str) -> Result:
    """bioenv's own result, by its command line."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "solution"
        program = "from bioenv.cli import main; raise SystemExit(main())"
        solve = ["solve", "predict-walk", "--set", *settings, *options, "--out", str(out)]
        spent = measured([sys.executable, "-c", program, *solve], XDG_CACHE_HOME=folder)
        if not (out / "solution.json").exists():
            raise SystemExit(f"bioenv failed: {spent['said']}")
        told = json.loads((out / "solution.json").read_text())
        return spent | {
            "status": told["status"],
            "converged": told["status"] in ("solved", "acceptable"),
            "iterations": told["iterations"],
            "mesh": told["mesh"],
            "violation": told["violation"],
            "solver_cpu_s": told["cpu_s"],
            "solver_wall_s": told["wall_s"],
            "settings": list(settings),
        } | stride(Motion.load(out / "motion.nc"))  # fmt: skip


def stride(motion: Motion) -> Result:
    """The curves of an optimized motion, which is one stride."""
    body = models.load(motion.model or "walker2d")
    motion = completed(motion, body)
    travel = motion.column("qpos", "pelvis_tx")
    distance = float(travel[-1] - travel[0])
    cost = None
    if "metabolic_rate" in motion:
        energy = np.trapezoid(motion["metabolic_rate"].sum(axis=1), motion.time) / body.mass
        cost = float(energy + BASAL_RATE * motion.duration) / distance
    force = motion.column("ground_reaction_force", "r")[:, 2] / body.body_weight
    return {
        "time": motion.time.tolist(),
        "knee": np.degrees(motion.column("qpos", "knee_angle_r")).tolist(),
        "knee_bounds": np.degrees(body.mj.joint("knee_angle_r").range).tolist(),
        "force_time": motion.time.tolist(),
        "force": force.tolist(),
        "distance": distance,
        "cost_of_transport": cost,
    }


def gait(result: Result) -> dict[str, str]:
    """Column -> text: what the walk looks like."""
    # Evenly spaced, for a mesh need not be.
    time_s = np.linspace(result["time"][0], result["time"][-1], 1001)
    knee = np.interp(time_s, result["time"], result["knee"])
    force = np.interp(time_s, result["force_time"], result["force"])
    low, high = result["knee_bounds"]
    cost = result["cost_of_transport"]
    span = result["time"][-1] - result["time"][0]
    return {
        "m/s": f"{result['distance'] / span:.2f}",
        "peak force": f"{force.max():.2f} BW",
        "stance": f"{100 * np.mean(force > STANCE):.0f} %",
        "knee": f"{knee.min():.0f}..{knee.max():.0f} deg",
        "at bound": f"{100 * np.mean((knee < low + NEAR) | (knee > high - NEAR)):.0f} %",
        "transport": "-" if cost is None else f"{cost:.2f} J/kg/m",
    }


def rows(results: Mapping[str, Result]) -> Iterator[list[str]]:
    """The table's lines, the heading first."""
    for name, result in results.items():
        line = {
            "": name,
            "CPU": f"{result['cpu_s']:.0f} s",
            "wall": f"{result['wall_s']:.0f} s",
            "solve": f"{result['solver_cpu_s']:.0f} s",
            "iterations": str(result["iterations"]),
            "mesh": str(result["mesh"]),
            **gait(result),
            "status": "converged" if result["converged"] else result["status"][:40],
        }
        if name == next(iter(results)):
            yield list(line)
        yield list(line.values())


def show(results: Mapping[str, Result]) -> None:
    table = list(rows(results))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        first, *rest = (text.rjust(width) for text, width in zip(line, widths, strict=True))
        print("  ".join([first.strip().ljust(widths[0]), *rest]))
    own = results.get(OURS)
    for name, result in results.items():
        if own is not None and name != OURS:
            whole = result["cpu_s"] / own["cpu_s"]
            solve = result["solver_cpu_s"] / own["solver_cpu_s"]
            print(f"{name} / {OURS}: {whole:.1f}x CPU time, {solve:.1f}x of the solve alone")
        if not result["converged"]:
            print(f"{name} did not converge: its times are no times of a solution")


@contextmanager
def told(name: str) -> Iterator[None]:
    print(f"{name} ...", end=" ", flush=True, file=sys.stderr)
    yield
    print("done", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--opensim", metavar="PYTHON")
    parser.add_argument("--moco-example", metavar="DIR", type=Path)
    parser.add_argument("--moco-guess", choices=("tracking", "bounds"), default="tracking")
    parser.add_argument("--biosym", metavar="PYTHON")
    parser.add_argument("--biosym-example", metavar="DIR", type=Path)
    parser.add_argument("--results", metavar="DIR", type=Path)
    parser.add_argument("--stored", action="store_true", help="read bioenv's result, too")
    parser.add_argument("--set", nargs="+", metavar="KEY=VALUE", default=[], dest="settings")
    parser.add_argument("--compile", action="store_true", help="bioenv by compiled C")
    args = parser.parse_args()
    for python, example in (("opensim", "moco_example"), ("biosym", "biosym_example")):
        if getattr(args, python) and not getattr(args, example):
            parser.error(f"--{python} needs --{example.replace('_', '-')}")
    moco = ("--guess", args.moco_guess)
    contestants: dict[str, Callable[[], Result] | None] = {
        "moco": args.opensim
        and (lambda: peer(args.opensim, "predictive_moco.py", args.moco_example, *moco)),
        "biosym": args.biosym
        and (lambda: peer(args.biosym, "predictive_biosym.py", args.biosym_example)),
        OURS: None
        if args.stored
        else lambda: ours(["guess=static", *args.settings], *["--compile"] * args.compile),
    }
    results: dict[str, Result] = {}
    for name, run in contestants.items():
        file = args.results / f"{name}.json" if args.results else None
        if run:
            with told(name):
                results[name] = run()
            if file:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(json.dumps(results[name], indent=1) + "\n")
        elif file and file.exists():
            results[name] = json.loads(file.read_text())
    show(results)


if __name__ == "__main__":
    main()
