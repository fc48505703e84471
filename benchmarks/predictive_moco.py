"""Solves OpenSim's example2DWalking; run by predictive_gait.py with a Python that has opensim.

    python predictive_moco.py EXAMPLE_FOLDER RESULT.json [--guess tracking|bounds] [--mesh 24]

EXAMPLE_FOLDER holds 2D_gait.osim, referenceCoordinates.sto, referenceGRF.sto and referenceGRF.xml
of the example. Goals, weights and bounds are the example's; the mesh and the tolerance are given
here, for the example's own (50, 1e-4) take hours. As in the example the prediction starts from the
solution of a tracking problem, which is counted apart; --guess bounds starts in the middle of the
bounds instead. RESULT.json gets times, status and one stride of the right leg.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import time
from pathlib import Path

import numpy as np
import opensim as osim

SPEED = 1.2
DEGREES = {
    "groundPelvis/pelvis_tilt": (-20, -10),
    "lumbar/lumbar": (0, 20),
    "hip_{}/hip_flexion_{}": (-10, 60),
    "knee_{}/knee_angle_{}": (-50, 0),
    "ankle_{}/ankle_angle_{}": (-15, 25),
}
METERS = {"groundPelvis/pelvis_tx": (0, 1), "groundPelvis/pelvis_ty": (0.75, 1.25)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("example", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--guess", choices=("tracking", "bounds"), default="tracking")
    parser.add_argument("--mesh", type=int, default=24)
    parser.add_argument("--tolerance", type=float, default=1e-3)
    args = parser.parse_args()
    result = args.result.resolve()
    os.chdir(args.example)  # the example's files name each other
    osim.Logger.removeFileSink()
    guess, spent = None, None
    if args.guess == "tracking":
        guess, spent = solved(tracking(args.mesh))
    solution, figures = solved(prediction(args.mesh, args.tolerance, guess))
    figures |= {"mesh": args.mesh, "tolerance": args.tolerance, "guess": args.guess}
    figures |= {"guess_figures": spent, "version": osim.GetVersion()}
    solution.write(str(result.with_suffix(".sto")))
    result.write_text(json.dumps(figures | stride(solution), indent=1))


def solved(study: osim.MocoStudy) -> tuple[osim.MocoTrajectory, dict[str, object]]:
    """A solution and what it took."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    solution = study.solve()
    figures = {
        "solver_cpu_s": cpu_seconds() - cpu,
        "solver_wall_s": time.perf_counter() - wall,
        "converged": solution.success(),
    }
    if not solution.success():
        solution.unseal()
    figures |= {"status": solution.getStatus(), "iterations": solution.getNumIterations()}
    return solution, figures


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def tracking(mesh: int) -> osim.MocoStudy:
    """The example's first problem: follow recorded angles and ground forces."""
    track = osim.MocoTrack()
    track.setModel(osim.ModelProcessor("2D_gait.osim"))
    table = osim.TableProcessor("referenceCoordinates.sto")
    table.append(osim.TabOpLowPassFilter(6))
    track.setStatesReference(table)
    track.set_states_global_tracking_weight(1)
    track.set_allow_unused_references(True)
    track.set_track_reference_position_derivatives(True)
    track.set_apply_tracked_states_to_guess(True)
    track.set_initial_time(0.0)
    track.set_final_time(0.470089)  # the last full sample after resampling
    study = track.initialize()
    problem = study.updProblem()
    add_symmetry(problem)
    osim.MocoControlGoal.safeDownCast(problem.updGoal("control_effort")).setWeight(10)
    contact = osim.MocoContactTrackingGoal("contact", 1)
    contact.setExternalLoadsFile("referenceGRF.xml")
    for side, name in (("r", "Right_GRF"), ("l", "Left_GRF")):
        contact.addContactGroup(spheres(side), name)
    contact.setProjection("plane")
    contact.setProjectionVector(osim.Vec3(0, 0, 1))
    problem.addGoal(contact)
    add_bounds(problem)
    solver = osim.MocoCasADiSolver.safeDownCast(study.updSolver())
    solver.set_num_mesh_intervals(mesh)
    solver.set_parallel(0)
    return study


