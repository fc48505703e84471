"""OpenSim tables: round trips, sign and axis conventions, damaged and published files."""

import numpy as np
import pytest

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.lab import sto
from bioenv.motion import Motion

LAB = paths.lab_data()


@pytest.fixture
def motion() -> Motion:
    rng = np.random.default_rng(0)
    names = ["pelvis_tx", "pelvis_tz", "pelvis_tilt", "hip_flexion_r", "knee_angle_r"]
    force = rng.normal(size=(20, 2, 3)) * 100
    point = rng.normal(size=(20, 2, 3))
    force[5:9, 1], point[5:9, 1] = 0.0, np.nan
    return (
        Motion(np.arange(20) / 100)
        .add("qpos", rng.normal(size=(20, 5)), labels=names, source="simulated")
        .add("ground_reaction_force", force, labels="rl", source="simulated")
        .add("center_of_pressure", point, labels="rl", source="simulated")
    )


def test_coordinates_return_from_opensim_as_they_left(motion, tmp_path):
    table = sto.read(motion.to_opensim(tmp_path, "walk")[0])
    assert table.in_degrees
    back = sto.coordinates(table)
    assert back.labels("qpos") == motion.labels("qpos")
    np.testing.assert_allclose(back["qpos"], motion["qpos"], atol=1e-8)
    positive = sto.coordinates(table, knee="positive")
    np.testing.assert_allclose(
        positive.column("qpos", "knee_angle_r"), -motion.column("qpos", "knee_angle_r"), atol=1e-8
    )


def test_ground_reaction_returns_as_it_left(motion, tmp_path):
    table = sto.read(motion.to_opensim(tmp_path, "walk")[1])
    back = sto.ground_reaction(table, {"r": "ground_force_r_", "l": "ground_force_l_"})
    for name in ("ground_reaction_force", "center_of_pressure"):
        np.testing.assert_allclose(back[name], motion[name], atol=1e-6)


def test_table_is_written_and_read(tmp_path):
    table = sto.Table(("time", "a"), np.array([[0.0, 1.5], [0.1, -2.0]]), in_degrees=False)
    back = sto.read(sto.write(tmp_path / "x.sto", table))
    np.testing.assert_array_equal(back.values, table.values)
    assert back.labels == table.labels
    assert back.header["nRows"] == "2"
    with pytest.raises(BioenvError, match="did you mean 'a'"):
        back.column("A")
    with pytest.raises(BioenvError, match="one label per column"):
        sto.write(tmp_path / "y.sto", sto.Table(("time",), table.values, in_degrees=False))


def test_paths_speeds_and_beta_columns(tmp_path):
    path = tmp_path / "states.sto"
    path.write_text(
        "states\ninDegrees=no\nendheader\n"
        "time\t/jointset/hip_r/hip_flexion_r/value\t/jointset/hip_r/hip_flexion_r/speed\t"
        "/jointset/walker_knee_r/knee_angle_r/value\tknee_angle_r_beta\n"
        "0 0.1 5 -0.2 9\n1 0.2 5 -0.3 9\n"
    )
    qpos = sto.coordinates(sto.read(path))
    assert qpos.labels("qpos") == ("hip_flexion_r", "knee_angle_r")
    np.testing.assert_allclose(qpos["qpos"], [[0.1, 0.2], [0.2, 0.3]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("\n", "no line 'endheader'"),
        ("x\nendheader", "no line 'endheader' with labels"),
        ("x\nendheader\nangle\n1\n", "line 3: the first column must be 'time'"),
        ("x\nendheader\ntime a\n", "no rows"),
        ("x\nendheader\ntime a\n0 1\n1\n", "line 5: 1 columns, expected 2"),
        ("x\nendheader\ntime a\n0 b\n", "no number"),
        ("x\nendheader\ntime a\n0 1\n0 2\n", "time does not increase after 0 s"),
    ],
)
def test_damaged_table(tmp_path, text, words):
    path = tmp_path / "bad.mot"
    path.write_text(text)
    with pytest.raises(BioenvError, match=words) as caught:
        sto.read(path)
    assert "bad.mot" in str(caught.value)


def test_missing_file(tmp_path):
    with pytest.raises(BioenvError, match=r"cannot read '.*none\.mot'"):
        sto.read(tmp_path / "none.mot")


