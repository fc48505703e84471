"""Scores of a prediction, target by target: error, shape, and whether its uncertainty is true."""

from __future__ import annotations

import numpy as np

from bioenv.learn.estimators.prediction import Prediction
from bioenv.learn.estimators.scores import (
    correlation,
    coverage,
    crps_gaussian,
    expected_calibration_error,
    nrmse,
    rmse,
    sharpness,
)
from bioenv.learn.estimators.windows import Windows

SCORES = ("rmse", "nrmse", "r", "coverage", "width", "ece", "crps", "flagged")
"""rmse, width of the interval and crps in the target's unit, the others shares."""


def judge(found: Prediction, windows: Windows) -> dict[str, dict[str, float]]:
    """Target -> score -> value, over the windows whose target is known.

    A target at several instants has one entry for each: "joint_torque/knee_angle_r at 0.25 s".
    """
    rows: dict[str, dict[str, float]] = {}
    several = len(windows.offsets_s) > 1
    for instant, offset in enumerate(windows.offsets_s):
        for number, target in enumerate(windows.target_names):
            name = f"{target} at {offset:g} s" if several else target
            pick = (slice(None), instant, number)
            truth, mean = windows.targets[pick], found.mean[pick]
            total, low, high = found.total[pick], found.lower[pick], found.upper[pick]
            rows[name] = {
                "rmse": rmse(mean, truth),
                "nrmse": nrmse(mean, truth),
                "r": correlation(mean, truth),
                "coverage": coverage(low, high, truth),
                "width": sharpness(low, high),
                "ece": expected_calibration_error(mean, total, truth),
                "crps": crps_gaussian(mean, total, truth),
                "flagged": float(np.mean(found.flag)),
            }
    return rows
