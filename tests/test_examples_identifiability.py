"""The hands-on script about identifiability runs and finds what it promises."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "examples" / "elbow_identifiability.py"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    """What it printed and drew."""
    file = tmp_path_factory.mktemp("identifiability") / "elbow.png"
    words = [sys.executable, str(SCRIPT), "--plot", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, file.read_bytes()


def test_it_names_what_the_torque_confounds(shown: tuple[str, bytes]) -> None:
    text, figure = shown
    assert "one posture: rank 1 of 4 parameters; told: none" in text
    assert "three postures: rank 3 of 4 parameters; told: none" in text
    assert "max_isometric_force × moment_arm" in text
    assert "max_isometric_force +1 %, moment_arm -1 %" in text
    assert figure.startswith(b"\x89PNG")


def test_its_bounds_hold(shown: tuple[str, bytes]) -> None:
    ratios = [float(one) for one in re.findall(r"ratio (\S+)", shown[0])]
    assert len(ratios) == 4
    assert all(0.9 < one < 1.1 for one in ratios)


def test_a_profile_is_open_until_the_arm_is_known(shown: tuple[str, bytes]) -> None:
    assert re.search(r"torque alone +95 % from \d+ to inf N \(open above\)", shown[0])
    low, high = re.search(r"moment arm to 5 % +95 % from (\d+) to (\d+) N \(closed\)",
                          shown[0]).groups()  # fmt: skip
    assert 540 < float(low) < 624.3 < float(high) < 710
