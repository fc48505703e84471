"""Reserve actuators of OpenSim files: what is read, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.inverse.muscles.reserves import read_reserves, reserve_forces

LAB = paths.lab_data()

FILE = """<?xml version="1.0"?>
<OpenSimDocument Version="30000"><ForceSet name="reserves">
<defaults><CoordinateActuator name="default"><optimal_force>7</optimal_force></CoordinateActuator>
</defaults><objects>
<PointActuator name="FX"><body>pelvis</body><point>-0.07 0 0</point><direction>1 0 0</direction>
  <force_is_global>true</force_is_global><optimal_force>4</optimal_force></PointActuator>
<TorqueActuator name="MZ"><bodyA>pelvis</bodyA><axis>0 0 1</axis><optimal_force>2</optimal_force>
</TorqueActuator>
<CoordinateActuator name="knee"><coordinate>knee_r</coordinate>
  <min_control>-Inf</min_control><max_control>3</max_control></CoordinateActuator>
<CoordinateActuator name="motor"><socket_coordinate>/jointset/knee_r/knee_r</socket_coordinate>
  <optimal_force>24</optimal_force></CoordinateActuator>
<CoordinateActuator name="off"><coordinate>hip_r</coordinate><isDisabled>true</isDisabled>
</CoordinateActuator>
</objects></ForceSet></OpenSimDocument>
"""


def _file(folder: Path, text: str) -> Path:
    path = folder / "reserves.xml"
    path.write_text(text)
    return path


def test_actuators_are_read_with_defaults_and_without_the_disabled(tmp_path: Path) -> None:
    force, torque, knee, motor = read_reserves(_file(tmp_path, FILE))
    assert (force.kind, force.body, force.optimal_force) == ("PointActuator", "pelvis", 4.0)
    assert force.axis_global
    assert not force.point_global
    np.testing.assert_array_equal(force.point, [-0.07, 0.0, 0.0])
    assert (torque.body, torque.axis.tolist(), torque.axis_global) == ("pelvis", [0, 0, 1], True)
    assert (knee.coordinate, knee.optimal_force) == ("knee_r", 7.0)
    assert knee.control == (-np.inf, 3.0)
    assert motor.coordinate == "knee_r"


def test_two_motors_of_a_coordinate_count_as_one(tmp_path: Path) -> None:
    found = reserve_forces(read_reserves(_file(tmp_path, FILE)), ["hip_r", "knee_r"])
    np.testing.assert_allclose(found, [0.0, 25.0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<Model/>", "holds no actuator that is on"),
        (FILE[:400], "no well-formed XML"),
        (FILE.replace("knee_r<", "<", 1), 'name="knee".*<coordinate> is missing or empty'),
        (FILE.replace(">24<", ">-3<"), 'name="motor".*optimal_force must be positive'),
        (FILE.replace(">24<", ">many<"), 'name="motor".*should hold numbers'),
    ],
)
def test_mistakes_name_file_and_actuator(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BioenvError, match=f"reserves.xml.*{message}"):
        read_reserves(_file(tmp_path, text))


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="the lab data are not here")
@pytest.mark.parametrize(
    ("case", "count"), [("gait10dof18musc", 10), ("gait2354", 23), ("rajagopal80_walk", 31)]
)
def test_published_files(case: str, count: int) -> None:
    assert LAB is not None
    found = read_reserves(LAB / "opensim_reference" / case / "reserves.xml")
    assert len(found) == count
    assert reserve_forces(found, ["knee_angle_r", "hip_flexion_l"]).tolist() == [1.0, 1.0]
