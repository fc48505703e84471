"""Scaling to a static trial: known sizes come back, OpenSim's setup files, mistakes."""

import numpy as np
import pytest

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.inverse.scale_setup import read_scale_setup
from bioenv.inverse.static_factors import Measurement, default_markers
from bioenv.inverse.static_scaling import scale_to_static
from bioenv.models.osim import parse, scale
from bioenv.models.osim.anatomy import OsimAnatomy
from bioenv.models.osim.description import (
    GROUND,
    Axis,
    Body,
    Coordinate,
    Description,
    Joint,
    Marker,
    Pose,
)
from bioenv.models.osim.functions import Constant, Linear

LAB = paths.lab_data()
SIZES = {"pelvis": 1.2, "femur_r": 0.9, "femur_l": 0.9, "tibia_r": 1.1, "tibia_l": 1.1}


def joint(name, parent, child, at, turns, slides=()):
    """A joint that turns about, and slides along, its parent's axes given as "x", "y", "z"."""
    coordinates, axes = [], ([], [])
    for kind, moving in enumerate((slides, turns)):
        for letter, unit in zip("xyz", np.eye(3), strict=True):
            if letter not in moving:
                axes[kind].append(Axis(unit, None, Constant(0.0)))
                continue
            coordinate = f"{name}_{'tr'[kind]}{letter}"
            coordinates.append(Coordinate(coordinate, 0.0, (-3.0, 3.0), rotational=kind == 1))
            axes[kind].append(Axis(unit, coordinate, Linear(1.0)))
    return Joint(
        name, "CustomJoint", parent, child, Pose(np.array(at), np.eye(3)),
        Pose(np.zeros(3), np.eye(3)), tuple(coordinates), tuple(axes[1]), tuple(axes[0]),
    )  # fmt: skip


@pytest.fixture(scope="module")
def generic() -> Description:
    """Pelvis, two thighs and shanks of 40 cm, three to four markers each."""
    bodies, joints = ["pelvis"], [joint("root", GROUND, "pelvis", [0, 0, 0], "xyz", "xyz")]
    for side, z in (("r", 0.1), ("l", -0.1)):
        bodies += [f"femur_{side}", f"tibia_{side}"]
        joints.append(joint(f"hip_{side}", "pelvis", f"femur_{side}", [0, -0.1, z], "xyz"))
        joints.append(joint(f"knee_{side}", f"femur_{side}", f"tibia_{side}", [0, -0.4, 0], "z"))
    rng = np.random.default_rng(4)
    markers = [
        Marker(f"{body}{i}", body, rng.uniform([-0.1, -0.35, -0.1], [0.1, 0.0, 0.1]))
        for body in bodies
        for i in range(4)
    ]
    return Description(
        "doll", 40000, np.array([0, -9.81, 0]),
        tuple(Body(name, 5.0, np.array([0, -0.2, 0]), 0.1 * np.eye(3)) for name in bodies),
        tuple(joints), (), (), (), tuple(markers),
    )  # fmt: skip


def standing(description, seed=0):
    """Marker names and positions (1, M, 3) in some posture."""
    anatomy = OsimAnatomy(description)
    q = np.random.default_rng(seed).uniform(-0.3, 0.3, (1, len(anatomy.coordinates)))
    position, rotation = anatomy.body_frames(q)
    at = [position[0, m.body] + rotation[0, m.body] @ m.location for m in anatomy.markers]
    return [marker.name for marker in anatomy.markers], np.array(at)[None]


def test_sizes_and_posture_come_back_together(generic):
    person = scale(generic, SIZES)
    names, positions = standing(person)
    found = scale_to_static(generic, names, positions, mass=60.0)
    for body, size in SIZES.items():
        np.testing.assert_allclose(found.factors[body], size, rtol=2e-3)
    assert found.report.maximum < 1e-3
    assert found.description.mass == pytest.approx(60.0)
    uneven = scale(generic, {**SIZES, "tibia_l": 1.0})
    sides = scale_to_static(generic, *standing(uneven), symmetric=False)
    assert sides.factors["tibia_l"][0] == pytest.approx(1.0, rel=0.01)
    assert sides.factors["tibia_r"][0] == pytest.approx(1.1, rel=0.01)


def test_distances_between_markers_give_factors(generic):
    person = scale(generic, {"femur_r": [1.0, 1.3, 1.0], "pelvis": 1.2})
    names, positions = standing(person)
    frames = np.concatenate(
        [positions, positions + np.array([0.0, 0.5, 0.0]), np.full_like(positions, np.nan)]
    )
    found = scale_to_static(
        generic, names, frames, pairs={"pelvis": [("pelvis0", "pelvis1"), ("pelvis0", "pelvis2")]}
    )
    np.testing.assert_allclose(found.factors["pelvis"], 1.2, rtol=1e-12)
    assert set(found.factors) == {"pelvis"}
    inside = default_markers(generic)
    ratio = np.linalg.norm(positions[0, 4] - positions[0, 5])
    ratio /= np.linalg.norm(inside["femur_r0"] - inside["femur_r1"])
    found = scale_to_static(
        generic,
        names,
        frames,
        pairs=[Measurement("thigh", (("femur_r0", "femur_r1"),), ("femur_r", "femur_l"), "y")],
        factors={"femur_l": 0.5},
    )
    np.testing.assert_allclose(found.factors["femur_r"], [1.0, ratio, 1.0])
    np.testing.assert_allclose(found.factors["femur_l"], 0.5)
    assert any("unusual scale factors" in note and "femur_l" in note for note in found.notes)


