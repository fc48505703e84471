"""Trials: nouns that refuse nonsense, and files brought together, each on its own clock."""

from dataclasses import replace

import numpy as np
import pytest

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.lab import anc, csv_table, sto, trc
from bioenv.lab.events import OFF, STRIKE, from_forces, instants, named
from bioenv.lab.trial import Emg, ForcePlate, Imu, Markers, Trial, rate_of
from bioenv.lab.trial_files import read_emg, read_trial

LAB = paths.lab_data()
needs_lab = pytest.mark.skipif(LAB is None, reason="no measured data: set BIOENV_LAB_DATA")

ANC = (
    "File_Type:\tAnalog R/C ASCII\tGeneration#:\t2\nBoard_Type:\tNI\tPolarity:\tBipolar\n"
    "Trial_Name:\tx\tTrial#:\t3\tDuration(Sec.):\t0.01\t#Channels:\t3\n"
    "BitDepth:\t16\tPreciseRate:\t1000\n\n\n\n\n"
    "Name\tF1X\tSOL\tTA\t\nRate\t1000\t1000\t1000\t\nRange\t5000\t2500\t1000\t\n"
    "0.000\t5\t-100\t32768\t\n0.001\t6\t-200\t16384\t\n0.002\t7\t-300\t0\t\n"
)


@pytest.fixture
def time():
    return np.arange(10) / 10


def test_nouns_refuse_shapes_clocks_and_repeated_names(time):
    positions = np.zeros((10, 2, 3))
    with pytest.raises(BioenvError, match=r"positions need shape \(10, 1, 3\)"):
        Markers(time, ("a",), positions, 10.0)
    with pytest.raises(BioenvError, match="each marker needs its own name; repeated: a"):
        Markers(time, ("a", "a"), positions, 10.0)
    with pytest.raises(BioenvError, match="does not increase after sample 4"):
        Markers(np.where(time > 0.45, 0.4, time), ("a", "b"), positions, 10.0)
    with pytest.raises(BioenvError, match="time must be finite"):
        Emg(np.where(time > 0.45, np.nan, time), ("a",), np.zeros((10, 1)), "V", 10.0)
    with pytest.raises(BioenvError, match=r"T >= 1, got \(0,\)"):
        ForcePlate("1", np.empty(0), *np.zeros((3, 0, 3)))
    with pytest.raises(BioenvError, match=r"corners of plate 1 need shape \(4, 3\)"):
        ForcePlate("1", time, *np.zeros((3, 10, 3)), corners=np.zeros((3, 4)))
    with pytest.raises(BioenvError, match="orientation of sensor pelvis"):
        Imu("pelvis", time, orientation=np.zeros((10, 4)))


def test_markers_by_name_and_time(time):
    positions = np.random.default_rng(0).normal(size=(10, 2, 3))
    markers = Markers(time, ("heel", "toe"), positions, 10.0)
    np.testing.assert_array_equal(markers.position("toe"), positions[:, 1])
    assert markers.only(["toe"]).positions.shape == (10, 1, 3)
    assert markers.only([]).positions.shape == (10, 0, 3)
    assert markers.between(0.25, 0.55).time.tolist() == pytest.approx([0.3, 0.4, 0.5])
    with pytest.raises(BioenvError, match="did you mean 'heel'"):
        markers.position("Heel")
    with pytest.raises(BioenvError, match="no sample between 5 and 6 s"):
        markers.between(5, 6)
    assert not markers.positions.flags.writeable
    assert np.isnan(rate_of(time[:1]))


def test_a_plates_moment_about_any_point(time):
    rng = np.random.default_rng(0)
    force, point, moment = rng.normal(size=(3, 10, 3))
    one = ForcePlate("1", time, force, point, moment)
    about = np.array([0.3, -0.2, 0.5])
    np.testing.assert_allclose(one.moment_about(about), moment + np.cross(point - about, force))
    trial = Trial("x", forces=(one,))
    assert trial.plate("1") is one
    with pytest.raises(BioenvError, match="unknown force plate '2'"):
        trial.plate("2")


