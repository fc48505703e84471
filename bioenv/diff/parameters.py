"""The numbers of a model as tensors, by name: what gradients can be taken by."""

from __future__ import annotations

from collections.abc import Mapping

import mujoco
import numpy as np
import torch
from torch import Tensor

from bioenv.diff.contact_law import ContactArrays
from bioenv.errors import BioenvError, unknown
from bioenv.models.parameters import MuscleParameters

UNITS: dict[str, str] = {
    "mass": "kg, per body",
    "center_of_mass": "m, per body, in the body's frame, xyz",
    "inertia": "kg*m^2, per body, principal moments about the center of mass",
    "body_position": "m, per body, in its parent's frame, xyz: segment lengths",
    "gravity": "m/s^2, xyz",
    "armature": "kg or kg*m^2, per degree of freedom",
    "damping": "N*s/m or N*m*s/rad, per degree of freedom",
    "stiffness": "N/m or N*m/rad, per joint",
    "max_isometric_force": "N, per muscle",
    "optimal_fiber_length": "m, per muscle",
    "tendon_slack_length": "m, per muscle",
    "max_velocity": "optimal fiber lengths/s, per muscle",
    "passive_force": "passive force at lmax over the maximum force, per muscle (fpmax)",
    "activation_time": "s, per muscle",
    "deactivation_time": "s, per muscle",
    "friction": "1, per contact point, sliding along both tangents",
    "contact_stiffness": "1/s^2, per contact point, of the reference acceleration",
    "contact_damping": "1/s, per contact point, of the reference acceleration",
}
"""Names of parameters and their units."""


def defaults(
    mj: mujoco.MjModel, muscle: MuscleParameters | None, contacts: ContactArrays
) -> dict[str, Tensor]:
    """The model's own values by name; float64."""
    values = {
        "mass": mj.body_mass,
        "center_of_mass": mj.body_ipos,
        "inertia": mj.body_inertia,
        "body_position": mj.body_pos,
        "gravity": mj.opt.gravity,
        "armature": mj.dof_armature,
        "damping": mj.dof_damping,
        "stiffness": mj.jnt_stiffness,
        "friction": contacts.friction,
        "contact_stiffness": contacts.stiffness,
        "contact_damping": contacts.damping,
    }
    if muscle is not None:
        values |= {
            "max_isometric_force": muscle.max_isometric_force,
            "optimal_fiber_length": muscle.optimal_fiber_length,
            "tendon_slack_length": muscle.tendon_slack_length,
            "max_velocity": muscle.vmax,
            "passive_force": muscle.fpmax,
            "activation_time": muscle.tau_act,
            "deactivation_time": muscle.tau_deact,
        }
    return {name: torch.tensor(np.array(value, dtype=float)) for name, value in values.items()}


def replaced(
    known: Mapping[str, Tensor], values: Mapping[str, Tensor | float | np.ndarray]
) -> dict[str, Tensor]:
    """`known` with some values replaced; leading batch axes are free, the rest must fit.

    Raises BioenvError for an unknown name or a wrong shape.
    """
    out = dict(known)
    for name, value in values.items():
        if name not in known:
            raise unknown("parameter", name, known)
        tensor = torch.as_tensor(value, dtype=torch.float64)
        want = tuple(known[name].shape)
        if tensor.ndim == 0:
            tensor = tensor.expand(want)
        if tuple(tensor.shape[tensor.ndim - len(want) :]) != want or tensor.ndim < len(want):
            raise BioenvError(
                f"parameter {name} must end in shape {want} ({UNITS[name]}), "
                f"got {tuple(tensor.shape)}"
            )
        out[name] = tensor
    return out
