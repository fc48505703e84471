"""The uncertainty example says what is true of its law and its noise."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.stats import binom

SCRIPT = Path(__file__).parents[1] / "examples" / "uncertainty.py"


def _module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("uncertainty", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["uncertainty"] = module
    spec.loader.exec_module(module)
    return module


example = _module()


@pytest.fixture(scope="module")
def estimator():
    return example.learned(3)


@pytest.fixture(scope="module")
def test_data():
    return example.measured(2000, example.SEEN, 50)


def test_the_noise_told_is_the_noise_there_is(estimator, test_data) -> None:
    found = estimator.predict(test_data)
    truth = example.noise(example.law(test_data.inputs[:, 0, 0], test_data.inputs[:, 0, 1]))
    told = np.sqrt(found.aleatoric[:, 0, 0])
    assert told.mean() == pytest.approx(truth.mean(), rel=0.15)
    assert np.corrcoef(told, truth)[0, 1] > 0.95  # it grows where the noise grows
    # No estimate can be better than the noise; this one is hardly worse.
    error = example.rmse(found.mean, test_data.targets)
    assert error < 1.1 * np.sqrt((truth**2).mean())


def test_variances_add_up(estimator, test_data) -> None:
    found = estimator.predict(test_data)
    assert np.array_equal(found.total, found.aleatoric + found.epistemic)


def test_calibration_makes_ninety_percent_true(estimator, test_data) -> None:
    # Among 400 calibration and 2000 test samples the share varies; four deviations are allowed.
    spread = 4 * np.sqrt(0.9 * 0.1 * (1 / 400 + 1 / 2000))
    row = example.claim(estimator.predict(test_data), test_data.targets)
    assert abs(row.coverage - 0.9) < spread
    sure = example.too_sure(estimator, 0.5)
    wrong = example.claim(sure.predict(test_data), test_data.targets)
    assert wrong.coverage < 0.7
    assert wrong.width == pytest.approx(0.5 * row.width)
    again = sure.calibrate(example.measured(400, example.SEEN, 5))
    assert np.allclose(again.factor_, estimator.factor_)


def test_beyond_the_data_members_disagree_and_the_flag_is_up(estimator) -> None:
    far = example.depth(estimator, 70)
    assert far.auroc > 0.99
    assert far.flagged_outside > 0.99
    assert far.flagged_inside < binom.ppf(0.9999, 600, 0.1) / 600
    assert far.epistemic_outside > 3 * far.epistemic_inside
    assert far.covered_outside > 0.85


def test_the_script_prints_its_tables_and_draws(tmp_path: Path) -> None:
    words = [sys.executable, str(SCRIPT), "--plot", str(tmp_path / "uncertainty.png")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "calibrated anew" in done.stdout
    assert "beyond 20 degrees: AUROC" in done.stdout
    assert (tmp_path / "uncertainty.png").read_bytes().startswith(b"\x89PNG")
