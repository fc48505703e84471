"""People who walk, measured and simulated, and their joint moments without force plates.

read("uhlrich2022"), read_cycle("csu_leg2d"), population() -> Motions of one convention
estimate_moments(motion) -> Motion with joint_torque, its 90 % band, and a flag
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bioenv.lazy import lazy

if TYPE_CHECKING:
    from bioenv.learn.people.cycles import cycle_names, read_cycle
    from bioenv.learn.people.features import rows_of
    from bioenv.learn.people.implausible import doubt
    from bioenv.learn.people.leg_data import leg_windows, recordings
    from bioenv.learn.people.measured_people import names, read, trusted
    from bioenv.learn.people.moments import MomentEstimator, Recipe, estimate_moments
    from bioenv.learn.people.posture import bent
    from bioenv.learn.people.simulated_people import population

__all__ = [
    "MomentEstimator", "Recipe", "bent", "cycle_names", "doubt", "estimate_moments", "leg_windows",
    "names", "population", "read", "read_cycle", "recordings", "rows_of", "trusted",
]  # fmt: skip

_NAMES = {
    "cycles": "cycle_names read_cycle",
    "features": "rows_of",
    "implausible": "doubt",
    "leg_data": "leg_windows recordings",
    "measured_people": "names read trusted",
    "moments": "MomentEstimator Recipe estimate_moments",
    "posture": "bent",
    "simulated_people": "population",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}

__getattr__, __dir__ = lazy(__name__, _HOME)
