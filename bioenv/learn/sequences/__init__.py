"""Sequence models: torque and activation from EMG, and forecasts of movement.

Motion -> emg.windows -> Estimator(emg.settings_for(...)).fit -> emg.estimate(motion, ...)
Motion -> forecast.windows -> Estimator(forecast.settings_for(...)).fit -> forecast.forecast(motion)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bioenv.lazy import lazy

if TYPE_CHECKING:
    from bioenv.learn.sequences.baselines import FourierSeries, MeanStride, Persistence, Ridge
    from bioenv.learn.sequences.geometry import LegGeometry
    from bioenv.learn.sequences.recordings import normalized, one_leg, read

__all__ = [
    "FourierSeries", "LegGeometry", "MeanStride", "Persistence", "Ridge", "normalized", "one_leg",
    "read",
]  # fmt: skip

_HOME = {
    "FourierSeries": "baselines",
    "MeanStride": "baselines",
    "Persistence": "baselines",
    "Ridge": "baselines",
    "LegGeometry": "geometry",
    "normalized": "recordings",
    "one_leg": "recordings",
    "read": "recordings",
}

__getattr__, __dir__ = lazy(__name__, _HOME)
