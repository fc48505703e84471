"""Inverse dynamics against OpenSim's results for the same models, coordinates and forces."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest

from bioenv import paths
from bioenv.inverse.dynamics import Contact
from bioenv.inverse.generalized import generalized_forces
from bioenv.lab import sto
from bioenv.lab.coordinates import coordinates
from bioenv.lab.opensim_filter import opensim_coordinates, opensim_forces
from bioenv.models.osim.anatomy import OsimAnatomy, load

LAB = paths.lab_data()
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(LAB is None, reason="the lab data are not here"),
]

RIGHT, LEFT = ("calcn_r", "ground_force_", "ground_torque_"), (
    "calcn_l", "1_ground_force_", "1_ground_torque_")  # fmt: skip
NAMED = tuple((f"calcn_{s}", f"ground_force_{s}_", f"ground_torque_{s}_") for s in "rl")
SWAPPED = (("calcn_l", *RIGHT[1:]), ("calcn_r", *LEFT[1:]))
PLATES = tuple(
    (body, f"{i}_ground_force_", f"{i}_ground_torque_")
    for i, body in ((1, "calcn_l"), (2, "calcn_r"), (3, "calcn_r"))
)
LEG = ("hip", "knee", "ankle", "subtalar", "mtp")
REFERENCE, SUBJECT01 = "opensim_reference", "opensim_gait_subject01"


class Case(NamedTuple):
    """Files of a data set, and how far the published result is from OpenSim 4.6's own."""

    model: str
    motion: str
    forces: str
    result: str
    feet: Sequence[tuple[str, str, str]] = (RIGHT, LEFT)
    cutoff: float | None = 6.0
    leg: float = 2e-3  # N*m RMS, every coordinate of the legs
    window: tuple[float, float] = (-np.inf, np.inf)  # s
    couple: bool = False


def folder(name: str, model: str, motion: str, forces: str, result: str, **more: Any) -> Case:
    files = (f if "/" in f else f"{name}/{f}" for f in (model, motion, forces, result))
    return Case(*files, **more)


GRF = f"{SUBJECT01}/subject01_walk1_grf.mot"
GC5 = "grand_challenge5_PS"
CASES = {
    "gait10dof18musc": folder(
        f"{REFERENCE}/gait10dof18musc", "model.osim", "ik.mot", "subject01_walk_grf.mot",
        "inverse_dynamics.sto",
    ),
    "gait2354": folder(
        f"{REFERENCE}/gait2354", "model.osim", "ik.mot", "subject01_walk1_grf.mot",
        "inverse_dynamics.sto",
    ),
    "rajagopal80": folder(
        f"{REFERENCE}/rajagopal80_walk", "model.osim", "ik.mot", "grf_walk.mot",
        "inverse_dynamics.sto", feet=NAMED,
    ),
    "subject01 10dof": folder(
        f"{SUBJECT01}/gait10dof18musc", "subject01.osim", "subject01_walk_IK.mot", GRF,
        "subject01_walk_ID.sto",
    ),
    "subject01 2354": folder(
        f"{SUBJECT01}/gait2354", "subject01_simbody.osim", "subject01_walk1_ik.mot", GRF,
        "inverse_dynamics.sto",
    ),
    # Published by an older OpenSim, whose coordinates began 0.1 s before the file given.
    "subject01 2392": folder(
        f"{SUBJECT01}/gait2392", "subject01_simbody.osim", "subject01_walk1_ik.mot", GRF,
        "inverse_dynamics.sto", leg=0.6, window=(0.55, 1.55),
    ),
    "falisse": folder(
        "falisse2019_subject1", "subject1.osim", "IK_gait_1.mot", "GRF_gait_1.mot",
        "ID_gait_1.mot", feet=SWAPPED,
    ),
    "rajagopal": folder(
        "rajagopal2016_walk", "subject_walk_scaled.osim", "coordinates_plain.mot", "grf_walk.mot",
        "id_walk.sto", feet=NAMED,
    ),
    "uhlrich": folder(
        "uhlrich2022_treadmill", "Rajagopal_scaled_Sub1_gasAvoid.osim", "results_ik.sto",
        "walking_baseline1_forces.mot", "results_id.sto", leg=6e-3, window=(10, 12),
    ),
    "grand challenge ss1": folder(
        GC5, "GC5_FemAntev12Deg.osim", "PS_ngait_og_ss1_kinematics.mot",
        "PS_ngait_og_ss1_kinetics.mot", "PS_ngait_og_ss1_ID_opensim46.sto", feet=PLATES,
        couple=True,
    ),
    # OpenSim 4.6 itself is 0.24 N*m from what was published, and we are 1e-8 from OpenSim 4.6.
    "arnold": folder(
        "arnold2013_consistent/subject01", "subject01.osim", "coordinates.mot", "grf.mot",
        "id.sto", feet=NAMED, cutoff=None, leg=0.24,
    ),
}  # fmt: skip


