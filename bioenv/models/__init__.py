"""Models: an MjModel with names, muscle parameters and a standing pose, scaled to a subject.

model = bioenv.models.load("walker2d", Subject(mass=60.0, height=1.65))
model.coordinates, model.muscles, model.muscle.max_isometric_force
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    # Lazy: `import bioenv` must not import MuJoCo.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
