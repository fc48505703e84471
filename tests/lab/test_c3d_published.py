"""A published C3D trial against its own text files and against ezc3d."""

import ezc3d
import numpy as np
import pytest

from bioenv import paths
from bioenv.lab import c3d, sto, trc
from bioenv.lab.checks import assign_feet, check_trial
from bioenv.lab.external_loads import guess_external_loads

LAB = paths.lab_data()
needs_lab = pytest.mark.skipif(LAB is None, reason="no measured data: set BIOENV_LAB_DATA")


@pytest.mark.lab
@needs_lab
@pytest.mark.parametrize("name", ["ss1", "ss8", "ss9"])
def test_grand_challenge_agrees_with_its_trc_and_mot(name):
    stem = LAB / "grand_challenge5_PS" / f"PS_ngait_og_{name}"
    trial = c3d.read(stem.with_suffix(".c3d"))
    markers = trc.read(stem.with_suffix(".trc"))
    loads = guess_external_loads(sto.read(f"{stem}_kinetics.mot"))
    assert (trial.markers.rate, trial.emg.rate, trial.forces[0].rate) == pytest.approx(
        (120, 1200, 1200)
    )
    assert trial.emg.names[:3] == ("gracilis", "semimem", "bifeml")
    assert len(trial.emg.names) == 16
    assert [(e.name, e.side) for e in trial.events] == [
        ("foot strike", "l"), ("foot off", "l"), ("foot strike", "l")
    ]  # fmt: skip
    # The text files begin at the left heel strike, where their time is zero.
    start = round((trial.events[0].time - trial.markers.time[0]) * 120)
    same = trial.markers.only(markers.names).positions[start : start + len(markers.time)]
    np.testing.assert_allclose(same, markers.positions, atol=1e-8)
    for plate, load in zip(trial.forces, loads, strict=True):
        rows = slice(10 * start, 10 * start + len(load.time))
        # The .mot was low-passed: 2.4 N and 3 mm RMS apart.
        loaded = (plate.force[rows, 2] > 100) & (load.force[:, 2] > 100)
        assert np.sqrt(np.mean((plate.force[rows] - load.force) ** 2)) < 2.4
        apart = (plate.point[rows] - load.point)[loaded]
        assert np.sqrt(np.mean(apart**2)) < 0.003
        twist = (plate.moment[rows] - load.moment)[loaded]
        assert np.sqrt(np.mean(twist**2)) < 0.5
    kinds = {finding.kind for finding in check_trial(trial, 75.0)}
    assert not kinds & {"force_sign", "cop_outside", "body_weight", "length_unit", "treadmill"}


@pytest.mark.lab
@needs_lab
def test_grand_challenge_feet_follow_from_heel_markers():
    trial = c3d.read(LAB / "grand_challenge5_PS" / "PS_ngait_og_ss9.c3d")
    heels = {side: trial.markers.position(f"{side.upper()}Heel") for side in "rl"}
    found = assign_feet(trial.forces, heels, trial.markers.time)
    assert found.feet == {"1": "l", "2": "r", "3": "r"}
    assert min(found.confidence.values()) > 0.25
    wrong = {"1": "r", "2": "l", "3": "l"}
    swapped = assign_feet(trial.forces, heels, trial.markers.time, wrong)
    assert "swapped" in str(swapped.findings[-1])


@pytest.mark.lab
@needs_lab
def test_grand_challenge_plates_are_those_of_ezc3d():
    path = LAB / "grand_challenge5_PS" / "PS_ngait_og_ss1.c3d"
    trial = c3d.read(path, axes=("x", "y", "z"))
    other = ezc3d.c3d(str(path), extract_forceplat_data=True)["data"]
    for plate, theirs in zip(trial.forces, other["platform"], strict=True):
        loaded = plate.force[:, 2] > 10
        np.testing.assert_allclose(plate.force, theirs["force"].T, atol=1e-9)
        center = theirs["center_of_pressure"].T / 1000
        np.testing.assert_allclose(plate.point[loaded], center[loaded], atol=1e-9)
        np.testing.assert_allclose(plate.moment[loaded], theirs["Tz"].T[loaded] / 1000, atol=1e-9)