def test_markers_are_moved_to_where_they_were_measured(generic):
    names, positions = standing(generic)
    positions[0, 3] += [0.0, 0.02, 0.0]
    others = dict.fromkeys((name for name in names if name != "pelvis3"), 1.0)
    found = scale_to_static(generic, names, positions, pairs=(), fixed={"tibia_l0"}, weights=others)
    assert found.moved["pelvis3"] == pytest.approx(0.02, abs=1e-9)
    assert "tibia_l0" not in found.moved
    placed = dict(zip(names, standing(found.description)[1][0], strict=True))
    np.testing.assert_allclose(placed["pelvis3"], positions[0, 3], atol=1e-9)
    kept = scale_to_static(generic, names, positions, pairs=(), place_markers=False)
    assert kept.moved == {}


def test_mistakes_are_named(generic):
    names, positions = standing(generic)
    pair = {"pelvis": [("pelvis0", "pelvis9")]}
    with pytest.raises(BioenvError, match="unknown marker of measurement 'pelvis' 'pelvis9'"):
        scale_to_static(generic, names, positions, pairs=pair)
    thigh = Measurement("thigh", (("pelvis0", "pelvis1"),), ("femur",))
    with pytest.raises(BioenvError, match="unknown body of measurement 'thigh' 'femur'"):
        scale_to_static(generic, names, positions, pairs=[thigh])
    with pytest.raises(BioenvError, match="has no marker pair"):
        scale_to_static(generic, names, positions, pairs={"pelvis": []})
    with pytest.raises(BioenvError, match=r"must have shape \(T, 20, 3\)"):
        scale_to_static(generic, names, positions[:, :4])
    with pytest.raises(BioenvError, match="unknown fixed marker 'head'"):
        scale_to_static(generic, names, positions, pairs=(), fixed={"head"})
    apart = np.concatenate([positions, positions])
    apart[0, 0], apart[1, 1] = np.nan, np.nan
    with pytest.raises(BioenvError, match="never seen together"):
        scale_to_static(generic, names, apart, pairs={"pelvis": [("pelvis0", "pelvis1")]})


SETUP = """<OpenSimDocument Version="20302"><ScaleTool name="subject01"><mass> 72.6 </mass>
<ModelScaler><scaling_order> measurements manualScale </scaling_order><MeasurementSet><objects>
 <Measurement name="thigh"><apply>true</apply>
  <MarkerPairSet><objects><MarkerPair><markers> R.ASIS R.Knee.Lat </markers></MarkerPair>
   <MarkerPair><markers> L.ASIS L.Knee.Lat </markers></MarkerPair></objects></MarkerPairSet>
  <BodyScaleSet><objects><BodyScale name="femur_r"><axes> X Y Z </axes></BodyScale>
   <BodyScale name="patella_r"><axes> Y </axes></BodyScale></objects></BodyScaleSet></Measurement>
 <Measurement name="off"><apply>false</apply></Measurement></objects></MeasurementSet>
 <ScaleSet><objects><Scale><scales> 1 1.1 1.2 </scales><segment> tibia_r </segment>
  <apply>true</apply></Scale></objects></ScaleSet><time_range> 1 2 </time_range>
 <preserve_mass_distribution>true</preserve_mass_distribution></ModelScaler>
<MarkerPlacer><IKTaskSet><objects><IKMarkerTask name="Sternum"><weight>1000</weight></IKMarkerTask>
</objects></IKTaskSet></MarkerPlacer></ScaleTool></OpenSimDocument>"""


def test_setup_file_of_opensim(tmp_path):
    path = tmp_path / "setup.xml"
    path.write_text(SETUP)
    setup = read_scale_setup(path)
    assert setup.mass == 72.6
    pairs = (("R.ASIS", "R.Knee.Lat"), ("L.ASIS", "L.Knee.Lat"))
    assert setup.measurements == (
        Measurement("thigh", pairs, ("femur_r",), "xyz"),
        Measurement("thigh", pairs, ("patella_r",), "y"),
    )
    np.testing.assert_array_equal(setup.factors["tibia_r"], [1, 1.1, 1.2])
    assert setup.tasks.markers == {"Sternum": 1000.0}
    assert setup.time_range == (1.0, 2.0)
    assert setup.preserve_mass_distribution
    for text, message in (
        ("<a>", "is not XML"),
        ("<a/>", "no ModelScaler"),
        (SETUP.replace("1 1.1 1.2", "1 1.1"), "<scales> should be 3 numbers"),
        (SETUP.replace("L.ASIS L", "L"), "must name two markers"),
        (SETUP.replace("> Y <", "> W <"), "should be X Y Z"),
    ):
        path.write_text(text)
        with pytest.raises(BioenvError, match=message):
            read_scale_setup(path)


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="no lab data (BIOENV_LAB_DATA)")
def test_measured_static_trial_gives_the_subject_back():
    from bioenv.lab import trc

    subject = parse(LAB / "opensim_reference" / "gait2354" / "model.osim")
    sizes = {"pelvis": 0.9, "torso": 1.05}
    for side in "rl":
        sizes |= {f"femur_{side}": 0.8, f"tibia_{side}": 1.1, f"talus_{side}": 1.1}
        sizes |= {f"calcn_{side}": 0.95, f"toes_{side}": 0.95}
    other = scale(subject, sizes, 60.0)
    static = trc.read(LAB / "opensim_gait_subject01" / "subject01_static.trc")
    still = (static.time >= 1) & (static.time <= 2)
    found = scale_to_static(other, static.names, static.positions[still], mass=72.6)
    for body, size in sizes.items():
        assert found.factors[body][0] * size == pytest.approx(1.0, abs=3e-3), body
    assert found.report.rms < 1e-3
    assert found.description.mass == pytest.approx(72.6)
    for before, after in zip(subject.muscles, found.description.muscles, strict=True):
        assert after.optimal_fiber_length == pytest.approx(before.optimal_fiber_length, rel=5e-3)
