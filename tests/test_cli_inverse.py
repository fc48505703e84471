"""`bioenv inverse` on the files of a person whose angles, moments and forces are known exactly."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from two_legs import COORDINATES, ROTATIONAL, Walk, force_columns, write_markers, write_table
from two_legs_files import INNER, Done, Files, forces, moments

from bioenv import cli
from bioenv.inverse.outputs import FILES
from bioenv.lab import sto
from bioenv.motion import Motion


@pytest.fixture(scope="module")
def whole(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Done:
    return files.run(
        tmp_path_factory.mktemp("out") / "whole", "--markers", files["walk.trc"],
        "--forces", files["grf.mot"], "--emg", files["emg.sto"], "--report",
    )  # fmt: skip


def test_everything_is_written_and_said(whole: Done) -> None:
    assert {path.name for path in whole.out.iterdir()} == {*FILES, "report.pdf"}
    for stage in ("inverse kinematics", "inverse dynamics", "muscle forces", "joint loads"):
        assert stage in whole.stdout
    assert "frames/s" in whole.stdout
    assert "treadmill" in whole.stdout
    for name in FILES:
        assert f"wrote {whole.out / name}" in whole.stdout


def test_angles_come_back(files: Files, whole: Done) -> None:
    table = whole.table("kinematics.mot")
    assert table.in_degrees
    assert table.labels[1:] == COORDINATES
    factor = np.where(ROTATIONAL, 180 / np.pi, 1.0)
    found = np.column_stack([table.column(name) for name in COORDINATES])
    np.testing.assert_allclose(found, files.walk.q * factor, atol=1e-5)


def test_moments_are_newtons(files: Files, whole: Done) -> None:
    error = moments(whole) - files.walk.torque
    assert np.abs(error[INNER]).max() < 0.05
    assert np.sqrt(np.mean(error[INNER] ** 2)) < 0.01


def test_muscles_make_the_moments(files: Files, whole: Done) -> None:
    joints = slice(3, None)
    made = files.walk.muscle_torque(forces(whole))
    assert np.abs(made - files.walk.torque)[INNER, joints].max() < 0.1
    activation = whole.table("muscle_activation.sto").values[:, 1:]
    assert activation.min() >= 0.01 - 1e-9  # the least of a Thelen muscle
    assert activation.max() <= 1.0 + 1e-9


def test_the_knee_carries_what_newton_and_the_muscles_say(files: Files, whole: Done) -> None:
    table = whole.table("joint_contact_force.sto")
    for side in "rl":
        base = f"knee_{side}_on_tibia_{side}_in_tibia_{side}_f"
        size = np.linalg.norm([table.column(base + axis) for axis in "xyz"], axis=0)
        expected = files.walk.knee_load(forces(whole), side)
        assert np.abs(size - expected)[INNER].max() < 1.0


def test_the_motion_has_bioenvs_senses(files: Files, whole: Done) -> None:
    motion = Motion.load(whole.out / "motion.nc")
    q = dict(zip(COORDINATES, files.walk.q.T, strict=True))
    np.testing.assert_allclose(motion.column("qpos", "knee_angle_r"), -q["knee_angle_r"], atol=1e-6)
    np.testing.assert_allclose(motion.column("qpos", "pelvis_tz"), q["pelvis_ty"], atol=1e-6)
    moment = dict(zip(COORDINATES, files.walk.torque.T, strict=True))["knee_angle_r"]
    assert np.abs(motion.column("joint_torque", "knee_angle_r") + moment)[INNER].max() < 0.05
    force, _ = files.walk.ground["l"]
    ground = motion.column("ground_reaction_force", "l")
    np.testing.assert_allclose(ground[:, [0, 2]], force, atol=1e-5)
    assert motion.meta["belt_speed"] == pytest.approx(0.77, abs=0.05)
    assert {"soleus_r", "vastus_lateralis_l"} <= set(motion.labels("emg"))


def test_reports_say_what_it_is_worth(whole: Done) -> None:
    residuals = json.loads((whole.out / "residuals.json").read_text())
    assert residuals["made_by"] == "bioenv"
    assert residuals["markers"]["rms_m"] < 1e-6
    assert set(residuals["emg"]) == {"soleus_r", "soleus_l", "vl_r", "vl_l"}
    assert residuals["root"]["force_rms"] < 1.0
    assert "uniqueness" in json.loads((whole.out / "wellposedness.json").read_text())
    assert (whole.out / "report.pdf").read_bytes().startswith(b"%PDF")


def test_a_motion_of_the_lab_is_a_reference_and_can_be_judged(whole: Done, tmp_path: Path) -> None:
    motion = str(whole.out / "motion.nc")
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        assert cli.main(["evaluate", motion, "--against", motion, "--out", str(tmp_path)]) == 0
    assert "joint_angle_rmse" in shown.getvalue()


def test_standing_scales_the_model(files: Files, tmp_path: Path) -> None:
    larger = {name: 1.1 * values[:5] for name, values in files.walk.markers.items()}
    still = {name: np.repeat(v[:1], 5, axis=0) for name, v in larger.items()}
    for values in still.values():
        values[3] = np.nan  # a frame without markers
    short = Walk(seconds=0.05)
    write_markers(tmp_path / "static.trc", short, still)
    walking = {name: 1.1 * values for name, values in files.walk.markers.items()}
    write_markers(tmp_path / "large.trc", files.walk, walking)
    done = files.run(
        tmp_path / "out", "--markers", str(tmp_path / "large.trc"),
        "--static", str(tmp_path / "static.trc"), "--mass", "80",
    )  # fmt: skip
    assert "note: scaled to static.trc: marker error RMS" in done.stdout
    table = done.table("kinematics.mot")
    knee = table.column("knee_angle_r")
    assert np.abs(knee - np.degrees(files.walk.q[:, 4])).max() < 1.0
    assert Motion.load(tmp_path / "out" / "motion.nc").meta["mass_kg"] == pytest.approx(80)


def test_residuals_are_reduced_beside_the_measured_angles(files: Files, tmp_path: Path) -> None:
    columns = force_columns(files.walk)
    for side in "rl":
        columns[f"ground_force_{side}_px"] = columns[f"ground_force_{side}_px"] + 0.01
    grf = write_table(tmp_path / "off.mot", columns)
    words = ("--coordinates", files["walk.mot"], "--forces", str(grf), "--stop", "1.5")
    done = files.run(tmp_path / "out", *words, "--reduce-residuals")
    measured, adjusted = done.table("kinematics.mot"), done.table("kinematics_adjusted.mot")
    assert measured.labels == adjusted.labels
    assert "residuals reduced" in done.stdout
    assert json.loads((done.out / "residuals.json").read_text())["root"]["reduction"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--coordinates", "{}/nothing.mot"), 1, "nothing.mot"),
        (("--coordinates", "{}/walk.trc"), 1, "unknown kind of file '.trc'"),
        (("--markers", "{}/walk.mot"), 1, "holds no markers"),
        (("--coordinates", "{}/walk.mot", "--angles", "radians"), 1, "degrees?"),
        (("--coordinates", "{}/walk.mot", "--start", "9"), 1, "the trial covers 0 to 2.59 s"),
        (("--coordinates", "{}/walk.mot", "--start", "2", "--stop", "1"), 1, "must come before"),
        (("--coordinates", "{}/walk.mot", "--exponent", "1"), 1, "exponent must be above 1"),
        (("--coordinates", "{}/walk.mot", "--cutoff", "80"), 1, "half the sampling rate"),
        (("--coordinates", "{}/walk.mot", "--static", "{}/grf.mot"), 1, "holds no markers"),
        (
            ("--coordinates", "{}/walk.mot", "--forces", "{}/grf.mot", "--method", "emg"), 1,
            "give --emg",
        ),
        (("--coordinates", "{}/walk.mot", "--weights", "x.xml"), 1, "count only with --markers"),
        (("--markers", "{}/walk.trc", "--angles", "degrees"), 1, "count only with --coordinates"),
        (("--coordinates", "{}/walk.mot", "--start", "soon"), 2, "an instant in seconds"),
        ((), 2, "--markers --coordinates is required"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(
    files: Files, tmp_path: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    done = files.run(tmp_path, *(w.format(files.folder) for w in words), code=code)
    assert message in done.stderr
    assert done.stdout == ""
    if code == 1:
        assert done.stderr.startswith("bioenv: error: ")
        assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_only_its_own_results_are_overwritten(files: Files, tmp_path: Path) -> None:
    words = ("--coordinates", files["walk.mot"])
    (tmp_path / "kinematics.mot").write_text("measured by hand")
    done = files.run(tmp_path, *words, code=1)
    assert "kinematics.mot, not written by this command" in done.stderr
    assert (tmp_path / "kinematics.mot").read_text() == "measured by hand"
    files.run(tmp_path, *words, "--force")
    files.run(tmp_path, *words)  # now it is known as its own
    assert sto.read(tmp_path / "kinematics.mot").labels[1:] == COORDINATES


def test_a_body_fixed_to_the_ground_needs_no_forces(files: Files, tmp_path: Path) -> None:
    time = np.arange(60) / 50
    table = {
        "time": time,
        "shoulder_elev": 20 + 10 * np.sin(4 * time),
        "elbow_flexion": 40 + 20 * np.sin(5 * time),
        "wrist": 0 * time,
    }
    arm = write_table(tmp_path / "arm.mot", table, in_degrees=True)
    done = files.run(tmp_path / "out", "--model", "arm26", "--coordinates", str(arm), "--report")
    assert {path.name for path in done.out.iterdir()} == {*FILES, "report.pdf"}
    assert "note: columns that are no coordinate of arm26: wrist" in done.stdout
    assert "body weights: shoulder" in done.stdout