def test_events_are_unified_and_found_from_forces():
    assert named(1.0, "Heel Strike", "Left") == named(1.0, "foot_strike", "L")
    assert named(1.0, "Toe-Off", "Right").name == OFF
    assert named(1.0, "Jump", "General").side == ""
    time = np.arange(3000) / 1000
    vertical = np.where(np.mod(time, 1.0) < 0.6, 700.0, 0.0)
    empty = np.zeros((3000, 3))
    whole = ForcePlate("a", time, vertical[:, None] * [0, 0, 0.5], empty, empty)
    events = from_forces([whole, replace(whole, name="b")], {"a": "r", "b": "r"})
    np.testing.assert_allclose(instants(events, STRIKE, "r"), [1.0, 2.0], atol=0.002)
    np.testing.assert_allclose(instants(events, OFF, "r"), [0.6, 1.6, 2.6], atol=0.002)
    assert instants(events, STRIKE, "l").size == 0


def test_raw_emg_in_volts(tmp_path):
    path = tmp_path / "x.anc"
    path.write_text(ANC)
    emg = read_emg(path)
    assert (emg.names, emg.unit, emg.rate, emg.envelope) == (("SOL", "TA"), "V", 1000.0, False)
    np.testing.assert_allclose(emg.channel("SOL"), np.array([-1, -2, -3]) * 250 / 32768)
    np.testing.assert_allclose(emg.channel("TA"), [1.0, 0.5, 0.0])
    assert anc.read(path).names[0] == "F1X"
    assert read_emg(path, ["TA"]).names == ("TA",)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("File_Type", "Type", "line 1: expected an .anc file"),
        ("Range", "Rnage", "no line 'Range'"),
        ("SOL", "TA", "channels named twice"),
        ("\t2500\t", "\tx\t", "line 11: could not convert"),
        ("\t2500\t", "\t", "expected 3 positive numbers"),
        ("1000\t1000\t1000", "1000\t1000\t500", "different rates"),
        ("BitDepth:\t16", "BitDepth:\t99", "BitDepth must be 8 to 32"),
        ("\t-200\t", "\tnix\t", "line 13: 'nix' is no number"),
        ("0.002", "0.001", "time does not increase"),
        ("SOL\tTA", "F2X\tF3X", "no EMG channel"),
    ],
)
def test_damaged_anc(tmp_path, old, new, words):
    path = tmp_path / "x.anc"
    path.write_text(ANC.replace(old, new))
    with pytest.raises(BioenvError, match=words):
        read_emg(path)


def test_csv_tables(tmp_path):
    path = tmp_path / "x.csv"
    for text in (
        "time,knee,hip\n0,1,2\n0.1,3,\n", "Time;knee;hip\ns;deg;deg\n0;1;2\n0.1;3;\n",
        "# made\n% time knee hip\n0 1 2\n0.1 3 nan\n", "\ufefftime,knee,hip\r\n0,1,2\r\n0.1,3,",
    ):  # fmt: skip
        path.write_text(text, encoding="utf-8")
        table = csv_table.read(path)
        assert table.labels == ("time", "knee", "hip")
        np.testing.assert_array_equal(table.values, [[0, 1, 2], [0.1, 3, np.nan]])
    back = csv_table.read(csv_table.write(tmp_path / "y.csv", table))
    np.testing.assert_array_equal(back.values, table.values)
    path.write_text("percent,load\n0,500\n1,600\n")
    assert csv_table.read(path, rate=50.0).time.tolist() == [0.0, 0.02]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,2\n3,4\n", "line 1: expected the names"),
        ("time,a\n0,b\n", "line 2: 'b' is no number"),
        ("time,a\n0,1\n1\n", "line 3: 1 columns, expected 2"),
        ("percent,a\n0,1\n", "first column is 'percent'"),
        ("# only\n# comments\n", "no table below its comments"),
        ("time,,a\n0,1,2\n", "line 1: expected the names"),
    ],
)
def test_damaged_csv(tmp_path, text, words):
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(BioenvError, match=words):
        csv_table.read(path)


