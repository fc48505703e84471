"""`bioenv pinn` on the files of a person whose angles, moments and forces are known."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from two_legs import COORDINATES, ROTATIONAL
from two_legs_files import Done, Files

from bioenv import cli, paths
from bioenv.motion import Motion

WINDOW = ("--start", "0.2", "--stop", "1.4", "--highest", "10", "--collocation", "50")
PART = slice(20, 141)


def run(files: Files, out: Path, *words: str, code: int = 0) -> Done:
    shown, wrong = io.StringIO(), io.StringIO()
    command = ["pinn", "--model", files["two.osim"], *words, "--out", str(out)]
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(wrong):
        try:
            got: object = cli.main(command)
        except SystemExit as stop:
            got = stop.code
    assert got == code, shown.getvalue() + wrong.getvalue()
    return Done(shown.getvalue(), wrong.getvalue(), out)


@pytest.fixture(scope="module")
def whole(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Done:
    out = tmp_path_factory.mktemp("pinn") / "whole"
    return run(
        files, out, "--markers", files["walk.trc"], "--forces", files["grf.mot"],
        "--seed", "3", "--identify-masses", "0.15", *WINDOW,
    )  # fmt: skip


def test_three_files_are_written_and_said(whole: Done) -> None:
    names = {"motion.nc", "inverse_dynamics.sto", "fit.json"}
    assert {path.name for path in whole.out.iterdir()} == names
    for name in names:
        assert f"wrote {whole.out / name}" in whole.stdout
    assert whole.stdout.startswith("converged")
    assert "mass of pelvis" in whole.stdout


def test_moments_come_back_in_opensims_table(files: Files, whole: Done) -> None:
    table = whole.table("inverse_dynamics.sto")
    ends = ["_moment" if turns else "_force" for turns in ROTATIONAL]
    found = np.column_stack([table.column(c + e) for c, e in zip(COORDINATES, ends, strict=True)])
    error = found - files.walk.torque[PART]
    assert np.sqrt(np.mean(error[:, 3:] ** 2)) < 2.5


def test_the_motion_holds_what_was_estimated(files: Files, whole: Done) -> None:
    motion = Motion.load(whole.out / "motion.nc")
    wanted = {
        "qpos", "qvel", "qacc", "joint_torque", "ground_reaction_force", "center_of_pressure",
        "activation",
    }  # fmt: skip
    assert wanted <= set(motion.signals)
    assert all(motion.source(name) == "estimated" for name in wanted)
    assert motion.source("markers") == "measured"
    assert motion.meta["seed"] == 3
    signal = motion.signals["joint_torque"]
    moment = files.walk.torque[PART][:, COORDINATES.index("hip_flexion_r")]
    low, high = signal.band[:, signal.labels.index("hip_flexion_r")].T
    assert np.mean((low <= moment) & (moment <= high)) > 0.7
    assert (high - low).mean() < 0.3 * np.ptp(moment)
    assert not signal.flag.any()
    q = dict(zip(COORDINATES, files.walk.q[PART].T, strict=True))
    knee = motion.column("qpos", "knee_angle_r")  # flexion is positive in bioenv
    np.testing.assert_allclose(knee, -q["knee_angle_r"], atol=5e-3)
    force = motion.column("ground_reaction_force", "l")[:, 2]
    truth = files.walk.ground["l"][0][PART, 1]
    assert np.sqrt(np.mean((force - truth) ** 2)) < 10.0
    assert 0.0 <= motion["activation"].min() <= motion["activation"].max() <= 1.0


def test_the_fit_is_told_in_json(whole: Done) -> None:
    fit = json.loads((whole.out / "fit.json").read_text())
    assert fit["made_by"] == "bioenv"
    assert fit["status"] == "converged"
    assert fit["seconds"] > 0
    assert fit["settings"]["seed"] == 3
    assert set(fit["losses"]) >= {"data", "root", "torque", "ground"}
    assert fit["losses"]["data"] < 1.0  # the markers are exact
    low, high = fit["parameters"]["mass"]["pelvis"]["interval_95"]
    assert low < 46.0 < high
    assert fit["residuals"]["force_rms"] < 5.0
    assert max(fit["torque_beside_the_muscles_rms"].values()) < 2.0
    assert fit["ground_force_found_for"] == []


def test_without_forces_they_are_found(files: Files, tmp_path: Path) -> None:
    walk = Motion.load(paths.agent_file("solutions", "predict-walk", "motion.nc"))
    walk.to_opensim(tmp_path, "walk")
    done = run(
        files, tmp_path / "out", "--model", "walker2d", "--coordinates", str(tmp_path / "walk.mot"),
        "--no-muscles", "--angle-noise", "0.003",
    )  # fmt: skip
    fit = json.loads((done.out / "fit.json").read_text())
    assert fit["status"] == "converged"
    assert fit["ground_force_found_for"] == ["r", "l"]
    motion = Motion.load(done.out / "motion.nc")
    assert motion.labels("ground_reaction_force") == ("r", "l")
    assert "activation" not in motion
    total, truth = (
        sum(one.column("ground_reaction_force", side)[:, 2] for side in "rl")
        for one in (motion, walk)
    )
    weight = walk.meta["mass_kg"] * 9.81
    assert np.sqrt(np.mean((total - truth) ** 2)) < 0.08 * weight


def test_nothing_is_overwritten_silently(files: Files, whole: Done, tmp_path: Path) -> None:
    words = ("--coordinates", files["walk.mot"], "--forces", files["grf.mot"], "--no-muscles")
    (tmp_path / "motion.nc").write_text("mine")
    done = run(files, tmp_path, *words, *WINDOW, code=1)
    assert "--force" in done.stderr
    assert (tmp_path / "motion.nc").read_text() == "mine"
    run(files, whole.out, *words, *WINDOW)  # an earlier result of the same command


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--markers", "grf.mot", "--forces", "grf.mot"), "grf.mot"),
        (("--markers", "walk.trc", "--angles", "degrees"), "--angles count only"),
        (("--markers", "walk.trc", "--start", "0.5", "--stop", "0.51"), "8 frames"),
        (("--markers", "walk.trc", "--identify-masses", "0.1", "--stop", "0.5"), "--forces"),
    ],
)
def test_wrong_use_is_one_line(
    files: Files, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    known = [files[word] if "." in word and word[0].isalpha() else word for word in words]
    done = run(files, tmp_path / "out", *known, code=1)
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
