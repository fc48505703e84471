"""The force-sharing example shows what it says: an ill-posed problem, and what rules do to it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bioenv import paths
from bioenv.inverse import muscles

SCRIPT = Path(__file__).parents[1] / "examples" / "force_sharing.py"
SIGMA = 5.0  # N*m


def _module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("force_sharing", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["force_sharing"] = module
    spec.loader.exec_module(module)
    return module


example = _module()


@pytest.fixture(scope="module")
def walk():
    return example.read(paths.agent_file("solutions", "predict-walk", "motion.nc"))


@pytest.fixture(scope="module")
def clean(walk):
    return muscles.static_optimization(walk.problem)


@pytest.fixture(scope="module")
def noisy(walk):
    noise = np.random.default_rng(0).normal(0.0, SIGMA, walk.problem.torque.shape)
    return replace(walk.problem, torque=walk.problem.torque + noise)


def test_the_torques_are_those_the_true_activations_make(walk) -> None:
    missing = walk.problem.missing(walk.truth, np.zeros_like(walk.problem.torque))
    assert np.abs(missing).max() < 0.005 * np.abs(walk.problem.torque).max()


def test_the_same_torques_come_from_very_different_activations(walk, clean) -> None:
    ill = example.ill_posed(walk.problem, clean)
    assert ill.rank + ill.nullity == len(walk.problem.muscles)
    assert ill.nullity == 12
    assert ill.torque_change < 1e-9
    assert example.rms(ill.other - clean.activation) > 0.3
    assert ill.other.min() > -1e-9
    assert ill.other.max() < 1 + 1e-9
    assert (ill.lowest <= walk.truth.mean(0) + 0.01).all()
    assert (walk.truth.mean(0) <= ill.highest).all()


def test_the_gain_of_noise_is_what_noise_does(walk, clean) -> None:
    gain = example.ill_posed(walk.problem, clean).gain
    noise = np.random.default_rng(1).normal(0.0, 0.01, walk.problem.torque.shape)
    moved = muscles.static_optimization(
        replace(walk.problem, torque=walk.problem.torque + noise)
    ).force
    assert example.rms(moved - clean.force) / 0.01 == pytest.approx(gain, rel=0.15)


def test_every_rule_meets_the_torques_and_none_finds_the_truth(walk) -> None:
    found = {rule.name: rule for rule in example.rules(walk)}
    assert len(found) == 8
    for rule in found.values():
        assert rule.missing < 1e-6
        assert rule.error > 0.03
    assert found["sum a^1.1"].active < found["sum a^2"].active < found["sum a^8"].active
    assert found["sum a^8"].peak < found["sum a^2"].peak


def test_the_l_curve_falls_has_no_corner_and_a_best_point_inside(noisy, clean) -> None:
    curve = example.l_curve(noisy, clean.activation)
    residual, size, jitter, error = np.array([q[1:] for q in curve]).T
    assert (np.diff(residual) > 0).all()
    assert (np.diff(size) < 0).all()
    assert (np.diff(jitter) < 0).all()
    assert example.corner(curve) is None
    assert 0 < error.argmin() < len(curve) - 1
    assert 0.85 * error[0] < error.min()  # the best weight gains little
    discrepancy = np.flatnonzero(residual <= SIGMA)[-1]
    assert error[discrepancy] > error[0]  # goes too far


def test_a_real_l_has_its_corner_found() -> None:
    down = [example.Point(float(i), 0.1, 10.0 ** (2 - i), 0, 0) for i in range(3)]
    across = [example.Point(3.0 + i, 10.0**i, 0.9, 0, 0) for i in range(3)]
    assert example.corner([*down, *across]) == 2.0


def test_knowing_more_helps_and_stiffening_does_not(walk, noisy, clean) -> None:
    found = {r.name: r for r in example.remedies(walk, noisy, clean.activation, 0)}
    exact, filtered = found["exact torques"], found["torques filtered at 10 Hz"]
    heard = found["filtered, and 5 EMG a leg"]
    assert filtered.point.jitter < 0.1 * exact.point.jitter
    assert filtered.point.error < 0.7 * exact.point.error
    assert found["activation dynamics"].point.size > 1.5 * exact.point.size
    assert heard.heard < 0.7 * filtered.heard
    assert heard.unheard < 0.9 * filtered.unheard  # also the muscles without electrode


def test_the_script_prints_its_tables_and_draws(tmp_path: Path) -> None:
    words = [sys.executable, str(SCRIPT), "--plot", str(tmp_path / "sharing.png")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "rank 6: 12 dimensions" in done.stdout
    assert "corner of the L-curve: None" in done.stdout
    assert (tmp_path / "sharing.png").read_bytes().startswith(b"\x89PNG")
