"""The example of gradients through a simulation reaches its target."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "examples" / "differentiable_simulation.py"


@pytest.mark.parametrize("place", [(), ("--x", "0.25", "--z", "-0.35", "--seconds", "0.4")])
def test_the_cost_falls_and_the_hand_arrives_in_mujoco(place: tuple[str, ...]) -> None:
    words = [sys.executable, str(SCRIPT), *place]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    costs = [float(x) for x in re.findall(r"^ *\d+ +(\S+)$", done.stdout, re.M)]
    assert len(costs) > 5
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < 1e-3 * costs[0]
    found = re.search(r"ends ([\d.]+) mm from the target", done.stdout)
    assert found is not None
    assert float(found[1]) < 8.0  # fitted muscle paths against wrapped ones