def test_files_of_a_trial_come_together(tmp_path, time):
    positions = np.random.default_rng(0).normal(size=(10, 4, 3))
    markers = trc.write(tmp_path / "m.trc", Markers(time, tuple("abcd"), positions, 10.0))
    rows = np.column_stack([np.arange(50) / 50, np.ones((50, 6))])
    labels = ("time", *(f"ground_force_{k}{a}" for k in "vp" for a in "xyz"))
    forces = sto.write(tmp_path / "f.mot", sto.Table(labels, rows, False))
    angles = sto.write(tmp_path / "q.mot", sto.Table(("time", "knee"), rows[:, :2], True))
    swing = np.column_stack([rows[:, 0], np.sin(np.arange(50))])
    raw = sto.write(tmp_path / "e.sto", sto.Table(("time", "sol"), swing, False))
    trial = read_trial(markers, forces=forces, coordinates=angles, emg=raw)
    assert (trial.markers.rate, trial.forces[0].rate, trial.emg.rate) == pytest.approx((10, 50, 50))
    assert trial.coordinates.in_degrees
    assert not trial.emg.envelope
    assert read_emg(forces).envelope
    assert read_trial(forces).forces[0].name == "ground_force"
    assert read_trial(angles).coordinates.labels == ("time", "knee")
    late = sto.write(tmp_path / "l.mot", sto.Table(labels, rows + 9.0, False))
    assert "do not overlap in time" in read_trial(markers, forces=late).notes[-1]


def test_unknown_kinds_are_refused(tmp_path):
    with pytest.raises(BioenvError, match=r"unknown kind of file '.doc'.*\.c3d, \.trc"):
        read_trial(tmp_path / "x.doc")
    with pytest.raises(BioenvError, match="without suffix"):
        read_emg(tmp_path / "x")


@pytest.mark.lab
@needs_lab
def test_published_trials_with_all_devices():
    walk = LAB / "rajagopal2016_walk"
    trial = read_trial(
        walk / "markers_walk.trc", forces=walk / "grf_walk.mot",
        coordinates=walk / "coordinates_plain.mot", emg=walk / "emg_walk_raw.anc",
    )  # fmt: skip
    assert len(trial.markers.names) == 41
    assert trial.emg.names == ("SOL", "GAS", "TA", "MH", "BF", "VL", "VM", "RF", "GMAX", "GMED")
    assert trial.emg.time[-1] == pytest.approx(2.3895)
    assert (trial.emg.unit, trial.emg.rate) == ("V", 2000.0)
    assert 1e-3 < np.abs(trial.emg.values).max() < 2.5
    assert {f.severity for f in trial.findings} == {"note"}
    envelopes = read_emg(walk / "electromyography_envelopes.sto")
    assert (envelopes.envelope, envelopes.rate) == (True, pytest.approx(2000.0))
    other = read_emg(LAB / "uhlrich2022_treadmill" / "EMG_allMuscles.sto")
    assert other.envelope
    np.testing.assert_array_equal(
        other.channel("vasint_l_activation"), other.channel("vaslat_l_activation")
    )
    assert read_emg(LAB / "grand_challenge5_PS" / "PS_ngait_og_ss8.c3d").unit == "V"


@pytest.mark.lab
@needs_lab
def test_every_published_csv_is_read_or_refused_for_its_words():
    for path in (*LAB.rglob("*.csv"), LAB / "csu_leg2d" / "rawdata.txt"):
        try:
            names, values, _ = csv_table.columns(path)
        except BioenvError as error:
            told = str(error)
            assert "is no number" in told or "expected the names" in told
            assert path.parent.name.startswith(("biomac", "normative", "falisse"))
            continue
        assert values.shape[1] == len(names)
        if path.name == "rawdata.txt":
            assert values.shape == (301, 16)
            assert np.isnan(values).sum() == 22
