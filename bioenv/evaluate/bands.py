"""What a score is held against: published or agreed bands with their sources, and what a reward
for one quantity says about another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple


class Band(NamedTuple):
    """Limits of a passing value (either may be infinite) and who says so."""

    low: float
    high: float
    source: str

    @property
    def text(self) -> str:
        """The band in words, e.g. "0.58 to 0.64"."""
        if math.isinf(self.low):
            return f"<= {self.high:g}"
        if math.isinf(self.high):
            return f">= {self.low:g}"
        return f"{self.low:g} to {self.high:g}"


INF = math.inf
_TARGET = "project target"
_HICKS = "Hicks 2015"

BANDS: Mapping[str, Band] = MappingProxyType(
    {
        "completed": Band(1, INF, "the motion was not ended by a fall"),
        "strides_found": Band(4, INF, "two strides of each leg, for a mean and a spread"),
        "duty_factor": Band(0.58, 0.64, _TARGET + "; stance is about 62 % (Perry 1992)"),
        "double_support": Band(0.16, 0.28, "twice the duty factor's band minus one"),
        "left_right_difference": Band(-INF, 5.0, _TARGET),
        "joint_angle_rmse": Band(-INF, 6.0, _TARGET),
        "peak_vertical_grf": Band(-INF, 1.25, _TARGET),
        "vertical_impulse": Band(0.98, 1.02, "Newton: steady walking carries one body weight"),
        "fore_aft_impulse": Band(-0.01, 0.01, "Newton: steady walking keeps its speed"),
        "foot_pitch_at_landing": Band(0.0, INF, "people land on the heel"),
        "cost_of_transport": Band(-INF, 4.5, _TARGET + "; measured gross 3.05-3.51 J/kg/m"),
        "gross_metabolic_power": Band(3.5, 6.0, _TARGET + "; people at 1.3 m/s 4.0-4.6 W/kg"),
        "root_force_rms_percent": Band(-INF, 5.0, _HICKS + ", of the peak external force"),
        "root_force_peak_percent": Band(-INF, 5.0, _HICKS + ", of the peak external force"),
        "root_moment_rms_percent": Band(-INF, 1.0, _HICKS + ", of mass height times peak force"),
        "root_moment_peak_percent": Band(-INF, 1.0, _HICKS + ", of mass height times peak force"),
        "torque_mismatch_percent": Band(-INF, 5.0, _HICKS + ", reserves of the net peak torque"),
        "knee_contact_peak": Band(2.2, 2.6, "in vivo, D'Lima 2006, Kutzner 2010"),
    }
)
"""Score name -> band. Scores without one are reported without pass or fail."""

SPEED_TOLERANCE = 0.05
"""Share of the reference's speed that is still the same speed (project target)."""

_ANGLES = ("joint_angles", "posture")
_VERTICAL = ("vertical_grf", "vertical_grf_peak")
_ENERGY = ("metabolic_rate", "effort")

_REWARDED_BY: tuple[tuple[str, tuple[str, ...]], ...] = (
    # Longest prefix first. A clocked imitation of joint angles sets cadence and stride too, and
    # force imitation sets when the feet are down: those count as rewarded.
    ("fore_aft", ("fore_aft_grf",)),
    ("grf_fore_aft", ("fore_aft_grf",)),
    ("braking", ("fore_aft_grf",)),
    ("propulsive", ("fore_aft_grf",)),
    ("hip_flexion_moment", ("joint_moments",)),
    ("knee_angle_moment", ("joint_moments",)),
    ("ankle_angle_moment", ("joint_moments",)),
    ("hip_contact", ("joint_contact_force",)),
    ("knee_contact", ("joint_contact_force",)),
    ("ankle_contact", ("joint_contact_force",)),
    ("emg", ("emg",)),
    ("speed", ("speed",)),
    ("stride_", _ANGLES),
    ("step_", _ANGLES),
    ("cadence", _ANGLES),
    ("duty_factor", ("vertical_grf",)),
    ("double_support", ("vertical_grf",)),
    ("left_right", _ANGLES),
    ("joint_angle", _ANGLES),
    ("hip_flexion", _ANGLES),
    ("knee_angle", _ANGLES),
    ("ankle_angle", _ANGLES),
    ("pelvis_tilt", ("upright", *_ANGLES)),
    ("lumbar", _ANGLES),
    ("foot_pitch", _ANGLES),
    ("straightest_stance_knee", _ANGLES),
    ("peak_swing_knee", _ANGLES),
    ("grf_vertical", _VERTICAL),
    ("peak_vertical", _VERTICAL),
    ("first_peak", _VERTICAL),
    ("second_peak", _VERTICAL),
    ("valley", _VERTICAL),
    ("loading_rate", ("impact", *_VERTICAL)),
    ("cost_of_transport", _ENERGY),
    ("gross_metabolic", _ENERGY),
    ("net_metabolic", _ENERGY),
    ("mean_squared_activation", _ENERGY),
)


def rewarded(name: str, quantities: Iterable[str]) -> bool:
    """Whether a score is, in effect, what training rewarded.

    `quantities` are those of `Task.rewarded`. A score that was rewarded is no validation.
    """
    given = set(quantities)
    if name in given:
        return True
    return next(
        (bool(given & set(by)) for prefix, by in _REWARDED_BY if name.startswith(prefix)), False
    )
