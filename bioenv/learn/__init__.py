"""Networks constrained by the equations of motion, and what can be learned from a movement.

`check` (how far a motion is from physics), `ElbowPINN` and `GaitPINN`, hybrids of a law and a small
network, `Identify` (a body from a trial). The building blocks are `network` (time -> values with
exact derivatives) and `fit` (weighted residuals, Levenberg-Marquardt). Importing this package does
not import torch: a name loads its module when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bioenv.lazy import lazy

if TYPE_CHECKING:
    from bioenv.learn.consistency import Noise, check
    from bioenv.learn.consistency_result import Consistency
    from bioenv.learn.elbow import ElbowPINN
    from bioenv.learn.features import Periodic, Window
    from bioenv.learn.fit import Block, minimize, prior
    from bioenv.learn.gait import GaitPINN
    from bioenv.learn.hybrid_contact import ContactHybrid
    from bioenv.learn.hybrid_joint import PassiveMomentHybrid
    from bioenv.learn.hybrid_muscle import MuscleHybrid
    from bioenv.learn.identify import Identify
    from bioenv.learn.network import Initial, Network

__all__ = [
    "Block",
    "Consistency",
    "ContactHybrid",
    "ElbowPINN",
    "GaitPINN",
    "Identify",
    "Initial",
    "MuscleHybrid",
    "Network",
    "Noise",
    "PassiveMomentHybrid",
    "Periodic",
    "Window",
    "check",
    "minimize",
    "prior",
]

_HOME = {
    "ContactHybrid": "hybrid_contact",
    "Identify": "identify",
    "MuscleHybrid": "hybrid_muscle",
    "PassiveMomentHybrid": "hybrid_joint",
    "Consistency": "consistency_result",
    "Noise": "consistency",
    "check": "consistency",
    "ElbowPINN": "elbow",
    "GaitPINN": "gait",
    "Periodic": "features",
    "Window": "features",
    "Initial": "network",
    "Network": "network",
    "Block": "fit",
    "minimize": "fit",
    "prior": "fit",
}

__getattr__, __dir__ = lazy(__name__, _HOME)
