"""Static optimization against OpenSim's own results, from the coordinates it was given."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from bioenv import paths
from bioenv.inverse.muscles import SharingProblem, Status, static_optimization
from bioenv.inverse.muscles.reserves import read_reserves, reserve_forces
from bioenv.lab import sto
from bioenv.lab.coordinates import coordinates
from bioenv.lab.opensim_filter import opensim_coordinates
from bioenv.models.osim.anatomy import load

LAB = paths.lab_data()
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(LAB is None, reason="the lab data are not here"),
]

# RMS of activation: OpenSim itself stops this far from its optimum.
CASES = {"gait10dof18musc": 1e-3, "gait2354": 1e-3, "rajagopal80_walk": 6e-3}


class Reference(NamedTuple):
    """The problem with OpenSim's moment arms, and OpenSim's activation, forces and reserves."""

    problem: SharingProblem
    made: SharingProblem  # with the torque and the active forces that OpenSim's results contain
    arm: np.ndarray  # our own moment arms
    activation: np.ndarray
    force: np.ndarray
    reserve: np.ndarray


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[str, Reference]:
    return request.param, _reference(request.param)


def _reference(name: str) -> Reference:
    assert LAB is not None
    folder = LAB / "opensim_reference" / name
    anatomy = load(folder / "model.osim")
    activation, force, torque = (
        sto.read(folder / file)
        for file in (
            "SO_StaticOptimization_activation.sto",
            "SO_StaticOptimization_force.sto",
            "inverse_dynamics.sto",
        )
    )
    motors = {m.coordinate: m for m in read_reserves(folder / "reserves.xml") if m.coordinate}
    table = sto.read(folder / "ik.mot")
    read = coordinates(table, anatomy.coordinates, anatomy.rotational, anatomy.default)
    smooth = opensim_coordinates(read.time, read.values, 6.0)
    q = anatomy.couple(smooth(activation.time))
    # OpenSim moves the patella along, but gives it no speed when its column is missing.
    geometry = anatomy.muscle_geometry(q, smooth(activation.time, 1))
    capacity = anatomy.muscle_capacity(geometry)
    free = [i for i, ok in enumerate(anatomy.independent) if ok]
    own = np.einsum("tmn,tnk->tmk", geometry.moment_arm, anatomy.reduction(q))
    chosen = [
        i
        for i, j in enumerate(free)
        if anatomy.coordinates[j] in motors and np.abs(own[:, :, i]).max() > 1e-6
    ]
    names = tuple(anatomy.coordinates[free[i]] for i in chosen)
    arms = [sto.read(folder / f"MA_MuscleAnalysis_MomentArm_{c}.sto") for c in names]
    arm = np.stack(
        [np.column_stack([table.column(m) for m in anatomy.muscles]) for table in arms], axis=2
    )
    forces = np.column_stack([force.column(m) for m in anatomy.muscles])
    reserve = np.column_stack([force.column(motors[c].name) for c in names])
    measured = np.column_stack(
        [np.interp(force.time, torque.time, torque.column(f"{c}_moment")) for c in names]
    )
    fields = {
        "time": force.time,
        "moment_arm": arm,
        "active": capacity.active,
        "passive": capacity.passive,
        "max_isometric_force": anatomy.max_isometric_force,
        "muscles": anatomy.muscles,
        "coordinates": names,
        "reserve": reserve_forces(tuple(motors.values()), names),
        "lower": np.full(len(anatomy.muscles), 0.01),
    }
    activations = np.column_stack([activation.column(m) for m in anatomy.muscles])
    made = np.einsum("tmk,tm->tk", arm, forces) + reserve
    return Reference(
        SharingProblem(torque=measured, **fields),
        SharingProblem(torque=made, **{**fields, "active": forces / activations}),
        own[:, :, chosen],
        activations,
        forces,
        reserve,
    )


def test_active_force_is_force_over_activation(case: tuple[str, Reference]) -> None:
    name, reference = case
    error = np.abs(reference.problem.active - reference.force / reference.activation)
    # See the moment arms of the lateral gastrocnemius below: its speed is off as well.
    smooth = ["gaslat" not in muscle for muscle in reference.problem.muscles]
    assert error[:, smooth].max() < (1e-6 if name.startswith("gait") else 0.01)
    assert error.max() < 25.0


def test_opensims_forces_make_the_torque_we_ask_for(case: tuple[str, Reference]) -> None:
    _, reference = case
    assert np.abs(reference.problem.torque - reference.made.torque).max() < 0.1


def test_activations_are_opensims(case: tuple[str, Reference]) -> None:
    name, reference = case
    found = static_optimization(reference.problem)
    assert (found.status == Status.OPTIMAL).all()
    assert np.abs(found.missing_torque).max() < 1e-6
    assert np.sqrt(np.mean((found.activation - reference.activation) ** 2)) < CASES[name]


def test_cost_is_never_above_opensims(case: tuple[str, Reference]) -> None:
    _, reference = case
    found = static_optimization(reference.made)
    reserves = (reference.reserve / reference.made.reserve) ** 2
    theirs = (reference.activation**2).sum(1) + reserves.sum(1)
    assert np.abs(found.missing_torque).max() < 1e-6
    assert (found.cost <= theirs + 1e-9).all()


def test_our_moment_arms_lead_to_the_same_forces(case: tuple[str, Reference]) -> None:
    name, reference = case
    ours = replace(reference.problem, moment_arm=reference.arm)
    error = np.abs(ours.moment_arm - reference.problem.moment_arm).max((0, 2))
    # OpenSim's path of the lateral gastrocnemius, on two surfaces, is not quite in equilibrium:
    # it has moment arms of up to 0.4 mm about the hip, which the muscle does not cross.
    exact = np.array(["gaslat" not in muscle for muscle in ours.muscles])
    assert error[exact].max() < 2e-7
    assert error.max() < 4.1e-4
    found = static_optimization(ours)
    error = found.activation - reference.activation
    assert np.sqrt(np.mean(error**2)) < (6.1e-3 if name == "rajagopal80_walk" else CASES[name])
