"""`bioenv learn graph`, and the shipped model on a measured person."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from bioenv import models, paths
from bioenv.cli import main
from bioenv.commands.parsers_graph import add_graph
from bioenv.errors import BioenvError
from bioenv.learn.bodygraph import estimate_torques
from bioenv.motion import Motion

LAB = paths.lab_data()
WALK = paths.agent_file("solutions", "predict-walk", "motion.nc")


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    add_graph(parser.add_subparsers())
    args = parser.parse_args(["graph", *words])
    module, _, function = args.run.partition(":")
    code: int = getattr(import_module(f"bioenv.commands.{module}"), function)(args)
    return code


def test_the_command_writes_torques_with_band_and_flag(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "torques.nc"
    assert run(str(WALK), "--model", "walker2d", "--out", str(out)) == 0
    signal = Motion.load(out).signals["joint_torque"]
    assert signal.source == "estimated"
    assert signal.band is not None
    assert signal.flag is not None
    told = capsys.readouterr().out
    assert "knee_angle_r" in told
    assert "pelvis_tz                residual" in told
    assert "frames are flagged" in told


def test_another_person_has_other_torques(tmp_path: Path) -> None:
    files = [tmp_path / f"{kg}.nc" for kg in (60, 90)]
    for kg, out in zip((60, 90), files, strict=True):
        run(str(WALK), "--mass", str(kg), "--height", "1.7", "--out", str(out))
    light, heavy = (Motion.load(out).column("joint_torque", "lumbar_extension") for out in files)
    assert np.sqrt(np.mean(heavy**2)) > 1.2 * np.sqrt(np.mean(light**2))


def test_mistakes_at_the_command_are_named(tmp_path: Path) -> None:
    out = str(tmp_path / "out.nc")
    with pytest.raises(BioenvError, match="give both --mass and --height"):
        run(str(WALK), "--mass", "70", "--out", out)
    with pytest.raises(BioenvError, match="unknown joint to hold 'pelvis_tilt'"):
        run(str(WALK), "--hold", "pelvis_tilt", "--out", out)
    with pytest.raises(BioenvError, match=r"must end in .nc or .npz"):
        run(str(WALK), "--out", str(tmp_path / "out.txt"))
    (tmp_path / "mine.nc").write_text("not yours")
    with pytest.raises(BioenvError, match="was not written by this command"):
        run(str(WALK), "--out", str(tmp_path / "mine.nc"))


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="needs the lab data")
def test_a_measured_persons_torques_are_those_of_inverse_dynamics(tmp_path: Path) -> None:
    """Rajagopal's man walks; bioenv's inverse dynamics on his own model (other knees, arms) agree
    with OpenSim's. The graph has the built-in legs, arms and trunk in one, and stiff feet."""
    assert LAB is not None
    trial, out = LAB / "rajagopal2016_walk", tmp_path / "walk"
    words = [
        "--model", trial / "subject_walk_scaled.osim", "--coordinates",
        trial / "coordinates_plain.mot", "--forces", trial / "grf_walk.mot", "--out", out,
    ]  # fmt: skip
    assert main(["inverse", *map(str, words), "--no-report"]) == 0
    motion, model = Motion.load(out / "motion.nc"), models.load("legs3d")
    held = [f"{joint}_angle_{side}" for joint in ("subtalar", "mtp") for side in "rl"]
    signal = estimate_torques(motion, model, held=held).signals["joint_torque"]
    assert signal.band is not None
    legs = [
        f"{joint}_{side}" for side in "rl"
        for joint in ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle")
    ]  # fmt: skip
    for name in legs:
        truth, here = motion.column("joint_torque", name), signal.labels.index(name)
        miss = np.sqrt(np.mean((signal.values[:, here] - truth) ** 2)) / model.mass
        assert miss < 0.11, name
        low, high = signal.band[:, here].T
        assert np.mean((low <= truth) & (truth <= high)) > 0.8, name
