"""Reading OpenSim files: both versions of the format, class defaults, and every kind of damage."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.models import osim
from bioenv.models.osim.description import Description
from bioenv.models.osim.functions import Spline

TOY = Path(__file__).with_name("toy.osim")
LAB = paths.lab_data()

OLD = """<?xml version="1.0" encoding="UTF-8"?>
<OpenSimDocument Version="30000"><Model name="old"><gravity>0 -9.81 0</gravity>
<BodySet><objects>
  <Body name="ground"><mass>0</mass><Joint/></Body>
  <Body name="arm"><mass>2</mass><mass_center>0 -0.1 0</mass_center>
    <inertia_xx>0.02</inertia_xx><inertia_yy>0.01</inertia_yy><inertia_zz>0.02</inertia_zz>
    <inertia_xy>0.001</inertia_xy>
    <Joint><PinJoint name="shoulder"><parent_body>ground</parent_body>
      <location_in_parent>0 1 0</location_in_parent>
      <orientation_in_parent>0.1 0 0</orientation_in_parent>
      <location>0 0.02 0</location><orientation>0 0.2 0</orientation>
      <CoordinateSet><objects><Coordinate name="shoulder_angle">
        <motion_type>rotational</motion_type><range>-1 2</range><clamped>true</clamped>
      </Coordinate></objects></CoordinateSet><reverse>false</reverse></PinJoint></Joint>
    <WrapObjectSet><objects><WrapEllipsoid name="egg"><dimensions>0.1 0.2 0.3</dimensions>
      <quadrant>+y</quadrant></WrapEllipsoid></objects></WrapObjectSet></Body>
</objects></BodySet>
<ForceSet><objects><Thelen2003Muscle name="deltoid"><isDisabled>true</isDisabled>
  <GeometryPath><PathPointSet><objects>
    <PathPoint name="a"><location>0 1.1 0</location><body>ground</body></PathPoint>
    <ConditionalPathPoint name="b"><location>0 0 0.1</location><body>arm</body>
      <range>-0.5 0.5</range><coordinate>shoulder_angle</coordinate></ConditionalPathPoint>
    <MovingPathPoint name="c"><location>0 -0.1 0</location><body>arm</body>
      <x_location><NaturalCubicSpline><x>0 1 2</x><y>0 0.01 0.03</y></NaturalCubicSpline>
      </x_location>
      <x_coordinate>shoulder_angle</x_coordinate></MovingPathPoint>
  </objects></PathPointSet>
  <PathWrapSet><objects><PathWrap><wrap_object>egg</wrap_object><range>1 3</range></PathWrap>
  </objects></PathWrapSet></GeometryPath>
  <max_isometric_force>800</max_isometric_force></Thelen2003Muscle>
  <BushingForce name="b"/></objects></ForceSet>
