"""Where each person's trial lies in the lab data, and which of its frames may be believed.

Every convention of a file (degrees, sign of the knee, which plate is which foot, the belt) stands
here and is turned into ours by `bioenv.learn.people.measured_people`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Spans = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Trial:
    """Files of one walking trial, relative to the lab data.

    feet: prefixes of the force columns of each foot; several plates of one foot are added up.
    mass kg; height m where known; belt: treadmill speed, m/s; knee: sign of flexion in the file.
    spans: per side, s: where the moments of that leg may be believed, because its foot is in the
    air or on its plate. None: wherever the whole body's vertical residual is small.
    repeats: the trial is one exact period and may be continued.
    """

    person: str
    folder: str
    model: str
    coordinates: str
    moments: str
    forces: str
    feet: Mapping[str, tuple[str, ...]]
    mass: float
    knee: Literal["negative", "positive"]
    height: float | None = None
    belt: float = 0.0
    spans: Mapping[str, Spans] | None = None
    repeats: bool = False
    notes: tuple[str, ...] = field(default=())


_NAMED = {"r": ("ground_force_r_",), "l": ("ground_force_l_",)}
_PLAIN = {"r": ("ground_force_",), "l": ("1_ground_force_",)}


def _arnold(number: str, mass: float, height: float) -> Trial:
    folder = f"arnold2013_consistent/subject{number}/"
    return Trial(
        f"arnold2013_{number}", folder, f"subject{number}.osim", "coordinates.mot", "id.sto",
        "grf.mot", _NAMED, mass, "positive", height, repeats=True,
        notes=("tracking simulation of a real trial, dynamically consistent",),
    )  # fmt: skip


def _challenge(number: str) -> Trial:
    stem = f"PS_ngait_og_ss{number}_"
    return Trial(
        "grand_challenge5_PS", "grand_challenge5_PS/", "GC5_FemAntev12Deg.osim",
        f"{stem}kinematics.mot", f"{stem}ID_opensim46.sto", f"{stem}kinetics.mot",
        {"l": ("1_ground_force_",), "r": ("2_ground_force_", "3_ground_force_")}, 82.9, "positive",
        1.80, notes=(
            "86 years, instrumented left knee prosthesis",
            "82.9 kg is what the plates weigh over the stride of each trial; the model has 75 kg",
        ),
    )  # fmt: skip


TRIALS: Mapping[str, Trial] = MappingProxyType(
    {
        "uhlrich2022": Trial(
            "uhlrich2022", "uhlrich2022_treadmill/", "Rajagopal_scaled_Sub1_gasAvoid.osim",
            "results_ik.sto", "results_id.sto", "walking_baseline1_forces.mot", _PLAIN, 86.04,
            "positive", belt=1.25,
        ),
        "rajagopal2016": Trial(
            "rajagopal2016", "rajagopal2016_walk/", "subject_walk_scaled.osim",
            "coordinates_plain.mot", "id_walk.sto", "grf_walk.mot", _NAMED, 85.27, "positive",
            notes=("coordinates adjusted by residual reduction",),
        ),
        "opensim_subject01": Trial(
            "opensim_subject01", "opensim_gait_subject01/", "gait10dof18musc/subject01.osim",
            "gait10dof18musc/subject01_walk_IK.mot", "gait10dof18musc/subject01_walk_ID.sto",
            "subject01_walk1_grf.mot", _PLAIN, 72.6, "negative", 1.803, belt=1.12,
        ),
        "arnold2013_01": _arnold("01", 72.84, 1.808),
        "arnold2013_02": _arnold("02", 76.48, 1.853),
        "falisse2019_trial": Trial(
            "falisse2019", "falisse2019_subject1/", "subject1.osim", "IK_gait_1.mot",
            "ID_gait_1.mot", "GRF_gait_1.mot", {"l": ("ground_force_",), "r": ("1_ground_force_",)},
            62.0, "negative",
            # One step on each plate; before and after it the foot is in the air.
            spans={"r": ((3.45, 4.45),), "l": ((3.10, 4.20),)},
        ),
        "grand_challenge5_ss1": _challenge("1"),
        "grand_challenge5_ss8": _challenge("8"),
        "grand_challenge5_ss9": _challenge("9"),
    }
)  # fmt: skip
"""Trial name -> its files. Several trials may be of one person (`Trial.person`)."""
