"""Learned estimators that say how sure they are: windows, networks, ensembles, intervals, limits.

Motion -> cut -> Windows -> by_subject, by_stride -> Estimator.fit -> predict -> Prediction
estimate(motion, Estimator.load("moments")) -> Motion with values, band and flag
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bioenv.lazy import lazy

if TYPE_CHECKING:
    from bioenv.learn.estimators.columns import units
    from bioenv.learn.estimators.estimator import Estimator
    from bioenv.learn.estimators.judging import judge
    from bioenv.learn.estimators.motions import estimate, windows_of, with_estimates
    from bioenv.learn.estimators.networks import Gaussian, Settings, Shape, add_network, build
    from bioenv.learn.estimators.noise import (
        Noise,
        offset_between_people,
        offsets_of,
        white_noise,
    )
    from bioenv.learn.estimators.novelty import Novelty
    from bioenv.learn.estimators.prediction import Prediction, conformal_factor, total_variance
    from bioenv.learn.estimators.scaling import Scaling
    from bioenv.learn.estimators.scores import (
        auroc,
        correlation,
        coverage,
        crps_gaussian,
        expected_calibration_error,
        nrmse,
        rmse,
        sharpness,
    )
    from bioenv.learn.estimators.training import Data, Plan, Training, beta_nll, fit_network, train
    from bioenv.learn.estimators.windows import (
        Windows,
        at_rate,
        by_stride,
        by_subject,
        cut,
        on_clock,
    )

_NAMES = {
    "columns": "units",
    "estimator": "Estimator",
    "judging": "judge",
    "motions": "estimate windows_of with_estimates",
    "networks": "Gaussian Settings Shape add_network build",
    "noise": "Noise offset_between_people offsets_of white_noise",
    "novelty": "Novelty",
    "prediction": "Prediction conformal_factor total_variance",
    "scaling": "Scaling",
    "scores": "auroc correlation coverage crps_gaussian expected_calibration_error nrmse rmse "
    "sharpness",
    "training": "Data Plan Training beta_nll fit_network train",
    "windows": "Windows at_rate by_stride by_subject cut on_clock",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = [
    "Data", "Estimator", "Gaussian", "Noise", "Novelty", "Plan", "Prediction", "Scaling",
    "Settings", "Shape", "Training", "Windows", "add_network", "at_rate", "auroc", "beta_nll",
    "build", "by_stride", "by_subject", "conformal_factor", "correlation", "coverage",
    "crps_gaussian", "cut", "estimate", "expected_calibration_error", "fit_network", "judge",
    "nrmse", "offset_between_people", "offsets_of", "on_clock", "rmse", "sharpness",
    "total_variance", "train", "units", "white_noise", "windows_of", "with_estimates",
]  # fmt: skip

__getattr__, __dir__ = lazy(__name__, _HOME)
