"""The physics checks of a motion: does it obey Newton, and do its muscles explain it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bioenv.errors import BioenvError
from bioenv.evaluate import bands
from bioenv.evaluate.complete import weighs_as
from bioenv.evaluate.gait import Measure, Measures
from bioenv.inverse import check
from bioenv.models import Model
from bioenv.motion import Motion

if TYPE_CHECKING:
    from bioenv.learn.consistency_result import Consistency


ROOT = ("root_force_rms_percent", "root_moment_rms_percent")
"""Figures whose limits (`bands.BANDS`, Hicks 2015) a possible motion keeps."""

MUSCLES_LIMIT = 10.0
"""Percent of a joint's peak net torque that the muscles may miss (OpenSim's practice for reserves).
"""


def physics_figures(motion: Motion, body: Model | None) -> tuple[Measures, str]:
    """Root residuals and torque mismatch (see `bioenv.inverse.check`), or why there are none."""
    if body is None:
        return {}, f"the body '{motion.model}' is no known model"
    if not weighs_as(motion, body):
        return {}, (
            f"the motion's body weighs {motion.meta['mass_kg']:g} kg, the model {body.mass:g} kg: "
            "give evaluate the scaled model"
        )
    try:
        figures = check(motion, body)
    except BioenvError as error:
        return {}, str(error)
    return {name: Measure(value, _unit(name)) for name, value in figures.items()}, ""


def _unit(name: str) -> str:
    if "percent" in name:
        return "%"
    if name == "com_height":
        return "m"
    return "N*m" if "moment" in name or "torque" in name else "N"


def consistency_of(motion: Motion, body: Model | None) -> Consistency | None:
    """How far the nearest motion is that obeys Newton (`bioenv.check`); None where that cannot be
    said: an unknown body, one that hangs on the world, a motion too short or without coordinates.
    """
    from bioenv.learn.consistency import check as nearest  # imports torch

    if body is None or not weighs_as(motion, body) or "qpos" not in motion:
        return None
    try:
        return nearest(motion, body)
    except BioenvError:
        return None


def why_impossible(
    motion: Motion, body: Model, figures: Measures, nearest: Consistency | None
) -> str:
    """Why no body could have moved so, or "" when nothing speaks against it.

    Root residuals beyond Hicks et al. (2015), torques that the muscles do not make, or a distance
    from the nearest motion that obeys Newton beyond what noise explains. A body on its feet without
    ground forces has not shown that it is possible. The root's residuals of a measured motion are
    those of markers and plates: there the distance, which knows the noise, decides alone.
    """
    if not {"qpos", "ground_reaction_force"} <= set(motion.signals):
        return "not shown: coordinates and ground reaction force are needed"
    limits = {name: bands.BANDS[name].high for name in ROOT}
    if motion.source("qpos") == "measured":
        limits = {}
    limits |= {f"torque_mismatch_percent/{name}": MUSCLES_LIMIT for name in body.coordinates}
    for name, limit in limits.items():
        if name in figures and figures[name].value > limit:
            return f"{name} {figures[name].value:.3g} (at most {limit:g})"
    limit = bands.BANDS["physics_consistency"].high
    if nearest is not None and nearest.overall > limit:
        return f"{nearest.overall:.3g} times the noise from the nearest possible motion"
    if nearest is None and "root_force_rms_percent" not in figures:
        return "not shown: neither residuals nor consistency can be computed"
    return ""
