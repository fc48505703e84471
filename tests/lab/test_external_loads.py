"""External loads: OpenSim's list, guesses from column names, published trials."""

import numpy as np
import pytest

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.lab import sto
from bioenv.lab.external_loads import forces_of, guess_external_loads, read_external_loads

LAB = paths.lab_data()
needs_lab = pytest.mark.skipif(LAB is None, reason="no measured data: set BIOENV_LAB_DATA")

XML = """<?xml version="1.0"?><OpenSimDocument Version="40000"><ExternalLoads name="g"><objects>
<ExternalForce name="right"><applied_to_body>/bodyset/calcn_r</applied_to_body>
<force_expressed_in_body>ground</force_expressed_in_body>
<force_identifier>ground_force_v</force_identifier>
<point_identifier>ground_force_p</point_identifier>
<torque_identifier>ground_torque_</torque_identifier></ExternalForce>
<ExternalForce name="off"><appliesForce>false</appliesForce></ExternalForce>
<ExternalForce name="hand"><applied_to_body>hand_l</applied_to_body>
<force_expressed_in_body>hand_l</force_expressed_in_body>
<force_identifier>hand</force_identifier></ExternalForce>
</objects><datafile>grf.mot</datafile></ExternalLoads></OpenSimDocument>"""


def labels(*bases):
    return tuple(base + axis for base in bases for axis in "xyz")


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    names = ("time", *labels("ground_force_v", "ground_force_p", "ground_torque_", "hand"))
    values = np.column_stack([np.arange(20) / 100, rng.normal(size=(20, 12))])
    values[5:8, 1:4] = 0.0
    sto.write(tmp_path / "grf.mot", sto.Table(names, values, in_degrees=False))
    (tmp_path / "ext.xml").write_text(XML)
    return tmp_path


def test_forces_of_a_list_are_in_the_world_and_in_body_frames(folder):
    table = sto.read(folder / "grf.mot")
    right, hand = read_external_loads(folder / "ext.xml")
    assert (right.name, right.body, right.force_frame) == ("right", "calcn_r", "ground")
    vx, vy, vz = (table.column(f"ground_force_v{axis}") for axis in "xyz")
    np.testing.assert_array_equal(right.force, np.column_stack([vx, -vz, vy]) + 0.0)
    assert np.isnan(right.point[5:8]).all()
    assert np.isfinite(right.file_point).all()
    np.testing.assert_array_equal(right.point[8:], right.file_point[8:])
    np.testing.assert_array_equal(right.moment[:, 2], table.column("ground_torque_y"))
    assert (hand.body, hand.force_frame, hand.point_frame) == ("hand_l", "hand_l", "hand_l")
    np.testing.assert_array_equal(hand.force, table.values[:, 10:13])
    assert not hand.file_point.any()
    assert right.plate.name == "right"
    with pytest.raises(BioenvError, match="expressed in hand_l"):
        _ = hand.plate


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("ground_force_p<", "gruond_p<", "point_identifier 'gruond_p' of right fits 0 columns"),
        ("<datafile>grf.mot", "<datafile>none.mot", "names the table 'none.mot', which is not in"),
        ("<datafile>grf.mot", "<datafile>", "names no <datafile>"),
        ("</objects>", "", "not a valid XML file"),
        ("ExternalLoads", "Model", "expected <ExternalLoads>"),
        ("<objects>", "<!DOCTYPE a>", "document types"),
        ('name="hand"', 'name="right"', "forces named twice: right"),
        ("<force_identifier>hand</force_identifier>", "", "hand has neither"),
    ],
)
def test_a_damaged_list_is_named(folder, old, new, words):
    assert old in XML
    (folder / "ext.xml").write_text(XML.replace(old, new))
    with pytest.raises(BioenvError, match=words) as caught:
        read_external_loads(folder / "ext.xml")
    assert "ext.xml" in str(caught.value)


@pytest.mark.parametrize(
    ("bases", "bodies", "likely"),
    [
        (("ground_force_", "1_ground_force_"), (None, None), ("calcn_r", "calcn_l")),
        (("ground_force_r_", "ground_force_l_"), ("calcn_r", "calcn_l"), ("calcn_r", "calcn_l")),
        (("left_foot_force_",), ("calcn_l",), ("calcn_l",)),
        (("1_ground_force_", "2_ground_force_"), (None, None), (None, None)),
        (
            ("FP1_force_", "FP2_force_", "R_force_"),
            (None, None, "calcn_r"),
            (None, None, "calcn_r"),
        ),
    ],
)
def test_feet_are_guessed_from_names_only_where_names_say_them(bases, bodies, likely):
    names = ["time"]
    for base in bases:
        names += labels(base + "v", base + "p", base.replace("force", "torque"))
    rng = np.random.default_rng(0)
    values = np.column_stack([np.arange(3.0), rng.normal(size=(3, len(names) - 1))])
    loads = guess_external_loads(sto.Table(tuple(names), values, in_degrees=False))
    assert tuple(load.body for load in loads) == bodies
    assert tuple(load.likely for load in loads) == likely
    assert all(load.moment.any() for load in loads)
    np.testing.assert_array_equal(loads[0].force[:, 2], values[:, 2])


def test_a_table_without_forces_is_refused():
    table = sto.Table(("time", "knee_angle_r"), np.zeros((1, 2)), in_degrees=True)
    with pytest.raises(BioenvError, match=r"no columns of force.*knee_angle_r"):
        guess_external_loads(table)


@pytest.mark.lab
@needs_lab
@pytest.mark.parametrize(
    ("name", "mass"), [("gait10dof18musc", 72.6), ("gait2354", 72.6), ("rajagopal80_walk", 85.3)]
)
def test_published_lists(name, mass):
    folder = LAB / "opensim_reference" / name
    loads = read_external_loads(folder / "ext.xml")
    assert [load.body for load in loads] == ["calcn_r", "calcn_l"]
    for load in loads:
        assert 1.0 < load.force[:, 2].max() / (mass * 9.81) < 1.25
    table = next(iter(folder.glob("*grf*.mot")))
    for one, other in zip(loads, forces_of(table), strict=True):
        np.testing.assert_array_equal(one.force, other.force)
        np.testing.assert_array_equal(one.moment, other.moment)
        assert other.likely == one.body


@pytest.mark.lab
@needs_lab
@pytest.mark.parametrize(
    ("name", "plates", "rate"),
    [
        ("falisse2019_subject1/GRF_gait_1.mot", 2, 1000),
        ("rajagopal2016_walk/grf_walk.mot", 2, 2000),
        ("uhlrich2022_treadmill/walking_baseline1_forces.mot", 2, 50),
        ("arnold2013_consistent/subject02/grf.mot", 2, 200),
        ("opensim_gait_subject01/subject01_walk1_grf.mot", 2, 600),
        ("opensim_gait_subject01/gait2392_SO_JR/subject01_walk1_grf_0-2.6s.mot", 2, 600),
        ("grand_challenge5_PS/PS_ngait_og_ss8_kinetics.mot", 3, 1200),
    ],
)
def test_published_tables(name, plates, rate):
    loads = forces_of(LAB / name)
    assert len(loads) == plates
    assert loads[0].plate.rate == pytest.approx(rate, rel=1e-3)
    # In gait nobody drags backward and forward with more than a third of the weight.
    for load in loads:
        assert 500 < load.force[:, 2].max() < 1300
        assert np.abs(load.force[:, :2]).max() < 0.35 * load.force[:, 2].max()
        # Most files give the point where only the vertical moment is left; one set does not.
        assert np.abs(load.moment[:, :2]).max() < (20 if "subject01_walk1" in name else 1e-6)
