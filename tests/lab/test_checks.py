"""Checks: each mistake is found where it was made, and clean data are left in peace."""

from dataclasses import replace

import numpy as np
import pytest

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.lab import sto
from bioenv.lab.check_forces import check_plates, treadmill
from bioenv.lab.checks import (
    check_columns,
    check_markers,
    check_time,
    check_trial,
    check_units,
)
from bioenv.lab.coordinates import coordinates
from bioenv.lab.external_loads import forces_of, guess_external_loads
from bioenv.lab.finding import Finding, worst
from bioenv.lab.trial import ForcePlate, Markers, Trial

LAB = paths.lab_data()
needs_lab = pytest.mark.skipif(LAB is None, reason="no measured data: set BIOENV_LAB_DATA")
NAMES = ("pelvis_tx", "pelvis_tilt", "hip_flexion_r", "hip_flexion_l", "knee_angle_r",
         "knee_angle_l", "knee_angle_r_beta", "ankle_angle_r")  # fmt: skip


def angles(in_degrees=False, wrong=(), factor=1.0):
    """A walking table in the units its header says, but for the columns in `wrong`."""
    time = np.arange(100) / 100
    wave = np.sin(2 * np.pi * time)
    radians = np.column_stack([
        1.2 * time, 0.05 * wave, 0.5 * wave, -0.5 * wave, 0.5 + 0.5 * wave, 0.6 - 0.5 * wave,
        0.5 + 0.5 * wave, 0.2 * wave,
    ])  # fmt: skip
    values = radians * (np.where(np.arange(8) > 0, np.degrees(1.0), 1.0) if in_degrees else 1.0)
    for name in wrong:
        values[:, NAMES.index(name)] *= factor
    return sto.Table(("time", *NAMES), np.column_stack([time, values]), in_degrees)


def plate(name="1", sign=1.0, drift=0.25, unit=1.0, offset=0.0):
    """Three steps of a 75 kg person on a plate, or on a belt."""
    time = np.arange(2400) / 1000
    phase = np.mod(time, 0.8)
    stance = phase < 0.6
    vertical = np.where(stance, 900 * np.sin(np.pi * phase / 0.6), 0.0)
    force = sign * np.column_stack([0.1 * vertical * np.cos(phase * 5), 0 * time, vertical])
    point = np.column_stack([offset + drift * (phase - 0.3), 0 * time, 0 * time]) * unit
    point[~stance] = np.nan
    moment = np.column_stack([0 * time, 0 * time, 0.004 * vertical]) * unit
    corners = np.array([[0.3, 0.2, 0], [-0.3, 0.2, 0], [-0.3, -0.2, 0], [0.3, -0.2, 0]])
    return ForcePlate(name, time, force, point, moment, corners)


def kinds(findings):
    return [(finding.kind, finding.severity) for finding in findings]


@pytest.mark.parametrize("in_degrees", [False, True])
def test_consistent_angles_are_left_in_peace(in_degrees):
    assert check_units(angles(in_degrees)) == ()
    still = sto.Table(("time", "hip_flexion_r"), np.zeros((3, 2)), in_degrees)
    assert check_units(still) == ()


@pytest.mark.parametrize(
    ("in_degrees", "wrong", "factor", "expected"),
    [
        (False, ("knee_angle_r_beta",), np.degrees(1), ("mixed_units", "warning")),
        (True, ("knee_angle_r_beta",), np.radians(1), ("mixed_units", "warning")),
        (False, ("hip_flexion_r",), np.degrees(1), ("mixed_units", "error")),
        (True, ("knee_angle_l",), np.radians(1), ("mixed_units", "error")),
        (False, NAMES[1:], np.degrees(1), ("in_degrees", "error")),
        (True, NAMES[1:], np.radians(1), ("in_degrees", "error")),
    ],
)
def test_columns_in_other_units_are_named(in_degrees, wrong, factor, expected):
    found = check_units(angles(in_degrees, wrong, factor))
    assert kinds(found) == [expected]
    if expected[0] == "mixed_units":
        assert wrong[0] in found[0].message


def test_coordinates_of_a_model_are_in_radians_and_missing_ones_named():
    table = angles(True)
    names = ("hip_flexion_r", "pelvis_tx", "mtp_angle_r")
    found = coordinates(table, names, (True, False, True), (0.0, 0.0, 0.3))
    np.testing.assert_allclose(found.values[:, 0], np.radians(table.column("hip_flexion_r")))
    np.testing.assert_array_equal(found.values[:, 1], table.column("pelvis_tx"))
    assert (found.values[:, 2] == 0.3).all()
    assert found.missing == ("mtp_angle_r",)
    assert kinds(found.findings) == [("missing_column", "warning")]
    states = sto.Table(
        ("time", "/jointset/hip_r/hip_flexion_r/value", "/jointset/hip_r/hip_flexion_r/speed"),
        np.array([[0.0, 0.1, 5.0]]), False,
    )  # fmt: skip
    assert coordinates(states, ("hip_flexion_r",), (True,)).values == pytest.approx(0.1)
    with pytest.raises(BioenvError, match="none of the model's coordinates"):
        coordinates(table, ("elbow_flexion",), (True,))


