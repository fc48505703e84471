"""Files of an analysis: OpenSim's names, axes and units; JSON without surprises."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from two_legs import COORDINATES, Walk
from two_legs_model import write_model

from bioenv import models
from bioenv.inverse.analysis import Analysis, Kinematics, Loads, Settings, Stage
from bioenv.inverse.outputs import ADJUSTED, residual_report, write, write_json
from bioenv.lab import sto
from bioenv.models import osim
from bioenv.models.native_anatomy import NativeAnatomy


@pytest.fixture(scope="module")
def analysis(tmp_path_factory):
    body = osim.load(write_model(tmp_path_factory.mktemp("outputs") / "two.osim"))
    walk = Walk(seconds=0.3)
    raw_time = walk.time + 0.001  # a clock of its own
    moved = Kinematics(walk.time, walk.q, 0 * walk.q, 0 * walk.q, raw_time, walk.q + 0.01)
    return Analysis("walk", body, Settings(), moved)


def test_angles_alone(analysis, tmp_path):
    names = {path.name for path in write(analysis, tmp_path)}
    assert names == {"kinematics.mot", "motion.nc", "residuals.json"}
    table = sto.read(tmp_path / "kinematics.mot")
    assert table.labels == ("time", *COORDINATES)
    np.testing.assert_allclose(table.time, analysis.kinematics.raw_time)
    raw = analysis.kinematics.raw
    np.testing.assert_allclose(table.column("knee_angle_r"), np.degrees(raw[:, 4]), atol=1e-7)
    np.testing.assert_allclose(table.column("pelvis_ty"), raw[:, 2], atol=1e-9)


def test_moments_have_opensims_names(analysis, tmp_path):
    torque = np.arange(30 * 9, dtype=float).reshape(30, 9)
    write(replace(analysis, torque=torque), tmp_path)
    table = sto.read(tmp_path / "inverse_dynamics.sto")
    assert table.labels[:5] == (
        "time", "pelvis_tilt_moment", "pelvis_tx_force", "pelvis_ty_force", "hip_flexion_r_moment",
    )  # fmt: skip
    np.testing.assert_allclose(table.values[:, 1:], torque)
    assert not table.in_degrees


def test_adjusted_angles_stand_beside_the_measured_ones(analysis, tmp_path):
    changed = replace(analysis, residuals={"reduction": {"mass_factor": 1.01}})
    assert tmp_path / ADJUSTED in write(changed, tmp_path)
    table = sto.read(tmp_path / ADJUSTED)
    np.testing.assert_allclose(table.time, analysis.time)
    knee = np.degrees(analysis.kinematics.q[:, 4])
    np.testing.assert_allclose(table.column("knee_angle_r"), knee, atol=1e-7)


def loads_of(count):
    force = np.tile([1.0, 2.0, 3.0], (count, 1, 1))
    return Loads(("knee_r",), ("knee_r_on_tibia_r_in_tibia_r",), force, 2 * force, 0 * force)


def test_loads_have_opensims_columns_and_axes(analysis, tmp_path):
    write(replace(analysis, loads=loads_of(30)), tmp_path)
    table = sto.read(tmp_path / "joint_contact_force.sto")
    prefix = "knee_r_on_tibia_r_in_tibia_r"
    assert table.labels[1:] == tuple(f"{prefix}_{a}{b}" for a in "fmp" for b in "xyz")
    np.testing.assert_allclose(table.values[0, 1:], [1, 2, 3, 2, 4, 6, 0, 0, 0])


def test_loads_of_an_own_model_are_turned_to_y_up(analysis, tmp_path):
    body = NativeAnatomy(models.load("arm26"))
    q = np.tile(body.default, (30, 1))
    moved = Kinematics(analysis.time, q, 0 * q, 0 * q, analysis.time, q)
    write(Analysis("arm", body, Settings(), moved, loads=loads_of(30)), tmp_path)
    table = sto.read(tmp_path / "joint_contact_force.sto")
    np.testing.assert_allclose(table.values[0, 1:4], [1, 3, -2])


def test_marker_errors_count_only_what_was_seen(analysis):
    error = np.full((30, 2), 0.003)
    error[:, 1] = np.nan
    moved = replace(
        analysis.kinematics, marker_names=("A", "B"), marker_error=error,
        markers=np.zeros((30, 2, 3)),
    )  # fmt: skip
    report = residual_report(replace(analysis, kinematics=moved))
    assert report["markers"]["rms_m"] == pytest.approx(0.003)
    assert report["markers"]["rms_by_marker_m"] == {"A": pytest.approx(0.003), "B": None}


def test_a_report_says_who_what_and_how_fast(analysis):
    found = replace(analysis, stages=(Stage("filter", 30, 0.5),), notes=("warning: look",))
    report = residual_report(found)
    assert (report["made_by"], report["trial"], report["model"]) == ("bioenv", "walk", "two_legs")
    assert report["stages"] == [{"stage": "filter", "frames": 30, "seconds": 0.5}]
    assert report["notes"] == ["warning: look"]


def test_json_has_no_nan_and_no_numpy(tmp_path):
    content = {
        "a": np.float64("nan"), "b": np.arange(2), 3: (np.int64(4), float("inf")), "c": {"d": True},
    }  # fmt: skip
    path = write_json(tmp_path / "x.json", content)
    assert json.loads(path.read_text()) == {
        "a": None, "b": [0, 1], "3": [4, None], "c": {"d": True},
    }  # fmt: skip
