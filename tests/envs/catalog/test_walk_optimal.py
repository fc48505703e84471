"""The optimized gait is read when its task is asked for, and only then."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bioenv.envs.catalog import walk_optimal
from bioenv.errors import BioenvError
from bioenv.motion import Motion


def test_importing_reads_no_file():
    code = "from bioenv.envs.catalog import walk_optimal as w; print(w._task.cache_info().currsize)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_the_task_follows_the_shipped_solution():
    task, motion = walk_optimal.TASK, Motion.load(walk_optimal.solution_file())
    assert task is walk_optimal.TASK
    assert task.cycle_s == motion.duration
    assert motion.meta["symmetry"] == "mirror"  # the recipe mirrors
    knows = task.reference.on(task.build_model())
    assert None not in (knows.activation, knows.excitation, knows.vertical_force)


def test_a_missing_solution_is_a_clear_error(monkeypatch, tmp_path):
    monkeypatch.setattr(walk_optimal, "agent_file", tmp_path.joinpath)
    walk_optimal._task.cache_clear()
    with pytest.raises(BioenvError, match=r"motion\.nc"):
        _ = walk_optimal.TASK
    with pytest.raises(AttributeError, match="no attribute 'TSAK'"):
        _ = walk_optimal.TSAK
