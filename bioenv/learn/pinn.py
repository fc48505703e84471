"""The physics-informed networks: one joint, and (in :mod:`bioenv.learn.gait`) a whole body."""

from bioenv.learn.elbow import ElbowPINN

__all__ = ["ElbowPINN"]
