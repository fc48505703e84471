"""What a score is held against: published or agreed bands with their sources, and what a reward
or an optimization's goal for one quantity says about another."""

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
_NOISE = "what noise of 1 degree, 5 mm and 10 N explains, three times"

PEOPLE: Mapping[str, Band] = MappingProxyType(
    {
        "cost_of_transport": Band(3.05, 3.51, "measured gross 3.05-3.51 J/kg/m"),
        "gross_metabolic_power": Band(4.0, 4.6, "people at 1.3 m/s 4.0-4.6 W/kg"),
        "knee_contact_peak": Band(2.2, 2.6, "in vivo, D'Lima 2006, Kutzner 2010"),
        "hip_contact_peak": Band(
            2.0,
            3.3,
            "in vivo: 2.38 at 1.1 m/s (Bergmann 2001, mean of four), 2.8 at 0.3 m/s and "
            "more in an earlier one (Bergmann 1993); the limits are ours",
        ),
        "stride_time_cv": Band(0.012, 0.014, "young adults 1.3 +- 0.1 % (Hausdorff 1999)"),
        "step_length_sd": Band(
            0.012, 0.020, "2.3 % of the length, speed fluctuations included (Collins and Kuo 2013)"
        ),
        "step_width_sd": Band(
            0.018, 0.030, "young adults 2.4 +- 0.6 cm (Almarwani 2016, in Skiadopoulos 2020)"
        ),
    }
)
"""Score name -> what is published of walking people, where a gait laboratory measures nothing."""

BANDS: Mapping[str, Band] = MappingProxyType(
    {
        "completed": Band(1, INF, "the motion was not ended by a fall"),
        "strides_found": Band(4, INF, "two strides of each leg, for a mean and a spread"),
        "duty_factor": Band(0.58, 0.64, _TARGET + "; stance is about 62 % (Perry 1992)"),
        "double_support": Band(0.16, 0.28, "twice the duty factor's band minus one"),
        "left_right_difference": Band(-INF, 5.0, _TARGET),
        "joint_angle_rmse": Band(-INF, 6.0, _TARGET),
        "peak_vertical_grf": Band(-INF, 1.25, _TARGET),
        "first_peak_vertical_grf": Band(1.0, 1.25, _TARGET),
        "valley_vertical_grf": Band(-INF, 0.85, _TARGET),
        "second_peak_vertical_grf": Band(1.0, 1.25, _TARGET),
        "vertical_impulse": Band(0.98, 1.02, "Newton: steady walking carries one body weight"),
        "fore_aft_impulse": Band(-0.01, 0.01, "Newton: steady walking keeps its speed"),
        "foot_pitch_at_landing": Band(0.0, INF, "people land on the heel"),
        "heel_first": Band(0.9, 1.0, "people land on the heel (Perry 1992)"),
        "toes_last": Band(0.9, 1.0, "the toes leave the ground last (Perry 1992)"),
        "cost_of_transport": Band(-INF, 4.5, f"{_TARGET}; {PEOPLE['cost_of_transport'].source}"),
        "gross_metabolic_power": Band(
            3.5, 6.0, f"{_TARGET}; {PEOPLE['gross_metabolic_power'].source}"
        ),
        "root_force_rms_percent": Band(-INF, 5.0, _HICKS + ", of the peak external force"),
        "root_force_peak_percent": Band(-INF, 5.0, _HICKS + ", of the peak external force"),
        "root_moment_rms_percent": Band(-INF, 1.0, _HICKS + ", of mass height times peak force"),
        "root_moment_peak_percent": Band(-INF, 1.0, _HICKS + ", of mass height times peak force"),
        "physics_consistency": Band(-INF, 3.0, _NOISE),
        "physics_consistent_share": Band(0.9, 1.0, _NOISE),
        "physically_possible": Band(1, INF, "residuals, muscles and nearest possible motion"),
        "torque_mismatch_percent": Band(-INF, 5.0, _HICKS + ", reserves of the net peak torque"),
        "knee_contact_peak": PEOPLE["knee_contact_peak"],
        "hip_contact_peak": PEOPLE["hip_contact_peak"],
    }
)
"""Score name -> band. Scores without one are reported without pass or fail."""

SPEED_TOLERANCE = 0.05
"""Share of the reference's speed that is still the same speed (project target)."""

_ANGLES = ("joint_angles", "posture")
_VERTICAL = ("vertical_grf", "vertical_grf_peak")
_PEAK = ("ground_impact", *_VERTICAL)
_ENERGY = ("metabolic_rate", "metabolic", "effort", "effort_cubed", "activation")
_CONTACT = ("joint_contact_force", "joint_load")
_MOMENTS = ("joint_moments", "joint_powers")
_POWERS = _MOMENTS  # a power is a moment times a velocity

