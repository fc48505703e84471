"""A foot that lands: what tells the stiffness, damping and friction of its contact?

One sphere under a known load sinks into the ground and may slide, with MuJoCo's soft contact and
elliptic friction cone (:mod:`bioenv.diff.contact_law`), stepped as MuJoCo's Euler does. Without
slip the tangential force does not know the friction coefficient. The record starts just after
touchdown: the step in which a contact begins is a whole number, which has no derivative.
"""

from __future__ import annotations

import mujoco
import torch
from torch import Tensor

from bioenv.diff import Dynamics
from bioenv.errors import BioenvError
from bioenv.learn.identifiability.experiment import Experiment, Output, Parameter

MASS, RADIUS = 5.0, 0.03  # kg of the foot and shank, m
LOAD = 800.0  # N on top of them, a person's weight: it keeps the foot on the ground
FALL, DEPTH = 0.4, 0.001  # m/s and m at the start: the foot has just touched down
FRICTION = 0.8
TIMESTEP = 0.002
_XML = f"""
<mujoco><option timestep="{TIMESTEP}" cone="elliptic" integrator="Euler"/>
 <worldbody><geom type="plane" size="5 5 0.1" friction="{FRICTION}"/>
  <body pos="0 0 {RADIUS}"><joint type="slide" axis="1 0 0"/><joint type="slide" axis="0 0 1"/>
   <geom type="sphere" size="{RADIUS}" mass="{MASS}" friction="{FRICTION}" condim="3"
    solref="0.02 0.6"/></body>
 </worldbody></mujoco>"""


def landing(
    *,
    slide: float = 0.0,
    push: float = 0.0,
    load: float = LOAD,
    duration: float = 0.12,
    rate: float = 500.0,
) -> Experiment:
    """A landing.

    Args:
        slide: m/s, forward speed at touchdown. push: N, a steady forward force on the foot; below
            friction times load it does not make it slip. load: N, down, known.
        duration: s. rate: samples per s, one each timestep of 2 ms at most.

    Raises BioenvError for a rate that is not a whole part of 500 Hz.
    """
    every = round(1.0 / (rate * TIMESTEP)) if rate > 0 else 0
    if every < 1 or abs(every * rate * TIMESTEP - 1.0) > 1e-9 or not duration > TIMESTEP:
        raise BioenvError(
            f"the rate must be {1 / TIMESTEP:g} Hz or a whole part of it, and the duration longer "
            f"than a step; got {rate:g} Hz, {duration:g} s"
        )
    dynamics = Dynamics(mujoco.MjModel.from_xml_string(_XML))
    own = dynamics.parameters
    parameters = (
        Parameter("contact_stiffness", float(own["contact_stiffness"][0]), "1/s^2"),
        Parameter("contact_damping", float(own["contact_damping"][0]), "1/s"),
        Parameter("friction", FRICTION, "1"),
        Parameter("mass", MASS, "kg"),
        Parameter("height at start", -DEPTH, "m", size=0.01, nuisance=True),
        Parameter("velocity at start", -FALL, "m/s", size=0.1, nuisance=True),
    )
    outputs = (
        Output("marker_x", "m", 0.0005),
        Output("marker_z", "m", 0.0005),
        Output("force_x", "N", 5.0, measured=False),
        Output("force_z", "N", 5.0, measured=False),
    )
    steps = round(duration / TIMESTEP)

    def function(values: Tensor) -> Tensor:
        return _landed(dynamics, values, slide, (push, -load), steps)[..., ::every, :]

    return Experiment(
        "foot-contact", parameters, outputs, function,
        text=f"a foot under {load:g} N lands at {slide:g} m/s forward, pushed by {push:g} N, "
        f"for {duration:g} s",
    )  # fmt: skip


def _landed(
    dynamics: Dynamics, values: Tensor, slide: float, push: tuple[float, float], steps: int
) -> Tensor:
    """(..., T, 4) position m and ground force N, both forward and up."""
    stiffness, damping, friction, mass, height, fall = values.unbind(-1)
    world = torch.zeros_like(mass)
    own = dynamics.with_parameters(
        contact_stiffness=stiffness[..., None],
        contact_damping=damping[..., None],
        friction=torch.stack([friction, friction], -1)[..., None, :],
        mass=torch.stack([world, mass], -1),
    )
    q = torch.stack([torch.zeros_like(height), height], -1)
    v = torch.stack([torch.full_like(fall, slide), fall], -1)
    torque = torch.tensor(push, dtype=torch.float64)
    guess, rows = None, []
    for _ in range(steps):  # a recurrence
        a = own.forward_dynamics(q, v, torque=torque, guess=guess)
        force = own.contacts(q, v, a).force[..., 0, :]
        rows.append(torch.cat([q, force[..., [0, 2]]], -1))
        v = v + TIMESTEP * a
        q = q + TIMESTEP * v
        guess = a
    return torch.stack(rows, -2)