def contacts(case: Case, time: np.ndarray) -> list[Contact]:
    """Each foot's force as OpenSim interpolates it, from y up to z up."""
    table, found = sto.read(LAB / case.forces), []
    for body, force, torque in case.feet:
        columns = [f"{prefix}{axis}" for prefix in (f"{force}v", f"{force}p", torque)
                   for axis in "xyz"]  # fmt: skip
        values = np.stack([table.column(name) for name in columns], axis=1)
        smooth = opensim_forces(table.time, values)(time).reshape(-1, 3, 3)
        x, y, z = np.moveaxis(smooth, 2, 0)
        found.append(Contact(body, *np.moveaxis(np.stack([x, -z, y], axis=2), 1, 0)))
    return found


def motion(
    case: Case, anatomy: OsimAnatomy, time: np.ndarray
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """The rows of `time` inside the trial, and q, qd, qdd there."""
    read = coordinates(
        sto.read(LAB / case.motion), anatomy.coordinates, anatomy.rotational, anatomy.default
    )
    # The patella's angle is in degrees in this file though OpenSim takes it for radians.
    values = anatomy.couple(read.values) if case.couple else read.values
    smooth = opensim_coordinates(read.time, values, case.cutoff)
    low, high = np.maximum(smooth.span[0], case.window[0]), min(smooth.span[1], case.window[1])
    inside = np.flatnonzero((time >= low - 1e-9) & (time <= high + 1e-9))
    inside = inside[:: max(1, len(inside) // 60)]
    return inside, tuple(smooth(time[inside], order) for order in range(3))


@pytest.mark.parametrize("name", CASES)
def test_moments_are_opensims(name: str) -> None:
    case = CASES[name]
    anatomy, table = load(LAB / case.model), sto.read(LAB / case.result)
    rows, state = motion(case, anatomy, table.time)
    assert len(rows) >= 30
    tau = generalized_forces(anatomy, *state, contacts(case, table.time[rows]))
    compared = 0
    for i, coordinate in enumerate(anatomy.coordinates):
        kind = "moment" if anatomy.rotational[i] else "force"
        if f"{coordinate}_{kind}" not in table.labels or not coordinate.startswith(LEG):
            continue
        rms = np.sqrt(np.mean((tau[:, i] - table.column(f"{coordinate}_{kind}")[rows]) ** 2))
        assert rms <= case.leg, f"{coordinate}: {rms:.4f} N*m"
        compared += 1
    assert compared >= 6


def test_energy_is_kept_only_where_opensims_knee_is_not_followed() -> None:
    # Without gravity, the power of the torques is the rate of kinetic energy.
    anatomy = load(LAB / "rajagopal2016_walk/subject_walk_scaled.osim")
    anatomy.mj.opt.gravity[:] = 0.0
    knee = anatomy.coordinates.index("knee_angle_r")
    q, qd, h = np.zeros((3, 31)), np.zeros((3, 31)), 1e-5
    q[:, knee] = 0.3 + 2 * h * np.array([-1, 0, 1])
    qd[:, knee] = 2.0

    def energy(row: int) -> float:
        momentum = generalized_forces(anatomy, q[[row]], 0 * qd[[row]], qd[[row]])  # M qd
        return float(momentum[0] @ qd[row] / 2)

    rate = (energy(2) - energy(0)) / (2 * h)
    true = generalized_forces(anatomy, q, qd, 0 * q, like_opensim=False)[1, knee]
    assert true * 2.0 == pytest.approx(rate, rel=1e-5)
    opensim = generalized_forces(anatomy, q, qd, 0 * q)[1, knee]
    assert opensim == pytest.approx(-0.026044381304, abs=1e-6)  # InverseDynamicsSolver, 4.6
    assert true == pytest.approx(-0.063634512587, abs=1e-6)
