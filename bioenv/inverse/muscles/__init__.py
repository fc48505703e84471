"""Muscle redundancy: which muscles made the measured torque.

SharingProblem ──static_optimization / dynamic_optimization / emg_informed / …──► Sharing
"""

from bioenv.inverse.muscles.problem import Sharing, SharingProblem, Status

__all__ = ["Sharing", "SharingProblem", "Status"]
