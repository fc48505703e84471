"""Inverse analysis: what forces explain a motion, and do they agree with the physics?

    from bioenv.inverse import inverse_dynamics, check
    torque = inverse_dynamics(model, qpos, qvel, qacc, ground_reaction_force, center_of_pressure)
    figures = check(motion)

Every function takes all frames at once, time axis first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bioenv.lazy import lazy

if TYPE_CHECKING:
    from bioenv.inverse.dynamics import Contact, inverse_dynamics, muscle_torque
    from bioenv.inverse.limits import limit_torque
    from bioenv.inverse.loads import joint_contact_force
    from bioenv.inverse.residuals import check

__all__ = [
    "Contact",
    "check",
    "inverse_dynamics",
    "joint_contact_force",
    "limit_torque",
    "muscle_torque",
]

_HOME = {
    "Contact": "dynamics",
    "inverse_dynamics": "dynamics",
    "muscle_torque": "dynamics",
    "limit_torque": "limits",
    "joint_contact_force": "loads",
    "check": "residuals",
}

__getattr__, __dir__ = lazy(__name__, _HOME)
