"""Knee loads of three walks against an instrumented prosthesis: what the methods reach, no wish.

The target of r >= 0.92 and RMS <= 225 N in every walk is met once the prosthesis' clock is set: its
record is 20 to 40 ms late against the force plates (see `benchmarks/knee_load.py`, where every
method that was tried is listed). On the record as published one walk of three misses it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from bioenv import paths
from bioenv.inverse.muscles import static_optimization
from bioenv.inverse.muscles.contact_cost import load_sharing
from bioenv.inverse.muscles.dynamic import dynamic_optimization
from bioenv.inverse.muscles.emg_informed import emg_informed

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(paths.lab_data() is None, reason="the lab data are not here"),
    pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="the benchmarks are not here"),
]
DELAY = 0.03  # s, about the mean over the walks; the target is met from 15 to 34 ms


@pytest.fixture(scope="module")
def walks() -> list:
    from knee_walks import WALKS, read

    return [read(name) for name in WALKS]


@pytest.fixture(scope="module")
def best(walks: list) -> list:
    """Loads with activation dynamics, a cost on the load, and forces filtered as the motion."""
    loads = []
    for walk in walks:
        found = load_sharing(walk.problem, walk.contact, method=dynamic_optimization)
        assert found.solved.all()
        assert np.abs(found.missing_torque).max() < 1e-3
        loads.append(walk.load(found.force))
    return loads


def test_static_optimization_is_as_good_as_opensims(walks: list) -> None:
    from knee_load import score

    for walk, rms in zip(walks, (230, 260, 290), strict=True):
        ours = walk.load(static_optimization(walk.problem).force)
        # The medial gastrocnemius runs over two surfaces. In OpenSim 3.3, which made the published
        # results, it has up to 12 % less active force than in 4.6: 130 N less load in push-off.
        assert np.sqrt(np.mean((ours - walk.published) ** 2)) < 80
        assert score(walk, ours).rms < rms
        assert score(walk, ours).r > 0.885


def test_dynamics_and_a_cost_on_the_load_beat_opensim_in_every_walk(
    walks: list, best: list
) -> None:
    from knee_load import score

    reached = ((0.940, 197), (0.927, 218), (0.907, 257))
    for walk, load, (r, rms) in zip(walks, best, reached, strict=True):
        found, theirs = score(walk, load), score(walk, walk.published)
        assert found.r > r
        assert found.rms < rms
        assert found.r > theirs.r
        assert found.rms < theirs.rms


def test_the_record_is_late(walks: list) -> None:
    delays = [walk.delay for walk in walks]
    assert min(delays) > 0.02
    assert max(delays) < 0.06


def test_the_target_is_met_on_the_plates_clock(walks: list, best: list) -> None:
    from knee_load import score

    for walk, load in zip(walks, best, strict=True):
        assert score(walk, load, DELAY).r > 0.92
        assert score(walk, load, DELAY).rms < 225


def test_emg_lowers_push_off_and_meets_the_target_too(walks: list) -> None:
    from knee_load import LATE, score

    for walk in walks:
        envelopes, below = walk.emg
        assert len(below) == 14  # of 16: gracilis and gluteus medius never rest
        found = emg_informed(walk.problem, envelopes, below, weight=1.0)
        plain = static_optimization(walk.problem)
        both = [score(walk, walk.load(one.force), DELAY) for one in (found, plain)]
        peak = walk.total[LATE].max()
        assert abs(both[0].late - peak) < abs(both[1].late - peak)
        assert both[0].r > 0.94
        assert both[0].rms < 205


def test_no_sharing_explains_the_end_of_swing(walks: list) -> None:
    """The knee moment alone asks for more load than was measured: no choice of muscles helps."""
    from knee_load import unreachable

    for walk in walks:
        least = load_sharing(walk.problem, walk.contact, 1000.0)
        frames, excess = unreachable(walk, walk.load(least.force), 0.0)
        assert frames >= 8
        assert excess > 350
