"""The shipped estimators say again what their cards say of them, and know what is not theirs."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bioenv import paths
from bioenv.cli import main
from bioenv.learn.estimators import Estimator, auroc
from bioenv.learn.sequences import forecast

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def script(name: str) -> ModuleType:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def walkers():
    """Four walks of other people's bodies, those of the card."""
    return script("sequences_walks").walks("WalkPeople-v0", 4, 60_000)


def test_the_forecast_repeats_its_score_on_walks_it_never_saw(walkers):
    from bioenv.learn.estimators import Windows

    bench, one = script("sequences_forecast"), Estimator.load("forecast")
    test = Windows.join([forecast.windows(motion, every=20) for motion in walkers])
    card = one.card_["scores"]["WalkPeople-v0"]
    found = bench.told(one, test)
    for name, value in card.items():
        assert found[name] == pytest.approx(value, rel=0.02, abs=0.005), name
    still = bench.scored(bench.Persistence().fit(test).predict(test), test)
    assert found["250 ms"] < 0.15 * still["250 ms"]


def test_the_forecast_flags_a_runner(walkers):
    from bioenv.learn.estimators import Windows

    one = Estimator.load("forecast")
    usual = Windows.join([forecast.windows(motion, every=20) for motion in walkers])
    running = script("sequences_walks").walks("Run-v0", 2, 40_000, 6.0)
    other = Windows.join([forecast.windows(motion, every=10) for motion in running])
    assert auroc(one.predict(usual).novelty, one.predict(other).novelty) > 0.95


def test_the_command_forecasts_a_walk(walkers, tmp_path, capsys):
    source, out = walkers[0].save(tmp_path / "walk.nc"), tmp_path / "ahead.nc"
    words = ["learn", "forecast", str(source), "--start", "6", "--seconds", "1", "--out", str(out)]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "fed back" in told
    found = type(walkers[0]).load(out)
    assert len(found) == 20
    assert found.signals["qpos"].band.shape == (20, 8, 2)
    # A second time it may replace its own file, and never a measured one.
    assert main(words) == 0
    assert main([*words[:-1], str(source)]) == 1


@pytest.mark.lab
@pytest.mark.skipif(paths.lab_data() is None, reason="no lab data")
def test_emg_repeats_its_score_on_strides_it_never_saw():
    bench, one = script("sequences_emg"), Estimator.load("emg_torque")
    windows = bench.emg.windows(bench.recordings.read(bench.PERSON))
    _, _, _, test = bench.parts(windows, one.card_["seed"])
    found = {**bench.told(one, test), **bench.timing(one, test)}
    for name, value in one.card_["scores"].items():
        assert found[name] == pytest.approx(value, rel=0.02, abs=0.005), name
    assert max(found["knee NRMSE %"], found["ankle NRMSE %"]) < 9.0
    assert found["timing r (worst muscle)"] > 0.85
    assert found["activation min"] >= 0.0
    assert found["activation max"] <= 1.0


@pytest.mark.lab
@pytest.mark.skipif(paths.lab_data() is None, reason="no lab data")
def test_the_command_tells_torque_and_activation_of_a_measured_leg(tmp_path, capsys):
    bench = script("sequences_emg")
    motion = bench.recordings.read(bench.PERSON).between(20.0, 25.0)
    kept = {name: motion.signals[name] for name in ("emg", "qpos", "qvel", "joint_torque")}
    motion = type(motion)(motion.time, kept, meta={"mass_kg": 86.04})
    source, out = motion.save(tmp_path / "leg.nc"), tmp_path / "torque.nc"
    assert main(["learn", "emg", str(source), "--side", "r", "--out", str(out)]) == 0
    assert "soleus_r" in capsys.readouterr().out
    found = type(motion).load(out)
    truth = motion.between(found.time[0] - 1e-9, found.time[-1] + 1e-9)
    for label in ("knee_angle_r", "ankle_angle_r"):
        one = truth.column("joint_torque", label)
        miss = found.column("joint_torque", label) - one
        assert np.sqrt((miss**2).mean()) < 0.09 * np.ptp(one)
    assert main(["learn", "emg", str(source), "--side", "l", "--out", str(out)]) == 1
