"""The physics checks of a motion: does it obey Newton, and do its muscles explain it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bioenv.errors import BioenvError
from bioenv.evaluate.complete import weighs_as
from bioenv.evaluate.gait import Measure, Measures
from bioenv.inverse import check
from bioenv.models import Model
from bioenv.motion import Motion

if TYPE_CHECKING:
    from bioenv.learn.consistency_result import Consistency


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
