"""The example scripts run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "examples" / "effort_loading_front.py"


def _sweep(folder: Path, solved: int) -> Path:
    """What a sweep of three weights leaves; the last ones failed."""
    rows = [
        {"value": weight, "success": i < solved,
         "unweighted": {"metabolic": 3.0 + i, "joint_load": 2.0 / (1 + i)}}
        for i, weight in enumerate((0.0, 0.1, 0.2))
    ]  # fmt: skip
    content = {"key": "goals.joint_load", "points": rows}
    (folder / "sweep.json").write_text(json.dumps(content))
    return folder


def _run(folder: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, str(SCRIPT), str(folder)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_a_front_is_drawn_from_a_sweep(tmp_path: Path) -> None:
    done = _run(_sweep(tmp_path, 3))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")


def test_one_point_is_no_front(tmp_path: Path) -> None:
    done = _run(_sweep(tmp_path, 1))
    assert done.returncode != 0
    assert "two solved points or more" in done.stderr