def test_missing_columns_are_named_with_the_nearest():
    found = check_columns(angles(), ("knee_angle_r", "knee_angel_l"))
    assert kinds(found) == [("missing_column", "error")]
    assert "'knee_angle_l'" in found[0].message


def test_sampling():
    even = np.arange(50) / 60
    assert check_time(even, "x") == ()
    assert kinds(check_time(np.round(even, 3), "x")) == [("sampling", "note")]
    lost = check_time(np.delete(even, [20, 21]), "x")
    assert kinds(lost) == [("sampling", "warning")]
    assert "1 gaps" in lost[0].message
    assert "0.31666" in lost[0].message
    drifting = even + 0.02 * even**2
    assert "irregular" in check_time(drifting, "x")[0].message
    assert check_time(even[:2], "x") == ()


def test_markers_unseen_and_millimetres():
    rng = np.random.default_rng(0)
    body = np.column_stack([rng.uniform(-0.2, 0.2, (6, 2)), np.linspace(0, 1.6, 6)])
    positions = np.tile(body, (100, 1, 1))
    names = tuple("abcdef")
    whole = Markers(np.arange(100) / 100, names, positions, 100.0)
    assert check_markers(whole) == ()
    gaps = positions.copy()
    gaps[:, 1], gaps[10:15, 2], gaps[40:80, 3] = np.nan, np.nan, np.nan
    found = check_markers(replace(whole, positions=gaps))
    assert [f.message.split()[0] for f in found] == ["never", "c", "d"]
    assert [f.severity for f in found] == ["warning", "note", "warning"]
    assert "0.05 s" in found[1].message
    for factor in (1e3, 1e-3):
        mistaken = check_markers(replace(whole, positions=positions * factor))
        assert kinds(mistaken) == [("length_unit", "error")]
    nothing = check_markers(replace(whole, positions=np.full_like(positions, np.nan)))
    assert kinds(nothing) == [("occlusion", "error")]


def test_forces_that_are_right_are_left_in_peace():
    assert check_plates([plate()], 75.0) == ()
    assert check_plates([plate()]) == ()
    assert check_plates([]) == ()
    assert treadmill([plate()]) == ()


@pytest.mark.parametrize(
    ("made", "mass", "expected"),
    [
        (plate(sign=-1.0), None, [("force_sign", "error")]),
        (plate(offset=0.5), None, [("cop_outside", "error")]),
        (plate(unit=1000.0), None, [("length_unit", "error"), ("moment_unit", "error"),
                                    ("cop_outside", "error")]),
        (plate(sign=0.001), None, [("unloaded", "note")]),
        (plate(), 300.0, [("body_weight", "warning")]),
        (replace(plate(), force=plate().force * 10), None, [("body_weight", "warning")]),
        (replace(plate(), force=np.where(plate().force == 0, np.nan, plate().force)), None,
         [("gap", "error")]),
    ],
)  # fmt: skip
def test_forces_that_are_wrong_are_named(made, mass, expected):
    found = check_plates([made], mass)
    assert kinds(found)[: len(expected)] == expected
    assert worst(found) == max((s for _, s in expected), key=("note", "warning", "error").index)


def test_a_belt_is_noticed_and_its_speed_told():
    found = treadmill([plate(drift=-1.1), plate("2", drift=-1.0)])
    assert kinds(found) == [("treadmill", "note")]
    assert "1.05 m/s" in found[0].message


def test_a_whole_trial_is_checked_at_once():
    rng = np.random.default_rng(0)
    markers = Markers(np.arange(9) / 9, ("a", "b", "c", "d"), rng.uniform(0, 900, (9, 4, 3)), 9.0)
    trial = Trial("x", markers, (plate(sign=-1),), coordinates=angles(False, NAMES[1:], 57.3))
    found = {finding.kind for finding in check_trial(trial)}
    assert found == {"length_unit", "force_sign", "in_degrees"}
    assert worst([]) is None
    assert str(Finding("feet", "plate 1", "swapped", "error")) == "error: plate 1: swapped"


@pytest.mark.lab
@needs_lab
def test_published_traps_are_found():
    uhlrich = LAB / "uhlrich2022_treadmill"
    mixed = check_units(sto.read(uhlrich / "results_ik.sto"))
    assert kinds(mixed) == [("mixed_units", "warning")]
    assert "knee_angle_r_beta, knee_angle_l_beta in radians" in mixed[0].message
    forces = sto.read(uhlrich / "walking_baseline1_forces.mot")
    assert kinds(forces.findings) == [("row_count", "warning")]
    assert "nRows=121120, the file holds 3028" in forces.findings[0].message
    plates = [load.plate for load in guess_external_loads(forces)]
    assert kinds(treadmill(plates)) == [("treadmill", "note")]
    assert check_plates(plates, 86.04) == ()
    walk = LAB / "rajagopal2016_walk"
    assert check_units(sto.read(walk / "coordinates_plain.mot")) == ()
    assert treadmill([load.plate for load in forces_of(walk / "grf_walk.mot")]) == ()
