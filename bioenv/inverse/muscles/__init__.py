"""Muscle redundancy: which muscles made the measured torque.

SharingProblem ──static_optimization / dynamic_optimization / emg_informed / …──► Sharing
"""

from bioenv.inverse.muscles.problem import Sharing, SharingProblem, Status
from bioenv.inverse.muscles.static import static_optimization

__all__ = ["Sharing", "SharingProblem", "Status", "static_optimization"]
