"""Inverse kinematics against OpenSim 4.6 on the same markers, and against known coordinates."""

import numpy as np
import pytest

from bioenv import paths
from bioenv.inverse.kinematics import inverse_kinematics
from bioenv.lab import sto, trc
from bioenv.models import osim

LAB = paths.lab_data()
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(LAB is None, reason="no lab data (BIOENV_LAB_DATA)"),
]

SIDES = [f"{side}.{name}" for side in "RL" for name in (
    "Thigh.Upper", "Thigh.Front", "Thigh.Rear", "Shank.Upper", "Shank.Front", "Shank.Rear",
    "Midfoot.Sup", "Midfoot.Lat", "Toe.Lat", "Toe.Med",
)]  # fmt: skip
ENDS = ["R.Heel", "R.Toe.Tip", "L.Heel", "L.Toe.Tip"]
PELVIS = ["R.ASIS", "L.ASIS", "V.Sacral"]
TRUNK = ["Sternum", "R.Acromium", "L.Acromium", "Top.Head"]


def weights(trunk, pelvis, ends):
    """The task weights of opensim-models' Pipelines/*/Setup_IK.xml."""
    return {
        **dict.fromkeys(SIDES, 1.0),
        **dict(zip(TRUNK, trunk, strict=True)),
        **dict.fromkeys(PELVIS, pelvis),
        **dict.fromkeys(ENDS, ends),
    }


CASES = {
    "gait10dof18musc": ("_ik_marker_errors.sto", weights((1, 1, 1, 3), 3, 2), {}),
    "gait2354": (
        "subject01_ik_marker_errors.sto",
        weights((1, 0.5, 0.5, 0.1), 10, 10),
        {f"{joint}_angle_{side}": 1000.0 for joint in ("subtalar", "mtp") for side in "rl"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_angles_and_errors_are_opensims(case):
    folder = LAB / "opensim_reference" / case
    errors, by_marker, by_coordinate = CASES[case]
    anatomy = osim.load(folder / "model.osim")
    trial = trc.read(folder / "markers.trc")
    reference, error = sto.read(folder / "ik.mot"), sto.read(folder / errors)
    rows = np.searchsorted(trial.time, reference.time - 5e-4)
    found = inverse_kinematics(
        anatomy,
        trial.time[rows],
        trial.names,
        trial.positions[rows],
        weights=by_marker,
        coordinate_weights=by_coordinate,
    )
    assert set(found.status) == {"solved"}
    assert (found.rms - error.column("marker_error_RMS")).max() < 1e-5  # target: 0.2 mm
    for name in found.coordinates:
        turns = not name.endswith(("_tx", "_ty", "_tz"))
        given = reference.column(name) * (np.pi / 180 if turns else 1.0)
        rms = np.sqrt(np.mean((found.column(name) - given) ** 2))
        assert rms < (np.radians(0.05) if turns else 2e-5), name  # target: 0.5 degrees
    assert found.report().rms == pytest.approx(0.036 if case == "gait10dof18musc" else 0.022, 0.01)


def test_synthetic_markers_give_the_coordinates_back():
    folder = LAB / "arnold2013_consistent" / "subject01"
    anatomy = osim.load(folder / "subject01.osim")
    trial = trc.read(folder / "markers_synthetic.trc")
    found = inverse_kinematics(anatomy, trial.time, trial.names, trial.positions)
    reference = sto.read(folder / "coordinates.mot")
    given = np.stack([reference.column(name) for name in found.coordinates], axis=1)
    np.testing.assert_allclose(found.q, anatomy.couple(given), atol=1e-6)
    assert found.report().maximum < 1e-6


def test_measured_walk_of_rajagopal_is_within_the_guide():
    folder = LAB / "rajagopal2016_walk"
    anatomy = osim.load(folder / "subject_walk_scaled.osim")
    trial = trc.read(folder / "markers_walk.trc")
    found = inverse_kinematics(anatomy, trial.time, trial.names, trial.positions)
    assert set(found.status) == {"solved"}
    assert found.report().within_guide
    low, high = anatomy.coordinate_range[anatomy.clamped].T
    inside = found.q[:, anatomy.clamped]
    assert ((inside >= low) & (inside <= high)).all()
