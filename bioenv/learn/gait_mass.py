"""Segment masses as unknowns: which bodies share a factor, and what is known of it beforehand."""

from __future__ import annotations

import copy
import re

import numpy as np
from numpy.typing import NDArray

from bioenv.models.anatomy import Anatomy

Array = NDArray[np.float64]

SMALLEST = 0.01  # of the body's mass: lighter segments move too little mass to be weighed


def mass_groups(anatomy: Anatomy) -> tuple[tuple[str, ...], Array]:
    """Names of segments and (g, nbody) which bodies each has: both sides together.

    Segments below 1 % of the body's mass keep their mass. Inertia goes with the mass.
    """
    mj = anatomy.mj
    by_name: dict[str, list[int]] = {}
    for body in range(1, mj.nbody):
        if mj.body_mass[body] > 0.0:
            name = re.sub(r"_[rl]$", "", mj.body(body).name)
            by_name.setdefault(name, []).append(body)
    heavy = {
        name: bodies
        for name, bodies in by_name.items()
        if mj.body_mass[bodies].sum() > SMALLEST * anatomy.mass
    }
    groups = np.zeros((len(heavy), mj.nbody))
    for row, bodies in zip(groups, heavy.values(), strict=True):
        row[bodies] = 1.0
    return tuple(heavy), groups


def with_masses(anatomy: Anatomy, scale: Array) -> Anatomy:
    """A copy whose masses and inertias are those times scale (nbody,)."""
    other = copy.copy(anatomy)
    other.mj = copy.copy(anatomy.mj)
    other.mj.body_mass[:] *= scale
    other.mj.body_inertia[:] *= scale[:, None]
    other.mass = float(other.mj.body_mass.sum())
    other.body_weight = anatomy.body_weight * other.mass / anatomy.mass
    return other
