"""The physics-informed networks: one joint, a whole body, and how far a motion is from physics."""

from bioenv.learn.consistency import check
from bioenv.learn.elbow import ElbowPINN
from bioenv.learn.gait import GaitPINN

__all__ = ["ElbowPINN", "GaitPINN", "check"]
