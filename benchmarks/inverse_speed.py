"""Milliseconds per frame of the inverse stages: bioenv against OpenSim, same trial, one run.

    .venv/bin/python benchmarks/inverse_speed.py --opensim PYTHON [--rounds 3]

PYTHON is an interpreter with `opensim` 4.6 installed. Cases are those of the lab data's
opensim_reference. The contestants take turns in every round, so that they share the machine's good
and bad moments; the table shows the best of each. OpenSim is timed around each tool's run(),
without loading the model; bioenv around the same stage of its pipeline. bioenv analyses all frames
at once (that is its design), so a case runs over the whole trial.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bioenv import paths
from bioenv.inverse.dynamics import Contact
from bioenv.inverse.generalized import generalized_forces
from bioenv.inverse.ground import contact_at
from bioenv.inverse.kinematics import inverse_kinematics
from bioenv.inverse.measured import coordinates_of
from bioenv.inverse.muscles.static import static_optimization
from bioenv.inverse.sharing_task import sharing_problem
from bioenv.lab import sto, trc
from bioenv.lab.external_loads import read_external_loads
from bioenv.lab.opensim_filter import Smoothed, opensim_coordinates
from bioenv.models import osim

# case -> first and last instant of OpenSim's static optimization, s
CASES = {
    "gait10dof18musc": (0.6, 2.0),
    "gait2354": (0.6, 1.4),
    "rajagopal80_walk": (0.6, 0.8),
}
IK, ID, SO = "inverse kinematics", "inverse dynamics", "muscle forces with geometry"
TARGETS = {IK: 10, ID: 30, SO: 200}


def best_seconds(work: Callable[[], object], rounds: int = 3) -> float:
    """Seconds of the fastest of some runs."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)


def ours(case: Path) -> dict[str, float]:
    """Stage -> milliseconds per frame."""
    anatomy = osim.load(case / "model.osim")
    table = sto.read(case / "ik.mot")
    raw, _ = coordinates_of(anatomy, table)
    figures = {}
    if (case / "markers.trc").exists():
        markers = trc.read(case / "markers.trc")
        seconds = best_seconds(
            lambda: inverse_kinematics(anatomy, markers.time, markers.names, markers.positions)
        )
        figures[IK] = 1000 * seconds / len(markers.time)
    loads = read_external_loads(case / "ext.xml")

    def dynamics() -> tuple[Smoothed, np.ndarray, np.ndarray]:
        smooth = opensim_coordinates(table.time, raw, 6.0)
        q = anatomy.couple(smooth.value)
        contacts = [contact_at(load.plate, load.body, smooth.time) for load in loads]
        external = [Contact(c.body, c.force, c.point, c.moment) for c in contacts]
        return smooth, q, generalized_forces(anatomy, q, smooth.first, smooth.second, external)

    figures[ID] = 1000 * best_seconds(dynamics) / len(table.time)
    smooth, q, torque = dynamics()

    def muscles() -> None:
        geometry = anatomy.muscle_geometry(q, smooth.first)
        capacity = anatomy.muscle_capacity(geometry)
        static_optimization(sharing_problem(anatomy, smooth.time, q, torque, geometry, capacity))

    figures[SO] = 1000 * best_seconds(muscles) / len(table.time)
    return figures


def theirs(python: str, case: Path, span: tuple[float, float]) -> dict[str, float]:
    """Tool -> milliseconds per frame, measured by OpenSim's own interpreter."""
    worker = Path(__file__).with_name("opensim_worker.py")
    with tempfile.TemporaryDirectory() as work:
        command = [python, str(worker), str(case), work, *map(str, span)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=work)
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    return {tool: 1000 * seconds / frames for tool, (frames, seconds) in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--opensim", required=True, metavar="PYTHON")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    data = paths.lab_data()
    if data is None:
        raise SystemExit("no lab data: set BIOENV_LAB_DATA")
    root = data / "opensim_reference"
    print(f"{'case':18} {'stage':28} {'OpenSim':>10} {'bioenv':>10} {'ratio':>7} {'target':>7}")
    for name, span in CASES.items():
        best: dict[str, list[float]] = {}
        for _ in range(args.rounds):
            for who, figures in enumerate((theirs(args.opensim, root / name, span),
                                           ours(root / name))):  # fmt: skip
                for stage, value in figures.items():
                    slots = best.setdefault(stage, [np.inf, np.inf])
                    slots[who] = min(slots[who], value)
        for stage in (IK, ID, SO):
            if stage in best and np.isfinite(best[stage]).all():
                other, own = best[stage]
                print(f"{name:18} {stage:28} {other:7.2f} ms {own:7.3f} ms {other / own:6.0f}x "
                      f"{TARGETS[stage]:6}x")  # fmt: skip


if __name__ == "__main__":
    main()