<MarkerSet><objects><Marker name="m"><body>arm</body><location>0 -0.2 0</location></Marker>
</objects></MarkerSet></Model></OpenSimDocument>
"""


@pytest.fixture(scope="module")
def toy() -> Description:
    return osim.parse(TOY)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "model.osim"
    path.write_text(text)
    return path


def test_version_3_names_bodies_where_version_4_has_paths(tmp_path):
    model = osim.parse(written(tmp_path, OLD))
    (joint,), (body,), (muscle,) = model.joints, model.bodies, model.muscles
    assert (model.version, joint.parent, joint.child) == (30000, "ground", "arm")
    np.testing.assert_allclose(joint.parent_pose.position, [0, 1, 0])
    np.testing.assert_allclose(joint.child_pose.rotation[0], [np.cos(0.2), 0, np.sin(0.2)])
    assert model.coordinates[0].range == (-1.0, 2.0)
    assert model.coordinates[0].clamped
    np.testing.assert_allclose(body.inertia[0], [0.02, 0.001, 0.0])
    assert [point.body for point in muscle.points] == ["ground", "arm", "arm"]
    assert muscle.points[1].active == ("shoulder_angle", -0.5, 0.5)
    assert muscle.points[2].motion is not None
    assert isinstance(muscle.points[2].motion[0][1], Spline)
    assert muscle.points[2].motion[1] is None
    assert (muscle.wraps[0].start, muscle.wraps[0].end) == (1, 3)
    assert (model.wraps[0].kind, model.wraps[0].quadrant) == ("ellipsoid", "+y")
    assert not muscle.enabled
    assert muscle.min_control == 0.01  # Thelen's least activation
    assert model.markers[0].body == "arm"
    assert model.notes == ("1 BushingForce left out",)


def test_class_defaults_fill_what_an_element_leaves_out(toy):
    vasti, glut = toy.muscles
    assert (vasti.max_velocity, vasti.curves["Flen"], vasti.curves["KshapeActive"]) == (
        12,
        1.8,
        0.5,
    )
    assert (glut.max_velocity, glut.min_control) == (10.0, 0.02)
    assert glut.curves == {
        "ignore_tendon_compliance": 1.0,
        "ActiveForceLengthCurve.minimum_value": 0.0,
    }


def test_offset_frames_are_folded_into_bodies(toy):
    # g2 lies in an offset frame of the femur, at (0.01, 0.02, 0.03) and turned.
    point = toy.muscles[1].points[1]
    assert point.body == "femur_r"
    from_frame = point.location - [0.01, 0.02, 0.03]
    assert np.linalg.norm(from_frame) == pytest.approx(np.linalg.norm([-0.02, -0.1, 0.04]))
    # The subtalar's parent frame hangs on the ankle's: two offsets from the talus.
    subtalar = next(joint for joint in toy.joints if joint.name == "subtalar_r")
    assert subtalar.parent == "talus_r"
    assert subtalar.parent_pose.position[2] != pytest.approx(0.01)


def test_constants_drive_nothing_and_scaled_lines_stay_lines(toy):
    knee = next(joint for joint in toy.joints if joint.name == "knee_r")
    assert [axis.coordinate is None for axis in knee.translations] == [False, True, False]
    assert float(knee.translations[1].function.value(np.zeros(()))) == pytest.approx(0.03)


def test_rotational_is_what_opensim_writes_in_degrees(toy):
    kind = {c.name: c.rotational for c in toy.coordinates}
    assert kind["knee_angle_r"]
    assert kind["swing_angle_r"]
    assert not kind["knee_angle_r_beta"]
    assert not kind["pelvis_tx"]


MISTAKES = [
    ("<mass>2</mass>", "<mass>two</mass>", r'<Body name="arm">: <mass> should hold numbers.*two'),
    ("<mass>2</mass>", "<mass>nan</mass>", "finite"),
    ("<mass>2</mass>", "<mass>-2</mass>", "negative"),
    ("<mass>2</mass>", "", r'<Body name="arm">: <mass> is missing'),
    ("PinJoint", "EllipsoidJoint", "cannot be read; readable are WeldJoint"),
    (">ground</parent_body>", ">grond</parent_body>", "unknown body or frame 'grond'.*ground"),
    (">ground</parent_body>", ">arm</parent_body>", "no path from the ground"),
    ("<reverse>false", "<reverse>true", "reversed joints"),
    ("<reverse>false", "<reverse>maybe", "true or false"),
    ("<range>-1 2</range>", "<range>2 -1</range>", "should rise"),
    (">shoulder_angle</coordinate>", ">elbow</coordinate>", "unknown coordinate 'elbow'"),
    ("<x>0 1 2</x>", "<x>0 1</x>", "NaturalCubicSpline.*as many x as y"),
    ("NaturalCubicSpline", "Wavelet", "Wavelet.*not known; known are Constant"),
    ("<wrap_object>egg", "<wrap_object>eg", "did you mean 'egg'"),
    ("<range>1 3</range>", "<range>1 4</range>", "beyond the path's 3 points"),
    ("WrapEllipsoid", "WrapBanana", "WrapBanana.*readable are WrapCylinder"),
    ("+y", "up", "quadrant"),
    ("<max_isometric_force>800", "<max_isometric_force>0", "must be positive"),
    ('name="arm"', 'name=""', "without a name"),
    ('Version="30000"', 'Version="10500"', "too old.*save it again"),
    ('Version="30000"', "", "too old"),
    ("OpenSimDocument", "mujoco", "no OpenSim file"),
    ("Model", "ScaleTool", "<Model> is missing"),
    ("</Model>", "", "no well-formed XML"),
]


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES, ids=[m[1] or m[0] for m in MISTAKES])
def test_mistakes_name_file_and_element(tmp_path, old, new, message):
    assert old in OLD
    path = written(tmp_path, OLD.replace(old, new))
    with pytest.raises(BioenvError, match=message) as caught:
        osim.parse(path)
    assert "model.osim" in str(caught.value)


@pytest.mark.parametrize("declaration", ["<!DOCTYPE a>", '<!DOCTYPE a [<!ENTITY b "c">]>'])
def test_entities_are_refused(tmp_path, declaration):
    text = OLD.replace("?>", f"?>{declaration}", 1)
    with pytest.raises(BioenvError, match="document type"):
        osim.parse(written(tmp_path, text))


@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 50, b"<a>" * 500, b"time\t1\n"])
def test_foreign_bytes_are_refused(tmp_path, content):
    path = tmp_path / "model.osim"
    path.write_bytes(content)
    with pytest.raises(BioenvError, match=r"XML|nests"):
        osim.parse(path)
    with pytest.raises(BioenvError, match="cannot read"):
        osim.parse(tmp_path / "absent.osim")


def test_damage_is_refused_or_harmless(tmp_path):
    """Cut and overwritten at random, a file gives a model or one clear error."""
    rng, text = np.random.default_rng(0), TOY.read_bytes()
    for _ in range(60):
        damaged = bytearray(text[: rng.integers(1, len(text))] if rng.random() < 0.3 else text)
        for at in rng.integers(0, len(damaged), 3):
            damaged[at] = rng.integers(32, 127)
        path = tmp_path / "damaged.osim"
        path.write_bytes(damaged)
        with suppress(BioenvError):
            assert osim.parse(path).bodies


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="needs the measured data sets")
def test_every_published_model_is_read_whole():
    assert LAB is not None
    found = {path: osim.parse(path) for path in sorted(LAB.rglob("*.osim"))}
    assert {18, 54, 80, 92} == {len(model.muscles) for model in found.values()}
    for model in found.values():
        assert all(muscle.enabled for muscle in model.muscles)
        assert 60.0 < model.mass < 90.0
