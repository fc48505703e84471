"""bioenv solve."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bioenv.cli import main
from bioenv.motion import Motion

FEW = ["mesh=10"]


def test_a_recipe_becomes_a_motion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "reach"
    assert main(["solve", "reach", "--set", *FEW, "--out", str(out)]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("solved")
    figures = json.loads((out / "solution.json").read_text())
    assert figures["status"] == "solved"
    assert figures["violation"] < 1e-6
    assert figures["mesh"] == 10
    assert {"iterations", "objective", "terms", "cpu_s", "wall_s"} <= set(figures)
    motion = Motion.load(out / "motion.nc")
    assert {"qpos", "qvel", "qacc", "activation", "excitation", "muscle_force"} <= set(
        motion.signals
    )
    assert motion.source("qpos") == "optimized"
    assert (out / "last_iterate.npz").is_file()

    assert main(["solve", "reach", "--set", *FEW, "--out", str(out)]) == 1
    assert "--force" in capsys.readouterr().err
    assert main(["solve", "reach", "--set", *FEW, "--out", str(out), "--resume"]) == 0
    warm = ["--warm", str(out / "motion.nc"), "--out", str(tmp_path / "warm")]
    assert main(["solve", "reach", "--set", *FEW, *warm]) == 0


def test_what_cannot_be_done_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    far = ["target.hand=[2.0, 0.0, 0.0]"]
    assert main(["solve", "reach", "--set", *FEW, *far, "--out", str(tmp_path / "far")]) == 1
    assert "most violated" in capsys.readouterr().out
    assert (tmp_path / "far" / "solution.json").is_file()


def test_a_wrong_name_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", "raech", "--out", str(tmp_path / "x")]) == 1
    assert "did you mean 'reach'" in capsys.readouterr().err
