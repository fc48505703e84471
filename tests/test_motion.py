"""Motion: validation, immutability, files that return the same bits, OpenSim's conventions."""

import copy
import pickle

import numpy as np
import pytest

from bioenv.errors import BioenvError
from bioenv.motion import CHANNELS, Motion, Signal

COORDINATES = ("pelvis_tx", "pelvis_tz", "pelvis_tilt", "knee_angle_r")


@pytest.fixture
def motion() -> Motion:
    rng = np.random.default_rng(0)
    time = np.arange(50) / 200
    pressure = rng.normal(size=(50, 2, 3))
    pressure[10:20] = np.nan
    return (
        Motion(time, model="walker2d", meta={"mass_kg": 75.2, "rewarded": ["joint_angles"]})
        .add("qpos", rng.normal(size=(50, 4)), labels=COORDINATES, source="simulated")
        .add("activation", rng.random((50, 2)), labels=("soleus_r", "soleus_l"), source="simulated")
        .add("muscle_force", rng.random((50, 1)), labels=["soleus_r"], source="optimized")
        .add("ground_reaction_force", rng.normal(size=(50, 2, 3)), labels="rl", source="measured")
        .add("center_of_pressure", pressure, labels="rl", source="measured")
    )


@pytest.mark.parametrize("suffix", [".nc", ".npz"])
def test_file_returns_the_same_bits(motion, tmp_path, suffix):
    loaded = Motion.load(motion.save(tmp_path / "new" / f"walk{suffix}"))
    assert loaded.time.tobytes() == motion.time.tobytes()
    assert set(loaded.signals) == set(motion.signals)
    for name in motion.signals:
        np.testing.assert_array_equal(loaded[name], motion[name])
        assert loaded.labels(name) == motion.labels(name)
        assert loaded.source(name) == motion.source(name)
    assert loaded.model == "walker2d"
    assert dict(loaded.meta) == dict(motion.meta)
    assert [p.name for p in (tmp_path / "new").iterdir()] == [f"walk{suffix}"]


def test_netcdf_names_units_for_other_readers(motion, tmp_path):
    from scipy.io import netcdf_file

    with netcdf_file(motion.save(tmp_path / "walk.nc"), mmap=False) as file:
        assert file.variables["ground_reaction_force"].units == b"N"
        assert file.variables["ground_reaction_force"].shape == (50, 2, 3)
        assert file.variables["qpos"].labels.startswith(b'["pelvis_tx"')


@pytest.mark.parametrize("suffix", [".nc", ".npz"])
@pytest.mark.parametrize("damage", ["empty", "foreign", "truncated", "flipped"])
def test_damaged_file_is_one_clear_error(motion, tmp_path, suffix, damage):
    path = motion.save(tmp_path / f"walk{suffix}")
    content = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "foreign": b"time\tpelvis_tx\n0\t1\n" * 40,
            "truncated": content[: len(content) // 2],
            "flipped": content[:4] + b"\xff" * 64 + content[68:],
        }[damage]
    )
    with pytest.raises(BioenvError, match=f"walk{suffix}"):
        Motion.load(path)


def test_foreign_but_valid_containers(tmp_path):
    from scipy.io import netcdf_file

    with netcdf_file(tmp_path / "other.nc", "w") as file:
        file.createDimension("time", 3)
        file.createVariable("time", "d", ("time",))[:] = [0, 1, 2]
    np.savez(tmp_path / "other.npz", a=np.arange(3))
    np.savez(tmp_path / "evil.npz", header=np.array([{"format": 1}], dtype=object))
    for name in ("other.nc", "other.npz", "evil.npz"):
        with pytest.raises(BioenvError, match=name):
            Motion.load(tmp_path / name)


def test_missing_file_and_wrong_suffix(motion, tmp_path):
    with pytest.raises(BioenvError, match="no motion file"):
        Motion.load(tmp_path / "none.nc")
    with pytest.raises(BioenvError, match=r"\.nc or \.npz"):
        Motion.load(tmp_path / "walk.csv")
    with pytest.raises(BioenvError, match=r"\.nc or \.npz"):
        motion.save(tmp_path / "walk.mat")
    assert list(tmp_path.iterdir()) == []


