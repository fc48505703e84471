"""`bioenv inverse` on published trials: OpenSim's numbers from the same files."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest

from bioenv import cli, paths
from bioenv.lab import sto
from bioenv.motion import Motion

LAB = paths.lab_data()
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(LAB is None, reason="the lab data are not here"),
]


def lab(name: str) -> str:
    assert LAB is not None
    return str(LAB / name)


def inverse(out: Path, *words: str) -> str:
    """What `bioenv inverse` printed."""
    shown, wrong = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(wrong):
        code = cli.main(["inverse", *words, "--out", str(out), "--no-report"])
    assert code == 0, wrong.getvalue()
    return shown.getvalue()


def rms(ours: sto.Table, theirs: sto.Table, names: list[str], rows: slice) -> np.ndarray:
    """RMS difference per column, at the instants of their rows."""
    time = theirs.time[rows]
    found = []
    for name in names:
        error = np.interp(time, ours.time, ours.column(name)) - theirs.column(name)[rows]
        found.append(np.sqrt(np.mean(error**2)))
    return np.array(found)


# N, of static optimization: OpenSim stops short of its optimum, and far from it with 80 muscles.
FORCES = {"gait10dof18musc": 2.0, "gait2354": 2.0, "rajagopal80_walk": 60.0}


@pytest.fixture(scope="module", params=FORCES)
def reference(request, tmp_path_factory) -> tuple[str, Path, Path]:
    """Name, OpenSim's folder and ours."""
    out = tmp_path_factory.mktemp("out")
    folder = Path(lab(f"opensim_reference/{request.param}"))
    inverse(
        out, "--model", str(folder / "model.osim"), "--coordinates", str(folder / "ik.mot"),
        "--external-loads", str(folder / "ext.xml"),
    )  # fmt: skip
    return request.param, folder, out


def test_moments_are_opensims(reference) -> None:
    _, folder, out = reference
    ours, theirs = (sto.read(f / "inverse_dynamics.sto") for f in (out, folder))
    assert set(ours.labels) == set(theirs.labels)
    names = [n for n in theirs.labels[1:] if n.endswith("_moment")]
    assert rms(ours, theirs, names, slice(1, -1)).max() < 0.1


def test_muscle_forces_are_opensims(reference) -> None:
    name, folder, out = reference
    ours = sto.read(out / "muscle_force.sto")
    theirs = sto.read(folder / "SO_StaticOptimization_force.sto")
    assert rms(ours, theirs, list(ours.labels[1:]), slice(None)).max() < FORCES[name]


def test_joint_loads_are_opensims(reference) -> None:
    _, folder, out = reference
    ours = sto.read(out / "joint_contact_force.sto")
    theirs = sto.read(folder / "JR_JointReaction_ReactionLoads.sto")
    assert ours.labels == theirs.labels
    legs = [
        n for n in ours.labels if n.startswith(("hip", "knee", "walker_knee")) and "_f" in n[-3:]
    ]
    peak = np.abs(np.column_stack([theirs.column(n) for n in legs])).max()
    assert rms(ours, theirs, legs, slice(None)).max() < 0.02 * peak


def test_feet_of_swapped_columns_come_out_right(tmp_path: Path) -> None:
    shown = inverse(
        tmp_path, "--model", lab("falisse2019_subject1/subject1.osim"),
        "--coordinates", lab("falisse2019_subject1/IK_gait_1.mot"),
        "--forces", lab("falisse2019_subject1/GRF_gait_1.mot"),
    )  # fmt: skip
    assert "error:" not in shown
    assert "treadmill" not in shown
    ours = sto.read(tmp_path / "inverse_dynamics.sto")
    theirs = sto.read(lab("falisse2019_subject1/ID_gait_1.mot"))
    names = [f"{joint}_{side}_moment" for side in "rl"
             for joint in ("hip_flexion", "knee_angle", "ankle_angle")]  # fmt: skip
    assert rms(ours, theirs, names, slice(2, -2)).max() < 0.1


def test_a_treadmill_is_noticed_and_its_speed_counts(tmp_path: Path) -> None:
    folder = "uhlrich2022_treadmill/"
    shown = inverse(
        tmp_path, "--model", lab(folder + "Rajagopal_scaled_Sub1_gasAvoid.osim"),
        "--coordinates", lab(folder + "results_ik.sto"),
        "--forces", lab(folder + "walking_baseline1_forces.mot"),
        "--emg", lab(folder + "EMG_allMuscles.sto"), "--start", "10", "--stop", "16",
    )  # fmt: skip
    assert "treadmill: feet on the ground move backward at 1.2" in shown
    motion = Motion.load(tmp_path / "motion.nc")
    assert motion.meta["belt_speed"] == pytest.approx(1.25, abs=0.03)
    emg = json.loads((tmp_path / "residuals.json").read_text())["emg_mean_correlation"]
    assert emg > 0.65
    with contextlib.redirect_stdout(io.StringIO()) as out:
        cli.main(["evaluate", str(tmp_path / "motion.nc"), "--against", "falisse2019",
                  "--out", str(tmp_path / "report")])  # fmt: skip
    speed = next(line for line in out.getvalue().splitlines() if line.startswith("speed"))
    assert float(speed.split()[1]) == pytest.approx(1.25, abs=0.03)


def test_one_c3d_holds_all(tmp_path: Path) -> None:
    folder = "grand_challenge5_PS/"
    shown = inverse(
        tmp_path, "--model", lab(folder + "GC5_FemAntev12Deg.osim"),
        "--markers", lab(folder + "PS_ngait_og_ss1.c3d"), "--emg-side", "l",
    )  # fmt: skip
    assert "of 16 channels" in shown
    assert "gaps of 1 marker in 68 positions: " in shown
    markers = json.loads((tmp_path / "residuals.json").read_text())["markers"]
    assert markers["rms_m"] < 0.011
    ours = sto.read(tmp_path / "inverse_dynamics.sto")
    theirs = sto.read(lab(folder + "PS_ngait_og_ss1_ID_opensim46.sto"))
    ankle = "ankle_angle_l_moment"
    assert ours.column(ankle).min() == pytest.approx(theirs.column(ankle).min(), abs=5.0)
