"""Models: an MjModel with names, muscle parameters and a standing pose, scaled to a subject.

model = bioenv.models.load("walker2d", Subject(mass=60.0, height=1.65))
model.coordinates, model.muscles, model.muscle.max_isometric_force
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bioenv.lazy import lazy

if TYPE_CHECKING:
    from bioenv.models.model import Model, available, load
    from bioenv.models.parameters import MuscleParameters
    from bioenv.models.subject import Subject

__all__ = ["Model", "MuscleParameters", "Subject", "available", "load"]

_HOME = {
    "Model": "model",
    "available": "model",
    "load": "model",
    "MuscleParameters": "parameters",
    "Subject": "subject",
}

__getattr__, __dir__ = lazy(__name__, _HOME)