def test_wrong_row_count_in_the_header_is_survived(tmp_path):
    path = tmp_path / "x.mot"
    path.write_text("x\nnRows=7\ninDegrees=yes\nendheader\n\ntime\ta\n\n0\t1\n1\t2\n\n")
    assert sto.read(path).values.shape == (2, 2)


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="no measured data: set BIOENV_LAB_DATA")
def test_published_trial_has_the_signs_of_a_walking_person():
    folder = LAB / "falisse2019_subject1"
    qpos = sto.coordinates(sto.read(folder / "IK_gait_1.mot"))
    knee = np.degrees(qpos.column("qpos", "knee_angle_r"))
    assert 60 < knee.max() < 75
    assert knee.min() > 0
    assert 0.85 < qpos.column("qpos", "pelvis_tz").mean() < 1.0
    table = sto.read(folder / "GRF_gait_1.mot")
    ground = sto.ground_reaction(table, {"r": "1_ground_force_", "l": "ground_force_"})
    right = ground.column("ground_reaction_force", "r") / (62 * 9.81)
    assert 1.0 < right[:, 2].max() < 1.3
    assert right[:, 0].min() < -0.1 < 0.1 < right[:, 0].max()


@pytest.mark.parametrize(
    ("old", "new", "kind", "severity"),
    [
        ("nRows=2", "nRows=9", "row_count", "warning"),
        ("nRows=2", "nRows=1", "row_count", "note"),
        ("nRows=2", "nRows=99999999999999999999", "row_count", "warning"),
        ("nRows=2", "nRows=two", "row_count", "note"),
        ("nColumns=3", "nColumns=2", "column_count", "note"),
        ("a\tb", "a\ta", "repeated_column", "warning"),
        ("nRows=2\nnColumns=3", "datarows 3\ndatacolumns 3", "row_count", "warning"),
    ],
)
def test_what_contradicts_the_rows_is_a_finding(tmp_path, old, new, kind, severity):
    text = "x\nversion=1\nnRows=2\nnColumns=3\nendheader\ntime\ta\tb\n0\t1\t2\n1\t3\t4\n"
    assert sto.read(_written(tmp_path, text)).findings == ()
    found = sto.read(_written(tmp_path, text.replace(old, new)))
    assert [(f.kind, f.severity) for f in found.findings] == [(kind, severity)]
    assert found.values.shape == (2, 3)


@pytest.mark.parametrize(
    ("text", "labels", "values"),
    [
        ("x\nendheader\ntime\tleft knee\n0\t1\n", ("time", "left knee"), [[0, 1]]),
        ("x\nendheader\ntime\ta\tb\n0\t1\t2\t\n", ("time", "a", "b"), [[0, 1, 2]]),
        ("x\nendheader\ntime a\n0 nan\n", ("time", "a"), [[0, np.nan]]),
        ("x\nendheader\ntime a\n0 -nan(ind)\n", ("time", "a"), [[0, np.nan]]),
        ("x\r\nendheader\r\ntime a\r\n0 1\r\n", ("time", "a"), [[0, 1]]),
        ("x\rENDHEADER\rTime a\r0 1\r", ("Time", "a"), [[0, 1]]),
        ("\ufeffx\nendheader\ntime kn\u00e4\n0 1\n", ("time", "kn\u00e4"), [[0, 1]]),
    ],
)
def test_dialects(tmp_path, text, labels, values):
    found = sto.read(_written(tmp_path, text))
    assert found.labels == labels
    np.testing.assert_array_equal(found.values, values)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("DataType=Quaternion\nendheader\ntime a\n0 1,0,0,0\n", "holds Quaternion"),
        ("x\nendheader\ntime a\n0 1,5\n", "line 4: '1,5' is no number; write numbers with"),
        ("x\nendheader\ntime a\n0 1_000\n", "'1_000' is no number"),
        ("x\nendheader\ntime a\nnan 1\n", "row 1 of the table: time is missing"),
        ("x\nendheader\ntime a\n0 inf\n", "line 4 column 2 holds an infinite number"),
        ("x\nendheader\ntime a\n1 1\n0 2\n", "row 2 of the table.*goes back to 0 s"),
    ],
)
def test_more_damage(tmp_path, text, words):
    with pytest.raises(BioenvError, match=words):
        sto.read(_written(tmp_path, text))


def _written(folder, text):
    path = folder / "x.mot"
    path.write_bytes(text.encode())
    return path


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="no measured data: set BIOENV_LAB_DATA")
def test_every_opensim_file_of_the_lab_is_read():
    files = sorted(p for p in LAB.rglob("*") if p.suffix in (".mot", ".sto"))
    assert len(files) > 200
    wrong = {}
    for path in files:
        table = sto.read(path)
        assert table.values.size > 0
        if table.findings:
            wrong[path.name] = [finding.kind for finding in table.findings]
    assert wrong == {"walking_baseline1_forces.mot": ["row_count"]}