GOALS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "effort": ("effort", "activation"),
        "effort_cubed": ("effort_cubed", "activation"),
        "metabolic": ("metabolic", "metabolic_rate"),
        "joint_load": _CONTACT,
        "ground_impact": _PEAK,
        "contact_loss": ("contact_loss",),
        "loading_rate": ("loading_rate",),
        "smoothness": ("smoothness",),
        "acceleration": ("acceleration",),
        "activation_rate": ("activation_rate",),
    }
)
"""Goal of the shared cost -> quantities whose reward aims at it. "activation" followed is effort
given."""

_REWARDED_BY: tuple[tuple[str, tuple[str, ...]], ...] = (
    # Longest prefix first. A clocked imitation of joint angles sets cadence and stride too, and
    # force imitation sets when the feet are down: those count as rewarded.
    ("fore_aft", ("fore_aft_grf",)),
    ("grf_fore_aft", ("fore_aft_grf",)),
    ("braking", ("fore_aft_grf",)),
    ("propulsive", ("fore_aft_grf",)),
    ("grf_lateral", ("lateral_grf",)),
    ("hip_flexion_moment", _MOMENTS),
    ("knee_angle_moment", _MOMENTS),
    ("ankle_angle_moment", _MOMENTS),
    ("hip_adduction_moment", _MOMENTS),
    ("hip_rotation_moment", _MOMENTS),
    ("hip_flexion_power", _POWERS),
    ("knee_angle_power", _POWERS),
    ("ankle_angle_power", _POWERS),
    ("hip_adduction_power", _POWERS),
    ("hip_contact", _CONTACT),
    ("knee_contact", _CONTACT),
    ("ankle_contact", _CONTACT),
    ("emg", ("emg",)),
    ("speed", ("speed",)),
    ("stride_time_sd", ("period", *_ANGLES)),
    ("stride_time_cv", ("period", *_ANGLES)),
    ("step_width", ("step_width",)),
    ("step_length_sd", ("period", *_ANGLES)),
    ("step_time_sd", ("period", *_ANGLES)),
    ("step_time_asymmetry", ("symmetry", *_ANGLES)),
    ("stride_", ("cadence", *_ANGLES)),
    ("step_", ("cadence", *_ANGLES)),
    ("cadence", _ANGLES),
    ("duty_factor", ("vertical_grf",)),
    ("double_support", ("vertical_grf", "duty_factor")),
    ("left_right", ("symmetry", *_ANGLES)),
    ("joint_angle", _ANGLES),
    ("hip_flexion", _ANGLES),
    ("knee_angle", _ANGLES),
    ("ankle_angle", _ANGLES),
    ("hip_adduction", _ANGLES),
    ("hip_rotation", _ANGLES),
    ("subtalar_angle", _ANGLES),
    ("pelvis_list", _ANGLES),
    ("pelvis_rotation", _ANGLES),
    ("pelvis_tilt", ("upright", *_ANGLES)),
    ("lumbar", _ANGLES),
    ("foot_pitch", _ANGLES),
    ("heel_first", _ANGLES),
    ("toes_last", _ANGLES),
    ("straightest_stance_knee", _ANGLES),
    ("peak_swing_knee", _ANGLES),
    ("grf_vertical", _VERTICAL),
    ("peak_vertical", _PEAK),
    ("first_peak", _PEAK),
    ("second_peak", _PEAK),
    ("valley", _VERTICAL),
    ("loading_rate", ("impact", *_PEAK)),
    ("cost_of_transport", _ENERGY),
    ("gross_metabolic", _ENERGY),
    ("net_metabolic", _ENERGY),
    ("mean_squared_activation", _ENERGY),
)


def rewarded(name: str, quantities: Iterable[str]) -> bool:
    """Whether a score is, in effect, what training rewarded or an optimization minimized.

    `quantities` are those of `Task.rewarded`, names of goals, and what was imposed (see
    :class:`bioenv.evaluate.aims.Aim`). Such a score is no validation.
    """
    given = set(quantities)
    if name in given:
        return True
    goal = name.removeprefix("cost_")
    if name == "cost_total":
        return any(given & set(by) for by in GOALS.values())
    if goal != name and goal in GOALS:
        return bool(given & set(GOALS[goal]))
    return next(
        (bool(given & set(by)) for prefix, by in _REWARDED_BY if name.startswith(prefix)), False
    )
