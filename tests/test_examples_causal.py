"""The hands-on script about causal what-ifs runs and finds what it promises."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "examples" / "causal_what_if.py"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    """What it printed and drew."""
    file = tmp_path_factory.mktemp("causal") / "what_if.png"
    words = [sys.executable, str(SCRIPT), "--plot", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, file.read_bytes()


def test_correlation_misleads_and_mechanisms_do_not(shown: tuple[str, bytes]) -> None:
    rows = re.findall(r"\) +([-+]\S+) +([-+]\S+) +([-+]\S+) +([-+]\S+) $", shown[0], re.M)
    assert len(rows) == 2
    for naive, adjusted, mechanisms, truth in (map(float, row) for row in rows):
        assert naive < 0 < truth
        assert adjusted > 0
        assert mechanisms == pytest.approx(truth, rel=0.1)
    assert shown[1].startswith(b"\x89PNG")


def test_it_says_what_to_measure_and_replays_a_trial(shown: tuple[str, bytes]) -> None:
    assert "measure health, or strength" in shown[0]
    again, miss = map(float, re.findall(r": (\S+) rad from", shown[0]))
    assert again < 1e-9
    assert miss < 1e-9
    ends = dict(re.findall(r"^   (\S.*?) +(-?\d+\.\d) degrees at the end", shown[0], re.M))
    assert float(ends["20 % stronger flexors"]) > float(ends["as recorded"])
    assert float(ends["with 2 N m of help"]) > float(ends["as recorded"])
