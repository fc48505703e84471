"""Differentiable musculoskeletal dynamics, built from the same Model as MuJoCo's.

    from bioenv import diff, models
    dyn = diff.Dynamics(models.load("walker2d"))
    tau = dyn.inverse_dynamics(q, v, a)          # torch, float64, (..., nv)

:class:`Dynamics` is rigid bodies, contacts, muscles in torch; :func:`simulate` rolls it out with
gradients; :class:`Coordinates` are the coordinates of an anatomy, OpenSim's too;
:func:`compiled_inverse_dynamics` is for large batches. :mod:`bioenv.diff.symbolic` is the same body
in CasADi, for trajectory optimization and long rollouts: :class:`CompiledSimulation`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bioenv.lazy import lazy

if TYPE_CHECKING:
    from bioenv.diff.contact_law import Contacts
    from bioenv.diff.coordinates import Coordinates
    from bioenv.diff.dynamics import Dynamics
    from bioenv.diff.kinematics import Kinematics
    from bioenv.diff.muscles import MuscleState
    from bioenv.diff.parameters import UNITS as PARAMETERS
    from bioenv.diff.paths import MusclePath
    from bioenv.diff.simulation import SimulationState, Trajectory, simulate, step
    from bioenv.diff.symbolic.batched import inverse_dynamics as compiled_inverse_dynamics
    from bioenv.diff.symbolic.cost import Cost
    from bioenv.diff.symbolic.in_torch import simulated
    from bioenv.diff.symbolic.simulation import CompiledSimulation, PathGradient, SimulatedPath

__all__ = [
    "PARAMETERS",
    "CompiledSimulation",
    "Contacts",
    "Coordinates",
    "Cost",
    "Dynamics",
    "Kinematics",
    "MusclePath",
    "MuscleState",
    "PathGradient",
    "SimulatedPath",
    "SimulationState",
    "Trajectory",
    "compiled_inverse_dynamics",
    "simulate",
    "simulated",
    "step",
]

_HOME = {
    "CompiledSimulation": "symbolic.simulation",
    "Contacts": "contact_law",
    "Coordinates": "coordinates",
    "Cost": "symbolic.cost",
    "Dynamics": "dynamics",
    "Kinematics": "kinematics",
    "MusclePath": "paths",
    "MuscleState": "muscles",
    "PARAMETERS": "parameters:UNITS",
    "PathGradient": "symbolic.simulation",
    "SimulatedPath": "symbolic.simulation",
    "SimulationState": "simulation",
    "Trajectory": "simulation",
    "compiled_inverse_dynamics": "symbolic.batched:inverse_dynamics",
    "simulate": "simulation",
    "simulated": "symbolic.in_torch",
    "step": "simulation",
}

__getattr__, __dir__ = lazy(__name__, _HOME)
