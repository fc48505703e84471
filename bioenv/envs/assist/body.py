"""A body that wears the device: its mass on shank and foot."""

from __future__ import annotations

from collections.abc import Callable

import mujoco

from bioenv import models
from bioenv.errors import BioenvError
from bioenv.models import Model, Subject

MASS = (0.55, 0.32)
"""kg on each shank and each foot: 0.87 kg a leg, as of Witte et al. 2015 (doi
10.1109/ICRA.2015.7139347), whose motors stand beside the treadmill; its division is an estimate."""
_PLACE = ((-0.05, 0.0, -0.25), (0.03, 0.0, -0.06))  # m in shank and foot: behind the calf, below
_SIZE = ((0.02, 0.05, 0.1), (0.08, 0.045, 0.01))  # m, half-lengths of the drawn boxes


def worn(name: str, mass: tuple[float, float] = MASS) -> Callable[[Subject | None], Model]:
    """``Task.model`` of a shipped walker with a device on both ankles.

    Args:
        name: a model with bodies tibia_r, calcn_r, tibia_l, calcn_l.
        mass: kg on each shank and foot; (0, 0) is the body without the device.
    """
    if min(mass) < 0.0:
        raise BioenvError(f"mass of a device must be 0 or more, got {mass!r}")

    def build(subject: Subject | None) -> Model:
        return models.load(name, subject, edit=lambda spec: put_on(spec, mass))

    return build


def put_on(spec: mujoco.MjSpec, mass: tuple[float, float] = MASS) -> None:
    """Fix the device's parts to shanks and feet; edits ``spec`` in place.

    Boxes that meet nothing; each has the mass of its part, spread evenly.
    """
    for side in ("r", "l"):
        for part, kg, place, size in zip(("tibia", "calcn"), mass, _PLACE, _SIZE, strict=True):
            segment = spec.body(f"{part}_{side}")
            if segment is None:
                raise BioenvError(f"an ankle exoskeleton needs a body named {part}_{side}")
            if kg == 0.0:
                continue
            shell = segment.add_body(name=f"exo_{part}_{side}", pos=place)
            inertia = [kg / 3.0 * (sum(x * x for x in size) - own * own) for own in size]
            shell.mass, shell.inertia, shell.ipos = kg, inertia, [0.0, 0.0, 0.0]
            shell.explicitinertial = True
            shell.add_geom(
                name=f"exo_{part}_{side}", type=mujoco.mjtGeom.mjGEOM_BOX, size=size, contype=0,
                conaffinity=0, density=0, group=2, rgba=[0.15, 0.17, 0.2, 1.0],
            )  # fmt: skip
