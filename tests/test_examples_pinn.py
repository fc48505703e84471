"""The hands-on script about identification runs and finds what it promises."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "examples" / "pinn_identification.py"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    """What it printed and drew."""
    file = tmp_path_factory.mktemp("pinn") / "elbow.png"
    words = [sys.executable, str(SCRIPT), "--plot", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, file.read_bytes()


def test_it_identifies_the_elbow(shown: tuple[str, bytes]) -> None:
    text, figure = shown
    found = re.findall(r"(\d+\.\d+) \S.* 95 % from (\S+) to (\S+), truth (\S+)", text)
    assert len(found) == 3
    for value, low, high, true in (map(float, one) for one in found):
        assert low < true < high
        assert abs(value / true - 1.0) < 0.05
    assert figure.startswith(b"\x89PNG")


def test_its_motion_is_twice_as_good_as_the_best_splines(shown: tuple[str, bytes]) -> None:
    rows = re.findall(r"(?:angle|velocity|acceleration), \S+ +(\S+) +(\S+)$", shown[0], re.M)
    assert len(rows) == 3
    assert all(float(own) < 0.5 * float(spline) for own, spline in rows)


def test_it_comes_to_rest_and_notices_a_twitch(shown: tuple[str, bytes]) -> None:
    assert "never growing: True" in shown[0]
    assert "the samples refute the strict equation" in shown[0]
