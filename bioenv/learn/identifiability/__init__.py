"""Which parameters of a body can a given experiment tell?

    experiment = ready("elbow-isometric", postures=(0.6, 1.2, 1.8))
    structure(experiment).groups         # what is confounded, and which combinations are told
    precision(experiment).share          # Cramér-Rao bounds
    profile(experiment, "moment_arm")    # an interval that may be open
    rank(experiment)                     # which extra measurement would help most

:class:`Experiment` is a differentiable function from parameters to what would be measured; make one
of your own, or take one that is :func:`ready`. Importing this package does not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bioenv.lazy import lazy

if TYPE_CHECKING:
    from bioenv.learn.identifiability.catalog import extras, names, ready
    from bioenv.learn.identifiability.design import Gain, additions, rank
    from bioenv.learn.identifiability.estimates import refit
    from bioenv.learn.identifiability.experiment import Experiment, Output, Parameter
    from bioenv.learn.identifiability.lie import lie_structure
    from bioenv.learn.identifiability.likelihood import Profile, profile, profiles
    from bioenv.learn.identifiability.montecarlo import monte_carlo
    from bioenv.learn.identifiability.ode import Equations, Movement, Typical
    from bioenv.learn.identifiability.practical import Precision, precision
    from bioenv.learn.identifiability.report import Identifiability, identifiability
    from bioenv.learn.identifiability.structural import Structure, structure
    from bioenv.learn.identifiability.together import joined

_HOME = {
    "Equations": "ode",
    "Experiment": "experiment",
    "Gain": "design",
    "Identifiability": "report",
    "Movement": "ode",
    "Output": "experiment",
    "Parameter": "experiment",
    "Precision": "practical",
    "Profile": "likelihood",
    "Structure": "structural",
    "Typical": "ode",
    "additions": "design",
    "extras": "catalog",
    "identifiability": "report",
    "joined": "together",
    "lie_structure": "lie",
    "monte_carlo": "montecarlo",
    "names": "catalog",
    "precision": "practical",
    "profile": "likelihood",
    "profiles": "likelihood",
    "rank": "design",
    "ready": "catalog",
    "refit": "estimates",
    "structure": "structural",
}

__all__ = [
    "Equations",
    "Experiment",
    "Gain",
    "Identifiability",
    "Movement",
    "Output",
    "Parameter",
    "Precision",
    "Profile",
    "Structure",
    "Typical",
    "additions",
    "extras",
    "identifiability",
    "joined",
    "lie_structure",
    "monte_carlo",
    "names",
    "precision",
    "profile",
    "profiles",
    "rank",
    "ready",
    "refit",
    "structure",
]

__getattr__, __dir__ = lazy(__name__, _HOME)
