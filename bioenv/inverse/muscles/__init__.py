"""Muscle redundancy: which muscles made the measured torque, and how sure that is.

SharingProblem ──static_optimization / dynamic_optimization / emg_informed / …──► Sharing
               └─wellposedness──► existence, uniqueness, stability
"""

from bioenv.inverse.muscles.dynamic import dynamic_optimization
from bioenv.inverse.muscles.emg_informed import emg_informed
from bioenv.inverse.muscles.problem import Sharing, SharingProblem, Status
from bioenv.inverse.muscles.static import static_optimization
from bioenv.inverse.muscles.synergy import synergy_optimization
from bioenv.inverse.muscles.wellposed import WellPosedness, wellposedness

__all__ = [
    "Sharing",
    "SharingProblem",
    "Status",
    "WellPosedness",
    "dynamic_optimization",
    "emg_informed",
    "static_optimization",
    "synergy_optimization",
    "wellposedness",
]
