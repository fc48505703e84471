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


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="no measured data: set BIOENV_LAB_DATA")
def test_every_opensim_file_of_the_lab_is_read():
    files = sorted(p for p in LAB.rglob("*") if p.suffix in (".mot", ".sto"))
    files = [p for p in files if p.stat().st_size < 1_500_000]
    assert len(files) > 10
    for path in files:
        assert sto.read(path).values.size > 0