def test_failed_write_leaves_the_old_file(motion, tmp_path, monkeypatch):
    path = motion.save(tmp_path / "walk.nc")
    before = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("bioenv.motion_io.os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        motion.between(0, 0.1).save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["walk.nc"]


def test_arrays_cannot_be_changed(motion):
    for array in (motion.time, motion["qpos"], motion.column("qpos", "pelvis_tx")):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
    mine = np.zeros((50, 1))
    held = motion.add("emg", mine, labels=["soleus"], source="measured")
    mine[:] = 7.0
    assert (held["emg"] == 0).all()
    with pytest.raises(TypeError):
        motion.signals["qpos"] = None
    with pytest.raises(TypeError):
        motion.meta["mass_kg"] = 1
    with pytest.raises(AttributeError):
        motion.time = mine


def test_add_returns_a_new_motion(motion):
    more = motion.add("emg", np.zeros((50, 1)), labels=["soleus"], source="measured")
    assert "emg" in more
    assert "emg" not in motion
    assert more.with_meta(seed=3).meta["seed"] == 3
    assert "seed" not in more.meta


def test_between_keeps_both_ends(motion):
    part = motion.between(0.05, 0.1)
    np.testing.assert_allclose(part.time, np.arange(10, 21) / 200)
    np.testing.assert_array_equal(part["qpos"], motion["qpos"][10:21])
    assert part.duration == pytest.approx(0.05)
    with pytest.raises(BioenvError, match="no samples"):
        motion.between(5, 6)


@pytest.mark.parametrize(
    ("time", "words"),
    [
        ([0, 1, 1], "sample 2"),
        ([0, 2, 1], "must increase"),
        ([0, np.nan, 1], "finite"),
        ([], "T >= 1"),
        ([[0, 1]], "T >= 1"),
        (["a"], "array of numbers"),
    ],
)
def test_bad_time(time, words):
    with pytest.raises(BioenvError, match=words):
        Motion(time)


@pytest.mark.parametrize(
    ("name", "values", "labels", "words"),
    [
        ("qposs", np.zeros((4, 1)), ["a"], "did you mean 'qpos'"),
        ("qpos", np.zeros((5, 1)), ["a"], r"\(5, 1\)"),
        ("qpos", np.zeros((4, 2)), ["a"], "1 labels"),
        ("qpos", np.zeros((4, 0)), [], "at least one label"),
        ("qpos", np.zeros((4, 2)), ["a", "a"], "repeated: a"),
        ("qpos", np.full((4, 1), np.nan), ["a"], "sample 0 of 'a'"),
        ("markers", np.full((4, 1, 3), np.inf), ["a"], "finite"),
        ("ground_reaction_force", np.zeros((4, 2, 2)), "rl", r"\(4, 2, 3\)"),
        ("qpos", [["x"]] * 4, ["a"], "array of numbers"),
    ],
)
def test_bad_signal(name, values, labels, words):
    with pytest.raises(BioenvError, match=words):
        Motion(np.arange(4.0)).add(name, values, labels=labels, source="measured")


def test_nan_means_unseen_where_the_channel_says_so():
    for name, channel in CHANNELS.items():
        values = np.full((2, 1, *(3 for axis in channel.axes[1:])), np.nan)
        motion = Motion([0.0, 1.0])
        if channel.gaps:
            assert name in motion.add(name, values, labels=["a"], source="measured")
        else:
            with pytest.raises(BioenvError, match="finite"):
                motion.add(name, values, labels=["a"], source="measured")


def test_unknown_names_list_the_valid_ones(motion):
    with pytest.raises(BioenvError, match="has no channel 'qvel'; it has: qpos"):
        motion["qvel"]
    with pytest.raises(BioenvError, match="did you mean 'qpos'"):
        motion["qpso"]
    with pytest.raises(BioenvError, match="knee_angle_r"):
        motion.column("qpos", "knee_angle")
    with pytest.raises(BioenvError, match="measured"):
        Signal(np.zeros(3), ("a",), "guessed")
    with pytest.raises(BioenvError, match="JSON"):
        motion.with_meta(f=open)


def test_meta_takes_numpy_and_survives_processes(motion):
    rich = motion.with_meta(mass_kg=np.float32(70.0), command=np.array([1.0, 2.0]))
    assert rich.meta["mass_kg"] == 70.0
    assert rich.meta["command"] == [1.0, 2.0]
    for copied in (pickle.loads(pickle.dumps(rich)), copy.deepcopy(rich)):  # noqa: S301
        np.testing.assert_array_equal(copied["qpos"], rich["qpos"])
        assert dict(copied.meta) == dict(rich.meta)


def _table(path):
    lines = path.read_text().splitlines()
    end = lines.index("endheader")
    head = dict(line.split("=") for line in lines[1:end])
    return head, lines[end + 1].split("\t"), np.loadtxt(lines[end + 2 :], ndmin=2)


def test_opensim_coordinates_are_degrees_y_up_and_knee_negative(motion, tmp_path):
    paths = motion.to_opensim(tmp_path, "walk")
    assert [p.name for p in paths] == [
        "walk.mot", "walk_grf.mot", "walk_activation.sto", "walk_muscle_force.sto",
    ]  # fmt: skip
    head, labels, table = _table(paths[0])
    assert head == {"version": "1", "nRows": "50", "nColumns": "5", "inDegrees": "yes"}
    assert labels == ["time", "pelvis_tx", "pelvis_ty", "pelvis_tilt", "knee_angle_r"]
    qpos = motion["qpos"]
    np.testing.assert_allclose(table[:, 1:3], qpos[:, :2], rtol=1e-8)
    np.testing.assert_allclose(table[:, 3], np.degrees(qpos[:, 2]), rtol=1e-8)
    np.testing.assert_allclose(table[:, 4], -np.degrees(qpos[:, 3]), rtol=1e-8)


def test_opensim_ground_force_is_rotated_not_mirrored(motion, tmp_path):
    _, labels, table = _table(motion.to_opensim(tmp_path, "walk")[1])
    force = motion["ground_reaction_force"][:, 1]
    columns = [labels.index(f"ground_force_l_v{axis}") for axis in "xyz"]
    expected = np.column_stack([force[:, 0], force[:, 2], -force[:, 1]])
    np.testing.assert_allclose(table[:, columns], expected, rtol=1e-8)
    pressure = table[:, [labels.index(f"ground_force_r_p{axis}") for axis in "xyz"]]
    assert (pressure[10:20] == 0).all()  # NaN of an unloaded foot
    # a rotation keeps the cross product: moment of the force about the origin
    ours = np.cross(motion["center_of_pressure"][:10, 1], force[:10])
    pressure = table[:10, [labels.index(f"ground_force_l_p{axis}") for axis in "xyz"]]
    theirs = np.cross(pressure, table[:10, columns])
    np.testing.assert_allclose(theirs, np.column_stack([ours[:, 0], ours[:, 2], -ours[:, 1]]))


def test_nothing_to_export_is_said(tmp_path):
    with pytest.raises(BioenvError, match="nothing to export"):
        Motion([0.0, 1.0]).to_opensim(tmp_path, "walk")


@pytest.mark.parametrize("suffix", [".nc", ".npz"])
def test_an_estimate_keeps_its_band_and_its_flag(motion, tmp_path, suffix):
    values = motion["muscle_force"]
    band = np.stack([values - 1, values + 2], axis=-1)
    flag = np.arange(50) % 7 == 0
    estimated = motion.add("muscle_force", values, labels=["soleus_r"], source="estimated",
                           band=band, flag=flag)  # fmt: skip
    signal = Motion.load(estimated.save(tmp_path / f"x{suffix}")).signals["muscle_force"]
    np.testing.assert_array_equal(signal.band, band)
    np.testing.assert_array_equal(signal.flag, flag)
    assert Motion.load(tmp_path / f"x{suffix}").signals["qpos"].band is None
    part = estimated.between(0.05, 0.1).signals["muscle_force"]
    np.testing.assert_array_equal(part.flag, flag[10:21])
    assert part.band.shape == (11, 1, 2)
    with pytest.raises(ValueError, match="read-only"):
        signal.band[0] = 0


@pytest.mark.parametrize(
    ("trust", "message"),
    [
        ({"band": np.zeros((50, 2))}, r"\(50, 1, 2\)"),
        ({"band": np.stack([np.ones((50, 1)), np.zeros((50, 1))], axis=-1)}, "lower end"),
        ({"flag": np.zeros(49, dtype=bool)}, r"\(50,\)"),
    ],
)
def test_a_band_or_flag_that_does_not_fit_is_refused(motion, trust, message):
    with pytest.raises(BioenvError, match=message):
        motion.add("muscle_force", np.zeros((50, 1)), labels=["a"], source="estimated", **trust)
