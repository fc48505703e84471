"""The physics check of a motion: does it obey Newton, and do its muscles explain it?"""

from __future__ import annotations

from bioenv.errors import BioenvError
from bioenv.evaluate.complete import weighs_as
from bioenv.evaluate.gait import Measure, Measures
from bioenv.inverse import check
from bioenv.models import Model
from bioenv.motion import Motion


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
