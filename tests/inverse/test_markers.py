"""Pairing of marker names, weights from OpenSim's task files, the report of a fit."""

import numpy as np
import pytest
from leg import Leg, markers_at, walk

from bioenv.errors import BioenvError
from bioenv.inverse.kinematics import inverse_kinematics
from bioenv.inverse.markers import match_markers, read_marker_weights, report

TASKS = """<?xml version="1.0" encoding="UTF-8" ?>
<OpenSimDocument Version="40000"><InverseKinematicsTool name="subject01"><IKTaskSet><objects>
 <IKMarkerTask name="Sternum"><apply>true</apply><weight>1.5</weight></IKMarkerTask>
 <IKMarkerTask name="R.Heel"><weight>10</weight></IKMarkerTask>
 <IKMarkerTask name="R.Knee.Lat"><apply>false</apply><weight>1</weight></IKMarkerTask>
 <IKCoordinateTask name="mtp_angle_r"><weight>1000</weight>
  <value_type>default_value</value_type><value>3</value></IKCoordinateTask>
 <IKCoordinateTask name="knee_angle_r"><weight>2</weight>
  <value_type>manual_value</value_type><value>-0.4</value></IKCoordinateTask>
 <IKCoordinateTask name="ankle_angle_r"><weight>1</weight>
  <value_type>from_file</value_type></IKCoordinateTask>
</objects></IKTaskSet></InverseKinematicsTool></OpenSimDocument>
"""


def test_weights_and_targets_of_a_task_file(tmp_path):
    path = tmp_path / "setup.xml"
    path.write_text(TASKS)
    tasks = read_marker_weights(path)
    assert tasks.markers == {"Sternum": 1.5, "R.Heel": 10.0}
    assert tasks.coordinates == {"mtp_angle_r": 1000.0, "knee_angle_r": 2.0, "ankle_angle_r": 1.0}
    assert tasks.targets == {"mtp_angle_r": None, "knee_angle_r": -0.4}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "is not XML"),
        ("<OpenSimDocument/>", "no applied IKMarkerTask"),
        (TASKS.replace("1.5", "heavy"), "weight of task 'Sternum' is no number: 'heavy'"),
        (TASKS.replace("-0.4", "nan"), "value of task 'knee_angle_r' is no number"),
    ],
)
def test_damaged_task_files(tmp_path, text, message):
    path = tmp_path / "setup.xml"
    path.write_text(text)
    with pytest.raises(BioenvError, match=message):
        read_marker_weights(path)
    with pytest.raises(BioenvError, match="cannot read"):
        read_marker_weights(tmp_path / "absent.xml")


def test_names_pair_without_case_and_prefix():
    leg = Leg()
    names = ["Anna:PELVIS0", "pelvis1", "head"]
    match = match_markers(leg, names, None)
    assert [marker.name for marker in match.markers] == ["pelvis0", "pelvis1"]
    np.testing.assert_array_equal(match.columns, [0, 1])
    assert match.unused == ("head",)
    assert "foot0" in match.missing


def test_report_judges_by_opensims_guide():
    error = np.array([[0.01, 0.03], [0.01, np.nan], [0.01, 0.05]])
    found = report(["a", "b"], error)
    assert found.worst == ("b", 2, 0.05)
    assert found.maximum == 0.05
    np.testing.assert_allclose(found.rms, np.sqrt((3 * 1e-4 + 9e-4 + 25e-4) / 5))
    np.testing.assert_allclose(found.by_marker["b"], [np.sqrt(34e-4 / 2), 0.05])
    assert not found.within_guide
    assert "outside OpenSim's guide" in str(found)
    plain = found.to_dict()
    assert plain["worst"] == {"marker": "b", "frame": 2, "error_m": 0.05}
    assert report(["a"], error[:, :1]).within_guide
    with pytest.raises(BioenvError, match="no marker was seen"):
        report(["a"], np.full((2, 1), np.nan))


@pytest.mark.parametrize("pair", [("thigh0", "foot1"), ("pelvis1", "foot1"), ("thigh0", "thigh2")])
def test_swapped_names_are_told(pair):
    leg = Leg()
    time, q = walk(leg, 20)
    first, second = map(leg.marker_names.index, pair)
    names = list(leg.marker_names)
    names[first], names[second] = names[second], names[first]
    found = inverse_kinematics(leg, time, names, markers_at(leg, q))
    assert found.swapped == found.report().swapped == (pair,)
    assert any(f"{pair[0]} and {pair[1]} look swapped" in note for note in found.notes)