def prediction(mesh: int, tolerance: float, guess: osim.MocoTrajectory | None) -> osim.MocoStudy:
    """The example's second problem: least effort over distance at a given speed."""
    study = osim.MocoStudy()
    problem = study.updProblem()
    problem.setModelProcessor(osim.ModelProcessor("2D_gait.osim"))
    add_symmetry(problem)
    speed = osim.MocoAverageSpeedGoal("speed")
    speed.set_desired_average_speed(SPEED)
    problem.addGoal(speed)
    effort = osim.MocoControlGoal("effort", 10)
    effort.setExponent(3)
    effort.setDivideByDisplacement(True)
    problem.addGoal(effort)
    problem.setTimeBounds(0, [0.4, 0.6])
    add_bounds(problem)
    solver = study.initCasADiSolver()
    solver.set_num_mesh_intervals(mesh)
    solver.set_optim_convergence_tolerance(tolerance)
    solver.set_optim_constraint_tolerance(tolerance)
    solver.set_optim_max_iterations(1000)
    solver.set_parallel(0)
    if guess is not None:
        solver.setGuess(guess)
    return study


def add_symmetry(problem: osim.MocoProblem) -> None:
    """One step: the legs change places, all but the distance comes back."""
    goal = osim.MocoPeriodicityGoal("symmetry")
    model = osim.ModelProcessor("2D_gait.osim").process()
    model.initSystem()
    listed = model.getStateVariableNames()
    for name in (listed.getitem(i) for i in range(listed.getSize())):
        if "_r" in name or "_l" in name:
            other = name.replace("_r", "_l") if "_r" in name else name.replace("_l", "_r")
            goal.addStatePair(osim.MocoPeriodicityGoalPair(name, other))
        elif "pelvis_tx/value" not in name:
            goal.addStatePair(osim.MocoPeriodicityGoalPair(name))
    goal.addControlPair(osim.MocoPeriodicityGoalPair("/lumbarAct"))
    problem.addGoal(goal)


def add_bounds(problem: osim.MocoProblem) -> None:
    for table, unit in ((DEGREES, math.pi / 180), (METERS, 1.0)):
        for name, ends in table.items():
            for path in sorted({name.replace("{}", side) for side in "lr"}):
                problem.setStateInfo(f"/jointset/{path}/value", [unit * end for end in ends])


def spheres(side: str) -> osim.StdVectorString:
    names = osim.StdVectorString()
    for place in ("Heel", "Front"):
        names.append(f"contact{place}_{side}")
    return names


def stride(solution: osim.MocoTrajectory) -> dict[str, object]:
    """Knee flexion, vertical ground force and cost of transport of one stride, right leg."""
    whole = osim.createPeriodicTrajectory(solution)
    model = osim.Model("2D_gait.osim")
    metabolics = osim.Bhargava2004SmoothedMuscleMetabolics()
    metabolics.setName("metabolics")
    metabolics.set_use_smoothing(True)
    for muscle in model.getMuscleList():
        metabolics.addMuscle(muscle.getName(), muscle)
    model.addComponent(metabolics)
    model.finalizeConnections()
    mass = model.getTotalMass(model.initSystem())
    loads = osim.createExternalLoadsTableForGait(model, whole, spheres("r"), spheres("l"))
    paths = osim.StdVectorString()
    paths.append("/metabolics\\|total_metabolic_rate")
    states, controls = whole.exportToStatesTable(), whole.exportToControlsTable()
    power = osim.analyze(model, states, controls, paths)
    rate = power.getDependentColumnAtIndex(0).to_numpy()
    travel = whole.getStateMat("/jointset/groundPelvis/pelvis_tx/value")
    distance = float(travel[-1] - travel[0])
    energy = np.trapezoid(rate, np.array(power.getIndependentColumn()))
    knee = -np.degrees(whole.getStateMat("/jointset/knee_r/knee_angle_r/value"))
    force = loads.getDependentColumn("ground_force_r_vy").to_numpy() / (9.80665 * mass)
    return {
        "time": whole.getTimeMat().tolist(),
        "knee": knee.tolist(),
        "knee_bounds": [0.0, 50.0],
        "force_time": list(loads.getIndependentColumn()),
        "force": force.tolist(),
        "distance": distance,
        "cost_of_transport": float(energy) / mass / distance,
    }


if __name__ == "__main__":
    main()
