"""`bioenv evaluate` with an optimized stride: its name, its aims and its cost are printed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from reference_walk import walking_motion

from bioenv.cli import main
from bioenv.lab.gait_reference import ReferenceGait
from bioenv.motion import Motion, Signal


@pytest.fixture
def stride(tmp_path: Path) -> Path:
    """The file of one stride as `bioenv solve` writes it."""
    walk, period = walking_motion(4.0), ReferenceGait.load("falisse2019").cycle_s
    first = walk.time[int(np.argmax(walk.time > 2.0))]
    one = walk.between(first, first + period)
    signals = {n: Signal(s.values, s.labels, "optimized") for n, s in one.signals.items()}
    meta = {"mass_kg": walk.meta["mass_kg"], "goals": {"effort": 9.0}, "symmetry": "mirror"}
    path = tmp_path / "slow gait" / "motion.nc"
    path.parent.mkdir()
    Motion(one.time, signals, one.model, meta).save(path)
    return path


def test_an_optimized_motion_is_named_after_its_folder(
    stride: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = tmp_path / "scores.json"
    words = ["evaluate", str(stride), "--against", "winter", "--out", str(tmp_path / "r")]
    assert main([*words, "--json", str(scores)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "slow gait"
    assert said[1] == "minimized: effort (9); weights in brackets"
    assert said[2].startswith("imposed: left-right symmetry")
    rows = {row["name"]: row for row in json.loads(scores.read_text())}
    printed = {line.split()[0]: line.split() for line in said[5:] if line}
    for name in ("cost_effort", "cost_total"):
        assert float(printed[name][1]) == pytest.approx(rows[name]["value"], rel=1e-3)
        assert printed[name][-1] == "yes"  # aimed at
        assert rows[name]["ok"] is None


def test_an_optimized_motion_serves_as_the_reference(stride: Path, tmp_path: Path) -> None:
    scores = tmp_path / "scores.json"
    words = ["evaluate", str(stride), "--against", str(stride), "--out", str(tmp_path / "r")]
    assert main([*words, "--json", str(scores)]) == 0
    rows = {row["name"]: row["value"] for row in json.loads(scores.read_text())}
    assert rows["joint_angle_rmse"] == pytest.approx(0, abs=0.1)
